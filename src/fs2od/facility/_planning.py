"""What would be done now, found out without doing anything."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from fs2od.answering import in_thread, silent_among
from fs2od.configuration import Configuration
from fs2od.facility._facility import DATABASE_NAME
from fs2od.facility.deciding import Adopt, Rules, decide, described, passed_over
from fs2od.facility.journal import JOURNAL_SCHEMA, Record, read_records
from fs2od.facility.onboarding import uncounted_names
from fs2od.facility.watching import Answers, SeenFolder, Sighting, Survey, by_known_names, look_apart
from fs2od.sqlite import Database

__all__ = ["Planned", "plan"]


@dataclass(frozen=True)
class Planned:
    """One thing that would be done: for which dataset, and what."""

    dataset: str
    path: str
    what: str


def plan(configuration: Configuration, data: Path, now: datetime) -> tuple[Planned, ...]:
    """Return what the facility would do next, dataset by dataset. No request is sent, and nothing is written.

    Raises:
        StateTooNew: A newer fs2od wrote the state.
        StateTooOld: An older fs2od wrote it: its next start with this one brings it up to date.
    """
    # In a thread of its own: the caller's may run a loop already.
    return in_thread(partial(asyncio.run, _plan(configuration, _records(data), now))).result()


async def _plan(configuration: Configuration, records: list[Record], now: datetime) -> tuple[Planned, ...]:
    away = silent_among(watch.path for watch in configuration.watch)
    watches = by_known_names(configuration.watch, {record.root for record in records}, away=away)
    rules, answers = Rules(configuration.model_copy(update={"watch": watches})), Answers()
    seen = await look_apart(watches, answers, away=away)
    by_id = {record.id: record for record in records}
    by_identity = {record.identity: record for record in records}
    sightings = {
        folder.identity: await _sighting(folder, by_identity.get(folder.identity), rules, now, answers)
        for folder in seen.folders
    }
    planned = [Planned(Path(path).name, path, f"nothing: {said}") for path, said in passed_over(seen, by_identity)]
    for action in decide(seen, sightings, records, rules, now):
        if isinstance(action, Adopt):
            planned.append(Planned(action.folder.shown, str(action.folder.path), described(action)))
        else:
            record = by_id[action.dataset]
            planned.append(Planned(record.name, str(record.path), described(action)))
    return tuple(planned)


def _records(data: Path) -> list[Record]:
    path = data / DATABASE_NAME
    if not path.exists():
        return []
    with contextlib.closing(Database(path, JOURNAL_SCHEMA, migrate=False)) as database:
        return list(read_records(database))


async def _sighting(
    folder: SeenFolder, record: Record | None, rules: Rules, now: datetime, answers: Answers
) -> Sighting:
    watch = rules.watch(folder.root)
    since = datetime.fromtimestamp(folder.metadata.mtime_ns / 1e9, UTC) if folder.metadata else now
    sighting = Sighting(folder, min(since, now))
    if record is None or record.facts is None or watch is None:
        return sighting
    survey = Survey(folder.path, uncounted_names(record, rules.configuration, watch))
    try:
        return replace(sighting, tally=await answers.of(Path(folder.root), survey.look))
    except OSError:
        return sighting
