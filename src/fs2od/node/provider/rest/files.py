"""Attributes, listings, modes and metadata of files."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import UNSET

from fs2od.node.http import Answer, Call, Endpoint, done, json_answer
from fs2od.node.index import Entry
from fs2od.node.index.schema import ROOT
from fs2od.node.provider.access import Located, Need
from fs2od.node.provider.attributes import attributes
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.provider.recursion import FilesPage, Wanted
from fs2od.onedata import errors, wire
from fs2od.onedata.ids import page_token, parse_page_token
from fs2od.storage import Kind

__all__ = ["endpoints"]

_INDEX = re.compile(r"\[([0-9]{1,9})\]")
_LISTS = frozenset({"attribute", "attributes"})


def endpoints(provider: Oneprovider) -> list[Endpoint]:
    """Return the endpoints of this noun."""
    return [*_attributes(provider), *_metadata(provider)]


def _described(provider: Oneprovider, located: Located, selection: wire.Selection) -> dict[str, Any]:
    is_readable = located.may_read(located.entry) and located.remaining.covers(located.canonical_path)
    xattrs = provider.files.metadata(located, "xattr") if selection.xattrs() and is_readable else {}
    view = provider.files.view(
        located,
        with_parent=selection.wants("parentFileId"),
        with_shares=selection.wants("directShareIds"),
        with_metadata=selection.wants("hasCustomMetadata"),
    )
    return selection.of(attributes(view), xattrs)


def _attributes(provider: Oneprovider) -> list[Endpoint]:
    def get(call: Call) -> Answer:
        located = provider.access.locate(call.caller, call.path("id"), Need.LOOK)
        selection = call.read_with_query(wire.AttributesRequest, lists=_LISTS).selection(
            public=located.share is not None
        )
        return json_answer(_described(provider, located, selection))

    def put(call: Call) -> Answer:
        bits = call.read(wire.PermissionsChange).permissions()
        provider.files.set_mode(call.caller, call.path("id"), bits)
        return done()

    def children(call: Call) -> Answer:
        located = provider.access.locate(call.caller, call.path("id"), Need.LIST)
        request = call.read_with_query(wire.ListingRequest, lists=_LISTS)
        selection = request.selection(public=located.share is not None)
        found = provider.files.children(
            located,
            after=_start(request),
            limit=request.limit,
            offset=request.offset,
            inclusive=request.inclusive and not request.token,
        )
        token = page_token(found[-1].entry.name) if found else request.token
        page = wire.Children(
            children=tuple(_described(provider, child, selection) for child in found),
            next_page_token=token or page_token(""),
            is_last=len(found) < request.limit,
        )
        return json_answer(page)

    def below(call: Call) -> Answer:
        request = call.read_with_query(wire.RecursiveListingRequest, lists=_LISTS)
        top = provider.access.locate_private(call.caller, call.path("id"), Need.LOOK)
        if top.entry.kind is not Kind.DIRECTORY:
            raise errors.posix("enotdir")
        try:
            provider.access.locate(call.caller, call.path("id"), Need.LIST)
        except errors.PosixError:
            page = FilesPage(inaccessible=["."], is_last=True)
        else:
            page = provider.files.below(top, _wanted(request))
        return json_answer(_files_document(provider, top, request, page))

    return [
        Endpoint("GET", "/data/{id}/files", "list_files_recursively", below),
        Endpoint("GET", "/data/{id}", "get_attrs", get),
        Endpoint("PUT", "/data/{id}", "set_attr", put),
        Endpoint("GET", "/data/{id}/children", "list_children", children),
    ]


def _start(request: wire.ListingRequest) -> str | None:
    """Return the name after which a page begins, or None for the beginning."""
    return _of_token(request.token) or None if request.token else request.index


def _of_token(token: str) -> str:
    try:
        text = parse_page_token(token)
    except ValueError as error:
        raise errors.posix("einval") from error
    if page_token(text) != token.rstrip("="):
        raise errors.posix("einval")  # base64 passes over what it does not know
    return text


def _wanted(request: wire.RecursiveListingRequest) -> Wanted:
    after = _of_token(request.token) if request.token else request.start_after or ""
    return Wanted(request.limit, after, request.prefix or "", with_directories=request.include_directories)


def _files_document(
    provider: Oneprovider, top: Located, request: wire.RecursiveListingRequest, page: FilesPage
) -> wire.FilesBelow:
    """Return a page of GET /data/{id}/files; the paths in it are relative to the directory that was asked for."""
    if request.attributes is UNSET and request.attribute is UNSET:
        selection, has_path = wire.Selection({"fileId": "fileId", "file_id": "fileId"}), True
    else:
        selection = request.selection(public=False)
        has_path = selection.wants("path")

    def described(path: str, entry: Entry) -> dict[str, Any]:
        found = _described(provider, provider.access.below(top, entry, path), selection)
        return found | {"path": path} if has_path else found

    return wire.FilesBelow(
        files=tuple(described(path, entry) for path, entry in page.files),
        inaccessible_paths=tuple(page.inaccessible),
        next_page_token=None if page.is_last else page_token(page.files[-1][0]),
        is_last=page.is_last,
    )


def flag(call: Call, key: str) -> bool:
    """Return a switch of the query string; it is off where it is not given.

    Raises:
        Rejected: badValueBoolean.
    """
    given = (call.values(key) or ["false"])[-1].lower()
    if given not in ("true", "false"):
        raise errors.bad_value("Boolean", key, "must be a boolean")
    return given == "true"


def _at_keypath(document: object, keypath: str) -> object:
    """Return what lies at a path such as "a.[0].b" in a JSON document.

    Raises:
        PosixError: enodata, nothing does.
    """
    found = document
    for key in keypath.split("."):
        index = _INDEX.fullmatch(key)
        if isinstance(found, dict) and key in found:
            found = found[key]
        elif isinstance(found, list) and index and int(index[1]) < len(found):
            found = found[int(index[1])]
        else:
            raise errors.posix("enodata")
    return found


def _metadata(provider: Oneprovider) -> list[Endpoint]:
    def located(call: Call, need: Need = Need.READ) -> Located:
        return provider.access.locate(call.caller, call.path("id"), need)

    def get_json(call: Call) -> Answer:
        document = provider.files.json_metadata(located(call), inherited=flag(call, "inherited"))
        wanted = call.values("filter")
        return json_answer(_at_keypath(document, wanted[-1]) if wanted else document)

    def put_json(call: Call) -> Answer:
        target = located(call, Need.WRITE)
        try:
            document = msgspec.json.decode(call.body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise errors.bad_value("JSON", "metadata", "is not valid JSON") from error
        provider.files.put_metadata(target, "json", {"": document})
        note_origins(target, document)
        return done()

    def delete_json(call: Call) -> Answer:
        target = located(call, Need.WRITE)
        provider.files.delete_metadata(target, "json", [""])
        note_origins(target, None)
        return done()

    def note_origins(target: Located, document: object) -> None:
        # What a space says of where it came from can be found from there, too.
        if target.entry.row == ROOT:
            provider.zone.provenance.note(target.space, document)

    def get_xattrs(call: Call) -> Answer:
        file = located(call)
        read = provider.files.inherited_metadata if flag(call, "inherited") else provider.files.metadata
        found = dict(read(file, "xattr"))
        if flag(call, "show_internal"):
            internal = ((kind, read(file, kind)) for kind in ("json", "rdf"))
            found |= {f"onedata_{kind}": values[""] for kind, values in internal if "" in values}
        wanted = call.values("attribute")
        if not wanted:
            return json_answer(found)
        if any(key not in found for key in wanted):
            raise errors.posix("enodata")
        return json_answer({key: found[key] for key in wanted})

    def put_xattrs(call: Call) -> Answer:
        provider.files.put_metadata(located(call, Need.WRITE), "xattr", call.document())
        return done()

    def delete_xattrs(call: Call) -> Answer:
        keys = call.read(wire.XattrKeys).keys
        provider.files.delete_metadata(located(call, Need.WRITE), "xattr", list(keys))
        return done()

    def get_rdf(call: Call) -> Answer:
        found = provider.files.metadata(located(call), "rdf")
        if "" not in found:
            raise errors.posix("enodata")
        return Answer(str(found[""]), media_type="application/rdf+xml")

    def put_rdf(call: Call) -> Answer:
        target = located(call, Need.WRITE)
        try:
            text = call.body.decode()
        except UnicodeDecodeError as error:
            raise errors.bad_value("String", "metadata", "is not UTF-8") from error
        provider.files.put_metadata(target, "rdf", {"": text})
        return done()

    def delete_rdf(call: Call) -> Answer:
        provider.files.delete_metadata(located(call, Need.WRITE), "rdf", [""])
        return done()

    base = "/data/{id}/metadata"
    return [
        Endpoint("GET", f"{base}/json", "get_json_metadata", get_json),
        Endpoint("PUT", f"{base}/json", "set_json_metadata", put_json),
        Endpoint("DELETE", f"{base}/json", "remove_json_metadata", delete_json),
        Endpoint("GET", f"{base}/xattrs", "get_xattrs", get_xattrs),
        Endpoint("PUT", f"{base}/xattrs", "set_xattr", put_xattrs),
        Endpoint("DELETE", f"{base}/xattrs", "remove_xattrs", delete_xattrs),
        Endpoint("GET", f"{base}/rdf", "get_rdf_metadata", get_rdf),
        Endpoint("PUT", f"{base}/rdf", "set_rdf_metadata", put_rdf),
        Endpoint("DELETE", f"{base}/rdf", "remove_rdf_metadata", delete_rdf),
    ]
