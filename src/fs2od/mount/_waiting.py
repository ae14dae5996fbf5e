"""Waiting for a service that is away: as long as was asked, and never longer than who waits wants to live."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, wait
from pathlib import Path
from threading import Event
from typing import TypeVar

from fs2od.client import is_transient
from fs2od.errors import Fs2odError, Interrupted
from fs2od.onedata.errors import OnedataError
from fs2od.transfer import Busy, ConnectionLost, UntrustedCertificate

__all__ = ["POLL_S", "Waiting", "is_killed"]

T = TypeVar("T")
POLL_S = 0.25
"""How often to look whether somebody who waits is killed."""
_PAUSE_S = 1.0
_SIGKILL_BIT = 1 << 8
_EXITING = 0x4


class Waiting:
    """Tries again until `wait_s` have passed, or until the mount ends."""

    def __init__(self, wait_s: float, ending: Event, *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._wait_s = wait_s
        self._ending = ending
        self._monotonic_s = monotonic_s

    def is_over(self) -> bool:
        """Say whether the mount ends."""
        return self._ending.is_set()

    def sleep(self, seconds: float) -> None:
        """Wait, but not beyond the mount's end.

        Raises:
            Interrupted: It ends.
        """
        if self._ending.wait(seconds):
            raise Interrupted("the mount is ending")

    def patiently(self, call: Callable[[], T]) -> T:
        """Return what `call` returns, once the service is there.

        Raises:
            Interrupted: The mount ends.
            Fs2odError: What went wrong, if it will not pass, or did not in time.
        """
        until_s = self._monotonic_s() + self._wait_s
        while True:
            if self._ending.is_set():
                raise Interrupted("the mount is ending")
            try:
                return call()
            except Fs2odError as error:
                if not _passes(error) or self._monotonic_s() >= until_s:
                    raise
            self.sleep(_PAUSE_S)

    def for_event(self, event: Event, process: int, *, until_s: float) -> bool:
        """Say whether an event came before a moment of the monotonic clock.

        Raises:
            Interrupted: The mount ends first, or the process that waits is killed.
        """
        while not event.wait(POLL_S):
            self.check(process)
            if self._monotonic_s() >= until_s:
                return False
        return True

    def for_result(self, coming: Future[T], process: int) -> T:
        """Return what comes, unless the mount ends first, or the process that waits for it is killed.

        Raises:
            Interrupted: One of these.
            Fs2odError: It could not be brought.
        """
        self.for_end(coming, process)
        try:
            return coming.result()
        except CancelledError as error:
            raise Interrupted("the mount is ending") from error

    def for_end(self, coming: Future[T], process: int) -> None:
        """Return once something has come, or has failed to.

        Raises:
            Interrupted: The mount ends first, or the process that waits for it is killed.
        """
        while not wait([coming], POLL_S).done:
            self.check(process)

    def check(self, process: int) -> None:
        """Make sure that somebody still waits.

        Raises:
            Interrupted: The mount ends, or the process that waits is killed.
        """
        if self._ending.is_set() or is_killed(process):
            raise Interrupted("nobody waits any more")


def _passes(error: Fs2odError) -> bool:
    if isinstance(error, OnedataError):
        return is_transient(error)
    return isinstance(error, (ConnectionLost, Busy)) and not isinstance(error, UntrustedCertificate)


def is_killed(process: int) -> bool:
    """Say whether a process is to die, and only waits for an answer of ours: the kernel lets it wait for nothing else."""
    if not process:
        return False
    if _dies_of_signal(process):
        return True
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return False
    masks = [line.split()[1] for line in lines if line.startswith(("SigPnd:", "ShdPnd:"))]
    return any(int(mask, 16) & _SIGKILL_BIT for mask in masks)


def _dies_of_signal(process: int) -> bool:
    """Say whether a process that a signal ended is closing its files just now: nobody reads what closing them says."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        flags, code = int(fields[6]), int(fields[-1])
    except (OSError, ValueError, IndexError):
        return False
    return bool(flags & _EXITING and code & 0x7F)
