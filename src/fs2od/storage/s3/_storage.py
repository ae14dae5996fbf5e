"""A bucket as a storage: each file one object, whose key is the prefix and the file's path as it stands."""

from __future__ import annotations

import errno
import hashlib
import itertools
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from typing import Any, BinaryIO, ClassVar, cast

import msgspec

from fs2od.errors import DirectoryNotEmpty, IntegrityFailure, NameTooLong, StorageBusy, StorageError
from fs2od.storage._contract import Can, Chunk, Facts, Kind, Seen, Storage, Upload
from fs2od.storage._posix_tree import names
from fs2od.storage.s3._bucket import S3Settings, client_of
from fs2od.storage.s3._copying import Copies
from fs2od.storage.s3._errors import NotKnown, mapped
from fs2od.storage.s3._fast_lane import FastLane
from fs2od.storage.s3._reading import ObjectReader
from fs2od.storage.s3._sums import Sums
from fs2od.storage.s3._uploads import Uploads, part_bytes_for, pieces_of, whole_parts

_LONGEST_NAME, _LONGEST_KEY = 255, 1024
_NS = 1_000_000_000


class S3Storage(Storage):
    """The objects of a bucket below a prefix. Directories are there as long as something lies in them.

    The bucket or its prefix belongs to this storage: `sweep` gives up any upload into it that is old enough.
    """

    can: ClassVar[Can] = Can.TELL_MD5 | Can.PRESIGN

    def __init__(self, settings: S3Settings) -> None:
        self.settings = settings
        self._client = client_of(settings)
        self._bucket = {"Bucket": settings.bucket}
        self._uploads = Uploads(self._client, self._bucket)
        self._copies = Copies(settings)
        self._fast = FastLane(settings)

    def __repr__(self) -> str:
        return f"S3Storage({self.settings!r})"

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()
        self._copies.close()

    def keeps_versions(self) -> bool:
        """Say whether the bucket keeps what is removed or replaced, as a version that still takes room. False where the store does not say."""
        try:
            with self._mapped(""):
                return bool(self._client.get_bucket_versioning(**self._bucket).get("Status") == "Enabled")
        except (StorageError, OSError):
            return False

    def stat(self, path: str) -> Seen:
        """Return the facts of an object, or of the directory that objects make."""
        key = self._key(path)
        if path:
            found = self._fast.head(key)
            if found is not None:
                facts = {"LastModified": found.modified, "ETag": found.tag}
                return _file(path.rpartition("/")[2], found.size_bytes, facts)
            try:
                with self._mapped(path):
                    return _seen_of_head(path, self._client.head_object(**self._bucket, Key=key))
            except FileNotFoundError:
                pass  # a directory, or no bucket: the listing tells them apart
        if not self._holds(path) and path:
            raise FileNotFoundError(errno.ENOENT, "no such entry", path)
        return _directory(path.rpartition("/")[2])

    def list(self, path: str) -> Iterator[Seen]:
        """Yield the entries of a directory, a thousand of them at a request."""
        below = self._below(path)
        there = not path
        for page in self._pages(path, Prefix=below, Delimiter="/"):
            for found in page.get("CommonPrefixes", ()):
                there = True
                yield _judged(_directory(found["Prefix"][len(below) : -1]))
            for found in page.get("Contents", ()):
                there = True
                if found["Key"] != below:  # other tools mark a directory so
                    yield _judged(_seen_of_listing(found["Key"][len(below) :], found))
        if not there:
            raise FileNotFoundError(errno.ENOENT, "no such directory", path)

    def open(self, path: str) -> BinaryIO:
        """Return an object opened for reading. It fails if the object is replaced meanwhile."""
        key = self._key(path)
        if not path:
            raise FileNotFoundError(errno.ENOENT, "no plain file", path)
        with self._mapped(path):
            try:
                facts = self._client.head_object(**self._bucket, Key=key)
            except self._client.exceptions.ClientError:
                self._holds(path)  # is the bucket there at all?
                raise

        tag = facts["ETag"]
        # A weak tag, as compressing proxies make it, never meets a condition.
        unchanged = {} if tag.startswith("W/") else {"IfMatch": tag}

        def fetch(offset: int, length: int) -> bytes:
            wanted = {"Range": f"bytes={offset}-{offset + length - 1}", **unchanged}
            try:
                with self._mapped(path):
                    answer = self._client.get_object(**self._bucket, Key=key, **wanted)
                    with closing(answer["Body"]) as body:
                        # No more than that: what does not know ranges sends all of it.
                        content: bytes = body.read(length + 1)
            except FileExistsError as error:
                raise _changed(path, self.settings) from error
            # Not every store knows the condition.
            if answer["ETag"] != tag:
                raise _changed(path, self.settings)
            if len(content) != length:
                raise StorageBusy(f"{self.settings.shown} sent {len(content)} bytes, not {length}")
            return content

        seen = _seen_of_head(path, facts)
        return cast("BinaryIO", ObjectReader(fetch, Facts(seen.size_bytes, seen.mtime_ns, seen.ctime_ns, seen.inode)))

    def write(self, path: str, chunks: Iterable[Chunk], *, replace: bool = True, check: bool = False) -> Seen:
        """Put an object; a large one in parts, given up if its source fails."""
        key, sums = self._new_key(path), Sums()
        pieces = sums.over(pieces_of(chunks)) if check else pieces_of(chunks)
        first, second = next(pieces, b""), next(pieces, None)
        with self._mapped(path):
            if second is None and not (replace and self._fast.put(key, first)):
                self._put_whole(path, key, first, replace=replace)
            elif second is not None:
                self._put_in_parts(path, key, itertools.chain((first, second), pieces), replace=replace)
        seen = self.stat(path)
        if check and seen.md5 != sums.told(uploaded=second is not None):
            self._read_back(path, sums)
        return seen

    def begin_upload(self, path: str, *, size_bytes: int, part_bytes: int) -> Upload:
        """Begin a multipart upload, of parts that S3 takes."""
        key = self._new_key(path)
        with self._mapped(path):
            return Upload(path, self._uploads.begin(key), size_bytes, part_bytes_for(size_bytes, part_bytes))

    def put_part(self, upload: Upload, number: int, content: Chunk) -> None:
        """Keep one part."""
        length = memoryview(content).nbytes
        if length != upload.length(number):
            raise ValueError(f"part {number} has {length} bytes, not {upload.length(number)}")
        with self._mapped(upload.path):
            self._uploads.put(self._key(upload.path), upload.id, number, content)

    def parts_of(self, upload: Upload) -> frozenset[int]:
        """Ask the store which parts it has."""
        with self._mapped(upload.path):
            return whole_parts(upload, self._uploads.parts(self._key(upload.path), upload.id))

    def complete_upload(self, upload: Upload) -> Seen:
        """Make the object of its parts."""
        key = self._key(upload.path)
        with self._mapped(upload.path):
            parts = self._uploads.parts(key, upload.id)
            if not upload.size_bytes and not parts:
                self._uploads.put(key, upload.id, 0, b"")
                parts = self._uploads.parts(key, upload.id)
            missing = upload.count - len(whole_parts(upload, parts))
            if missing:
                raise ValueError(f"{missing} of {upload.count} parts are missing")
            self._uploads.complete(key, upload.id, parts)
        return self.stat(upload.path)

    def abort_upload(self, upload: Upload) -> None:
        """Forget an upload and its parts."""
        with self._mapped(upload.path):
            self._uploads.abort(self._key(upload.path), upload.id)

    def sweep(self, *, before_ns: int, keep: Container[str] = ()) -> int:
        """Forget multipart uploads below the prefix that nobody ends any more; none where the store does not tell which there are."""
        try:
            with self._mapped(""):
                return self._uploads.sweep(self._below(""), before_ns=before_ns, keep=keep)
        except NotKnown:
            return 0

    def make_directory(self, path: str) -> None:
        """Do nothing but judge the path: a directory is there as soon as something lies in it."""
        self._key(path)

    def delete(self, path: str) -> None:
        """Remove an object."""
        if not path:
            raise StorageError("the root of a storage cannot be removed")
        if self.stat(path).kind is Kind.DIRECTORY:
            raise DirectoryNotEmpty(f"{path!r} in {self.settings.shown} is not empty: remove what lies in it")
        with self._mapped(path):
            self._client.delete_object(**self._bucket, Key=self._key(path))

    def rename(self, path: str, to: str) -> None:
        """Copy within the store and remove, object by object."""
        moved, target = self.stat(path), self._new_key(to)
        if path == to:
            return
        if not path or f"{to}/".startswith(f"{path}/"):
            raise FileExistsError(errno.EEXIST, "a directory cannot move into itself", to)
        if self._holds(to) or (moved.kind is Kind.DIRECTORY and self._is_file(to)):
            raise FileExistsError(errno.EEXIST, "this name is taken", to)
        with self._mapped(path):
            if moved.kind is Kind.FILE:
                self._move(self._key(path), target, moved.size_bytes)
                return
            below = self._below(path)
            for page in self._pages(path, Prefix=below):
                for found in page.get("Contents", ()):
                    self._move(found["Key"], f"{target}/{found['Key'][len(below) :]}", found["Size"])

    def begin_copy(self, path: str, to: str) -> Upload:
        """Copy within the store, part by part."""
        key, size_bytes = self._new_key(to), self.stat(path).size_bytes
        with self._mapped(path):
            upload_id, part_bytes = self._copies.begin(self._key(path), key, size_bytes)
        return Upload(to, upload_id, size_bytes, part_bytes)

    def presigned(self, path: str, *, offset: int, length: int, expires_s: int) -> str:
        """Return an address of a range; the range is signed with it."""
        key = self._key(path)
        told = {**self._bucket, "Key": key, "Range": f"bytes={offset}-{offset + length - 1}"}
        with self._mapped(path):
            address: str = self._client.generate_presigned_url("get_object", Params=told, ExpiresIn=expires_s)
            return address

    def _read_back(self, path: str, sums: Sums) -> None:
        """Judge an object by what the store gives back: one that encrypts tells something else than an MD5."""
        with self.open(path) as file:
            if not sums.are_of(file):
                raise IntegrityFailure(f"{path!r} in {self.settings.shown} has other bytes than were sent")

    def _put_whole(self, path: str, key: str, content: bytes, *, replace: bool) -> None:
        only_new = {} if replace else {"IfNoneMatch": "*"}
        try:
            with self._mapped(path):
                self._client.put_object(**self._bucket, Key=key, Body=content, **only_new)
        except NotKnown:
            if replace:
                raise
            # It knows no condition: as with parts, one who writes the same name at this very moment is replaced.
            if self._is_file(path):
                raise FileExistsError(errno.EEXIST, "a file has this name", path) from None
            self._put_whole(path, key, content, replace=True)

    def _put_in_parts(self, path: str, key: str, pieces: Iterable[bytes], *, replace: bool) -> None:
        upload_id = self._uploads.begin(key)
        try:
            for number, piece in enumerate(pieces):
                self._uploads.put(key, upload_id, number, piece)
            # Most stores know no condition here: one who writes the same name at this very moment is replaced.
            if not replace and self._is_file(path):
                raise FileExistsError(errno.EEXIST, "a file has this name", path)
            self._uploads.complete(key, upload_id, self._uploads.parts(key, upload_id))
        except BaseException:
            self._uploads.abort(key, upload_id)
            raise

    def _move(self, key: str, to: str, size_bytes: int) -> None:
        self._copies.copy(key, to, size_bytes)
        self._client.delete_object(**self._bucket, Key=key)

    def _is_file(self, path: str) -> bool:
        try:
            with self._mapped(path):
                self._client.head_object(**self._bucket, Key=self._key(path))
        except FileNotFoundError:
            return False
        return True

    def _holds(self, path: str) -> bool:
        """Say whether something lies in a directory; raises where there is no bucket."""
        with self._mapped(path):
            answer = self._client.list_objects_v2(**self._bucket, Prefix=self._below(path), MaxKeys=1)
            return bool(answer.get("Contents"))

    def _pages(self, path: str, **told: Any) -> Iterator[Any]:  # noqa: ANN401 - the library's words, and its answers as it gives them
        with self._mapped(path):
            yield from self._client.get_paginator("list_objects_v2").paginate(**self._bucket, **told)

    def _mapped(self, path: str) -> AbstractContextManager[None]:
        return mapped(self.settings.shown, path)

    def _key(self, path: str) -> str:
        if any(len(name.encode()) > _LONGEST_NAME for name in names(path)):
            raise FileNotFoundError(errno.ENOENT, "no such entry", path)
        return "/".join(part for part in (self.settings.prefix, path) if part)

    def _new_key(self, path: str) -> str:
        """Return the key of what is about to be made."""
        key = self._key(path)
        if not path:
            raise FileExistsError(errno.EEXIST, "the root is a directory", path)
        if len(key.encode()) > _LONGEST_KEY:
            raise NameTooLong(
                f"{path!r} is too long a name for {self.settings.shown}: {_LONGEST_KEY} bytes are the most"
            )
        return key

    def _below(self, path: str) -> str:
        key = self._key(path)
        return f"{key}/" if key else ""


def _changed(path: str, settings: S3Settings) -> StorageError:
    return StorageError(f"{path!r} in {settings.shown} changed while it was read")


def _directory(name: str) -> Seen:
    return Seen(name, Kind.DIRECTORY, 0, 0, 0, 0)


def _seen_of_head(path: str, facts: Mapping[str, Any]) -> Seen:
    return _file(path.rpartition("/")[2], facts["ContentLength"], facts)


def _seen_of_listing(name: str, facts: Mapping[str, Any]) -> Seen:
    return _file(name, facts["Size"], facts)


def _file(name: str, size_bytes: int, facts: Mapping[str, Any]) -> Seen:
    # To the second, as the object itself tells it: listings are finer.
    moved_ns = int(facts["LastModified"].timestamp()) * _NS
    tag = facts["ETag"].strip('"')
    # The tag moves with the content, as an inode does with a file that replaces another.
    inode = int(hashlib.md5(tag.encode(), usedforsecurity=False).hexdigest()[:15], 16)
    return Seen(name, Kind.FILE, size_bytes, moved_ns, moved_ns, inode, md5=tag)


def _judged(seen: Seen) -> Seen:
    """Refuse what other programs put into the bucket under names that no file can have."""
    try:
        if seen.name and len(seen.name.encode()) <= _LONGEST_NAME:
            names(seen.name)
            return seen
    except FileNotFoundError:
        pass
    return msgspec.structs.replace(seen, name=ascii(seen.name), refused="name that no file can have")
