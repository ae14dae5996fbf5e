"""Carry a plan out in a folder, at its pace, until it is done or someone says stop."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from fs2od.errors import StorageError, StorageFull, StorageMissing
from fs2od.testing.microscope._instrument import Instrument
from fs2od.testing.microscope._plan import Step, plan
from fs2od.testing.microscope._session import Session

__all__ = ["Progress", "Stop", "Summary", "write"]


class Stop(Protocol):
    """What `write` waits on and asks; `threading.Event` is one."""

    def is_set(self) -> bool:
        """Say whether to stop."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Wait so many seconds, less if it is set meanwhile; say whether it is set."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a session is."""

    files: int
    total_files: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What a session left in its folder."""

    folder: Path
    files: int
    """Those with their final names; the running file does not count."""
    movies: int
    size_bytes: int
    complete: bool
    """False: it was stopped; files may be left with partial names, as after a real abort."""


def write(
    session: Session,
    folder: Path,
    *,
    duration: timedelta | None = None,
    start: datetime | None = None,
    progress: Callable[[Progress], None] | None = None,
    stop: Stop | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Summary:
    """Record a session into a new dataset folder, and come back when it is over or stopped.

    The running file lies in the folder from first to last, and is removed also when the session is stopped. It stays
    behind if the disk fails, as when an instrument dies.

    Args:
        session: What to record.
        folder: Made if it is not there; one that is there must be empty.
        duration: How long to take; None: as fast as the disk allows.
        start: When the acquisition began, by its names and documents; aware. None: now, or, without a duration, so
            long ago that it would just have ended.
        progress: Called after each step.
        stop: Ends the session early, between two files.
        monotonic: The clock that paces it, in seconds.

    Raises:
        StorageError: The folder is not empty, is no folder, or may not be written: choose another.
        StorageFull: The disk is full: make room and start again in a new folder.
        StorageMissing: The folder was removed meanwhile.
    """
    began = start or _began_now(session, duration)
    instrument = Instrument(session, folder, began)
    halt: Stop = threading.Event() if stop is None else stop
    steps = plan(session, start=began, duration=duration)
    _make_empty(folder)
    with _storage_errors(folder):
        for step in _unpaced(steps, halt) if duration is None else _paced(steps, halt, monotonic):
            instrument.carry_out(step)
            if progress is not None:
                progress(Progress(instrument.files, session.file_count, instrument.size_bytes))
        (folder / session.running_file).unlink(missing_ok=True)
    return Summary(folder, instrument.files, instrument.movies, instrument.size_bytes, instrument.is_over)


def _began_now(session: Session, duration: timedelta | None) -> datetime:
    now = datetime.now(UTC)
    return now if duration is not None else now - session.natural_duration


def _paced(steps: Iterable[Step], stop: Stop, monotonic: Callable[[], float]) -> Iterator[Step]:
    began = monotonic()
    for step in steps:
        due = began + step.after.total_seconds()
        while (left_s := due - monotonic()) > 0 and not stop.is_set():
            stop.wait(left_s)
        if stop.is_set():
            return
        yield step


def _unpaced(steps: Iterable[Step], stop: Stop) -> Iterator[Step]:
    for step in steps:
        if stop.is_set():
            return
        yield step


def _make_empty(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_empty = next(folder.iterdir(), None) is None
    except OSError as exc:
        msg = f"Cannot make the folder {folder}: {exc.strerror or exc}."
        raise StorageError(msg) from exc
    if not is_empty:
        msg = f"{folder} is not empty; a session needs a folder of its own."
        raise StorageError(msg)


@contextmanager
def _storage_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        reason = exc.strerror or str(exc)
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            msg = f"No space is left in {folder}: {reason}."
            raise StorageFull(msg) from exc
        if exc.errno == errno.ENOENT:
            msg = f"{folder} is gone: {reason}."
            raise StorageMissing(msg) from exc
        msg = f"Cannot write into {folder}: {reason}."
        raise StorageError(msg) from exc
