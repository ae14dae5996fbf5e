"""Transfers as they are written down: each one document, which says how far it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from msgspec import structs

from fs2od.node.clock import Clock
from fs2od.onedata import errors, wire
from fs2od.onedata.ids import SpaceId, TransferId
from fs2od.onedata.wire import SubtaskStatus, TransferDetails, TransferState
from fs2od.sqlite import Database

__all__ = ["TransferBook", "state_of"]

_SELECT = "SELECT document, ended FROM transfer WHERE id = ?"
_WHERE = {
    "waiting": "NOT ended AND json_extract(document, '$.startTime') = 0",
    "ongoing": "NOT ended AND json_extract(document, '$.startTime') != 0",
    "ended": "ended",
}
_EVICTING: dict[SubtaskStatus, TransferState] = {"active": "evicting"}
_REPLICATING: dict[SubtaskStatus, TransferState] = {"active": "replicating"}


def state_of(replication: SubtaskStatus, eviction: SubtaskStatus) -> TransferState:
    """Return the status of a whole transfer from those of its phases.

    After a replication that was part of a migration, it is evicting until the eviction has ended.
    """
    if eviction == "skipped":
        return _REPLICATING.get(replication) or _plain(replication)
    if replication in ("skipped", "completed"):
        was_replicated = replication == "completed" and eviction in ("scheduled", "enqueued")
        return "evicting" if was_replicated else _EVICTING.get(eviction) or _plain(eviction)
    return _REPLICATING.get(replication) or _plain(replication)


def _plain(status: SubtaskStatus) -> TransferState:
    assert status != "active"
    return status


class TransferBook:
    """Writes down, finds and lists transfers."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def add(self, transfer: TransferId, document: TransferDetails, *, ended: bool) -> None:
        """Write down a new transfer."""
        row = (transfer, document.space_id, wire.write(document).decode(), ended, self._clock.now_s())
        with self._database.writing() as db:
            db.execute("INSERT INTO transfer VALUES (?, ?, ?, ?, ?)", row)

    def get(self, transfer: TransferId) -> tuple[TransferDetails, bool]:
        """Return a transfer, and whether it has ended.

        Raises:
            NotFound: There is none.
        """
        with self._database.reading() as db:
            row = db.execute(_SELECT, (transfer,)).fetchone()
        if row is None:
            raise errors.not_found()
        return msgspec.json.decode(row[0], type=TransferDetails), bool(row[1])

    def open_ones(self, space: SpaceId) -> list[TransferId]:
        """Return the transfers of a space that have not ended, oldest first."""
        query = "SELECT id FROM transfer WHERE space = ? AND NOT ended ORDER BY created, id"
        with self._database.reading() as db:
            return [TransferId(row[0]) for row in db.execute(query, (space,))]

    def of_space(self, space: SpaceId, *, state: str, limit: int, after: str | None) -> list[TransferId]:
        """Return transfers of a space in a state ("waiting", "ongoing", "ended"), oldest first, after the id `after`."""
        query = f"""SELECT id FROM transfer WHERE space = ? AND (created, id) > (?, ?) AND {_WHERE[state]}
            ORDER BY created, id LIMIT ?"""
        with self._database.reading() as db:
            start = db.execute("SELECT created, id FROM transfer WHERE id = ?", (after,)).fetchone() if after else None
            moment, identity = (start[0], start[1]) if start else (-1, "")
            return [TransferId(row[0]) for row in db.execute(query, (space, moment, identity, limit))]

    def note_rerun(self, transfer: TransferId, again: TransferId) -> None:
        """Write down as which one a transfer was run again."""
        self._write(transfer, lambda found: structs.replace(found, rerun_id=again), also_ended=True)

    def change(
        self,
        transfer: TransferId,
        *,
        replication: SubtaskStatus | None = None,
        eviction: SubtaskStatus | None = None,
        **facts: int | str | None,
    ) -> TransferDetails:
        """Write down how far a transfer is; its status as a whole follows from those of its phases.

        A status "aborting" is kept until the transfer ends: it is an order to whoever runs it. One that has ended stays as it is.
        """
        return self._write(transfer, lambda found: self._moved(found, replication, eviction, facts, ended=False))[0]

    def end(self, transfer: TransferId, *, replication: SubtaskStatus | None, eviction: SubtaskStatus) -> bool:
        """Write down that a transfer has ended; return False if it had before."""
        facts = {"finish_time": self._clock.now_s()}
        changed = self._write(
            transfer, lambda found: self._moved(found, replication, eviction, facts, ended=True), ended=True
        )
        return changed[1]

    def _write(
        self,
        transfer: TransferId,
        changed: Callable[[TransferDetails], TransferDetails],
        *,
        ended: bool = False,
        also_ended: bool = False,
    ) -> tuple[TransferDetails, bool]:
        with self._database.writing() as db:
            row = db.execute(_SELECT, (transfer,)).fetchone()
            if row is None:
                raise errors.not_found()
            found = msgspec.json.decode(row[0], type=TransferDetails)
            if row[1] and not also_ended:
                return found, False
            found = changed(found)
            db.execute(
                "UPDATE transfer SET document = ?, ended = ended OR ? WHERE id = ?",
                (wire.write(found).decode(), ended, transfer),
            )
        return found, True

    def _moved(
        self,
        found: TransferDetails,
        replication: SubtaskStatus | None,
        eviction: SubtaskStatus | None,
        facts: Mapping[str, int | str | None],
        *,
        ended: bool,
    ) -> TransferDetails:
        phases = (
            _moved(found.replication_status, replication, ended=ended),
            _moved(found.eviction_status, eviction, ended=ended),
        )
        state = state_of(*phases)
        return structs.replace(
            found,
            replication_status=phases[0],
            eviction_status=phases[1],
            transfer_status=state,
            effective_job_status=state,
            last_update=self._clock.now_s(),
            **facts,
        )


def _moved(before: SubtaskStatus, to: SubtaskStatus | None, *, ended: bool) -> SubtaskStatus:
    if to is None or before == "skipped" or (before == "aborting" and not ended):
        return before
    return to
