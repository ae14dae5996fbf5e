"""The process beside this one that looks at files, started where there is much to look at. Nothing depends on it."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from array import array
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import TypeAlias

from fs2od.storage import _posix_looking as looking

__all__ = ["Assistant", "Told", "Unanswered"]

# Where there is little to list, nothing is gained. Its start takes as long as looking at some thousand, but beside this process:
# a directory that is so large itself is worth to wait for it.
_ALONE, _LARGE_BYTES = 100, 1 << 18
# To ask and to hear the answer takes as long as looking at so many.
_FEW = 20
# What is asked for fits into the socket together: so neither side waits for the other in a circle.
_IN_FLIGHT = 8
_LONGEST_S = 60.0
_START_S = 1.0
_END_S = 5.0
_log = logging.getLogger(__name__)

Told: TypeAlias = "tuple[list[str], array[int]]"
"""Names, and `looking.FACTS` numbers for each, zeros for what could not be told."""


class Unanswered(Exception):  # it says who goes on, and reaches nobody else
    """The process does not answer any more: its user looks itself."""


class Assistant:
    """Has directories listed with the facts of all that lies in them. For use by one thread.

    What was asked for is answered in that order. Whatever goes wrong with the process, or takes longer than a minute, ends it:
    then there are no answers any more.
    """

    def __init__(self) -> None:
        self._channel: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._is_started = self._is_ready = False
        self._seen = self._number = 0
        self._few_bytes = -1
        self._asked: deque[int] = deque()
        self._answer = memoryview(bytearray(looking.MOST_BYTES))

    def saw(self, names: int, size_bytes: int) -> None:
        """Note how many names a directory of that size had: where that is much in sum, the process is worth its start.

        How large a directory is says more or less how much lies in it, in each file system in another way. So it is learned what
        size those with a few names have.
        """
        self._seen += names
        if names < _FEW and size_bytes < _LARGE_BYTES:
            self._few_bytes = max(self._few_bytes, size_bytes)

    def ask(self, directory: int, size_bytes: int) -> int | None:
        """Have an open directory listed, and return the request's number; None if nobody listens."""
        is_large = size_bytes >= _LARGE_BYTES
        if not self._is_started and (is_large or self._seen >= _ALONE):
            self._is_started = True
            self._start()
        if size_bytes <= self._few_bytes or len(self._asked) >= _IN_FLIGHT:
            return None
        if self._channel is None or not self._listens(_START_S if is_large else 0):
            return None
        try:
            socket.send_fds(self._channel, [looking.REQUEST], [directory])
        except OSError as error:
            self._give_up(error)
            return None
        self._number += 1
        self._asked.append(self._number)
        return self._number

    def told(self, number: int) -> Iterator[Told]:
        """Yield what lies in a directory that was asked for, in batches; what was asked for before and not read to its end is dropped.

        Raises:
            Unanswered: The process ended, or took too long.
            OSError: The directory cannot be read on.
        """
        while (names := self._receive(number)) is not None:
            yield names
            if len(names[0]) < looking.BATCH:
                return
        raise Unanswered

    def close(self) -> None:
        """End the process."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._process is not None:
            if not self._is_ready:
                self._process.kill()  # nobody waits for the start of what is not needed any more
            try:
                self._process.wait(_END_S)
            except subprocess.TimeoutExpired:
                # A dead file server holds it; the kernel lets it go when that answers.
                self._process.kill()
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(_END_S)

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, looking.MOST_BYTES)
        ours.setblocking(False)
        self._channel = ours
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - ourselves
                    [sys.executable, "-I", "-S", looking.__file__],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    cwd="/",
                    start_new_session=True,
                )
            except OSError as error:
                self._give_up(error)

    def _listens(self, longest_s: float) -> bool:
        if self._channel is not None and not self._is_ready:
            self._channel.settimeout(longest_s)
            try:
                if self._channel.recv(len(looking.READY)) != looking.READY:
                    raise ConnectionAbortedError("it ended")
            except (BlockingIOError, TimeoutError):
                return False
            except OSError as error:
                self._give_up(error)
                return False
            self._channel.settimeout(_LONGEST_S)
            self._is_ready = True
        return self._is_ready

    def _receive(self, number: int) -> Told | None:
        """Return the next names of a directory; None if there are no answers any more."""
        while self._channel is not None and self._asked:
            try:
                # Into the same memory each time: to take and give back so much costs more than the rest of it.
                names, facts, failed = _read(self._answer[: self._channel.recv_into(self._answer)])
            except OSError as error:
                self._give_up(error)
                return None
            current = self._asked[0]
            if failed or len(names) < looking.BATCH:
                self._asked.popleft()
            if current == number:
                if failed:
                    raise OSError(failed, os.strerror(failed))
                return names, facts
        return None

    def _give_up(self, error: OSError) -> None:
        _log.warning("the process that looks at files does not answer (%s): going on without it", error)
        self._is_ready = False
        if self._channel is not None:
            self._channel.close()
            self._channel = None


def _read(data: memoryview) -> tuple[list[str], array[int], int]:
    """Return the names, facts and error of one answer.

    Raises:
        ConnectionAbortedError: It is none.
    """
    numbers = array("q")
    head = numbers.itemsize
    if len(data) < head:
        raise ConnectionAbortedError("no answer")
    numbers.frombytes(data[:head])
    count = numbers[0]
    if count < 0:
        return [], array("q"), -count
    end = head * (1 + count * looking.FACTS)
    facts = array("q")
    facts.frombytes(data[head:end])
    names = os.fsdecode(bytes(data[end:])).split("/") if count else []
    if len(names) != count:
        raise ConnectionAbortedError("no answer")
    return names, facts, 0
