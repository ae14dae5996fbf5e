"""Pages of a list in its order, both ways by key and from either end: entries that come and go meanwhile shift nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["FIRST", "LAST", "Fetch", "Page", "Position", "page_of"]

Item = TypeVar("Item")
Fetch = Callable[[str | None, bool, int], Sequence[Item]]
"""Returns up to so many entries from after a key on, or from before it backwards; without a key from that end on."""


@dataclass(frozen=True)
class Position:
    """Which page is wanted: the one that follows an entry's key, or the one before it; without a key the first or the last.

    `skipped` says about how many entries lie between that and the beginning of the list, or its end if `from_end`.
    """

    key: str | None = None
    backwards: bool = False
    skipped: int = 0
    from_end: bool = False


FIRST, LAST = Position(), Position(backwards=True, from_end=True)


@dataclass(frozen=True)
class Page(Generic[Item]):
    """One page, and where the neighbours are; None: there is none. `skipped` counts as that of `Position`."""

    items: tuple[Item, ...]
    skipped: int = 0
    from_end: bool = False
    previous: Position | None = None
    next: Position | None = None


def page_of(fetch: Fetch[Item], key_of: Callable[[Item], str], position: Position, *, size: int) -> Page[Item]:
    """Return the page of at most `size` entries at a position; beyond the ends it is the first or the last page."""
    found = list(fetch(position.key, position.backwards, size + 1))
    items = tuple(found[:size])
    if not items:
        other = FIRST if position.backwards else LAST
        return Page(()) if position.key is None else page_of(fetch, key_of, other, size=size)
    has_more, has_others = len(found) > size, position.key is not None
    if position.backwards:
        items = items[::-1]
    has_previous, has_next = (has_more, has_others) if position.backwards else (has_others, has_more)
    from_end = position.from_end and has_previous
    skipped = _skipped(position, len(items), from_end=from_end, is_at_end=not (has_next if from_end else has_previous))
    before, after = (skipped + len(items), skipped) if from_end else (skipped, skipped + len(items))
    return Page(
        items,
        skipped,
        from_end,
        Position(key_of(items[0]), backwards=True, skipped=before, from_end=from_end) if has_previous else None,
        Position(key_of(items[-1]), skipped=after, from_end=from_end) if has_next else None,
    )


def _skipped(position: Position, count: int, *, from_end: bool, is_at_end: bool) -> int:
    """Return how many entries lie between a page and the end from which they are counted."""
    if is_at_end or from_end != position.from_end:
        return 0
    # Towards that end the page itself is part of what was counted; entries may have gone since.
    return max(1, position.skipped - count if position.backwards != from_end else position.skipped)
