"""Several processes, also on several machines, that fill one folder: each file is the affair of one of them.

Nobody decides for all and nothing is locked. Each process says from time to time, by a file in the common folder, that it is
there; whose affair a file is, follows from its name and from who is there (rendezvous hashing). Who dies is missed after a
while, and then its files are others'. Where two take the same file all the same, because one has just come, both bring it: that
costs bytes and breaks nothing.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
import time
from hashlib import blake2b
from pathlib import Path
from typing import Callable, Final

__all__ = ["Crew"]

_BEAT_S: Final = 4.0
_MISSED_S: Final = 30.0
_LOOK_S: Final = 2.0
_WORKING: Final = ".working"
_DONE: Final = ".waiting"


class Crew:
    """The processes at a folder, this one among them. Use it as a context manager."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Prepare to join.

        Args:
            folder: Where everybody's signs of life lie.
            clock: Seconds that only grow.
        """
        self._folder = folder
        self._clock = clock
        self.name = f"{socket.gethostname()[:60]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._state = _WORKING
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._seen: tuple[str, ...] = ()
        self._next_look_s = 0.0

    def __enter__(self) -> Crew:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._beat()
        threading.Thread(target=self._live, name="fs2od-crew", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for state in (_WORKING, _DONE):
            with contextlib.suppress(OSError):
                (self._folder / f"{self.name}{state}").unlink()

    def is_mine(self, path: str) -> bool:
        """Say whether a file is this process's affair now."""
        names = self.others_at_work()
        if self._state == _DONE:
            return not names
        return all(_weight(self.name, path) >= _weight(name, path) for name in names)

    def others_at_work(self) -> tuple[str, ...]:
        """Return the other processes that bring files."""
        with self._lock:
            if self._clock() >= self._next_look_s:
                self._seen = self._looked()
                self._next_look_s = self._clock() + _LOOK_S
            return self._seen

    def is_alone(self) -> bool:
        """Say whether no other process is here, whatever it does."""
        return not self._present((_WORKING, _DONE))

    def wait(self) -> None:
        """Take note that this process only waits for what others bring: nothing is its affair while others work."""
        self._change(_DONE)

    def work(self) -> None:
        """Take note that this process brings files."""
        self._change(_WORKING)

    def _change(self, state: str) -> None:
        before, self._state = self._state, state
        if before != state:
            self._beat()
            with contextlib.suppress(OSError):
                (self._folder / f"{self.name}{before}").unlink()
            self._next_look_s = 0.0

    def _live(self) -> None:
        while not self._over.wait(_BEAT_S):
            self._beat()

    def _beat(self) -> None:
        # The file system's own clock counts: those of the machines may differ.
        with contextlib.suppress(OSError):
            own = self._folder / f"{self.name}{self._state}"
            own.write_bytes(b"\n")
            if self._over.is_set():
                own.unlink()

    def _looked(self) -> tuple[str, ...]:
        return self._present((_WORKING,))

    def _present(self, suffixes: tuple[str, ...]) -> tuple[str, ...]:
        found: dict[str, float] = {}
        with contextlib.suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    found[entry.name] = entry.stat().st_mtime
        now_s = found.get(f"{self.name}{self._state}", max(found.values(), default=0.0))
        names = set()
        for name, beat_s in found.items():
            stem, _, suffix = name.rpartition(".")
            if f".{suffix}" in suffixes and stem != self.name and now_s - beat_s < _MISSED_S:
                names.add(stem)
        return tuple(sorted(names))


def _weight(name: str, path: str) -> bytes:
    return blake2b(f"{name}\0{path}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
