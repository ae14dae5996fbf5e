"""Files and directories at a provider."""

from __future__ import annotations

from collections.abc import Mapping

from fs2od.client._reading import FileReader, Subpath
from fs2od.client._service import Service
from fs2od.client.provider.metadata import JsonMetadata, RdfMetadata, Xattrs
from fs2od.onedata import wire
from fs2od.onedata.ids import FileId

__all__ = ["Files"]

_OPERATIONS: Mapping[Subpath, str] = {
    "": "get_attrs",
    "children": "list_children",
    "content": "download_file_content",
}


class Files(FileReader):
    """The files of a provider. A bare space id stands for the root of that space."""

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self.json_metadata = JsonMetadata(service)
        self.xattrs = Xattrs(service)
        self.rdf = RdfMetadata(service)

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

    def _call(self, file: FileId, subpath: Subpath) -> tuple[str, Mapping[str, str]]:
        return _OPERATIONS[subpath], {"id": file}
