"""Where a symbolic link leads, judged without following it: one rule for whoever announces, serves or brings a dataset."""

from __future__ import annotations

from collections import deque
from typing import Callable, Final, Optional

__all__ = ["TargetOf", "is_straight", "link_fault", "straight_target", "target_fault"]

TargetOf = Callable[[str], Optional[str]]
"""Returns what a link of the tree says, by its path below the root; None for what is no link, or not there."""

_LEAVES: Final = "link leaves the dataset"
_MOST_LINKS: Final = 40
_LONGEST_TARGET_BYTES: Final = 4_095


def link_fault(path: str, target: str | None, target_of: TargetOf) -> str | None:
    """Return why a link cannot be delivered, in a few words; None if it can.

    An absolute target leads out by definition, for it means another place on every other machine. A link that leads
    nowhere, or round in a circle, stays inside: it is delivered as the link that it is.

    Args:
        path: Where the link lies below the root.
        target: What it says; None if that could not be read.
        target_of: What the other links of the tree say: ".." after a link goes up from where that link leads to.
    """
    fault = target_fault(target)
    if fault is not None or target is None:
        return fault
    return _LEAVES if _place(path, target, target_of) is None else None


def target_fault(target: str | None) -> str | None:
    """Return why no link that says this can be delivered, wherever it lies; None if that depends on where it does."""
    if target is None:
        return "link could not be read"
    try:
        length = len(target.encode())
    except UnicodeEncodeError:
        return "link's target is not UTF-8"
    if not 0 < length <= _LONGEST_TARGET_BYTES or "\0" in target:
        return "link says nothing that a disk would take"
    return _LEAVES if target.startswith("/") else None


def is_straight(target: str) -> bool:
    """Say whether a target goes up first and then only down, so that no other link can turn where it leads.

    A link that lies below a root, goes up no further than to it and is straight leads to a place below the root, or to
    a link that lies there: as long as all of these are such links, none leads out.
    """
    names = [name for name in target.split("/") if name not in ("", ".")]
    climbs = next((number for number, name in enumerate(names) if name != ".."), len(names))
    return ".." not in names[climbs:]


def straight_target(path: str, target: str, target_of: TargetOf) -> str | None:
    """Return a target that is straight and leads to the same place; None if that is out of the tree.

    For arguments see `link_fault`. What `target_of` does not know is taken for a folder: whatever it says, what comes
    back does not lead out.
    """
    place = _place(path, target, target_of)
    if place is None:
        return None
    folder = path.split("/")[:-1]
    shared = next((n for n, (a, b) in enumerate(zip(folder, place)) if a != b), min(len(folder), len(place)))
    return "/".join([*[".."] * (len(folder) - shared), *place[shared:]]) or "."


def _place(path: str, target: str, target_of: TargetOf) -> list[str] | None:
    """Return the names that lead from the root to where a link leads; None if that is outside."""
    if target.startswith("/"):
        return None
    at: list[str] = path.split("/")[:-1]
    ahead = deque(target.split("/"))
    links = 0
    while ahead:
        name = ahead.popleft()
        if name == "..":
            if not at:
                return None
            at.pop()
        elif name not in ("", "."):
            further = target_of("/".join([*at, name])) if links <= _MOST_LINKS else None
            if further is None:
                at.append(name)
                continue
            links += 1
            if further.startswith("/"):
                return None
            ahead.extendleft(reversed(further.split("/")))
    return at
