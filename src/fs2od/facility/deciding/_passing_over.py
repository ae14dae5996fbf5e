"""What lies in the watched folders, seems to be meant as a dataset, and is not taken up: in words for whoever can mend it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from fs2od.configuration import Watch
from fs2od.facility.watching import Look, Oddity, PassedOver

__all__ = ["CLOSED_FOLDER", "Unheeded", "passed_over", "standing", "to_be_told"]

CLOSED_FOLDER = "the folder may not be read or entered: let the user that fs2od runs as read and enter it"

_SAID = {
    Oddity.CLOSED: f"{CLOSED_FOLDER}, or narrow watch.glob so that it does not match",
    Oddity.LINKED: "a link to a folder is not followed: watch the folder that it leads to, or mount it here",
    Oddity.LINKED_FILE: "a metadata file that is a link is not followed: put the file itself there",
    Oddity.MISPLACED: "a metadata file belongs into its dataset's folder: move it there, or correct watch.glob",
}
_ORDINARY = {"lost+found"}
"""Folders that every file system has, and that are closed to everybody."""
_MOST = 100


class Unheeded(msgspec.Struct, frozen=True):
    """Something that is passed over: where, why and what to do about it, and since when we see it."""

    path: str
    said: str
    since: datetime


def passed_over(look: Look, known: Collection[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield path and words of what is passed over; what is wrong with datasets that are `known`, by identity, they say; pure."""
    closed = (each for each in look.folders if each.is_closed and each.identity not in known)
    for each in (*(PassedOver(folder.root, folder.shown, Oddity.CLOSED) for folder in closed), *look.passed_over):
        if not (each.oddity is Oddity.CLOSED and each.path.name in _ORDINARY):
            yield _one_line(str(each.path)), _SAID[each.oddity]
    for root, reason in look.missing.items():
        yield root, f"the watched folder cannot be read ({reason}): mount it, or correct its rights or 'watch.path'"


def standing(
    look: Look,
    known: Collection[tuple[str, str]],
    before: Mapping[tuple[str, str], datetime],
    now: datetime,
) -> dict[tuple[str, str], datetime]:
    """Return path and words of all that is passed over, and since when; pure.

    What was said of things in roots that cannot be read now stands.
    """
    found = {*passed_over(look, known), *(each for each in before if _is_in(each[0], look.missing))}
    # Not later than now: the clock may have been set back.
    return {each: min(before.get(each, now), now) for each in found}


def to_be_told(
    since: Mapping[tuple[str, str], datetime],
    told: Collection[tuple[str, str]],
    watches: Iterable[Watch],
    now: datetime,
) -> tuple[Unheeded, ...]:
    """Return what was told before and still stands, and what has stood as long as a metadata file has to; pure.

    Of more than a hundred the last one says how many there are.
    """
    settles = {watch.path: watch.settle for watch in watches}

    def wait(path: str) -> timedelta:
        return max(
            (settle for root, settle in settles.items() if Path(path).is_relative_to(root)), default=timedelta(0)
        )

    rows = [
        Unheeded(path, said, moment)
        for (path, said), moment in sorted(since.items())
        if (path, said) in told or now - moment >= wait(path)
    ]
    if len(rows) <= _MOST:
        return tuple(rows)
    return (*rows[:_MOST], Unheeded("…", f"and {len(rows) - _MOST} more like these", rows[_MOST].since))


def _one_line(path: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in path)


def _is_in(path: str, roots: Iterable[str]) -> bool:
    return any(Path(root) in Path(path).parents for root in roots)
