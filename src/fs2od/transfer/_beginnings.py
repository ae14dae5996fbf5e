"""What has come of pieces that are not whole yet, kept beside a partial file, so that a run that was killed is gone on with inside them.

The partial file holds nothing but pieces that were checked, for another process may fill it, too. Here each beginning has a
place with a head that says of which piece it is, how long, and its SHA-256. What is read back and does not fit its head, after
a power cut or because two processes wrote there, is not taken; and what is taken is checked with the whole of its piece.
"""

from __future__ import annotations

import hashlib
import os
import struct
import threading
from typing import Callable, Final

from fs2od.manifests import PIECE_BYTES
from fs2od.transfer._disk import read_at, told, write_at

__all__ = ["Beginnings"]

_HEAD: Final = struct.Struct(">QQ32s")
_HEAD_BYTES: Final = 4096
_PLACE_BYTES: Final = _HEAD_BYTES + PIECE_BYTES
_STEP_BYTES: Final = 1 << 20
# No run has more connections; and what earlier runs have left are different pieces.
_MOST_BESIDE: Final = 64


class Beginnings:
    """The beginnings of one file's pieces. Any number of threads may use it, each for pieces of its own."""

    def __init__(self, notes: Callable[[bool], int], pieces: int) -> None:
        """Look at what earlier runs have left.

        Args:
            notes: Returns the handle of the file to keep them in, which is made if that is True; else -1 where there is none.
            pieces: How many pieces the file has; so many bytes at the beginning of the notes are not ours.

        Raises:
            StorageError: The notes cannot be read.
        """
        self._notes = notes
        self._start = -(-pieces // _HEAD_BYTES) * _HEAD_BYTES
        self._lock = threading.Lock()
        self._places: dict[int, int] = {}
        self._free: list[int] = []
        self._count = 0
        self._is_given_up = False
        with told():
            self._find(pieces)

    def __contains__(self, piece: object) -> bool:
        return piece in self._places

    def read_into(self, view: memoryview, piece: int) -> int:
        """Fill `view`, which has room for a piece, with the beginning of one, and return how many bytes that is; 0 where none is right.

        Raises:
            StorageError: The disk reported a failure.
        """
        with self._lock:
            place = self._places.get(piece)
        if place is None:
            return 0
        with told():
            handle, at = self._notes(True), self._at(place)
            _, length, promised = _HEAD.unpack(read_at(handle, _HEAD.size, at))
            filled = 0
            # A whole piece would stand in the partial file.
            while filled < length < len(view):
                data = read_at(handle, min(length - filled, _STEP_BYTES), at + _HEAD_BYTES + filled)
                if not data:
                    return 0
                view[filled : filled + len(data)] = data
                filled += len(data)
        return filled if filled and hashlib.sha256(view[:filled]).digest() == promised else 0

    def keep(self, piece: int, view: memoryview, since: int, sha256: bytes) -> None:
        """Keep the beginning of a piece; the first `since` bytes of it were kept before. It is not safe against a power cut.

        Raises:
            StorageFull: The disk is full.
            StorageError: The disk reported a failure.
        """
        with self._lock:
            if self._is_given_up:
                return
            is_new = piece not in self._places
            if is_new:
                self._places[piece] = self._free.pop() if self._free else self._count
                self._count = max(self._count, self._places[piece] + 1)
            at = self._at(self._places[piece])
            since = 0 if is_new else since
            with told():
                handle = self._notes(True)
                write_at(handle, view[since:], at + _HEAD_BYTES + since)
                write_at(handle, memoryview(_HEAD.pack(piece, len(view), sha256)), at)

    def forget(self, piece: int) -> None:
        """Let its place be used for another piece."""
        with self._lock:
            place = self._places.pop(piece, None)
            if place is not None:
                self._free.append(place)

    def make_room(self) -> None:
        """Give up all beginnings for good: on a full disk, whole pieces need the room more.

        Raises:
            StorageError: The disk reported a failure.
        """
        with self._lock, told():
            self._is_given_up = True
            self._places.clear()
            handle = self._notes(False)
            if handle >= 0 and os.fstat(handle).st_size > self._start:
                os.ftruncate(handle, self._start)

    def _find(self, pieces: int) -> None:
        handle = self._notes(False)
        size = os.fstat(handle).st_size - self._start if handle >= 0 else 0
        self._count = min(max(0, -(-size // _PLACE_BYTES)), pieces + _MOST_BESIDE)
        for place in range(self._count):
            head = read_at(handle, _HEAD.size, self._at(place)).ljust(_HEAD.size, b"\0")
            piece, length, _ = _HEAD.unpack(head)
            if 0 < length < PIECE_BYTES and piece < pieces and piece not in self._places:
                self._places[piece] = place
            else:
                self._free.append(place)

    def _at(self, place: int) -> int:
        return self._start + place * _PLACE_BYTES
