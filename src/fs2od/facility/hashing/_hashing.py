"""All datasets' checksums: which one is due, whose turn it is, and what to do when something fails."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeAlias

from fs2od.configuration import Configuration, Watch
from fs2od.errors import Fs2odError, Interrupted, StateError, StorageError
from fs2od.facility._moments import is_awaited
from fs2od.facility.deciding import STRUCTURAL, Rules, closed_names_of, shows_metadata_file
from fs2od.facility.hashing._hand import Hand
from fs2od.facility.hashing._publishing import Publisher
from fs2od.facility.hashing._reading import Budget
from fs2od.facility.hashing._rounds import Round, Vanished
from fs2od.facility.hashing._settling import FileSettling
from fs2od.facility.hashing._sidecar import Foreign, Sidecar, SidecarTrouble
from fs2od.facility.hashing._store import State, Store
from fs2od.facility.hashing._walking import Walk
from fs2od.facility.journal import TO_SEAL, Journal, Phase, Record
from fs2od.facility.metadata import NotWritable
from fs2od.manifests import SIDECAR
from fs2od.mounted import mounted_over
from fs2od.storage import PosixStorage, Root

__all__ = ["Hashing"]

_SLICE_S = 2.0
_MOST_COMPLETE = 4
_MOST_ACQUIRING = 60
_WALK_SHARE = 4
"""Between two rounds a dataset rests at least so many times as long as the walk took: file systems are shared."""
_LEAST_REST = timedelta(seconds=2)
_PAUSE_AFTER_ERROR = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(hours=1)
_LOOK_EVERY_S = 1.0
_PAUSE_STATE_S = 60.0

_NONE = "no checksums"
"""What a trouble begins with that leaves a dataset without any."""

_log = logging.getLogger(__name__)

_Stage: TypeAlias = tuple[Phase, datetime | None]


@dataclass
class _Own:
    """What is remembered of a dataset between rounds."""

    settling: FileSettling
    rests_from: datetime | None = None
    rest: timedelta = timedelta(0)
    waiting_since: datetime | None = None
    failures: int = 0
    stage: _Stage | None = None
    """How far the dataset was when the last round that ended had begun."""
    unsealed: Round | None = None
    """The last round, if its seal waits until Onedata has the parts."""

    def is_resting(self, now: datetime) -> bool:
        """Say whether it is left alone now."""
        return self.rests_from is not None and is_awaited(self.rests_from + self.rest, now, at_most=self.rest)


@dataclass
class _Turn:
    round: Round
    steps: Iterator[None]
    working: Future[bool] | None = None
    """What it is left with in a folder that does not answer."""
    mounted: frozenset[int] = frozenset()
    """What is mounted over that folder."""

    @property
    def root(self) -> str:
        return self.round.record.root

    @property
    def is_stuck(self) -> bool:
        """Say whether it is still there."""
        return self.working is not None and not self.working.done()

    @property
    def is_lost(self) -> bool:
        """Say whether it is still there, and the folder is mounted anew: it may be there for ever."""
        return self.is_stuck and mounted_over(Path(self.root)) != self.mounted


class Hashing:
    """Reads every settled file once, in one thread, and publishes the checksums in the datasets' sidecars."""

    def __init__(
        self,
        configuration: Configuration,
        journal: Journal,
        *,
        clock: Callable[[], datetime],
        appeared: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare; nothing is read yet.

        Args:
            configuration: What is allowed, and how fast.
            journal: Whose datasets these are.
            clock: The time of day, aware.
            appeared: Called from the thread that works when something new can be imported.
        """
        self._rules = Rules(configuration)
        self._settings = configuration.checksums
        self._configuration = configuration
        self._journal = journal
        self._clock = clock
        self._appeared = appeared
        self._store = Store(journal)
        self._stop = threading.Event()
        self._budget = Budget(self._settings.bytes_per_second, self._stop)
        self._own: dict[int, _Own] = {}
        self._turns: dict[int, _Turn] = {}
        self._hand = Hand()
        self._shown = {record.id: _shown(self._store.state(record.id)) for record in journal.records()}

    def shown(self, dataset: int) -> str:
        """Return what a dataset's sidecar is, as in a `Sighting`."""
        return self._shown.get(dataset, "")

    def run(self) -> None:
        """Work until `stop` is called. For a thread of its own, which gets the lowest priority."""
        self._hand.is_gentle = True
        while not self._stop.is_set():
            pause_s = _LOOK_EVERY_S
            try:
                with suppress(Interrupted):
                    if self.turn():
                        continue
            except (StateError, StorageError) as error:
                # Our own disk, most likely: nothing was lost, and a later round does it again.
                _log.warning("checksums wait: %s", error)
                # Nobody else may go where one still is.
                self._turns = {dataset: turn for dataset, turn in self._turns.items() if turn.is_stuck}
                pause_s = _PAUSE_STATE_S
            self._stop.wait(pause_s)
        self._hand.rest()

    def stop(self) -> None:
        """Let `run` end soon: within one megabyte of reading."""
        self._stop.set()

    def work(self) -> None:
        """Do everything that is due now.

        Raises:
            StorageFull: The journal cannot be written; nothing is lost.
            Interrupted: `stop` was called.
        """
        try:
            while self.turn():
                pass
        finally:
            self._hand.rest()

    def turn(self) -> bool:
        """Let the dataset whose turn it is go on for a moment; `False`: none has anything to do now.

        Raises:
            StateError: The journal cannot be used.
            StorageFull: It cannot be written; nothing is lost.
            Interrupted: `stop` was called.
        """
        silent = self._silent_roots()
        self._admit(silent)
        for dataset in list(self._turns):
            # To the end of the queue.
            turn = self._turns[dataset] = self._turns.pop(dataset)
            if turn.root in silent:
                continue
            if turn.working is not None or self._is_workable(self._journal.get(dataset)):
                self._go_on(turn)
                return True
            del self._turns[dataset]
        return False

    def _silent_roots(self) -> frozenset[str]:
        """Return the watched folders in one of whose datasets the work is stuck."""
        self._turns = {dataset: turn for dataset, turn in self._turns.items() if not turn.is_lost}
        return frozenset(turn.root for turn in self._turns.values() if turn.is_stuck)

    def _admit(self, silent: Collection[str]) -> None:
        now = self._clock()
        room = {True: _MOST_COMPLETE, False: _MOST_ACQUIRING}
        for turn in self._turns.values():
            # What waits for a silent folder takes no room from the others.
            room[turn.round.record.phase is Phase.COMPLETE] -= turn.root not in silent
        for record in self._journal.records():
            complete, watch = record.phase is Phase.COMPLETE, self._rules.watch(record.root)
            if record.id in self._turns or record.root in silent or room[complete] <= 0:
                continue
            if watch is None or not self._is_workable(record):
                continue
            begun = self._next(record, watch, now)
            if begun is not None and self._is_allowed(record, watch):
                room[complete] -= 1
                self._turns[record.id] = begun

    def _next(self, record: Record, watch: Watch, now: datetime) -> _Turn | None:
        if self._is_due(record, watch, now):
            whole = self._round(record, watch)
            return _Turn(whole, whole.steps())
        unsealed = self._own[record.id].unsealed
        if unsealed is not None and unsealed.publisher.may_seal():
            return _Turn(unsealed, unsealed.seal())
        return None

    def _is_due(self, record: Record, watch: Watch, now: datetime) -> bool:
        own = self._own.get(record.id)
        if own is None:
            own = self._own[record.id] = self._remembered(record, watch)
        turned = own.stage != _stage(record) and not own.failures
        return turned or not own.is_resting(now)

    def _remembered(self, record: Record, watch: Watch) -> _Own:
        """Return what to begin with after a start: a complete dataset that was looked at lately has time."""
        own = _Own(FileSettling(watch.settle))
        state = self._store.state(record.id)
        if record.phase is Phase.COMPLETE and not state.is_unsealed:
            checked_at = state.checked_at
            if checked_at is not None and (record.completed_at is None or checked_at >= record.completed_at):
                own.rests_from, own.rest, own.stage = checked_at, self._settings.recheck, _stage(record)
        return own

    def _is_workable(self, record: Record) -> bool:
        held = record.problem is not None and record.problem.kind in STRUCTURAL
        return record.facts is not None and not held and record.phase is not Phase.SEEN

    def _is_allowed(self, record: Record, watch: Watch) -> bool:
        if self._settings.on and watch.sidecar:
            return True
        own = self._own[record.id]
        own.rests_from, own.rest, own.stage = self._clock(), self._settings.recheck, _stage(record)
        self._trouble(record.id, "no checksums", f"{_NONE} are made: they are switched off")
        return False

    def _round(self, record: Record, watch: Watch) -> Round:
        own = self._own[record.id]
        # The passes see to it that these numbers are those of the folder which is meant.
        storage = PosixStorage(record.path, root=Root(str(record.path), record.device, record.inode, record.generation))
        sidecar = Sidecar(record.path, self._journal.pass_fault_point, inode=record.inode)
        hidden = () if shows_metadata_file(record, self._configuration) else watch.metadata_files
        excluded = frozenset({SIDECAR, watch.running_file, *hidden})
        return Round(
            record=record,
            walk=Walk(storage, excluded, closed_names_of(record, self._configuration)),
            storage=storage,
            store=self._store,
            publisher=Publisher(record.id, self._store, sidecar, self._clock),
            settling=own.settling,
            budget=self._budget,
            clock=self._clock,
            first_within=self._settings.first_within,
            waiting_since=own.waiting_since,
        )

    def _go_on(self, turn: _Turn) -> None:
        dataset = turn.round.record.id
        working = turn.working or self._hand.take(partial(self._take_steps, turn))
        turn.working = None
        if not self._hand.has_done(working, Path(turn.root)):
            turn.working, turn.mounted = working, mounted_over(Path(turn.root))
            return
        try:
            if working.result():
                self._ended(turn.round)
        except Vanished:
            # The passes report it.
            self._failed(turn.round)
        except (NotWritable, Foreign) as error:
            self._failed(turn.round, lasting=True)
            self._trouble(dataset, "no checksums", f"{_NONE} can be published: {error}")
        except SidecarTrouble as error:
            self._failed(turn.round)
            self._trouble(dataset, "waits", f"the checksums wait: {error}")
        except Fs2odError:
            raise
        except Exception as error:  # noqa: BLE001 - a mistake of ours at one dataset must not hold back the others
            _log.exception("a mistake of ours at the checksums of dataset %s", dataset)
            self._failed(turn.round)
            self._trouble(dataset, "waits", f"the checksums wait: {type(error).__name__}; the log says more")

    def _take_steps(self, turn: _Turn) -> bool:
        """Go on with a round for a moment; `True`: it has ended."""
        until_s = time.monotonic() + _SLICE_S
        for _ in turn.steps:
            self._tell_appeared(turn.round)
            if time.monotonic() >= until_s:
                return False
        return True

    def _tell_appeared(self, done: Round) -> None:
        if done.published:
            done.published = False
            self._note_shown(done.record.id)
            self._appeared()

    def _ended(self, done: Round) -> None:
        record, own = done.record, self._own[done.record.id]
        del self._turns[record.id]
        complete = record.phase is Phase.COMPLETE and not done.pending
        rest = self._settings.recheck if complete else self._rest(done, own)
        own.rests_from, own.rest, own.failures, own.stage = self._clock(), rest, 0, _stage(record)
        own.waiting_since = done.waiting_since
        own.unsealed = done if done.unsealed else None
        if complete:
            own.settling = FileSettling(own.settling.settle)
        many = "file" if done.walk.unread == 1 else "files"
        unread = f"{done.walk.unread} {many} cannot be read, such as {done.walk.unread_name}: no seal without them"
        self._trouble(record.id, "unread", unread if done.walk.unread else "")
        self._tell_appeared(done)

    def _rest(self, done: Round, own: _Own) -> timedelta:
        return max(own.settling.settle, _LEAST_REST, timedelta(seconds=_WALK_SHARE * done.walked_s))

    def _failed(self, failed: Round, *, lasting: bool = False) -> None:
        own = self._own[failed.record.id]
        self._turns.pop(failed.record.id, None)
        pause = min(_PAUSE_AFTER_ERROR * (1 << min(own.failures, 10)), _LONGEST_PAUSE)
        own.failures += 1
        own.unsealed = None
        own.rests_from, own.rest = self._clock(), self._settings.recheck if lasting else pause
        own.stage = _stage(failed.record)

    def _trouble(self, dataset: int, kind: str, said: str) -> None:
        self._store.note_trouble(dataset, kind, said, self._clock())
        self._note_shown(dataset)

    def _note_shown(self, dataset: int) -> None:
        self._shown[dataset] = _shown(self._store.state(dataset))


def _stage(record: Record) -> _Stage:
    """Return what differs whenever acquisition goes on, and whenever it has ended again."""
    return record.phase, record.completed_at


def _shown(state: State) -> str:
    if state.parts:
        if state.is_unsealed:
            return f"{state.parts}{TO_SEAL}"
        return f"{state.parts} sealed" if state.sealed_parts == state.parts else str(state.parts)
    return "none" if state.trouble.startswith(_NONE) else ""
