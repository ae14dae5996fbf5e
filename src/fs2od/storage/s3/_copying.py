"""Copies within a store: it answers when all is copied, so each part is awaited with patience, and several go side by side."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from fs2od.errors import IntegrityFailure
from fs2od.storage.s3._bucket import S3Settings, client_of
from fs2od.storage.s3._uploads import Uploads, part_bytes_for

__all__ = ["Copies"]

# S3 copies at most 5 GiB at once. A store that copies 1 MB/s needs not half of the time for one part.
_PART_BYTES = 256 << 20
_PATIENCE_S = 600.0
_AT_ONCE = 8


class Copies:
    """Copies objects of one bucket, with connections of its own, which are made with the first copy. Raises what the library raises."""

    def __init__(self, settings: S3Settings) -> None:
        self._settings = replace(settings, read_timeout_s=max(settings.read_timeout_s, _PATIENCE_S))
        self._bucket = {"Bucket": settings.bucket}
        self._lock = threading.Lock()
        self._made: Any = None

    def close(self) -> None:
        """Let go of the connections."""
        with self._lock:
            if self._made is not None:
                self._made.close()
                self._made = None

    def copy(self, key: str, to: str, size_bytes: int) -> None:
        """Make an object of another one's bytes; a large one in parts, given up when one of them fails.

        Raises:
            IntegrityFailure: The object is not as long as it was said to be.
        """
        client = self._client()
        if size_bytes <= _PART_BYTES:
            client.copy_object(**self._bucket, Key=to, CopySource={**self._bucket, "Key": key})
            return
        upload_id, _ = self.begin(key, to, size_bytes)
        uploads = Uploads(client, self._bucket)
        try:
            parts = uploads.parts(to, upload_id)
            if sum(size for size, _ in parts.values()) != size_bytes:
                raise IntegrityFailure(f"the copy of {key!r} in {self._settings.shown} has not all of its bytes")
            uploads.complete(to, upload_id, parts)
        except BaseException:
            uploads.abort(to, upload_id)
            raise

    def begin(self, key: str, to: str, size_bytes: int) -> tuple[str, int]:
        """Copy an object into an upload, given up when a part fails; return its id and the size of its parts."""
        client, source = self._client(), {**self._bucket, "Key": key}
        uploads, part_bytes = Uploads(client, self._bucket), part_bytes_for(size_bytes, _PART_BYTES)
        upload_id = uploads.begin(to)

        def one(first: int) -> None:
            last = min(first + part_bytes, size_bytes) - 1
            told = {
                "UploadId": upload_id,
                "PartNumber": first // part_bytes + 1,
                "CopySourceRange": f"bytes={first}-{last}",
            }
            client.upload_part_copy(**self._bucket, Key=to, CopySource=source, **told)

        try:
            with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="copy") as threads:
                list(threads.map(one, range(0, size_bytes, part_bytes)))
        except BaseException:
            uploads.abort(to, upload_id)
            raise
        return upload_id, part_bytes

    def _client(self) -> Any:  # noqa: ANN401 - the library makes its classes at run time
        with self._lock:
            if self._made is None:
                self._made = client_of(self._settings)
            return self._made
