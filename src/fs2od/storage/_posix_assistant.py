"""The process beside this one that looks at files, started where there is much to look at. Nothing depends on it."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from array import array
from collections import deque
from contextlib import suppress

from fs2od.storage import _posix_looking as looking

__all__ = ["Assistant"]

# Where there is little to list, nothing is gained. Its start takes as long as looking at some thousand, but beside this process.
_ALONE = 100
# Their answers fit into the socket together: so the assistant always comes round to reading, and neither side waits for
# the other in a circle.
_IN_FLIGHT = 8
# Asking and hearing the answer takes as long as looking at so many.
_FEW = 20
_LONGEST_S = 60.0
_END_S = 5.0
_log = logging.getLogger(__name__)


class Assistant:
    """Asks in advance for the facts of names. For use by one thread.

    Whatever goes wrong with the process, or takes longer than a minute, ends it: then there are no answers any more, and its
    user looks itself.
    """

    def __init__(self) -> None:
        self._channel: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._is_started = self._is_ready = False
        self._seen = 0
        self._asked: deque[tuple[int, int]] = deque()
        self._told: dict[int, array[int]] = {}

    def ask(self, directory: int, names: list[str]) -> int | None:
        """Ask for the facts of names in an open directory, and return the request's number; None if nobody listens."""
        self._seen += len(names)
        if not self._is_started and self._seen >= _ALONE:
            self._is_started = True
            self._start()
        if self._channel is None or len(names) < _FEW or not self._listens(self._channel):
            return None
        number = self._seen
        try:
            while len(self._asked) >= _IN_FLIGHT:
                self._receive(self._channel)
            socket.send_fds(self._channel, [os.fsencode("/".join(names))], [directory])
        except OSError as error:
            self._give_up(error)
            return None
        self._asked.append((number, len(names)))
        return number

    def answer(self, number: int | None) -> array[int] | None:
        """Return the facts that were asked for; None if there is no answer.

        There are `looking.FACTS` numbers for each name, zeros for what could not be told.
        """
        if number is None:
            return None
        while self._channel is not None and number not in self._told:
            try:
                self._receive(self._channel)
            except OSError as error:
                self._give_up(error)
        return self._told.pop(number, None)

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

    def _listens(self, channel: socket.socket) -> bool:
        if not self._is_ready:
            try:
                if channel.recv(len(looking.READY)) != looking.READY:
                    raise ConnectionAbortedError("it ended")
            except BlockingIOError:
                return False
            except OSError as error:
                self._give_up(error)
                return False
            channel.settimeout(_LONGEST_S)
            self._is_ready = True
        return True

    def _receive(self, channel: socket.socket) -> None:
        number, count = self._asked[0]
        told = array("q")
        data = channel.recv(looking.MOST_BYTES)
        if len(data) != count * looking.FACTS * told.itemsize:
            raise ConnectionAbortedError("no answer")
        told.frombytes(data)
        self._asked.popleft()
        self._told[number] = told

    def _give_up(self, error: OSError) -> None:
        _log.warning("the process that looks at files does not answer (%s): going on without it", error)
        self._is_ready = False
        if self._channel is not None:
            self._channel.close()
            self._channel = None
