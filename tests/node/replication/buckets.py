"""Buckets as tests see and change them past the node, and what happens while a request is on its way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fs2od.storage.s3 import S3Settings, client_of
from fs2od.testing.network import Fault, Reply, Request


class Objects:
    """What is in a bucket, seen and changed past the node."""

    def __init__(self, settings: S3Settings, space: str) -> None:
        self._client = client_of(settings)
        self._bucket = settings.bucket
        self._space = space

    def all(self) -> dict[str, bytes]:
        return {path: self.get(f"{self._space}/{path}") for path in self.sizes()}

    def sizes(self) -> dict[str, int]:
        listed = self._client.list_objects_v2(Bucket=self._bucket, Prefix=f"{self._space}/").get("Contents", ())
        return {found["Key"].removeprefix(f"{self._space}/"): found["Size"] for found in listed}

    def get(self, key: str) -> bytes:
        content: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return content

    def flip(self, path: str) -> None:
        """Change one byte of an object."""
        content = bytearray(self.get(f"{self._space}/{path}"))
        content[len(content) // 2] ^= 1
        self._client.put_object(Bucket=self._bucket, Key=f"{self._space}/{path}", Body=bytes(content))

    def remove(self, *paths: str) -> None:
        for path in paths:
            self._client.delete_object(Bucket=self._bucket, Key=f"{self._space}/{path}")


@dataclass(frozen=True)
class Meanwhile(Fault):
    """Something happens just before a request gets through."""

    act: Callable[[], object]

    def before(self, request: Request) -> Request | Reply:
        self.act()
        return request
