"""The way through a tree of entries in the order of paths, page by page, from any point on.

Paths are ordered name by name: what lies in `a` comes before `a-b`, as in Oneprovider's recursive listing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from fs2od.storage import Kind

if TYPE_CHECKING:
    from fs2od.node.index.entries import Entry, SpaceIndex

__all__ = ["walk"]

Enters = Callable[[str, "Entry"], bool]


def walk(
    index: SpaceIndex, top: int, *, after: str = "", prefix: str = "", enters: Enters, page: int
) -> Iterator[tuple[str, Entry]]:
    """Yield what lies below a directory with its path relative to it; see `SpaceIndex.walk`."""
    stack = (
        [_level(index, top, "", None, prefix, page)] if not after else _resumed(index, top, after, prefix, enters, page)
    )
    while stack:
        found = next(stack[-1], None)
        if found is None:
            stack.pop()
            continue
        path, entry = found
        if path.startswith(prefix):
            yield path, entry
        if entry.kind is Kind.DIRECTORY and enters(path, entry):
            stack.append(_level(index, entry.row, f"{path}/", None, prefix, page))


def _resumed(
    index: SpaceIndex, top: int, after: str, prefix: str, enters: Enters, page: int
) -> list[Iterator[tuple[str, Entry]]]:
    """Return the levels to go on with, the innermost last. What has vanished meanwhile does no harm."""
    stack: list[Iterator[tuple[str, Entry]]] = []
    below, row = "", top
    for name in after.split("/"):
        stack.append(_level(index, row, below, name, prefix, page))
        entry = index.child(row, name)
        if entry is None or entry.kind is not Kind.DIRECTORY or not enters(below + name, entry):
            return stack
        below, row = f"{below}{name}/", entry.row
    stack.append(_level(index, row, below, None, prefix, page))
    return stack


def _level(
    index: SpaceIndex, parent: int, below: str, after: str | None, prefix: str, page: int
) -> Iterator[tuple[str, Entry]]:
    """Yield the children of one directory that may lead to `prefix`, from after a name on."""
    if not prefix.startswith(below):
        wanted, exact = "", False
        if not below.startswith(prefix):
            return
    else:
        wanted, slash, _ = prefix[len(below) :].partition("/")
        exact = bool(slash)
    if exact:
        entry = index.child(parent, wanted)
        if entry is not None and (after is None or wanted > after):
            yield below + wanted, entry
        return
    inclusive = after is None or after < wanted
    start = wanted if inclusive else after
    while True:
        entries = index.children(parent, after=start, inclusive=inclusive, limit=page)
        for entry in entries:
            if not entry.name.startswith(wanted):
                return
            yield below + entry.name, entry
        if len(entries) < page:
            return
        start, inclusive = entries[-1].name, False
