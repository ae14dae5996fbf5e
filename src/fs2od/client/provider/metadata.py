"""Metadata of files: one JSON document, one RDF document, and extended attributes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from fs2od.client._service import Service
from fs2od.onedata import wire
from fs2od.onedata.ids import FileId

__all__ = ["JsonMetadata", "RdfMetadata", "Xattrs"]

_ANY_JSON = cast("type[wire.JsonValue]", Any)


class JsonMetadata:
    """The JSON document of a file."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def get(self, file: FileId) -> wire.JsonValue:
        """Return the document (GET P/data/{id}/metadata/json).

        Raises:
            PosixError: enodata: it has none; enoent: there is no such file.
        """
        return await self._service.read("get_json_metadata", _ANY_JSON, ids={"id": file})

    async def put(self, file: FileId, value: wire.JsonValue) -> None:
        """Set the document, whatever it was (PUT P/data/{id}/metadata/json).

        Raises:
            PosixError: enoent: there is no such file; eacces: the user may not write it.
        """
        await self._service.do("set_json_metadata", ids={"id": file}, body=wire.write(value))

    async def delete(self, file: FileId) -> None:
        """Remove the document (DELETE P/data/{id}/metadata/json).

        Raises:
            PosixError: enoent: there is no such file; eacces: the user may not write it.
        """
        await self._service.do("remove_json_metadata", ids={"id": file})


class RdfMetadata:
    """The RDF document of a file."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def get(self, file: FileId) -> str:
        """Return the document (GET P/data/{id}/metadata/rdf).

        Raises:
            PosixError: enodata: it has none; enoent: there is no such file.
        """
        return await self._service.read_text("get_rdf_metadata", ids={"id": file})

    async def put(self, file: FileId, text: str) -> None:
        """Set the document, whatever it was (PUT P/data/{id}/metadata/rdf).

        Raises:
            PosixError: enoent: there is no such file; eacces: the user may not write it.
        """
        body, content_type = text.encode(), "application/rdf+xml"
        await self._service.do("set_rdf_metadata", ids={"id": file}, body=body, content_type=content_type)

    async def delete(self, file: FileId) -> None:
        """Remove the document (DELETE P/data/{id}/metadata/rdf).

        Raises:
            PosixError: enoent: there is no such file; eacces: the user may not write it.
        """
        await self._service.do("remove_rdf_metadata", ids={"id": file})


class Xattrs:
    """The extended attributes of a file."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def get(self, file: FileId) -> wire.JsonObject:
        """Return all attributes by name; none is an empty one (GET P/data/{id}/metadata/xattrs).

        Raises:
            PosixError: enoent: there is no such file.
        """
        return await self._service.read("get_xattrs", wire.JsonObject, ids={"id": file})

    async def put(self, file: FileId, values: Mapping[str, wire.JsonValue]) -> None:
        """Set attributes; others stay as they are (PUT P/data/{id}/metadata/xattrs).

        Raises:
            PosixError: enoent: there is no such file; eacces: the user may not write it.
        """
        await self._service.do("set_xattr", ids={"id": file}, document=dict(values))

    async def delete(self, file: FileId, names: Iterable[str]) -> None:
        """Remove attributes (DELETE P/data/{id}/metadata/xattrs).

        Raises:
            PosixError: enoent: there is no such file; eacces: the user may not write it.
        """
        await self._service.do("remove_xattrs", ids={"id": file}, document=wire.XattrKeys(keys=tuple(names)))
