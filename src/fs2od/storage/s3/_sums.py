"""MD5 of what a store is given, piece by piece: what it tells of it afterwards, or gives back, is compared with that."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from fs2od.storage._contract import md5_of_parts

__all__ = ["Sums"]

_BLOCK_BYTES = 1 << 20


class Sums:
    """What went into one object."""

    def __init__(self) -> None:
        self._pieces: list[tuple[int, bytes]] = []

    def over(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the pieces, and remember each as it passes."""
        for piece in pieces:
            self._pieces.append((len(piece), _new(piece).digest()))
            yield piece

    def told(self, *, uploaded: bool) -> str:
        """Return what a store says that computes MD5s; `uploaded` as for `md5_of_parts`."""
        digests = [digest for _, digest in self._pieces] or [_new().digest()]
        return md5_of_parts(digests, uploaded=uploaded)

    def are_of(self, file: BinaryIO) -> bool:
        """Read a file to its end and say whether it has these bytes."""
        return all(_read(file, size) == digest for size, digest in self._pieces) and not file.read(1)


def _new(content: bytes = b"") -> hashlib._Hash:
    return hashlib.md5(content, usedforsecurity=False)


def _read(file: BinaryIO, size_bytes: int) -> bytes:
    digest = _new()
    while size_bytes and (block := file.read(min(size_bytes, _BLOCK_BYTES))):
        digest.update(block)
        size_bytes -= len(block)
    return digest.digest()
