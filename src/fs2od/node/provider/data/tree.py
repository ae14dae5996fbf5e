"""A small folder with all that lies below it in one answer: from far away, to list folder after folder takes long."""

from __future__ import annotations

import gzip
from itertools import islice

import msgspec

from fs2od.node.provider.access import Located
from fs2od.node.provider.attributes import attributes
from fs2od.node.provider.provider import Oneprovider
from fs2od.onedata import errors, wire
from fs2od.storage import Kind

__all__ = ["MOST_ENTRIES", "tree"]

MOST_ENTRIES = 2_000
"""Larger datasets take so long that nobody notices how they begin."""
_TOLD = ("fileId", "name", "type", "size", "mtime", "symlinkValue", "posixPermissions")


def tree(provider: Oneprovider, top: Located) -> bytes:
    """Return everything below a folder, as listings of its folders would show it, with paths: JSON, compressed.

    Raises:
        PosixError: enotdir, it is no folder; enoent, it holds too much for one answer, or what the caller may not see.
    """
    if top.entry.kind is not Kind.DIRECTORY:
        raise errors.posix("enotdir")
    with provider.indexes.using(top.space) as index:
        found = list(islice(index.walk(top.entry, page=MOST_ENTRIES + 1), MOST_ENTRIES + 1))
    closed = any(entry.kind is Kind.DIRECTORY and not top.may_read(entry) for _, entry in found)
    if len(found) > MOST_ENTRIES or closed or top.names_left() is not None:
        raise errors.posix("enoent")
    selection = wire.AttributesRequest(attributes=_TOLD).selection(public=top.share is not None)
    entries = []
    for path, entry in found:
        below = provider.access.below(top, entry, path)
        view = provider.files.view(below, with_parent=False, with_shares=False, with_metadata=False)
        entries.append({**selection.of(attributes(view), {}), "path": path})
    return gzip.compress(msgspec.json.encode({"entries": entries}), 6, mtime=0)
