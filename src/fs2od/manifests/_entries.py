"""One file as the manifest knows it."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = [
    "MOST_FILE_BYTES",
    "PIECE_BYTES",
    "Gone",
    "ManifestEntry",
    "is_listable",
    "parse_sha256sums_line",
    "sha256sums_line",
]

PIECE_BYTES = 8 << 20
"""Files larger than this also have a checksum for each piece of this size."""

MOST_FILE_BYTES = 16 << 40
"""Larger files are not listed: their pieces alone would make a part too large to be read at once."""

_MOST_PATH_BYTES = 4096
_LINE = re.compile(rb"(\\?)([0-9a-f]{64})  (.+)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_UNESCAPED = {"n": "\n", "r": "\r"}
_NO_NAMES = frozenset({"", ".", ".."})


class ManifestEntry(NamedTuple):
    """A file: its path below the dataset's root with '/' between names, and its checksums in lower-case hexadecimal digits.

    `crc32` is that of ZIP (IEEE 802.3). `pieces` holds the SHA-256 of every piece, for files larger than one piece.
    A tuple, because a dataset may have a million of them.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    sha256: str
    crc32: int
    pieces: tuple[str, ...] = ()


class Gone(NamedTuple):
    """A file that an earlier part listed, and that is there no more."""

    path: str


def is_listable(path: str) -> bool:
    """Say whether a manifest may name a path: relative, whole, within bounds, valid UTF-8, and never out of the dataset."""
    if "\0" in path or not _NO_NAMES.isdisjoint(path.split("/")):
        return False
    try:
        return len(path.encode()) <= _MOST_PATH_BYTES
    except UnicodeEncodeError:
        return False


def sha256sums_line(entry: ManifestEntry) -> str:
    r"""Return the line for `sha256sum --check`, with its end.

    GNU coreutils manual, "md5sum invocation": a name with a newline or a backslash is escaped, and the line begins with
    a backslash then.
    """
    # A file called "-" would be taken for standard input.
    path = "./-" if entry.path == "-" else entry.path
    escaped = path.replace("\\", "\\\\").replace("\n", "\\n")
    mark = "" if escaped == path else "\\"
    return f"{mark}{entry.sha256}  {escaped}\n"


def parse_sha256sums_line(line: bytes) -> tuple[str, str] | None:
    """Return the path and the checksum of a line without its end, as `sha256sums_line` writes it; None if it is none."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    try:
        path = found[3].decode()
    except UnicodeDecodeError:
        return None
    if found[1]:
        path = _ESCAPED.sub(lambda each: _UNESCAPED.get(each[1], each[1]), path)
    path = "-" if path == "./-" else path
    return (path, found[2].decode()) if is_listable(path) else None
