"""Reading files: with a member's token at a provider, or as everyone through the zone's redirector for shares."""

from __future__ import annotations

import abc
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

from msgspec import UNSET

from fs2od.client._content import LARGEST_CONTENT_BYTES, ByteRange, Content, content_of
from fs2od.client._paging import Pages
from fs2od.client._service import Service
from fs2od.onedata import wire
from fs2od.onedata.errors import MalformedAnswer
from fs2od.onedata.ids import FileId

__all__ = ["DEFAULT_PAGE_ITEMS", "FileReader", "SharedData", "Subpath"]

DEFAULT_PAGE_ITEMS = 1000
"""How many items one page of a listing is asked to hold."""

Subpath = Literal["", "children", "content"]


class FileReader(abc.ABC):
    """What can be read of files, wherever they are reached. P stands for a provider's /api/v3/oneprovider."""

    def __init__(self, service: Service) -> None:
        self._service = service

    @abc.abstractmethod
    def _call(self, file: FileId, subpath: Subpath) -> tuple[str, Mapping[str, str]]:
        """Return the operation that reads something of a file, and its parameters."""

    async def attributes(self, file: FileId, attributes: Sequence[str] | None = None) -> wire.FileAttributes:
        """Return a file's attributes (GET P/data/{id}).

        Args:
            file: Its id; at a provider also a bare space id, which stands for the space's root.
            attributes: Which, in camelCase, such as "size" or "xattr.NAME"; without them, those that every release answers.

        Raises:
            PosixError: enoent: it does not exist; eacces: it may not be read.
            Rejected: badValueNotAllowed: an attribute is unknown, or not for the public.
            NotFound: Through the zone: there is no such share, or no longer.
        """
        operation, ids = self._call(file, "")
        document = None if attributes is None else wire.AttributesRequest(attributes=tuple(attributes))
        item = await self._service.read(operation, dict[str, Any], ids=ids, document=document)
        return wire.read_attributes(item)

    async def children(
        self, directory: FileId, attributes: Sequence[str] | None = None, *, page_items: int = DEFAULT_PAGE_ITEMS
    ) -> AsyncIterator[wire.FileAttributes]:
        """Yield what lies in a directory, page by page until the last (GET P/data/{id}/children).

        Args:
            directory: Its id; at a provider also a bare space id.
            attributes: Which of each item, in camelCase; without them only `file_id` and `name`.
            page_items: How many items to ask for at once, from 1 to 1,000.

        Raises:
            PosixError: enoent: it does not exist; eacces: it may not be read.
            NotFound: Through the zone: there is no such share, or no longer.
            MalformedAnswer: The listing does not come to an end.
        """
        pages = Pages()
        while not pages.ended:
            page = await self._page(directory, attributes, page_items, pages.token)
            for entry in page.entries():
                yield entry
            pages.turn(len(page.children), page.next_page_token, is_last=page.is_last)

    @asynccontextmanager
    async def content(
        self, file: FileId, byte_range: ByteRange | None = None, *, largest_bytes: int = LARGEST_CONTENT_BYTES
    ) -> AsyncIterator[Content]:
        """Yield a file's content, or a part of it, while it arrives; a directory's as a TAR (GET P/data/{id}/content).

        Only until the first byte a failure is tried again. Redirects are followed, to https only.

        Args:
            file: Its id.
            byte_range: Which bytes; all without it.
            largest_bytes: How many to accept at most.

        Raises:
            PosixError: enoent: it does not exist; eacces: it may not be read.
            RangeNotSatisfiable: The file ends before the range begins.
            NotFound: Through the zone: there is no such share, or no longer.
            MalformedAnswer: Other bytes came than were asked for.
        """
        operation, ids = self._call(file, "content")
        headers = {} if byte_range is None else {"Range": byte_range.header}
        async with self._service.stream(operation, ids=ids, headers=headers) as response:
            yield content_of(response, byte_range, largest_bytes)

    async def _page(
        self, directory: FileId, attributes: Sequence[str] | None, page_items: int, token: str | None
    ) -> wire.Children:
        operation, ids = self._call(directory, "children")
        selected = UNSET if attributes is None else tuple(attributes)
        document = wire.ListingRequest(attributes=selected, limit=page_items, token=token)
        page = await self._service.read(operation, wire.Children, ids=ids, document=document)
        if len(page.children) > page_items:
            raise MalformedAnswer("a page of a listing holds more than was asked for")
        return page


class SharedData(FileReader):
    """What lies in shares, for everyone: the zone redirects to a provider (GET Z/shares/data/{file_id}/…).

    Ids are share-scoped, and so are those in the answers. No token is ever sent.
    """

    def _call(self, file: FileId, subpath: Subpath) -> tuple[str, Mapping[str, str]]:
        return "get_shared_data", {"file_id": file, "subpath": subpath}
