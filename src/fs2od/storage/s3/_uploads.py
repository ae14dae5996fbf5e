"""Objects that arrive in numbered parts: S3's multipart uploads, whose state the store keeps."""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any

from fs2od.storage._contract import Chunk, Upload

# S3's own limits.
LEAST_PART_BYTES, _MOST_PARTS = 5 << 20, 10_000
# Of content whose size is not known, the first parts are small, so that little is held in memory, and the later ones large
# enough for half a terabyte.
_SMALL_PART_BYTES, _LARGE_PART_BYTES, _SMALL_PARTS = 8 << 20, 64 << 20, 1000
_NS = 1_000_000_000


def part_bytes_for(size_bytes: int, wanted: int) -> int:
    """Return the size of parts that the store takes, at least the wanted one."""
    return max(wanted, LEAST_PART_BYTES, -(-size_bytes // _MOST_PARTS))


def pieces_of(chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """Yield content in pieces that can be parts; nothing for nothing."""
    sizes = itertools.chain(itertools.repeat(_SMALL_PART_BYTES, _SMALL_PARTS), itertools.repeat(_LARGE_PART_BYTES))
    size, piece = next(sizes), bytearray()
    for chunk in chunks:
        ahead = memoryview(chunk).cast("B")
        while ahead:
            room = size - len(piece)
            piece += ahead[:room]
            ahead = ahead[room:]
            if len(piece) == size:
                yield bytes(piece)
                size, piece = next(sizes), bytearray()
    if piece:
        yield bytes(piece)


class Uploads:
    """The multipart uploads into one bucket. Raises what the library raises."""

    def __init__(self, client: Any, bucket: Mapping[str, str]) -> None:  # noqa: ANN401 - its class is made at run time
        self._client = client
        self._bucket = bucket

    def begin(self, key: str) -> str:
        """Return the id of a new upload."""
        upload_id: str = self._client.create_multipart_upload(**self._bucket, Key=key)["UploadId"]
        return upload_id

    def put(self, key: str, upload_id: str, number: int, content: Chunk) -> None:
        """Keep one part; they are counted from 0 here and from 1 in S3."""
        body = content if isinstance(content, bytes | bytearray) else bytes(content)
        self._client.upload_part(**self._bucket, Key=key, UploadId=upload_id, PartNumber=number + 1, Body=body)

    def parts(self, key: str, upload_id: str) -> dict[int, tuple[int, str]]:
        """Return the size and the tag of each part that is there."""
        found: dict[int, tuple[int, str]] = {}
        told = {**self._bucket, "Key": key, "UploadId": upload_id}
        answer = self._client.list_parts(**told)
        while True:
            for part in answer.get("Parts", ()):
                found[part["PartNumber"] - 1] = part["Size"], part["ETag"]
            if not answer.get("IsTruncated"):
                return found
            answer = self._client.list_parts(**told, PartNumberMarker=answer["NextPartNumberMarker"])

    def complete(self, key: str, upload_id: str, parts: Mapping[int, tuple[int, str]]) -> None:
        """Make the object of its parts."""
        told = [{"PartNumber": number + 1, "ETag": parts[number][1]} for number in sorted(parts)]
        self._client.complete_multipart_upload(
            **self._bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": told}
        )

    def abort(self, key: str, upload_id: str) -> None:
        """Forget an upload; one that is gone already is fine."""
        try:
            self._client.abort_multipart_upload(**self._bucket, Key=key, UploadId=upload_id)
        except self._client.exceptions.ClientError as error:
            if error.response.get("Error", {}).get("Code") != "NoSuchUpload":
                raise

    def sweep(self, prefix: str, *, before_ns: int, keep: Container[str]) -> int:
        """Forget uploads below a prefix that began before a moment."""
        swept = 0
        for page in self._client.get_paginator("list_multipart_uploads").paginate(**self._bucket, Prefix=prefix):
            for upload in page.get("Uploads", ()):
                if upload["UploadId"] not in keep and upload["Initiated"].timestamp() * _NS < before_ns:
                    self.abort(upload["Key"], upload["UploadId"])
                    swept += 1
        return swept


def whole_parts(upload: Upload, parts: Mapping[int, tuple[int, str]]) -> frozenset[int]:
    """Return the parts that have the length that they should."""
    return frozenset(
        number for number, (size, _) in parts.items() if number < upload.count and size == upload.length(number)
    )
