"""A ledger that mirrors keep on the disk, for later runs and for the processes that fill a folder together."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from pathlib import Path
from typing import Final

from fs2od.transfer._ledger import Known, Ledger

__all__ = ["KeptLedger"]

_MOST_UNWRITTEN: Final = 256
_LONGEST_LINE: Final = 64 << 10
_SUFFIX: Final = ".jsonl"


class KeptLedger(Ledger):
    """Remembers for later runs, too, and for other processes at the same folder: each appends to a file of its own.

    A line that is not whole, or is none of ours, is passed over: the file it speaks of is then read again.
    """

    def __init__(self, folder: Path, name: str) -> None:
        """Read what there is.

        Args:
            folder: Where the files of all processes lie.
            name: What no other process calls itself.
        """
        super().__init__(keeps=True)
        self._folder = folder
        self._own = folder / f"{name}{_SUFFIX}"
        self._lock = threading.Lock()
        self._unwritten: list[str] = []
        self._read_to: dict[str, int] = {}
        self.look()

    def remember(self, path: str, known: Known) -> None:
        """Take note that a file was found right; it is written down soon."""
        with self._lock:
            if self._known.get(path) == known:
                return
            self._known[path] = known
            self._unwritten.append(json.dumps([path, *known]))
            is_much = len(self._unwritten) >= _MOST_UNWRITTEN
        if is_much:
            self.flush()

    def doubt(self) -> None:
        """Forget nothing: that it need not be read again is what it was written down for."""

    def flush(self) -> None:
        """Write down what was found. A disk that refuses costs a reading later, nothing else."""
        with self._lock:
            lines, self._unwritten = self._unwritten, []
            if lines:
                with contextlib.suppress(OSError), self._own.open("a", encoding="utf-8") as file:
                    file.write("".join(f"{line}\n" for line in lines))

    def look(self) -> None:
        """Take in what other processes have written meanwhile."""
        with self._lock, contextlib.suppress(OSError):
            for name in sorted(os.listdir(self._folder)):  # noqa: PTH208 - names, not paths
                if name.endswith(_SUFFIX) and name != self._own.name:
                    self._take(name)

    def compact(self) -> None:
        """Put everything into one file. Only while no other process works here."""
        self.flush()
        with self._lock, contextlib.suppress(OSError):
            whole = self._own.with_suffix(".new")
            with whole.open("w", encoding="utf-8") as file:
                file.writelines(f"{json.dumps([path, *known])}\n" for path, known in self._known.items())
            whole.replace(self._own)
            for name in os.listdir(self._folder):  # noqa: PTH208 - names, not paths
                if name != self._own.name:
                    (self._folder / name).unlink()

    def _take(self, name: str) -> None:
        with contextlib.suppress(OSError), (self._folder / name).open("rb") as file:
            file.seek(self._read_to.get(name, 0))
            for line in iter(lambda: file.readline(_LONGEST_LINE), b""):
                if not line.endswith(b"\n"):
                    break  # it is just being written
                self._read_to[name] = file.tell()
                found = _parsed(line)
                if found is not None:
                    self._known[found[0]] = found[1]


def _parsed(line: bytes) -> tuple[str, Known] | None:
    try:
        path, sha256, inode, size, mtime_ns = json.loads(line)
    except (ValueError, TypeError, RecursionError):
        return None
    numbers = (inode, size, mtime_ns)
    if not isinstance(path, str) or not isinstance(sha256, str) or not all(isinstance(each, int) for each in numbers):
        return None
    return path, (sha256, inode, size, mtime_ns)
