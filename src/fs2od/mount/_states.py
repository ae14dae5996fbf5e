"""Open files as they are read: which state of a file, how it is read, and what its blocks are called."""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from dataclasses import dataclass, field

from fs2od.manifests import PIECE_BYTES
from fs2od.transfer import Entry

__all__ = ["PAGE_BYTES", "SMALL_BYTES", "FileState", "Handle"]

PAGE_BYTES = 128 << 10
SMALL_BYTES = 1 << 20
"""Files up to this size come whole."""
_NEAR_BYTES = 1 << 20
_STREAK = 3
_LONG_BYTES = 512 << 10
_YOUNG_S = 5.0
_STATES = itertools.count(1)
_DIGEST_BYTES = 32


class FileState:
    """A file in one state, as the service lists it.

    Attributes:
        path: The names from the root.
        entry: What the service says of it.
        age: "" for a file that has been as it is for a while. One that was just written may change and look the same to the
            second, so that what is read of it holds for one handle alone, and this says which.
        sums: The SHA-256 of each piece as the manifest has them, once that is known.
        remembered: The same as an earlier mount has left them, in binary; None before anybody looked.
    """

    __slots__ = ("_name", "age", "entry", "path", "remembered", "sums")

    def __init__(self, path: tuple[str, ...], entry: Entry) -> None:
        self.path = path
        self.entry = entry
        self.age = str(next(_STATES)) if time.time() - entry.mtime_s < _YOUNG_S else ""
        self.sums: tuple[str, ...] = ()
        self.remembered: bytes | None = None
        self._name = ""

    def key(self, identity: str, part: str) -> str:
        """Return the name of a block of it.

        Args:
            identity: What tells the dataset from all others.
            part: Which block.
        """
        if not self._name:
            entry = self.entry
            age = (f"{os.getpid()} {self.age}",) if self.age else ()
            said = "\0".join((identity, entry.file_id, str(entry.size_bytes), str(entry.mtime_s), *age))
            self._name = hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()
        return f"i{self._name}-{part}"

    def remembered_sum(self, number: int) -> str:
        """Return the SHA-256 of a piece as an earlier mount has left it."""
        return (self.remembered or b"")[number * _DIGEST_BYTES : (number + 1) * _DIGEST_BYTES].hex()

    def piece(self, number: int) -> tuple[int, int]:
        """Return a piece's first byte and size."""
        start = number * PIECE_BYTES
        return start, min(PIECE_BYTES, self.entry.size_bytes - start)

    def page(self, number: int) -> tuple[int, int]:
        """Return a page's first byte and size."""
        start = number * PAGE_BYTES
        return start, min(PAGE_BYTES, self.entry.size_bytes - start)

    @property
    def has_pages(self) -> bool:
        """Whether it is worth while to bring a part of it."""
        return self.entry.size_bytes > SMALL_BYTES


@dataclass(eq=False)
class Handle:
    """An open file: what is read, and how.

    Attributes:
        path: The names from the root.
        entry: The file in the state in which it was opened.
        process: Who opened it; 0 where nobody knows.
        state: The same, with all that is known of it.
        ahead_of: The piece that was read last when what follows it was asked for.
        ahead: How many pieces were asked for at once.
        until: The piece after the last that was asked for.
        way: Another number whenever whoever reads has gone elsewhere: what was to come then need not come any more.
        waits: How often somebody waited for its bytes.
        waited_s: How long that was together.
        behind: How many pieces were asked for behind somebody who jumps about, from `behind_from` on.
        behind_from: See there.
    """

    path: tuple[str, ...]
    entry: Entry
    process: int = 0
    state: FileState = field(init=False)
    ahead_of: int = -1
    ahead: int = 0
    until: int = -1
    way: int = 0
    waits: int = 0
    waited_s: float = 0.0
    behind: int = 0
    behind_from: int = 0
    _high: int = 0
    _streak: int = 0

    def __post_init__(self) -> None:
        self.state = FileState(self.path, self.entry)

    @property
    def age(self) -> str:
        """See `FileState.age`."""
        return self.state.age

    def follow(self, entry: Entry) -> None:
        """Go on with the same file in another state."""
        if entry is not self.entry:
            self.entry = entry
            self.state = FileState(self.path, entry)
            self.leave()
            self.waits, self.waited_s, self.behind = 0, 0.0, 0

    def leave(self) -> None:
        """Let what was asked for beforehand not come, if nobody else wants it."""
        self.ahead_of = self.until = -1
        self.way += 1

    def note(self, start: int, count: int) -> bool:
        """Take note of a read, and say whether the file is read on and on: in long steps, or in several that follow each other."""
        # Threads that read one handle at once may disturb each other's count, and no more than that.
        follows = abs(start - self._high) <= _NEAR_BYTES
        self._streak = self._streak + 1 if follows else 0
        self._high = max(self._high, start + count) if follows else start + count
        return self._streak >= _STREAK or count >= _LONG_BYTES
