"""What one turn of a space at one storage does: clear, run transfers, check, and make the copies that requirements ask for."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from fs2od.errors import Fs2odError, StorageMissing
from fs2od.node.clock import Clock, is_awaited
from fs2od.node.copy_problems import for_people
from fs2od.node.index import Indexes, SpaceIndex
from fs2od.node.index.replicas import check_again
from fs2od.node.panel.homes import Homes
from fs2od.node.panel.overlaps import SharedPlace
from fs2od.node.panel.storages import StorageRecord
from fs2od.node.provider.sources import HomeTree
from fs2od.node.replication.clearing import Clearing, sweep
from fs2od.node.replication.demands import Demands
from fs2od.node.replication.inheritance import Inheritance
from fs2od.node.replication.passes import Outcome, Route
from fs2od.node.replication.transfer_runs import Due, TransferRuns, Turn
from fs2od.node.settings import ReplicationSettings
from fs2od.onedata.ids import SpaceId, StorageId, TransferId

__all__ = ["LONGEST_PAUSE_S", "Rate", "Taken", "Target", "Turns", "route_to"]

LONGEST_PAUSE_S = 300
"""How long a storage is left alone at most after something was in the way."""
_FIRST_PAUSE_S = 5
_SWEEP_EVERY_S = 24 * 3600
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rate:
    """How fast copies come to a storage, and how much of large files has."""

    bytes_s: float = 0.0
    under_way_bytes: int = 0


@dataclass
class Target:
    """How copies of a space to one storage stand. Only whoever has the turn changes it, but for `has_order`.

    Attributes:
        problem: What is in the way of the whole storage, for people.
        not_before_s: It is left alone until then.
        pause_s: How long it is left alone the next time.
        rate: How copies come.
        sweeps_at_s: When it is looked for abandoned uploads again.
        place: Where the last turn's pass ended: the row that was asked for, and the last one that had begun.
        running: The transfer that is run.
        has_order: Whether a transfer has come that is run before other copies.
    """

    problem: str | None = None
    not_before_s: int = 0
    pause_s: int = _FIRST_PAUSE_S
    rate: Rate = field(default_factory=Rate)
    sweeps_at_s: int = 0
    place: tuple[int, int] | None = None
    running: TransferId | None = None
    has_order: bool = False

    def leave_alone(self, now_s: int) -> None:
        """Leave it alone for a while, each time for longer."""
        self.not_before_s = now_s + self.pause_s
        self.pause_s = min(2 * self.pause_s, LONGEST_PAUSE_S)

    def leave_alone_no_more(self) -> None:
        """Nothing is in the way."""
        self.not_before_s, self.pause_s = 0, _FIRST_PAUSE_S

    def is_left_alone(self, now_s: int) -> bool:
        """Say whether it is left alone."""
        return is_awaited(self.not_before_s, now_s, at_most_s=LONGEST_PAUSE_S)


@dataclass(frozen=True)
class Taken:
    """What a turn came to.

    Attributes:
        goes_on: Whether there is more to do here at once.
        soon: Whether to look again soon.
        moved: Whether transfers did.
        problem: What is in the way of the whole storage.
    """

    goes_on: bool = False
    soon: bool = False
    moved: bool = False
    problem: str | None = None


class Turns:
    """Carries out turns. What there is to do is looked up each time, and done in this order."""

    def __init__(
        self,
        demands: Demands,
        homes: Homes,
        indexes: Indexes,
        runs: TransferRuns,
        clock: Clock,
        settings: ReplicationSettings,
    ) -> None:
        self._demands = demands
        self._homes = homes
        self._indexes = indexes
        self._runs = runs
        self._clearing = Clearing(demands, homes)
        self._inheritance = Inheritance(indexes, clock, check_every_s=settings.check_every_s)
        self._clock = clock
        self._settings = settings

    def take(self, index: SpaceIndex, storage_id: StorageId, target: Target, turn: Turn) -> Taken:
        """Do what there is to do for a space at a storage, as far as the turn goes."""
        left = self._clearing.clear(index, storage_id)
        storage = self._demands.storage(storage_id)
        if storage is None:
            return Taken(goes_on=left)
        home = self._homes.storage(index.space)
        if home is not None and home.id == storage_id and self._inheritance.is_due(index, home):
            self._inheritance.check(index, home, goes_on=lambda: turn.goes_on() and turn.begins())
        moved = False
        while (due := self._next_transfer(index.space, storage_id)) is not None:
            target.running = due.transfer
            ran = self._runs.run(index, due, turn)
            target.running = None
            moved = moved or ran != "waits"
            if not (turn.goes_on() and turn.begins()):
                return Taken(goes_on=True, moved=moved, problem=target.problem)
        copied = self._copy(index, storage, target, turn)
        return replace(copied, goes_on=copied.goes_on or left, moved=moved)

    def storages(self, index: SpaceIndex) -> set[StorageId]:
        """Return the storages where there may be something to do for a space, besides transfers."""
        found = {demand.storage.id for demand in self._demands.of_space(index.space)}
        home = self._homes.storage(index.space)
        if home is not None and self._inheritance.is_due(index, home):
            found.add(home.id)
        return found.union(self._clearing.storages(index))

    def _next_transfer(self, space: SpaceId, storage: StorageId) -> Due | None:
        return next((due for due in self._runs.due(space) if due.storage == storage and not due.waits), None)

    def _copy(self, index: SpaceIndex, storage: StorageRecord, target: Target, turn: Turn) -> Taken:
        """Check and make the copies for which requirements ask."""
        asked = [each for each in self._demands.of_space(index.space) if each.storage.id == storage.id]
        found = [top.row for top in (index.find(each.file_uuid) for each in asked) if top is not None]
        place, target.place = target.place, None
        if place is not None and place[0] in found:
            found = found[found.index(place[0]) :]
        tops = [(row, place[1] if place is not None and place[0] == row else 0) for row in found]
        if not tops:
            return Taken()  # nobody asks for it any more
        try:
            return self._copy_below(index, storage, tops, target, turn)
        except Fs2odError as error:
            _log.warning("replication of space %s to storage %s: %s", index.space, storage.name, error)
            if isinstance(error, StorageMissing):
                check_again(index, storage.id)
            return Taken(problem=for_people(error))

    def _copy_below(
        self, index: SpaceIndex, storage: StorageRecord, tops: Sequence[tuple[int, int]], target: Target, turn: Turn
    ) -> Taken:
        """Go through what is below some rows, after the one where each was left."""

        def may_begin() -> bool:
            return turn.goes_on() and turn.begins()

        route = route_to(index, storage, self._homes, self._indexes, self._demands)
        self._check(route, storage, target, turn, may_begin)
        soon = False
        for number, (top, after) in enumerate(tops):
            if number and not may_begin():
                target.place = (top, after)
                return Taken(goes_on=True, problem=target.problem)
            outcome = turn.passing.run(
                route,
                told=_telling(target),
                top=top,
                settle_s=self._settings.settle_s,
                after=after,
                goes_on=turn.goes_on,
                begins=turn.begins,
            )
            if outcome.problem is not None:
                _log.warning("replication of space %s to storage %s: %s", index.space, storage.name, outcome.problem)
                return Taken(problem=outcome.problem)
            if outcome.after is not None:
                target.place = (top, outcome.after)
                return Taken(goes_on=True)
            soon = soon or outcome.changed > 0
        return Taken(soon=soon)

    def _check(
        self, route: Route, storage: StorageRecord, target: Target, turn: Turn, may_begin: Callable[[], bool]
    ) -> None:
        """Look whether copies are still there; and once a day, and after each start, for what uploads left behind."""
        now_s = self._clock.now_s()
        if not is_awaited(target.sweeps_at_s, now_s, at_most_s=_SWEEP_EVERY_S):
            target.sweeps_at_s = now_s + _SWEEP_EVERY_S
            sweep(route, now_s=now_s)
        lost = turn.passing.check(route, before_s=now_s - self._settings.check_every_s, goes_on=may_begin)
        if lost:
            space = route.index.space
            _log.warning("%d copies of space %s on storage %s are gone or others: made anew", lost, space, storage.name)


def route_to(index: SpaceIndex, storage: StorageRecord, homes: Homes, indexes: Indexes, demands: Demands) -> Route:
    """Return the way from a space's home to a storage, whose folder is made where it is ours.

    Raises:
        StorageMissing: The space has no home.
        SharedPlace: The storage lies in the same place as another one of the space.
        StorageError: The storage refused.
    """
    space = index.space
    home = homes.storage(space)
    if home is None:
        raise StorageMissing("the space has no storage that holds its files")
    twin = demands.twin(space, storage, surely=False)
    if twin is not None:
        raise SharedPlace(
            f"the storage “{storage.name}” lies in the same place as “{twin.name}”: what came there would be no copy of its own"
        )
    storage.opened().make_directory("" if storage.imported else space)
    tree = HomeTree(indexes, space, home)
    return Route(index, tree, storage.opened_for(space), storage.id, demands.granted_bytes(space, storage))


def _telling(target: Target) -> Callable[[Outcome], None]:
    began_s = time.monotonic()

    def told(so_far: Outcome) -> None:
        come_bytes = so_far.size_bytes + so_far.under_way_bytes
        target.rate = Rate(come_bytes / max(0.1, time.monotonic() - began_s), so_far.under_way_bytes)

    return told
