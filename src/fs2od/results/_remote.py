"""What stands in the target, folder by folder: listed once, when it is needed, and kept up to date with what is put."""

from __future__ import annotations

from fs2od.onedata.errors import Busy, ConnectionLost, PosixError
from fs2od.onedata.ids import FileId
from fs2od.results._decide import Found
from fs2od.results._target import Target

__all__ = ["Remote"]

_ATTRIBUTES = ("fileId", "name", "type", "size")


class Remote:
    """The target's folders, by their paths below it."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._folders: dict[str, dict[str, Found] | None] = {}

    async def found(self, path: str) -> Found | None:
        """Return what stands at a path below the target, or None."""
        folder, _, name = path.rpartition("/")
        listing = await self._listing(folder)
        return None if listing is None else listing.get(name)

    async def exists(self, folder: str) -> bool:
        """Say whether a folder is there."""
        return await self._listing(folder) is not None

    async def look_again(self, path: str) -> Found | None:
        """Return what stands at a path now, whatever was known of it."""
        self._folders.pop(path.rpartition("/")[0], None)
        return await self.found(path)

    async def make(self, folder: str) -> None:
        """Make a folder, with those that lead to it; nothing happens when it is there.

        Raises:
            PosixError: eexist: a file has its name.
        """
        if await self.exists(folder):
            return
        files, path = self.target.provider.files, self.target.path_of(folder)
        tries = self.target.connection.tries()
        while True:
            try:
                await files.create_at(self.target.root, path, kind="DIR", create_parents=True)
            except (ConnectionLost, Busy) as error:
                # It may have happened all the same: then it is there already the next time.
                await tries.missed(error)
            except PosixError as error:
                if error.errno != "eexist":
                    raise
                break
            else:
                break
        self._folders.pop(folder, None)
        if not await self.exists(folder):
            raise PosixError("posix", f"{path} is no folder", details={"errno": "enotdir"})

    async def _listing(self, folder: str) -> dict[str, Found] | None:
        if folder not in self._folders:
            self._folders[folder] = await self._listed(folder)
        return self._folders[folder]

    async def _listed(self, folder: str) -> dict[str, Found] | None:
        files = self.target.provider.files
        try:
            directory = await files.lookup(self.target.full(folder))
            facts = await files.attributes(directory, ("type",))
        except PosixError as error:
            if error.errno in ("enoent", "enotdir"):
                return None
            raise
        if facts.type != "DIR":
            return None
        listing = {}
        async for entry in files.children(directory, _ATTRIBUTES):
            if isinstance(entry.name, str) and isinstance(entry.file_id, str) and isinstance(entry.type, str):
                size = entry.size if isinstance(entry.size, int) else 0
                listing[entry.name] = Found(FileId(entry.file_id), entry.type, size)
        return listing
