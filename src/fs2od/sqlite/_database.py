"""One SQLite file, its schema steps, and the two ways to use it: reading and writing."""

from __future__ import annotations

import errno
import os
import queue
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fs2od.errors import StateError, StateFull, StateInUse, StateTooNew, StateTooOld, StorageMissing

_BUSY_TIMEOUT_S = 10.0
_IDLE_READERS = 8
_LONGEST_LOG_BYTES = 8 << 20
"""What is kept of a log that a large import made longer."""


@dataclass(frozen=True)
class Schema:
    """The schema of one kind of database, as the steps that lead to it.

    Step n (counted from 1) turns version n - 1 into version n and is never changed once released: new needs are new steps.
    """

    name: str
    steps: tuple[str, ...]

    @property
    def version(self) -> int:
        """The version that this code reads and writes."""
        return len(self.steps)


class Database:
    """One SQLite file in WAL mode with full synchronisation: what was committed survives a power cut, unless its writer said otherwise.

    Any thread may read at any time; writers take turns. All SQLite errors leave here as `StateError` or `StorageError`.
    """

    def __init__(self, path: Path, schema: Schema, *, migrate: bool = True) -> None:
        """Open it, made if it is missing.

        Args:
            path: The file.
            schema: What is read and written.
            migrate: Whether to bring an older one up to date, which is for the service whose state it is: an older one that
                still runs would not find its way in it after its next start.

        Raises:
            StateTooNew: A newer fs2od wrote it; nothing was changed.
            StateTooOld: An older fs2od wrote it, and it is not to be migrated; nothing was changed.
            StateError: It is damaged or locked.
            StorageError: It cannot be opened, or there is no room.
        """
        self.path = path
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue(_IDLE_READERS)
        self._write_lock = threading.Lock()
        self._closed = threading.Event()
        self._is_waiting_for_disk = True
        self.commits = 0
        """How many transactions were committed since it was opened: what was read is still so while this stands still."""
        with self._wrapped():
            if not path.parent.is_dir():
                raise StorageMissing(f"the folder {path.parent} for {path.name} does not exist: create it")
            _make_private(path)
            self._writer = self._connect()
            try:
                self._migrate(schema, is_allowed=migrate)
            except BaseException:
                # Closing also rolls back steps that failed half-way, and lets go of the lock.
                self._writer.close()
                raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection for reading. Each statement sees what was committed when it began.

        Raises:
            StateError: The file is damaged or locked beyond waiting.
        """
        with self._wrapped():
            try:
                connection = self._idle.get_nowait()
            except queue.Empty:
                connection = self._connect()
            try:
                yield connection
            finally:
                try:
                    self._idle.put_nowait(connection)
                except queue.Full:
                    connection.close()
                if self._closed.is_set():
                    self._close_idle()

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """Yield the writer's connection inside one transaction: committed at the end, rolled back on any exception.

        Args:
            durable: Whether to wait until the disk has it. Without, a power cut may take the transaction back, whole and
                with nothing older; the next durable one makes it durable, too. A death of the process takes nothing.

        Raises:
            StateFull: No space left; nothing of this transaction was kept.
            StateInUse: Another process held the database for longer than ten seconds.
            StateError: It was closed; nothing was written.
        """
        with self._wrapped(), self._write_lock:
            if self._closed.is_set():
                raise StateError(f"{self.path} was closed: nothing more is written")
            try:
                self._wait_for_disk(durable)
                self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                self._writer.execute("COMMIT")
                self.commits += 1
            except BaseException:
                # A full disk may already have rolled back by itself.
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
            finally:
                if self._closed.is_set():
                    self._writer.close()

    def close(self) -> None:
        """Close it, when a transaction that is under way has ended: threads outlive the tasks that wait for them.

        Python's SQLite brings the whole process down when a connection is closed that another thread is using. So what is still
        being used, by readers or by a transaction that lasts for very long, is closed by its user.
        """
        self._closed.set()
        self._close_idle()
        if self._write_lock.acquire(timeout=_BUSY_TIMEOUT_S):
            try:
                self._writer.close()
            finally:
                self._write_lock.release()

    def _close_idle(self) -> None:
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return

    def _wait_for_disk(self, wanted: bool) -> None:
        if wanted != self._is_waiting_for_disk:
            self._writer.execute(f"PRAGMA synchronous = {'FULL' if wanted else 'NORMAL'}")
            self._is_waiting_for_disk = wanted

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {_LONGEST_LOG_BYTES}")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _migrate(self, schema: Schema, *, is_allowed: bool) -> None:
        found = self._version(schema)
        if found == schema.version:
            return
        if not is_allowed:
            raise StateTooOld(
                f"{self.path} was written by an older fs2od (version {found} of its {schema.name}, this fs2od knows "
                f"{schema.version}): start this fs2od's service on it first, or use the older one; nothing was changed"
            )
        # All steps in one transaction: whole or not at all, and the disk is waited for once, not for each of them.
        self._writer.execute("BEGIN IMMEDIATE")
        # Asked again now that nobody else can write: another process may have taken the same steps while we waited.
        found = self._version(schema)
        for statement in _missing(schema, found) if found else _whole(schema):
            self._writer.execute(statement)
        self._writer.execute(f"PRAGMA user_version = {schema.version}")
        self._writer.execute("COMMIT")

    def _version(self, schema: Schema) -> int:
        found = int(self._writer.execute("PRAGMA user_version").fetchone()[0])
        if found > schema.version:
            raise StateTooNew(
                f"{self.path} was written by a newer fs2od (version {found} of its {schema.name}, this fs2od knows "
                f"{schema.version}): start the newer fs2od, nothing was changed"
            )
        return found

    @contextmanager
    def _wrapped(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise _as_ours(self.path, error) from error
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.IntegrityError):
                raise
            raise StateError(f"{self.path} is damaged ({error}): restore it from a copy") from error


def _missing(schema: Schema, found: int) -> Iterator[str]:
    """Yield the statements that bring a database of the version `found` up to date."""
    for step in schema.steps[found:]:
        yield from _statements(step)


@cache
def _whole(schema: Schema) -> tuple[str, ...]:
    """Return the statements that make in a new database what all steps make of it.

    Kept, for these take a fourth of the time: steps change what earlier ones made, and SQLite reads all that there is each time.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        for statement in _missing(schema, 0):
            made.execute(statement)
        _begin, *statements, _commit = made.iterdump()
    return tuple(statements)


def _statements(script: str) -> Iterator[str]:
    """Yield the statements of a script: SQLite's own way to run one commits before it begins."""
    statement = ""
    for piece in script.split(";"):
        statement += f"{piece};"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    yield statement  # what is left after the last one: nothing, or a comment


def _make_private(path: Path) -> None:
    """Make a new file readable by its owner only, before SQLite does; its companions take over the mode.

    An existing file is not even opened: closing any descriptor of it would drop the locks that SQLite holds on it in this
    process (POSIX advisory locks belong to process and file), and another process would then clear away our log.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        said = f"{path} cannot be opened for writing ({error.strerror}): check the folder and its rights"
        raise (StateFull if error.errno == errno.ENOSPC else StorageMissing)(said) from error


def _as_ours(path: Path, error: sqlite3.OperationalError) -> StateError | StateFull | StorageMissing:
    code = getattr(error, "sqlite_errorcode", 0)
    primary = code & 0xFF
    # The second is said when the file that connections share finds no room.
    if primary == sqlite3.SQLITE_FULL or code == sqlite3.SQLITE_IOERR_SHMSIZE:
        return StateFull(f"no space left for {path}: make room; nothing was lost, it goes on by itself")
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StateInUse(f"{path} is held by another process: stop that one first")
    if primary in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
        return StorageMissing(f"{path} cannot be opened for writing ({error}): check the folder and its rights")
    return StateError(f"{path}: {error}")
