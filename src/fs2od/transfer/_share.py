"""A share as a download reads it: its root, its folders, and the bytes of its files. Answers are checked, not believed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from msgspec import UNSET, structs

from fs2od.client import ByteRange, Connection, Onezone, RangeNotSatisfiable
from fs2od.errors import IntegrityFailure
from fs2od.onedata.errors import MalformedAnswer
from fs2od.onedata.ids import FileId
from fs2od.onedata.wire import FileAttributes
from fs2od.transfer._entries import Entry, EntryKind
from fs2od.transfer._links import Link

__all__ = ["Bytes", "SharedFiles"]

_ATTRIBUTES: Final = ("fileId", "name", "type", "size", "mtime", "symlinkValue")
_LATEST_S: Final = 253_402_300_799
_KINDS: Final[Mapping[str, EntryKind]] = {
    "REG": EntryKind.FILE,
    "LNK": EntryKind.FILE,
    "DIR": EntryKind.FOLDER,
    "SYMLNK": EntryKind.SYMLINK,
}


@dataclass(frozen=True)
class Bytes:
    """The answer that brings a file's bytes.

    Attributes:
        start: Which byte comes first: 0, whatever was asked for, if the service ignores ranges.
        etag: What identifies this state of the file, if the service says so.
        chunks: The bytes, as they come. Raises ConnectionLost when they break off.
    """

    start: int
    etag: str | None
    chunks: AsyncIterator[bytes]


class SharedFiles:
    """The files of a share, read as a guest. Every method may raise what the connection's calls raise (OnedataError)."""

    def __init__(self, connection: Connection, link: Link) -> None:
        self._zone = Onezone(connection, link.zone_url)
        self._link = link

    async def name(self) -> str:
        """Return what the share is called.

        Raises:
            NotFound: There is no such share, or it has ended.
        """
        return (await self._zone.shares.public(self._link.share)).name

    async def root(self) -> Entry:
        """Return the share's root: a folder or a single file.

        Raises:
            NotFound: There is no such share, or it has ended.
        """
        share = await self._zone.shares.public(self._link.share)
        return await self.facts(share.root_file_id)

    async def facts(self, file: FileId) -> Entry:
        """Return what the service says of one file now."""
        facts = await self._zone.shares.data.attributes(file, _ATTRIBUTES)
        return _entry(structs.replace(facts, file_id=file))

    async def listing(self, folder: FileId, *, most: int) -> list[Entry]:
        """Return a folder's entries, in the service's order.

        Raises:
            MalformedAnswer: It has more than `most` entries, or its pages do not come to an end.
        """
        entries: list[Entry] = []
        async for facts in self._zone.shares.data.children(folder, _ATTRIBUTES):
            entries.append(await self._complete(facts))
            if len(entries) > most:
                raise MalformedAnswer(f"the service lists more than {most:,} entries in one folder")
        return entries

    async def _complete(self, facts: FileAttributes) -> Entry:
        # Releases before 21.02.5 list only ids and names, whatever is asked for.
        if facts.file_id is not UNSET and UNSET in {facts.type, facts.size, facts.mtime}:
            return await self.facts(facts.file_id)
        return _entry(facts)

    @asynccontextmanager
    async def content(self, file: Entry, *, start: int = 0) -> AsyncIterator[Bytes]:
        """Yield a file's bytes from `start` on, or from its beginning if the service ignores that.

        Raises:
            IntegrityFailure: The answer is about a file of another size, or about other bytes than were asked for.
        """
        wanted = ByteRange(start) if start else None
        try:
            async with self._zone.shares.data.content(file.file_id, wanted) as content:
                if content.size_bytes not in {None, file.size_bytes}:
                    raise IntegrityFailure(
                        f"{file.size_bytes:,} bytes were announced, and {content.size_bytes:,} are offered"
                    )
                yield Bytes(content.start, content.headers.get("etag"), aiter(content))
        except RangeNotSatisfiable as error:
            raise IntegrityFailure("the service has fewer bytes than it announced") from error
        except MalformedAnswer as error:
            raise IntegrityFailure(str(error)) from error


def _entry(facts: FileAttributes) -> Entry:
    if facts.file_id is UNSET or facts.name is UNSET or facts.type is UNSET:
        raise MalformedAnswer("an entry of a listing has no id, no name or no type")
    size = facts.size if isinstance(facts.size, int) else None
    kind = _KINDS[facts.type]
    return Entry(
        name=facts.name,
        kind=kind,
        file_id=facts.file_id,
        size_bytes=0 if kind is EntryKind.FOLDER else -1 if size is None else size,
        mtime_s=0 if facts.mtime is UNSET else max(0, min(facts.mtime, _LATEST_S)),
        target=facts.symlink_value if isinstance(facts.symlink_value, str) else None,
    )
