"""The header blocks of a TAR's members.

Source: POSIX.1-2001, ustar and pax interchange formats.
"""

from __future__ import annotations

from collections.abc import Iterator
from tarfile import BLOCKSIZE as BLOCK
from zlib import adler32

from fs2od.storage import Kind

__all__ = ["BLOCK", "MOST_OCTAL", "header", "header_bytes", "same_header_bytes"]

MOST_OCTAL = 8**11
"""What eleven octal digits cannot say any more: sizes from 8 GiB and times from the year 2242 on."""
_NAME, _PREFIX = 100, 155
_CHECKSUM_AT = slice(148, 156)
_TYPES = {Kind.FILE: b"0", Kind.SYMLINK: b"2", Kind.DIRECTORY: b"5"}
_EXTENDED, _EXTENDED_NAME = b"x", b"././@PaxHeader"
# A record of a path has these bytes besides, as long as the block is not full: its length, two signs, the keyword, a line's end.
_PATH_RECORD_BYTES = len(b"512 path=\n")


def header(name: str, kind: Kind, *, mode: int, mtime_s: int, size_bytes: int = 0, target: str = "") -> bytes:
    """Return the header blocks of one member: ustar where it can say everything, else with a pax header before it."""
    if kind is Kind.DIRECTORY:
        name += "/"
    mode &= 0o777
    split = _split(name) if _is_plain(mtime_s, size_bytes, target) else None
    if split is not None:
        prefix, rest = split
        return _block(rest, _TYPES[kind], mode, size_bytes, mtime_s, target.encode(), prefix)
    records = _records(name, mtime_s, size_bytes, target)
    extended = _block(_EXTENDED_NAME, _EXTENDED, 0, len(records), 0) + records + bytes(-len(records) % BLOCK)
    short, to = (text.encode("ascii", "replace")[:_NAME] for text in (name, target))
    size, mtime = (number if 0 <= number < MOST_OCTAL else 0 for number in (size_bytes, mtime_s))
    return extended + _block(short, _TYPES[kind], mode, size, mtime, to)


def header_bytes(name: str, kind: Kind, *, mtime_s: int, size_bytes: int = 0, target: str = "") -> int:
    """Return the length of `header`."""
    if kind is Kind.DIRECTORY:
        name += "/"
    if _is_plain(mtime_s, size_bytes, target) and _split(name) is not None:
        return BLOCK
    records = len(_records(name, mtime_s, size_bytes, target))
    return BLOCK + records + -records % BLOCK + BLOCK


def same_header_bytes(named: str, longest: int) -> int | None:
    """Return how long the headers of files are if all have the same length; None if that is not sure.

    Args:
        named: What their names begin with: empty, or with a slash at its end.
        longest: How many letters the longest of the rests has; all are ASCII. Times and sizes are such that ustar can say them.
    """
    length = len(named) + longest
    if not named.isascii():
        return 3 * BLOCK if len(named.encode()) + longest + _PATH_RECORD_BYTES <= BLOCK else None
    if length <= _NAME:
        return BLOCK
    # Where the longest is divided, or before, each of the others can be.
    at = named.find("/", length - _NAME - 1)
    return BLOCK if 0 < at <= _PREFIX and named[0] != "/" else None


def _is_plain(mtime_s: int, size_bytes: int, target: str) -> bool:
    return 0 <= mtime_s < MOST_OCTAL > size_bytes and target.isascii() and len(target) <= _NAME


def _split(name: str) -> tuple[bytes, bytes] | None:
    """Return what stands in ustar's prefix and name fields, or None where the name does not fit into them."""
    if not name.isascii():
        return None
    raw = name.encode()
    if len(raw) <= _NAME:
        return b"", raw
    at = raw.find(b"/", len(raw) - _NAME - 1, -1)
    return (raw[:at], raw[at + 1 :]) if 0 < at <= _PREFIX else None


def _block(
    name: bytes, type_: bytes, mode: int, size_bytes: int, mtime_s: int, target: bytes = b"", prefix: bytes = b""
) -> bytes:
    block = bytearray(BLOCK)
    block[0 : len(name)] = name
    # mode, user, group, size, mtime, a checksum of blanks while it is computed, type
    block[100:157] = b"%07o\0%07o\0%07o\0%011o\0%011o\0        %s" % (mode, 0, 0, size_bytes, mtime_s, type_)
    block[157 : 157 + len(target)] = target
    block[257:265] = b"ustar\x0000"
    block[345 : 345 + len(prefix)] = prefix
    block[_CHECKSUM_AT] = b"%06o\0 " % (_sum(block[:256]) + _sum(block[256:]))
    return bytes(block)


def _sum(half: bytearray) -> int:
    """Return the sum of at most 256 bytes, which Adler-32 holds in its lower half, and reckons many times faster than `sum`."""
    return (adler32(half) & 0xFFFF) - 1


def _records(name: str, mtime_s: int, size_bytes: int, target: str) -> bytes:
    """Return the records of a pax header: what ustar's fields cannot say."""
    return b"".join(_record(keyword, text.encode()) for keyword, text in _unsaid(name, mtime_s, size_bytes, target))


def _unsaid(name: str, mtime_s: int, size_bytes: int, target: str) -> Iterator[tuple[bytes, str]]:
    for keyword, text in ((b"path", name), (b"linkpath", target)):
        if len(text) > _NAME or not text.isascii():
            yield keyword, text
    for keyword, number in ((b"size", size_bytes), (b"mtime", mtime_s)):
        if not 0 <= number < MOST_OCTAL:
            yield keyword, str(number)


def _record(keyword: bytes, value: bytes) -> bytes:
    """Return a record; its length, with which it begins, counts itself."""
    rest = b" %s=%s\n" % (keyword, value)
    length = len(rest)
    while (found := len(rest) + len(b"%d" % length)) != length:
        length = found
    return b"%d%s" % (length, rest)
