"""Pages of a folder in name order, both ways by key: entries that come and go meanwhile shift nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Page", "Position", "page_of"]

Item = TypeVar("Item")
Fetch = Callable[[str | None, int, int], Sequence[Item]]
"""Given a name to start after (or None), an offset and a limit, returns entries in name order."""

_MOST_STEPS = 40


@dataclass(frozen=True)
class Position:
    """Which page is wanted: after a name, before a name, or the first. `skipped` says about how many stand before it."""

    after: str | None = None
    before: str | None = None
    skipped: int = 0


@dataclass(frozen=True)
class Page(Generic[Item]):
    """One page, and where the neighbours are; None: there is none."""

    items: tuple[Item, ...]
    skipped: int
    previous: Position | None
    next: Position | None


def page_of(fetch: Fetch[Item], name_of: Callable[[Item], str], position: Position, *, size: int) -> Page[Item]:
    """Return the page of at most `size` entries at a position."""
    if position.before is not None:
        return _backwards(fetch, name_of, position.before, position.skipped, size)
    found = list(fetch(position.after, 0, size + 1))
    items = tuple(found[:size])
    skipped = position.skipped if position.after is not None else 0
    following = Position(after=name_of(items[-1]), skipped=skipped + len(items)) if len(found) > size else None
    previous = None
    if position.after is not None:
        previous = Position(before=name_of(items[0]), skipped=skipped) if items else Position()
    return Page(items, skipped, previous, following)


def _backwards(
    fetch: Fetch[Item], name_of: Callable[[Item], str], before: str, skipped: int, size: int
) -> Page[Item]:
    first, kept = _last_before(fetch, name_of, before, skipped, size)
    if not kept:
        return page_of(fetch, name_of, Position(), size=size)
    following = Position(after=name_of(kept[-1]), skipped=first + len(kept))
    previous = Position(before=name_of(kept[0]), skipped=first) if first else None
    return Page(tuple(kept), first, previous, following)


def _last_before(
    fetch: Fetch[Item], name_of: Callable[[Item], str], before: str, skipped: int, size: int
) -> tuple[int, deque[Item]]:
    """Return the last `size` entries before a name and how many stand before them.

    `skipped` is where to look: too high and it looks further up, too low and it reads on; within bounds, both ways.
    """
    offset = max(0, skipped - 2 * size)
    found = list(fetch(None, offset, 2 * size))
    for _ in range(_MOST_STEPS):
        if not offset or (found and name_of(found[0]) < before):
            break
        offset = max(0, offset - 4 * size) if found else offset // 2
        found = list(fetch(None, offset, 2 * size))
    kept: deque[Item] = deque(maxlen=size)
    seen = offset
    for _ in range(_MOST_STEPS):
        below = [item for item in found if name_of(item) < before]
        kept.extend(below)
        seen += len(below)
        if not below or len(below) < len(found):
            break
        found = list(fetch(name_of(found[-1]), 0, 2 * size))
    return seen - len(kept), kept
