"""Pages of a folder in name order, both ways by key: entries that come and go meanwhile shift nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Fetch", "Page", "Position", "page_of"]

Item = TypeVar("Item")
Fetch = Callable[[str | None, int, int], Sequence[Item]]
"""Returns entries in name order. Given a name, how many entries earlier to begin, and a limit: from that name on if the
second number is above zero, else from after it; without a name from the first entry on."""


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


def _backwards(fetch: Fetch[Item], name_of: Callable[[Item], str], before: str, skipped: int, size: int) -> Page[Item]:
    found = [item for item in fetch(before, size + 1, size + 1) if name_of(item) < before]
    if not found:
        return page_of(fetch, name_of, Position(), size=size)
    is_first = len(found) <= size
    items = tuple(found[-size:])
    first = 0 if is_first else max(1, skipped - len(items))
    previous = None if is_first else Position(before=name_of(items[0]), skipped=first)
    return Page(items, first, previous, Position(after=name_of(items[-1]), skipped=first + len(items)))
