"""Looks at datasets that are complete: often at first, seldomer the longer they are, and never more than a share of the time."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from fs2od.configuration import Configuration
from fs2od.facility.deciding import STRUCTURAL, Rules
from fs2od.facility.journal import Journal, Phase, Record
from fs2od.facility.onboarding import uncounted_names
from fs2od.facility.watching import Answers, Survey, Tally

__all__ = ["Revisits", "interval"]

_SHORTEST, _LONGEST = timedelta(seconds=30), timedelta(days=1)
_AGE_SHARE = 60
"""A dataset that has been complete for so many minutes is looked at every minute; for so many hours, every hour."""
_LOOK_SHARE = 50
"""Between two looks at one dataset there are at least so many times as long as the last one took."""
_REST_SHARE = 20
"""Between any two looks there are at least so many times as long as the last one took: file systems are shared."""
_LEAST_REST_S = 1.0
_NONE_DUE_S = 5.0
_YOUNG = timedelta(days=2)
_MOST_KEPT = 64
"""Of so many young datasets the folders' times are remembered, so that most looks need only these."""
_MOST_AT_ONCE = 64


def interval(age: timedelta) -> timedelta:
    """Return how often a dataset is looked at that has been complete for so long; pure."""
    return min(max(age / _AGE_SHARE, _SHORTEST), _LONGEST)


@dataclass
class _Known:
    """What is remembered of one complete dataset. It begins anew when the dataset is complete anew."""

    completed_at: datetime
    looked_at: datetime
    took: timedelta = timedelta(0)
    survey: Survey | None = None
    found: Tally | None = None


@dataclass
class Revisits:
    """Makes the looks, and knows what they found."""

    configuration: Configuration
    journal: Journal
    clock: Callable[[], datetime]
    changed: Callable[[], None] = lambda: None
    """Called when a dataset is not as it was when it was completed."""
    answers: Answers = field(default_factory=Answers)
    _known: dict[int, _Known] = field(default_factory=dict)
    _began_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        """Note when this begins: all that was complete before has its turn from then on."""
        self._began_at = self.clock()

    def found(self, record: Record) -> Tally | None:
        """Return what lies in a complete dataset's folder now, if it is not what lay there at its completion."""
        known = self._known.get(record.id)
        return known.found if known is not None and known.completed_at == record.completed_at else None

    async def keep_looking(self) -> None:
        """Look at one dataset after the other, for ever."""
        while True:
            took = await self._look_at_next()
            await asyncio.sleep(max(_LEAST_REST_S if took else _NONE_DUE_S, _REST_SHARE * took.total_seconds()))

    async def all_due(self) -> None:
        """Look at those whose turn it is, without a rest; at some of them if they are many."""
        for _ in range(_MOST_AT_ONCE):
            if not await self._look_at_next():
                return

    async def _look_at_next(self) -> timedelta:
        """Look at the dataset that has waited longest for its turn, and return how long that took; nothing if none is due."""
        now = self.clock()
        complete = [record for record in self.journal.records() if _is_complete(record)]
        gone = self._known.keys() - {record.id for record in complete}
        for dataset in gone:
            del self._known[dataset]
        waiting = max(complete, key=lambda record: self._lateness(record, now), default=None)
        if waiting is None or self._lateness(waiting, now) < 1:
            return timedelta(0)
        return await self._look_at(waiting, now)

    def _lateness(self, record: Record, now: datetime) -> float:
        """Return how long the last look was ago, in intervals."""
        if record.completed_at is None:
            return 0.0
        known = self._known.get(record.id)
        if known is None or known.completed_at != record.completed_at:
            looked_at = max(record.completed_at, self._began_at)
            known = self._known[record.id] = _Known(record.completed_at, looked_at)
        if known.found is not None:
            return 0.0  # nothing new is learned before this has been dealt with
        if known.looked_at > now:
            return math.inf  # a clock that was set back must not put the next look off
        return (now - known.looked_at) / max(interval(now - record.completed_at), _LOOK_SHARE * known.took)

    async def _look_at(self, record: Record, now: datetime) -> timedelta:
        known, began_s = self._known[record.id], time.monotonic()
        try:
            tally = await self.answers.of(Path(record.root), partial(self._tally, record, known))
        except TimeoutError:
            # For the passes to report. A thread may still be in the survey.
            tally, known.survey = None, None
        known.looked_at, known.took = now, timedelta(seconds=time.monotonic() - began_s)
        is_young = now - known.completed_at < _YOUNG
        if not is_young or sum(each.survey is not None for each in self._known.values()) > _MOST_KEPT:
            known.survey = None
        if tally is not None and record.tally is not None and tally.signature != record.tally.signature:
            known.found = tally
            self.changed()
        return max(known.took, timedelta(microseconds=1))

    def _tally(self, record: Record, known: _Known) -> Tally | None:
        watch = Rules(self.configuration).watch(record.root)
        if watch is None:
            return None
        if known.survey is None:
            known.survey = Survey(record.path, uncounted_names(record, self.configuration, watch))
        now_ns = int(self.clock().timestamp() * 1e9)
        try:
            # A folder that was replaced, or is not mounted, is for the passes to report.
            return known.survey.look(now_ns=now_ns) if os.lstat(record.path).st_ino == record.inode else None
        except OSError:
            return None


def _is_complete(record: Record) -> bool:
    held = record.problem is not None and record.problem.kind in STRUCTURAL
    return record.phase is Phase.COMPLETE and record.tally is not None and record.facts is not None and not held
