"""How long to wait after something failed, by what failed."""

from __future__ import annotations

from datetime import timedelta

from fs2od.facility.journal import ProblemKind

__all__ = ["QUICK_TRIES", "longest_pause", "pause_after_setback"]

QUICK_TRIES = 4
"""So often a refusal is taken for a federation that has not yet told all its parts."""

_FIRST = {ProblemKind.REFUSED: timedelta(minutes=10)}
_LONGEST = {ProblemKind.REFUSED: timedelta(hours=1)}
_LONGEST_OTHERWISE = timedelta(minutes=5)


def pause_after_setback(kind: ProblemKind, attempts: int) -> timedelta:
    """Return how long to wait after so many attempts in vain: seconds for what may pass, up to an hour for a refusal."""
    first = _FIRST.get(kind, timedelta(seconds=1))
    doublings = min(max(attempts - 1 - (QUICK_TRIES if kind is ProblemKind.REFUSED else 0), 0), 16)
    return min(first * (1 << doublings), longest_pause(kind))


def longest_pause(kind: ProblemKind | None) -> timedelta:
    """Return what no wait exceeds, by what failed; None: it is only too early to ask again."""
    return _LONGEST_OTHERWISE if kind is None else _LONGEST.get(kind, _LONGEST_OTHERWISE)
