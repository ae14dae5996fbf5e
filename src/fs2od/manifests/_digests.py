"""All checksums of a file in one reading."""

from __future__ import annotations

import hashlib
import zlib

from fs2od.manifests._entries import PIECE_BYTES, ManifestEntry

__all__ = ["Digester", "piece_ranges"]


class Digester:
    """Takes a file's bytes in their order and knows SHA-256, CRC-32 and the pieces' SHA-256 of what it was given."""

    def __init__(self, piece_bytes: int = PIECE_BYTES) -> None:
        self.size_bytes = 0
        self.crc32 = 0
        self._piece_bytes = piece_bytes
        self._whole = hashlib.sha256()
        self._piece = hashlib.sha256()
        self._pieces: list[str] = []

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes; as many as there are."""
        self.crc32 = zlib.crc32(data, self.crc32)
        rest = memoryview(data).cast("B")
        while rest:
            room = self._piece_bytes - self.size_bytes % self._piece_bytes
            part, rest = rest[:room], rest[room:]
            self._whole.update(part)
            # The first piece needs no hash of its own, so files that are not larger are hashed once.
            if self._pieces:
                self._piece.update(part)
            self.size_bytes += len(part)
            if len(part) == room:
                self._pieces.append((self._piece if self._pieces else self._whole).hexdigest())
                self._piece = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The SHA-256 of everything, as 64 hexadecimal digits."""
        return self._whole.hexdigest()

    @property
    def pieces(self) -> tuple[str, ...]:
        """The SHA-256 of every piece, the last one shorter; nothing when all fits into one."""
        if self.size_bytes <= self._piece_bytes:
            return ()
        begun = (self._piece.hexdigest(),) if self.size_bytes % self._piece_bytes else ()
        return (*self._pieces, *begun)

    def entry(self, path: str, mtime_ns: int) -> ManifestEntry:
        """Return the manifest's entry for a file with these bytes."""
        return ManifestEntry(path, self.size_bytes, mtime_ns, self.sha256, self.crc32, self.pieces)


def piece_ranges(size_bytes: int, piece_bytes: int = PIECE_BYTES) -> list[tuple[int, int]]:
    """Return the pieces of a file as (first byte, number of bytes), in order; none for an empty file."""
    return [(first, min(piece_bytes, size_bytes - first)) for first in range(0, size_bytes, piece_bytes)]
