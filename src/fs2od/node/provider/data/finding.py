"""What a share gives to everybody: its files and folders by path, as far as their modes allow."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from fs2od.node.index import Entry
from fs2od.node.provider.access import Located, Need
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.zone.callers import GUEST, Caller
from fs2od.onedata import errors
from fs2od.onedata.ids import ShareId, file_id
from fs2od.storage import Kind

__all__ = ["Given", "find", "given_below", "given_in"]

_PAGE = 1000

Given = list[tuple[str, Entry]]
"""Paths, each with the entry whose bytes lie there: behind a link what the link leads to."""


def find(provider: Oneprovider, share: ShareId, path: str, caller: Caller = GUEST) -> Located:
    """Return what lies at a path below a share; "" is the share's own folder, or its file where it has only one.

    A link is followed where it leads to a file; folders are reached by one path only, so that nobody runs in circles.

    Raises:
        NotFound: The share does not exist, or it ended.
        Unauthorized: It is for members, and a guest asks.
        Forbidden: It is for members, and the caller is none.
        PosixError: enoent, nothing lies there; eacces, it is not for everybody.
        Rejected: No provider serves it.
    """
    root = provider.access.locate_share_root(caller, share)
    if not path or (root.entry.kind is not Kind.DIRECTORY and path == root.entry.name):
        return root
    entry = root.entry
    with provider.indexes.using(root.space) as index:
        # Dots for "here" are passed over: rclone sends them before names with a colon.
        for name in (name for name in path.split("/") if name != "."):
            child = index.child(entry.row, name)
            if child is None:
                raise errors.posix("enoent")
            entry = child
        wanted = file_id(index.ref(entry.row).through(share))
    # By its id, so that the one place that judges access judges this, too.
    found = provider.access.locate(caller, wanted, Need.READ)
    if found.entry.kind is Kind.SYMLINK:
        found = provider.access.followed(found)
        if found.entry.kind is not Kind.FILE:
            raise errors.posix("enoent")
    return found


def given_in(provider: Oneprovider, folder: Located) -> Iterator[Given]:
    """Yield what lies directly in a folder and is for everybody, in the order of names, page by page."""
    after: str | None = None
    while True:
        with provider.indexes.using(folder.space) as index:
            page = index.children(folder.entry.row, after=after, limit=_PAGE)
        yield _given(provider, folder, ((entry.name, entry) for entry in page))
        if len(page) < _PAGE:
            return
        after = page[-1].name


def given_below(provider: Oneprovider, top: Located) -> Iterator[Given]:
    """Yield all files at or below a located file or folder that are for everybody, in the order of paths, page by page."""
    if top.entry.kind is not Kind.DIRECTORY:
        yield [(top.entry.name, top.entry)]
        return
    with provider.indexes.using(top.space) as index:
        walk = index.walk(top.entry, enters=lambda _, entry: top.may_read(entry), page=_PAGE)
        while page := list(islice(walk, _PAGE)):
            files = ((path, entry) for path, entry in page if entry.kind is not Kind.DIRECTORY)
            yield _given(provider, top, files)


def _given(provider: Oneprovider, top: Located, found: Iterator[tuple[str, Entry]]) -> Given:
    readable = ((path, entry) for path, entry in found if top.may_read(entry))
    bytes_at = ((path, _behind(provider, top, path, entry)) for path, entry in readable)
    return [(path, entry) for path, entry in bytes_at if entry is not None]


def _behind(provider: Oneprovider, top: Located, path: str, entry: Entry) -> Entry | None:
    """Return the entry itself, or the file that a link leads to; None for a link that leads to no file of the share."""
    if entry.kind is not Kind.SYMLINK:
        return entry
    try:
        found = provider.access.followed(provider.access.below(top, entry, path))
    except errors.ServiceError:
        return None
    return found.entry if found.entry.kind is Kind.FILE else None
