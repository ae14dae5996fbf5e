"""The header blocks of a TAR's members.

Source: POSIX.1-2001, ustar and pax interchange formats.
"""

from __future__ import annotations

import tarfile

from fs2od.storage import Kind

__all__ = ["BLOCK", "MOST_OCTAL", "header", "is_short"]

BLOCK = tarfile.BLOCKSIZE
MOST_OCTAL = 8**11
"""What eleven octal digits cannot say any more: sizes from 8 GiB and times from the year 2242 on."""
_NAME, _PREFIX = 100, 155
_CHECKSUM_AT = slice(148, 156)
_TYPES = {Kind.FILE: b"0", Kind.SYMLINK: b"2", Kind.DIRECTORY: b"5"}


def is_short(name: str, mtime_s: int, size_bytes: int) -> bool:
    """Say whether a file's header is sure to be one block; others are if `header` makes them so."""
    return len(name) <= _NAME and name.isascii() and 0 <= mtime_s < MOST_OCTAL > size_bytes


def header(name: str, kind: Kind, *, mode: int, mtime_s: int, size_bytes: int = 0, target: str = "") -> bytes:
    """Return the header blocks of one member: ustar where it can say everything, else pax (a twentieth as fast)."""
    if kind is Kind.DIRECTORY:
        name += "/"
    split = _split(name)
    if split is None or not (target.isascii() and len(target) <= _NAME) or not 0 <= mtime_s < MOST_OCTAL > size_bytes:
        return _pax(name, kind, mode=mode, mtime_s=mtime_s, size_bytes=size_bytes, target=target)
    prefix, rest = split
    block = bytearray(BLOCK)
    block[0 : len(rest)] = rest
    # mode, user, group, size, mtime, a checksum of blanks while it is computed, type
    numbers = b"%07o\0%07o\0%07o\0%011o\0%011o\0        %s" % (mode & 0o777, 0, 0, size_bytes, mtime_s, _TYPES[kind])
    block[100:157] = numbers
    block[157 : 157 + len(target)] = target.encode()
    block[257:265] = b"ustar\x0000"
    block[345 : 345 + len(prefix)] = prefix
    block[_CHECKSUM_AT] = b"%06o\0 " % sum(block)
    return bytes(block)


def _split(name: str) -> tuple[bytes, bytes] | None:
    """Return what stands in ustar's prefix and name fields, or None where the name does not fit into them."""
    if not name.isascii():
        return None
    raw = name.encode()
    if len(raw) <= _NAME:
        return b"", raw
    at = raw.find(b"/", len(raw) - _NAME - 1, -1)
    return (raw[:at], raw[at + 1 :]) if 0 < at <= _PREFIX else None


def _pax(name: str, kind: Kind, *, mode: int, mtime_s: int, size_bytes: int, target: str) -> bytes:
    member = tarfile.TarInfo(name)
    member.type = _TYPES[kind]
    member.mode, member.mtime, member.size, member.linkname = mode & 0o777, mtime_s, size_bytes, target
    return member.tobuf(tarfile.PAX_FORMAT)
