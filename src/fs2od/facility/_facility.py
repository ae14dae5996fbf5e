"""The facility side: looks at the watched folders, decides, acts, and sends the mail, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fs2od.answering import SILENT, in_thread, silent_among
from fs2od.client import Connection
from fs2od.configuration import Configuration, mail_transport
from fs2od.errors import ConfigurationError, Fs2odError, Interrupted, StorageFull, StorageMissing
from fs2od.facility._passes import Passes
from fs2od.facility._postman import Postman
from fs2od.facility._refused_mail import ALWAYS_TOLD, always_told
from fs2od.facility._revisits import Revisits
from fs2od.facility._whereabouts import Whereabouts
from fs2od.facility.hashing import Hashing
from fs2od.facility.journal import JOURNAL_SCHEMA, FaultPoint, Journal, no_fault
from fs2od.facility.onboarding import Connect
from fs2od.facility.watching import Waking, by_known_names, holding, require_watchable, until_one_answers
from fs2od.mail import Transport
from fs2od.onedata.tokens import Token
from fs2od.sqlite import Database, hold_folder

__all__ = ["DATABASE_NAME", "Facility"]

DATABASE_NAME = "facility.db"

_SHORTEST_PAUSE_S = 0.1
_LOOK_SHARE = 4
"""Between two looks we rest at least so many times as long as the last one took: file systems are shared."""
_PAUSE_AFTER_ERROR_S = 5.0
_ENDS_WITHIN_S = 10.0
_LISTENING_AFTER_S = 1.0
"""So soon after they were named, notices come from folders. What moved before is found by another look."""

_log = logging.getLogger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Facility:
    """One facility side over its folder of state. Use `run` for a daemon, `once` for a single pass."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        data: Path,
        connect: Connect | None = None,
        clock: Callable[[], datetime] = _utc_now,
        fault_point: FaultPoint = no_fault,
        mail: Transport | None = None,
        named_in: str = "the configuration",
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            configuration: What the facility is told.
            data: The folder of its state; made if it is missing.
            connect: Makes the connection to Onedata; by default over TLS as configured.
            clock: The time of day, aware.
            fault_point: Called before and after every write of the journal.
            mail: How letters go out; by default as configured.
            named_in: What names the watched folders, for people who have to change it.
        """
        self._configuration = configuration
        self._data = data
        self._connect = connect or self._connection
        self._clock = clock
        self._fault_point = fault_point
        self._mail = mail
        self._named_in = named_in
        self.prepared = asyncio.Event()
        """Set once `run` has its groups at Onedata, or has seen that Onedata is away."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set.

        Raises:
            StateInUse: Another facility uses the folder of state, or watches one of the folders.
            StateTooNew: A newer fs2od wrote it.
            StorageMissing: A watched folder that answers, or the folder of state, is missing or may not be used.
            ConfigurationError: The token or the mail settings cannot be used.
        """
        away = await asyncio.to_thread(self._silent)
        while not await self._work(stop, away):
            # What it is called in the journal, and whether others watch it, could not be seen before.
            away = await asyncio.to_thread(self._silent, is_start=False)

    async def _work(self, stop: asyncio.Event, away: frozenset[Path]) -> bool:
        """Work until `stop` is set; `False`: until one of the folders that were `away` answers."""
        waking, loop = Waking(), asyncio.get_running_loop()

        def appeared() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(waking.wake)

        async with self._opened(appeared, away) as (passes, postman, hashing, whereabouts, revisits):
            tasks = [
                asyncio.create_task(self._keep_looking(passes, waking)),
                asyncio.create_task(whereabouts.keep_asking()),
                asyncio.create_task(revisits.keep_looking()),
                asyncio.create_task(postman.keep_delivering()),
                asyncio.create_task(_keep_hashing(hashing)),
                asyncio.create_task(self._prepare(passes, stop)),
            ]
            back = asyncio.create_task(until_one_answers(away))
            try:
                await asyncio.wait([*tasks, back], return_when=asyncio.FIRST_COMPLETED)
                is_back = back.done()
            finally:
                waking.close()
                for task in (*tasks, back):
                    task.cancel()
                results = await asyncio.gather(*tasks, back, return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                    raise result
            if not stop.is_set() and not is_back:
                raise Fs2odError("a part of the facility ended by itself: start it again; nothing was lost")
        return stop.is_set()

    def _silent(self, *, is_start: bool = True) -> frozenset[Path]:
        """Return the watched folders that do not answer: the others are served meanwhile. At a start all others have to be there."""
        watches = self._configuration.watch
        silent = silent_among(watch.path for watch in watches)
        if is_start:
            require_watchable([watch for watch in watches if watch.path not in silent])
        return silent

    async def once(self) -> None:
        """Look once, do everything that can be done now, send the mail that is due.

        Raises:
            StateInUse: Another facility uses the folder of state.
            StorageMissing: A watched folder does not answer; what could be done in the others was done. Or as for `run`.
            Fs2odError: As for `run`.
        """
        away = await asyncio.to_thread(self._silent)
        async with self._opened(away=away) as (passes, postman, hashing, _, _):
            await passes.one()
            if (settled_at := passes.settled_at()) is not None:
                # Nobody knows since when a metadata file stands as it does that was never looked at before.
                await asyncio.sleep(max((settled_at - self._clock()).total_seconds(), 0.0))
                await passes.one()
            await _until_ended(asyncio.wrap_future(in_thread(hashing.work)), hashing)
            # What appeared in the sidecars is imported at once.
            await passes.one()
            await postman.deliver()
        if away:
            named = ", ".join(map(str, sorted(away)))
            raise StorageMissing(f"of {named} nothing is known: {SILENT} All else that could be done was done")

    @contextlib.asynccontextmanager
    async def opened(self, *, checksums: bool = False) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """Yield a function that makes one pass, any number of times; for tests and scripts.

        Args:
            checksums: Let each pass also read the files that settled, and publish their checksums.
        """
        away = await asyncio.to_thread(self._silent, is_start=False)
        async with self._opened(away=away) as (passes, postman, hashing, _, revisits):

            async def one_pass() -> None:
                await revisits.all_due()
                await passes.one()
                if checksums:
                    await _until_ended(asyncio.wrap_future(in_thread(hashing.work)), hashing)
                await postman.deliver()

            yield one_pass

    @contextlib.asynccontextmanager
    async def _opened(
        self, appeared: Callable[[], None] = lambda: None, away: frozenset[Path] = frozenset()
    ) -> AsyncIterator[tuple[Passes, Postman, Hashing, Whereabouts, Revisits]]:
        try:
            self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StorageMissing(f"the folder {self._data} cannot be made ({error.strerror})") from error
        there = [watch for watch in self._configuration.watch if watch.path not in away]
        with hold_folder(self._data, "facility"), holding(there, named_in=self._named_in):
            transport = self._mail or mail_transport(self._configuration.mail, self._data)
            with contextlib.closing(Database(self._data / DATABASE_NAME, JOURNAL_SCHEMA)) as database:
                journal = Journal(database, fault_point=self._fault_point)
                if journal.known(ALWAYS_TOLD) != (always := always_told(self._configuration.mail)):
                    # For the operator's page alone: on a full disk the next start writes it down.
                    with contextlib.suppress(StorageFull):
                        journal.know(ALWAYS_TOLD, always)
                roots = {record.root for record in journal.records()}
                watches = by_known_names(self._configuration.watch, roots, away=away)
                configuration = self._configuration.model_copy(update={"watch": watches})
                hashing = Hashing(configuration, journal, clock=self._clock, appeared=appeared)
                revisits = Revisits(configuration, journal, self._clock, appeared)
                postman = Postman(journal.outbox, transport, self._clock)
                passes = Passes(
                    configuration,
                    journal,
                    connect=self._connect,
                    clock=self._clock,
                    away=away,
                    sidecar=hashing.shown,
                    later=revisits.found,
                    acted=postman.look_again,
                )
                onedata = self._configuration.onedata
                whereabouts = Whereabouts(onedata, journal, connect=self._connect, clock=self._clock)
                try:
                    yield passes, postman, hashing, whereabouts, revisits
                finally:
                    await passes.close()

    async def _prepare(self, passes: Passes, stop: asyncio.Event) -> None:
        """Make the groups beside the first look, which does not wait for a service that is away; then wait for the end."""
        try:
            await passes.prepare()
        except ConfigurationError:
            raise
        except Fs2odError as error:
            _log.warning("the groups cannot be made yet: %s", error)  # the first dataset makes them
        finally:
            self.prepared.set()
        await stop.wait()

    async def _keep_looking(self, passes: Passes, waking: Waking) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await passes.one()
            except ConfigurationError:
                raise
            except Fs2odError as error:
                # Our own disk, most likely: nothing was lost, and the next pass does it again.
                _log.warning("a pass broke off: %s", error)
                await asyncio.sleep(_PAUSE_AFTER_ERROR_S)
                continue
            is_new = waking.listen(flat=passes.flat_folders(), deep=passes.deep_folders())
            await asyncio.sleep(max(_SHORTEST_PAUSE_S, _LOOK_SHARE * min(loop.time() - began, passes.look_s)))
            rest_s = self._rest_s(passes)
            await waking.wait(at_most_s=min(rest_s, _LISTENING_AFTER_S) if is_new else rest_s)

    def _rest_s(self, passes: Passes) -> float:
        poll = self._configuration.scan.poll
        due = passes.due_at()
        rest: timedelta = poll if due is None else min(poll, due - self._clock())
        return max(rest.total_seconds(), 0.0)

    def _connection(self, token: Token) -> Connection:
        return Connection(token=token, ca_file=self._configuration.onedata.ca_file)


async def _keep_hashing(hashing: Hashing) -> None:
    """Let it work in a thread of its own, which keeps its low priority."""
    await _until_ended(asyncio.wrap_future(in_thread(hashing.run)), hashing)


async def _until_ended(working: asyncio.Future[None], hashing: Hashing) -> None:
    """Wait for a thread that makes checksums; when we are to stop, stop it and see it end: it uses the journal.

    One that is in a folder which does not answer is left there: it cannot use anything.
    """
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        hashing.stop()
        with contextlib.suppress(Interrupted):
            await asyncio.wait({working}, timeout=_ENDS_WITHIN_S)
            if working.done():
                working.result()
        raise
