"""Files and directories at a provider."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

from fs2od.client._connection import Answer
from fs2od.client._paging import Pages
from fs2od.client._reading import DEFAULT_PAGE_ITEMS, FileReader, Subpath
from fs2od.client._service import Service
from fs2od.client.provider.metadata import JsonMetadata, RdfMetadata, Xattrs
from fs2od.onedata import wire
from fs2od.onedata.ids import FileId
from fs2od.onedata.wire.results import FileChecksum, FileUpload, UploadBeginning

__all__ = ["Files", "Written"]

_BYTES = "application/octet-stream"
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")
_OPERATIONS: Mapping[Subpath, str] = {
    "": "get_attrs",
    "children": "list_children",
    "content": "download_file_content",
}


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was made, and the SHA-256 of its bytes (64 hexadecimal digits) where the provider says it."""

    file_id: FileId
    sha256: str | None = None


class Files(FileReader):
    """The files of a provider. A bare space id stands for the root of that space."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self.json_metadata = JsonMetadata(service)
        self.xattrs = Xattrs(service)
        self.rdf = RdfMetadata(service)
        self._cdmi = service.beside("cdmi")

    async def lookup(self, path: str) -> FileId:
        """Return the id of what lies at a path (POST P/lookup-file-id/{path}).

        Args:
            path: `SPACE/…` or, where names of spaces may repeat, `SPACE@ID/…`; a slash may precede it.

        Raises:
            PosixError: enoent: there is nothing, or no such space; enotdir: it leads through a file.
            Rejected: badValueFilePath: a part of it is empty, "." or "..".
        """
        ids = {"path": path.strip("/")}
        return (await self._service.read("lookup_file_id", wire.FileCreated, ids=ids)).file_id

    async def below(
        self, directory: FileId, attributes: Sequence[str], *, page_items: int = DEFAULT_PAGE_ITEMS
    ) -> AsyncIterator[wire.FileAttributes]:
        """Yield all files below a directory, page by page, but for those in directories that may not be listed.

        (GET P/data/{id}/files)

        Args:
            directory: Its id; also a bare space id.
            attributes: Which of each file, in camelCase; a "path" is relative to the directory.
            page_items: How many files to ask for at once.

        Raises:
            PosixError: enoent: it does not exist; enotdir: it is none.
            MalformedAnswer: The listing does not come to an end.
        """
        pages, in_query = Pages(), False
        while not pages.ended:
            page = await self._page_below(directory, attributes, page_items, pages.token, in_query=in_query)
            if not in_query and page.files and not page.files[0].keys() >= set(attributes):
                # Releases before 21.02.7 do not read the body here; what they read, others do as well.
                in_query = True
                continue
            for file in page.entries():
                yield file
            # Some releases give a token with the last page, too, and some say only by the token that there is no more.
            is_last = page.is_last is True or not page.next_page_token
            pages.turn(len(page.files), page.next_page_token, is_last=is_last)

    async def _page_below(
        self, directory: FileId, attributes: Sequence[str], items: int, token: str | None, *, in_query: bool
    ) -> wire.FilesBelow:
        ids = {"id": directory}
        if not in_query:
            document = wire.RecursiveListingRequest(attributes=tuple(attributes), limit=items, token=token)
            return await self._service.read("list_files_recursively", wire.FilesBelow, ids=ids, document=document)
        older = {new: old for old, new in wire.LEGACY_ATTRIBUTES.items()}
        query = [*(("attribute", older.get(each, each)) for each in attributes), ("limit", str(items))]
        query += [("token", token)] if token else []
        return await self._service.read("list_files_recursively", wire.FilesBelow, ids=ids, query=query)

    async def set_permissions(self, file: FileId, permissions: int) -> None:
        """Set the permission bits, from 0 to 0o1777 (PUT P/data/{id}).

        Raises:
            PosixError: enoent: it does not exist; eacces or eperm: the user may not; erofs: the storage is read-only.
        """
        await self._service.do("set_attr", ids={"id": file}, document=wire.PermissionsChange(mode=f"{permissions:04o}"))

    async def distribution(self, file: FileId) -> wire.Distribution:
        """Return which provider holds which blocks (GET P/data/{id}/distribution).

        Raises:
            PosixError: enoent: it does not exist; eacces: it may not be read.
        """
        return await self._service.read("get_data_distribution", wire.Distribution, ids={"id": file})

    async def create(
        self,
        directory: FileId,
        name: str,
        *,
        kind: wire.FileKind = "REG",
        mode: int | None = None,
        content: bytes = b"",
    ) -> Written:
        """Make a file with these bytes, or a directory (POST P/data/{id}/children).

        Args:
            directory: What it is made in; also a bare space id.
            name: Its name.
            kind: "REG" or "DIR".
            mode: Its permission bits; by default the provider's.
            content: The bytes of a file. At our own node it is there whole or not at all.

        Raises:
            PosixError: eexist: the name is taken; enoent, enotdir, eacces, enospc; erofs: nothing is written there.
        """
        query = [("name", name), *_made_as(kind, mode)]
        answer = await self._service.send(
            "create_file", ids={"id": directory}, query=query, body=content, content_type=_BYTES
        )
        return _written(answer)

    async def create_at(
        self,
        top: FileId,
        path: str,
        *,
        kind: wire.FileKind = "REG",
        mode: int | None = None,
        content: bytes = b"",
        create_parents: bool = False,
    ) -> Written:
        """Make a file with these bytes, or a directory, at a path below a directory (PUT P/data/{id}/path/{path}).

        Args:
            top: The directory; also a bare space id.
            path: The path below it.
            kind: "REG" or "DIR".
            mode: Its permission bits; by default the provider's.
            content: The bytes of a file. At our own node it is there whole or not at all.
            create_parents: Whether directories on the way may be made.

        Raises:
            PosixError: eexist: the name is taken; enoent, enotdir, eacces, enospc; erofs: nothing is written there.
            Rejected: badValueFilePath: no file can be there.
        """
        query = [("create_parents", "true")] if create_parents else []
        answer = await self._service.send(
            "create_file_at_path",
            ids={"id": top, "path": path},
            query=[*query, *_made_as(kind, mode)],
            body=content,
            content_type=_BYTES,
        )
        return _written(answer)

    async def create_whole_at(
        self, top: FileId, path: str, pieces: Callable[[], AsyncIterator[bytes]], size_bytes: int
    ) -> Written:
        """Make a file in one request, however many its bytes are (PUT P/data/{id}/path/{path}).

        Args:
            top: The directory; also a bare space id.
            path: The path below it.
            pieces: Makes the bytes, anew for every try.
            size_bytes: How many they are.

        Raises:
            PosixError: As `create_at` does; efbig: the provider takes no body of that size.
            Rejected: badValueFilePath: no file can be there.
        """
        ids = {"id": top, "path": path}
        return _written(
            await self._service.send_pieces("create_file_at_path", pieces, size_bytes, ids=ids, content_type=_BYTES)
        )

    async def write(self, file: FileId, content: bytes, *, offset: int | None = None) -> str | None:
        """Write bytes into a file from an offset on, or replace all that it has (PUT P/data/{id}/content).

        Our own node says the SHA-256 of all that the file has then, if it has seen it arrive in order; else None.

        Raises:
            PosixError: enoent: it does not exist; eisdir; eacces; enospc; erofs: nothing is written there.
        """
        query = [] if offset is None else [("offset", str(offset))]
        answer = await self._service.send(
            "update_file_content", ids={"id": file}, query=query, body=content, content_type=_BYTES
        )
        return _digest(answer)

    async def write_whole(
        self, file: FileId, pieces: Callable[[], AsyncIterator[bytes]], size_bytes: int
    ) -> str | None:
        """Replace all bytes of a file in one request, however many (PUT P/data/{id}/content). Returns what `write` does.

        Args:
            file: Its id.
            pieces: Makes the bytes, anew for every try.
            size_bytes: How many they are.

        Raises:
            PosixError: As `write` does; efbig: the provider takes no body of that size.
        """
        answer = await self._service.send_pieces(
            "update_file_content", pieces, size_bytes, ids={"id": file}, content_type=_BYTES
        )
        return _digest(answer)

    async def begin_upload(self, file: FileId, name: str, size_bytes: int) -> FileUpload:
        """Let a file arrive at our own node part by part, or say which parts are there (PUT P/fs2od/data/{id}/upload).

        Its parts are sent by `write` or `write_parts`, in any order; moved to its name it appears there, whole.

        Args:
            file: Its id.
            name: The name beside its own that it is moved to in the end.
            size_bytes: How long it is then; at least 1.

        Raises:
            NotFound: The provider is not our own node, or an older one.
            PosixError: enotsup: its storage takes bytes at any offset; efbig, enospc, enoent, eacces, erofs.
        """
        beginning = UploadBeginning(name=name, size_bytes=size_bytes)
        return await self._service.read("fs2od_begin_upload", FileUpload, ids={"id": file}, document=beginning)

    async def write_parts(
        self, file: FileId, pieces: Callable[[], AsyncIterator[bytes]], size_bytes: int, *, offset: int
    ) -> str | None:
        """Send parts of an upload in one request, which is never tried again (PUT P/data/{id}/content). Returns what `write` does.

        Each part is there as soon as it has arrived: after a failure, ask `begin_upload` which are.

        Args:
            file: Its id.
            pieces: Makes the bytes, for the only try, and once more if a token was renewed.
            size_bytes: How many they are.
            offset: Where the first of them belongs, as a part begins.

        Raises:
            PosixError: As `write` does; enotsup: nothing arrives there in parts; enoent: the upload is gone: begin again.
        """
        answer = await self._service.send_pieces(
            "update_file_content",
            pieces,
            size_bytes,
            ids={"id": file},
            query=[("offset", str(offset))],
            content_type=_BYTES,
            once=True,
        )
        return _digest(answer)

    async def remove(self, file: FileId) -> None:
        """Remove a file, or a directory with all that lies in it (DELETE P/data/{id}).

        Raises:
            PosixError: enoent: it is gone already; eacces, also part-way; erofs.
        """
        await self._service.do("remove_file", ids={"id": file})

    async def remove_at(self, top: FileId, path: str) -> None:
        """Remove what lies at a path below a directory (DELETE P/data/{id}/path/{path}).

        Raises:
            PosixError: enoent: there is nothing; eacces, also part-way; erofs.
            Rejected: badValueFilePath: nothing can be there.
        """
        await self._service.do("remove_file_at_path", ids={"id": top, "path": path})

    async def move(self, source: str, target: str, *, replaces: bool = True) -> None:
        """Move a file or directory within its space (PUT /cdmi/{path}).

        Not idempotent: when no answer arrives, look where the file is.

        Args:
            source: `SPACE/…` or `SPACE@ID/…`.
            target: Likewise, the new place with its name.
            replaces: Whether a file there may be replaced. A provider that is not our own node does not heed False.

        Raises:
            PosixError: enoent; eexist: the place is taken; eacces; erofs; exdev: they are of two spaces.
            Rejected: badValueFilePath: nothing can be there.
        """
        headers = {"X-CDMI-Specification-Version": "1.1.1"} | ({} if replaces else {"If-None-Match": "*"})
        await self._cdmi.send(
            "cdmi_put",
            ids={"path": target},
            body=wire.write({"move": source}),
            content_type="application/cdmi-object",
            headers=headers,
        )

    async def checksum(self, file: FileId) -> FileChecksum:
        """Return what our own node knows of a file's SHA-256; it may be computing it (GET P/fs2od/data/{id}/checksum).

        Raises:
            NotFound: The provider is not our own node.
            PosixError: enoent: it does not exist; eisdir; eacces.
        """
        return await self._service.read("fs2od_get_checksum", FileChecksum, ids={"id": file})

    def _call(self, file: FileId, subpath: Subpath) -> tuple[str, Mapping[str, str]]:
        return _OPERATIONS[subpath], {"id": file}


def _made_as(kind: wire.FileKind, mode: int | None) -> list[tuple[str, str]]:
    return [("type", kind), *([("mode", f"{mode:04o}")] if mode is not None else [])]


def _written(answer: Answer) -> Written:
    return Written(wire.read_answer(answer.body, wire.FileCreated).file_id, _digest(answer))


def _digest(answer: Answer) -> str | None:
    """Return what a Repr-Digest header says (RFC 9530 §3), as hexadecimal digits."""
    found = _DIGEST.search(answer.headers.get("repr-digest", ""))
    return b64decode(found[1]).hex() if found else None
