"""One pass: look, decide, act; every dataset as far as it goes, several at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Mapping
from dataclasses import replace as changed
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from fs2od.configuration import Configuration
from fs2od.errors import Fs2odError, StateError, StorageError
from fs2od.facility._onedata_access import OnedataAccess
from fs2od.facility._passing_over import PassingOver
from fs2od.facility._refused_mail import all_unreached
from fs2od.facility.deciding import STRUCTURAL, Rules, Take, described, due_at, next_action, reconcile
from fs2od.facility.journal import Journal, Phase, ProblemKind, Record, Wish
from fs2od.facility.onboarding import (
    ApartAction,
    Connect,
    FolderTrouble,
    LocalAction,
    OnedataAction,
    OnedataAway,
    Performer,
    importing_again,
    retired,
    setback_of,
    uncounted_names,
)
from fs2od.facility.watching import Answers, Look, Settling, Sighting, Surveys, Tally, Uncounted, look_apart

__all__ = ["Passes"]

_MOST_ACTIONS = 64
_BETWEEN_LOOKS = 4
"""How many datasets are carried on between two looks, for each that is worked on at once."""
_log = logging.getLogger(__name__)


class Passes:
    """Makes passes, and remembers between them what need not survive a restart."""

    def __init__(
        self,
        configuration: Configuration,
        journal: Journal,
        *,
        connect: Connect,
        clock: Callable[[], datetime],
        away: Collection[Path] = (),
        sidecar: Callable[[int], str] = lambda _: "",
        later: Callable[[Record], Tally | None] = lambda _: None,
        acted: Callable[[], None] = lambda: None,
    ) -> None:
        self._configuration = configuration
        self._rules = Rules(configuration)
        self._journal = journal
        self._connect = connect
        self._clock = clock
        self._away = away
        self._sidecar = sidecar
        self._later = later
        self._acted = acted
        self._settling = Settling()
        self._answers = Answers()
        self._surveys = Surveys(self._answers)
        self._performer = Performer(configuration, journal, self._surveys, clock)
        self._sightings: Mapping[tuple[str, str], Sighting] = {}
        self._missing: Collection[str] = ()
        self._onedata = OnedataAccess(configuration.onedata, journal, connect=connect, clock=clock)
        self._passing_over = PassingOver(journal, configuration.watch)
        self._idle: dict[int, tuple[Record, Sighting | None]] = {}
        """Datasets for which time alone brings nothing to do, as they were then."""
        self._looked_at = clock()
        self.look_s = 0.0

    async def prepare(self) -> None:
        """Make the facility's groups at Onedata, so that they are there before the first dataset; nothing while it is away.

        Raises:
            ConfigurationError: The token cannot be read, or the groups are not configured.
        """
        await self._onedata.reached()

    async def one(self) -> None:
        """Look, and do everything that can be done now.

        Many datasets are carried on some at a time, with a look in between: what comes while thousands are made known does not
        wait for all of them.

        Raises:
            StorageFull: The journal cannot be written; nothing is lost.
            ConfigurationError: The token cannot be read.
        """
        await self._onedata.tidy()
        at_once = self._configuration.onedata.requests_at_once
        gate = asyncio.Semaphore(at_once)
        carried_on: set[int] = set()
        while True:
            await self._see()
            ready = [
                record for record in self._journal.records() if record.id not in carried_on and self._is_ready(record)
            ]
            # What is being written is what people wait for; of the others, whoever came last has waited for nothing so far.
            ready.sort(key=lambda record: (self._is_running(record), record.id), reverse=True)
            chosen = [record.id for record in ready[: _BETWEEN_LOOKS * at_once]]
            if chosen:
                await _together(self._carry_on_apart(dataset, gate) for dataset in chosen)
            self._acted()
            if len(chosen) == len(ready):
                return
            carried_on.update(chosen)

    async def _see(self) -> None:
        """Look once, and take note of what is there."""
        seen = await self._look()
        known = {record.identity for record in self._journal.records()}
        await asyncio.to_thread(self._passing_over.note, seen, known, self._looked_at)
        await self._grant_wishes()
        await self._reconcile(seen)
        await self._survey()

    def due_at(self) -> datetime | None:
        """Return when the next pass could find something to do that no notice tells of."""
        moments = [
            due_at(record, self._sighting(record), self._rules, self._looked_at)
            for record in self._journal.records()
            if not self._is_idle(record, self._sighting(record))
        ]
        moments.append(self._passing_over.due_at())
        moments.extend(self._settling_new())
        earliest = min((moment for moment in moments if moment and moment > self._looked_at), default=None)
        away_until = self._onedata.away_until
        return earliest if away_until is None or earliest is None else max(earliest, away_until)

    def settled_at(self) -> datetime | None:
        """Return by when the metadata files have settled that are new; None: none is, or all have."""
        return max((moment for moment in self._settling_new() if moment > self._looked_at), default=None)

    def _settling_new(self) -> Iterator[datetime]:
        known = {record.identity for record in self._journal.records()}
        for identity, sighting in self._sightings.items():
            watch = self._rules.watch(sighting.folder.root)
            if identity not in known and sighting.folder.metadata and watch:
                yield sighting.unchanged_since + watch.settle

    def flat_folders(self) -> frozenset[Path]:
        """Return the folders in which something may appear: the roots, and candidates that are no datasets yet."""
        known = {record.identity for record in self._journal.records() if record.phase is not Phase.SEEN}
        # One that does not answer would hold up whoever listens to all of them.
        roots = {watch.path for watch in self._configuration.watch if str(watch.path) not in self._missing}
        return frozenset(
            roots | {each.folder.path for identity, each in self._sightings.items() if identity not in known}
        )

    def deep_folders(self) -> frozenset[Path]:
        """Return the datasets whose data is being written."""
        return frozenset(
            record.path for record in self._journal.records() if self._is_counted(record) and self._is_running(record)
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._onedata.close()

    async def _look(self) -> Look:
        began_s, self._looked_at = time.monotonic(), self._clock()
        seen = await look_apart(self._configuration.watch, self._answers, away=self._away)
        self.look_s, self._missing = time.monotonic() - began_s, seen.missing
        self._sightings = self._settling.note(seen.folders, self._looked_at)
        return seen

    async def _grant_wishes(self) -> None:
        wishes = await asyncio.to_thread(self._journal.wishes)
        if not wishes:
            return
        for dataset, wish in wishes.items():
            record, said = self._journal.get(dataset), "asked for"
            if wish is Wish.ACCEPT:
                record, said = self._accepted(record)
            elif wish.retires:
                record, said = retired(record, wish, self._clock())
            elif record.is_retired:
                record, said = replace(importing_again(record), problem=None, retiring=None), "it is looked for again"
            # What is known of the metadata file tells whether the folder is still the dataset's.
            again = replace(record, next_attempt_at=None, attempts=0, trouble=None, reread=True)
            await asyncio.to_thread(self._journal.write, again, kind=wish, said=said, now=self._clock())
        await asyncio.to_thread(self._send_again, wishes)
        await asyncio.to_thread(self._journal.grant, wishes)

    def _accepted(self, record: Record) -> tuple[Record, str]:
        """Return a dataset that has the folder which stands under its name, and what is said of it."""
        sighting = self._sightings.get(record.identity)
        if sighting is None or record.problem is None or record.problem.kind is not ProblemKind.REPLACED:
            return record, "there was no other folder to accept"
        taken = replace(
            importing_again(record.found_as(sighting.folder)),
            metadata=sighting.folder.metadata,
            problem=None,
            other_folder=True,
        )
        return taken, "the folder that has its name now is taken for its own"

    def _send_again(self, wishes: Iterable[int]) -> None:
        records = [self._journal.get(dataset) for dataset in wishes]
        outbox = self._journal.outbox
        refused = all_unreached(outbox, records).values()
        for letter in {each.letter for some in refused for each in some}:
            outbox.retry(letter, self._clock())

    async def _reconcile(self, seen: Look) -> None:
        for action in reconcile(
            seen, self._sightings, self._journal.records(), self._configuration.watch, self._clock()
        ):
            try:
                await self._performer.perform_local(action)
            except Fs2odError:
                raise
            except Exception:  # noqa: BLE001 - one odd dataset must not hold back the others; the next pass tries again
                _log.exception("a mistake of ours at %s", action)

    async def _survey(self) -> None:
        counted = [record for record in self._journal.records() if self._is_counted(record)]
        self._surveys.keep_only(record.id for record in counted)
        await asyncio.gather(*(self._count(record) for record in counted))

    async def _count(self, record: Record) -> None:
        watch = self._rules.watch(record.root)
        uncounted = uncounted_names(record, self._configuration, watch) if watch else Uncounted()
        tally = await self._surveys.look(record.id, record.path, uncounted)
        if tally is not None and record.next_step is not None and record.tally != tally:
            # Wanted for the first mail only, and written down with it.
            self._journal.pause(replace(self._journal.get(record.id), tally=tally))

    def _is_counted(self, record: Record) -> bool:
        held = record.problem is not None and record.problem.kind in STRUCTURAL
        return (
            record.facts is not None
            and not held
            and record.identity in self._sightings
            and (record.phase is not Phase.COMPLETE or self._is_running(record))
        )

    def _is_running(self, record: Record) -> bool:
        sighting = self._sightings.get(record.identity)
        return sighting is not None and sighting.folder.running

    def _sighting(self, record: Record) -> Sighting | None:
        sighting = self._sightings.get(record.identity)
        if sighting is None:
            return None
        tally = self._surveys.tally(record.id) or self._later(record)
        return changed(sighting, tally=tally, sidecar=self._sidecar(record.id))

    def _is_ready(self, record: Record) -> bool:
        """Say whether there is something to do, without asking again about what neither changed nor waits for a moment."""
        sighting = self._sighting(record)
        if self._is_idle(record, sighting):
            return False
        if next_action(record, sighting, self._rules, self._clock()) is not None:
            return True
        if due_at(record, sighting, self._rules, self._looked_at) is None:
            self._idle[record.id] = (record, sighting)
        return False

    def _is_idle(self, record: Record, sighting: Sighting | None) -> bool:
        known = self._idle.get(record.id)
        return known is not None and known[0] is record and known[1] == sighting

    async def _carry_on_apart(self, dataset: int, gate: asyncio.Semaphore) -> None:
        """Carry on with a dataset. A mistake of ours there is that dataset's trouble, and no other's."""
        try:
            await self._carry_on(dataset, gate)
        except Fs2odError:
            raise
        except Exception as error:  # noqa: BLE001 - a mistake of ours at one dataset must not hold back the others
            _log.exception("a mistake of ours at dataset %s", dataset)
            said = f"something that should not happen ({type(error).__name__}); the log says more"
            await self._note(FolderTrouble(said), self._journal.get(dataset), "onboarding")

    async def _carry_on(self, dataset: int, gate: asyncio.Semaphore) -> None:
        async with gate:
            for _ in range(_MOST_ACTIONS):
                record = self._journal.get(dataset)
                if self._surveys.tally(dataset) is None and self._is_counted(record):
                    await self._count(record)
                    record = self._journal.get(dataset)
                sighting = self._sighting(record)
                action = next_action(record, sighting, self._rules, self._clock())
                if action is None or (sighting is None and isinstance(action, OnedataAction)):
                    return
                if isinstance(action, LocalAction):
                    try:
                        await self._performer.perform_local(action, sighting)
                    except TimeoutError:
                        return  # its folder does not answer: the next look says so
                elif not await self._attempt(action, sighting):
                    return

    async def _attempt(self, action: OnedataAction | ApartAction, sighting: Sighting | None) -> bool:
        """Carry out an action; `False`: it did not work out, and there is nothing more to do for the dataset now."""
        reached = await self._onedata.reached()
        if reached is None:
            return False
        try:
            if isinstance(action, ApartAction):
                await self._performer.perform_apart(action, *reached)
            elif sighting is not None:
                await self._performer.perform(action, sighting, *reached)
        except (StorageError, StateError):
            # Our own state cannot be written: that is no dataset's trouble, and nothing was lost.
            raise
        except Fs2odError as error:
            doing = str(action.step) if isinstance(action, Take) else described(action)
            await self._note(error, self._journal.get(action.dataset), doing)
            return False
        await self._onedata.note_well()
        return True

    async def _note(self, error: Fs2odError, record: Record, doing: str) -> None:
        now = self._clock()
        try:
            setback = setback_of(error, record, now, doing=doing)
        except OnedataAway:
            await self._onedata.note_away(error)
            return
        later = replace(
            record, attempts=record.attempts + 1, next_attempt_at=setback.next_attempt_at, trouble=setback.trouble
        )
        if setback.trouble is None or setback.trouble is record.trouble:
            self._journal.pause(later)
            return
        same = record.trouble is not None and record.trouble.said == setback.trouble.said
        kind = "" if same else "refused" if setback.trouble.needs_you else "waits"
        said = setback.trouble.said
        await asyncio.to_thread(self._journal.write, later, kind=kind, said=said, now=now)


async def _together(jobs: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all jobs; the first failure ends the others and comes out as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job)
    except BaseExceptionGroup as failures:
        raise _first(failures) from None


def _first(failure: BaseException) -> BaseException:
    return _first(failure.exceptions[0]) if isinstance(failure, BaseExceptionGroup) else failure
