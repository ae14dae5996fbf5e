"""The surveys of all datasets that are not complete: who was looked at when, and how."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from fs2od.facility.watching._answering import Answers
from fs2od.facility.watching._survey import Survey, Tally, Uncounted

__all__ = ["Surveys"]

_AT_ONCE = 2


@dataclass
class Surveys:
    """Surveys by dataset. Looks happen in threads, two at a time, so that the file system is not hurried."""

    answers: Answers = field(default_factory=Answers)
    _surveys: dict[int, Survey] = field(default_factory=dict)
    _tallies: dict[int, Tally] = field(default_factory=dict)
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    async def look(self, dataset: int, folder: Path, uncounted: Uncounted, *, anew: bool = False) -> Tally | None:
        """Return what a dataset consists of now; `anew` looks at every file again. None: its folder cannot be read."""
        survey = self._surveys.setdefault(dataset, Survey(folder, uncounted))
        async with self._gate:
            try:
                self._tallies[dataset] = await self.answers.of(folder, partial(survey.look, anew=anew))
            except TimeoutError:
                # A thread may still be in it.
                self._surveys.pop(dataset, None)
                self._tallies.pop(dataset, None)
            except OSError:
                self._tallies.pop(dataset, None)
        return self._tallies.get(dataset)

    def tally(self, dataset: int) -> Tally | None:
        """Return what the last look found."""
        return self._tallies.get(dataset)

    def keep_only(self, datasets: Iterable[int]) -> None:
        """Forget the surveys of all other datasets."""
        kept = set(datasets)
        for dataset in self._surveys.keys() - kept:
            del self._surveys[dataset]
            self._tallies.pop(dataset, None)
