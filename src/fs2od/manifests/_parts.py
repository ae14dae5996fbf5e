"""Parts of a manifest: JSON lines between a header and a trailer that vouches for them."""

from __future__ import annotations

import hashlib
from typing import Iterable, NamedTuple, Sequence

from fs2od.manifests._entries import MOST_FILE_BYTES, PIECE_BYTES, Gone, ManifestEntry, is_listable
from fs2od.manifests._json import BrokenPart, dump_line, hexadecimal, parse_line, text, whole

__all__ = ["MOST_PART_BYTES", "BrokenPart", "Part", "dump_part", "parse_part"]

MOST_PART_BYTES = 256 << 20
"""No part is larger; a reader may refuse to load more."""

_VERSION = 1
_MOST_NS = 2**63 - 1
_MOST_PART = 10**12 - 1
_LEAST_PIECE_BYTES = 64 << 10
_MOST_PIECE_BYTES = 1 << 40


class Part(NamedTuple):
    """A part whose trailer fits. `sha256` is that of all bytes before the trailer."""

    number: int
    entries: tuple[ManifestEntry, ...]
    gone: tuple[Gone, ...]
    sha256: str
    piece_bytes: int = PIECE_BYTES

    @property
    def size_bytes(self) -> int:
        """The sizes of the listed files, added up."""
        return sum(entry.size_bytes for entry in self.entries)


def dump_part(number: int, entries: Sequence[ManifestEntry], gone: Iterable[Gone] = ()) -> bytes:
    """Return the bytes of a part.

    Raises:
        ValueError: `parse_part` would refuse it: a path that may not be listed, or is listed twice, or too much for one part.
    """
    missing = tuple(gone)
    paths = [entry.path for entry in entries] + [each.path for each in missing]
    if len(set(paths)) != len(paths) or not all(map(is_listable, paths)):
        raise ValueError("a path may not be listed, or is listed twice")
    body = bytearray(dump_line({"fs2od": "manifest", "version": _VERSION, "part": number, "piece_bytes": PIECE_BYTES}))
    for entry in entries:
        body += _dump_entry(entry)
    for each in missing:
        body += dump_line({"path": each.path, "gone": True})
    size_bytes = sum(entry.size_bytes for entry in entries)
    digest = hashlib.sha256(body).hexdigest()
    body += dump_line({"files": len(entries), "bytes": size_bytes, "sha256": digest})
    if len(body) > MOST_PART_BYTES:
        raise ValueError("this is too much for one part")
    return bytes(body)


def _dump_entry(entry: ManifestEntry) -> bytes:
    document: dict[str, object] = {
        "path": entry.path,
        "size": entry.size_bytes,
        "mtime_ns": entry.mtime_ns,
        "sha256": entry.sha256,
        "crc32": f"{entry.crc32:08x}",
    }
    if entry.pieces:
        document["pieces"] = entry.pieces
    return dump_line(document)


def parse_part(data: bytes) -> Part:
    """Return the part that these bytes are, after everything about it was checked.

    Keys that this version does not know are left aside.

    Raises:
        BrokenPart: It is cut off, changed, or not a part.
    """
    if len(data) > MOST_PART_BYTES:
        raise BrokenPart("the part is too large")
    if not data.endswith(b"\n"):
        raise BrokenPart("the part is cut off")
    end = data.rfind(b"\n", 0, -1) + 1
    trailer = parse_line(data[end:])
    digest = hashlib.sha256(memoryview(data)[:end]).hexdigest()
    if trailer.get("sha256") != digest:
        raise BrokenPart("the part is cut off or was changed: its last line does not fit")
    number, piece_bytes = _header(data[: data.find(b"\n") + 1])
    part = Part(number, *_lines(data[:end].split(b"\n")[1:-1], piece_bytes), digest, piece_bytes)
    listed = (whole(trailer, "files", least=0, most=_MOST_NS), whole(trailer, "bytes", least=0, most=2**127))
    if listed != (len(part.entries), part.size_bytes):
        raise BrokenPart("the part's last line counts other files")
    return part


def _header(line: bytes) -> tuple[int, int]:
    header = parse_line(line)
    if header.get("fs2od") != "manifest":
        raise BrokenPart("this is no part of a manifest")
    if whole(header, "version", least=1, most=_MOST_NS) != _VERSION:
        raise BrokenPart("the part was written by a newer fs2od")
    piece_bytes = whole(header, "piece_bytes", least=_LEAST_PIECE_BYTES, most=_MOST_PIECE_BYTES)
    return whole(header, "part", least=1, most=_MOST_PART), piece_bytes


def _lines(lines: Iterable[bytes], piece_bytes: int) -> tuple[tuple[ManifestEntry, ...], tuple[Gone, ...]]:
    entries: list[ManifestEntry] = []
    gone: list[Gone] = []
    paths: set[str] = set()
    for line in lines:
        document = parse_line(line)
        path = text(document, "path")
        if not is_listable(path) or path in paths:
            raise BrokenPart("a path is listed twice, or leads out of the dataset")
        paths.add(path)
        if "gone" in document:
            gone.append(_gone(path, document))
        else:
            entries.append(_entry(path, document, piece_bytes))
    return tuple(entries), tuple(gone)


def _gone(path: str, document: dict[str, object]) -> Gone:
    if document["gone"] is not True:
        raise BrokenPart("'gone' is not true")
    return Gone(path)


def _entry(path: str, document: dict[str, object], piece_bytes: int) -> ManifestEntry:
    size_bytes = whole(document, "size", least=0, most=MOST_FILE_BYTES)
    return ManifestEntry(
        path=path,
        size_bytes=size_bytes,
        mtime_ns=whole(document, "mtime_ns", least=-_MOST_NS - 1, most=_MOST_NS),
        sha256=hexadecimal(document.get("sha256"), 64, "sha256"),
        crc32=int(hexadecimal(document.get("crc32"), 8, "crc32"), 16),
        pieces=_pieces(document.get("pieces", []), size_bytes, piece_bytes),
    )


def _pieces(listed: object, size_bytes: int, piece_bytes: int) -> tuple[str, ...]:
    wanted = -(-size_bytes // piece_bytes) if size_bytes > piece_bytes else 0
    if not isinstance(listed, list) or len(listed) != wanted:
        raise BrokenPart("'pieces' does not fit the size")
    return () if not wanted else tuple(hexadecimal(piece, 64, "pieces") for piece in listed)
