"""The places of everything in a ZIP whose members are stored as they are.

A file's CRC-32 stands behind it, so that no file need be read before its header leaves, and the bytes are the same whether
its CRC was known or not. Folders and links are so short that theirs stands before them.

Sources: PKWARE's APPNOTE.TXT 6.3.10, §4.3 to §4.5; Info-ZIP's extra field 0x5455 (extended timestamp).
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from fs2od.node.index.rows import Registered, Row, as_row
from fs2od.node.provider.archives.layouts import NS, content_bytes, mtime_s, target_of
from fs2od.node.provider.archives.names import Names, WindowsNames
from fs2od.node.provider.archives.plain import divided

__all__ = ["ZipLayout"]

_LOCAL, _RECORD = struct.Struct("<4s5H3L2H"), struct.Struct("<4s6H3L5H2L")
_TRAIL, _TRAIL_64 = struct.Struct("<4s3L"), struct.Struct("<4sL2Q")
_END, _END_64, _LOCATOR = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
_TIME, _SIZES_64 = struct.Struct("<2HBl"), struct.Struct("<2H2Q")
# What stands around a file beside its name and time, and in its record.
_AROUND_BYTES = _LOCAL.size + _TRAIL.size
_AROUND_64_BYTES = _LOCAL.size + _SIZES_64.size + _TRAIL_64.size
_RECORD_BYTES, _OFFSET_64_BYTES = _RECORD.size, 12
_ALL_16, _ALL_32 = 0xFFFF, 0xFFFFFFFF
_BEHIND, _UTF_8 = 1 << 3, 1 << 11
_PLAIN, _WITH_64 = 20, 45
_UNIX = 3 << 8
_MS_DIRECTORY = 0x10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DOS, _LAST_DOS = datetime(1980, 1, 1, tzinfo=UTC), datetime(2107, 12, 31, 23, 59, 58, tzinfo=UTC)
_TYPES = {"REG": stat.S_IFREG, "DIR": stat.S_IFDIR, "SYMLNK": stat.S_IFLNK}
_MOST_S = 1 << 31
_MOST_NS = _MOST_S * NS


class ZipLayout:
    """ZIP, and ZIP64 for what needs it: a file of 4 GiB or more, what lies behind so much, and more than 65,534 members."""

    media_type = "application/zip"
    needs_crc32 = True

    def __init__(self) -> None:
        self.names: Names = WindowsNames()

    def measure(
        self, named: str, rows: Sequence[Registered], others: Mapping[str, str], offset: int
    ) -> tuple[int, int]:
        """Return where the archive goes on, and the length of the records."""
        begin, records = len(named.encode()), 0
        plain, odd = divided(rows, others)
        if plain and plain.largest < _ALL_32 and plain.earliest_ns >= -_MOST_NS and plain.latest_ns < _MOST_NS:
            count = len(plain.sizes)
            raw = count * (begin + _TIME.size) + plain.name_bytes
            end = offset + raw + count * _AROUND_BYTES + sum(plain.sizes)
            if offset >= _ALL_32 or end <= _ALL_32:  # 32 bits can say where they begin of all, or of none
                records += raw + count * (_RECORD_BYTES + (_OFFSET_64_BYTES if offset >= _ALL_32 else 0))
                offset = end
            else:
                odd = rows
        else:
            odd = rows
        for row in odd:
            _, name, kind, size, _, mtime_ns, *_ = row
            called = others.get(name, name) if others else name
            if kind == "REG":
                raw = begin + (len(called) if called.isascii() else len(called.encode()))
                if -_MOST_NS <= mtime_ns < _MOST_NS:
                    raw += _TIME.size
                records += raw + _RECORD_BYTES
                if size >= _ALL_32:
                    records += len(_record_64(size, offset))
                    offset += raw + size + _AROUND_64_BYTES
                else:
                    records += 0 if offset < _ALL_32 else _OFFSET_64_BYTES
                    offset += raw + size + _AROUND_BYTES
            else:
                records += len(self.record(named + called, as_row(row), offset, 0))
                offset += len(self.head(named + called, as_row(row)))
        return offset, records

    def head(self, name: str, row: Row) -> bytes:
        """Return the local header; of a folder or link, with its content."""
        raw, content, extra = _raw_name(name, row), b"", _times(row)
        crc32 = size = 0
        flags, version = _UTF_8, _PLAIN
        if row.kind == "REG":
            flags |= _BEHIND
            if row.size_bytes >= _ALL_32:
                version, size = _WITH_64, _ALL_32
                extra += _SIZES_64.pack(1, 16, 0, 0)
        else:
            content = _target(row)
            crc32, size = zlib.crc32(content), len(content)
        fixed = _LOCAL.pack(
            b"PK\3\4", version, flags, 0, *_dos_time(mtime_s(row)), crc32, size, size, len(raw), len(extra)
        )  # fmt: skip
        return b"".join((fixed, raw, extra, content))

    def trail(self, row: Row, crc32: int) -> bytes:
        """Return the data descriptor."""
        if row.kind != "REG":
            return b""
        kind = _TRAIL_64 if row.size_bytes >= _ALL_32 else _TRAIL
        return kind.pack(b"PK\7\x08", crc32, row.size_bytes, row.size_bytes)

    def trail_bytes(self, row: Row) -> int:
        """Return the length of the data descriptor."""
        if row.kind != "REG":
            return 0
        return _TRAIL_64.size if row.size_bytes >= _ALL_32 else _TRAIL.size

    def record(self, name: str, row: Row, offset: int, crc32: int) -> bytes:
        """Return the record in the central directory."""
        raw, flags, size = _raw_name(name, row), _UTF_8, content_bytes(row)
        if row.kind == "REG":
            flags |= _BEHIND
        else:
            content = _target(row)
            crc32, size = zlib.crc32(content), len(content)
        long = _record_64(size, offset)
        extra = _times(row) + long
        version = _WITH_64 if long else _PLAIN
        permissions = _TYPES[row.kind] | (row.mode & 0o777)
        fixed = _RECORD.pack(
            b"PK\1\2", _UNIX | _WITH_64, version, flags, 0, *_dos_time(mtime_s(row)), crc32, min(size, _ALL_32),
            min(size, _ALL_32), len(raw), len(extra), 0, 0, 0, permissions << 16 | (_MS_DIRECTORY if row.is_directory else 0),
            min(offset, _ALL_32),
        )  # fmt: skip
        return b"".join((fixed, raw, extra))

    def end(self, members: int, offset: int, record_bytes: int) -> bytes:
        """Return the records that end the central directory."""
        long = b""
        if members >= _ALL_16 or offset >= _ALL_32 or record_bytes >= _ALL_32:
            long = _END_64.pack(
                b"PK\6\6", _END_64.size - 12, _UNIX | _WITH_64, _WITH_64, 0, 0, members, members, record_bytes, offset
            ) + _LOCATOR.pack(b"PK\6\7", 0, offset + record_bytes, 1)  # fmt: skip
        count = min(members, _ALL_16)
        return long + _END.pack(b"PK\5\6", 0, 0, count, count, min(record_bytes, _ALL_32), min(offset, _ALL_32), 0)


def _raw_name(name: str, row: Row) -> bytes:
    return f"{name}/".encode() if row.is_directory else name.encode()


def _target(row: Row) -> bytes:
    return b"" if row.is_directory else target_of(row).encode()


def _record_64(size: int, offset: int) -> bytes:
    """Return the extra field with those of size, size and offset that 32 bits cannot say."""
    said = ([size, size] if size >= _ALL_32 else []) + ([offset] if offset >= _ALL_32 else [])
    return struct.pack(f"<2H{len(said)}Q", 1, 8 * len(said), *said) if said else b""


def _times(row: Row) -> bytes:
    """Return the extra field with the time of the last change; empty for a time that it cannot say."""
    seconds = mtime_s(row)
    return _TIME.pack(0x5455, 5, 1, seconds) if -_MOST_S <= seconds < _MOST_S else b""


@lru_cache(1000)
def _dos_time(seconds: int) -> tuple[int, int]:
    """Return time and date as MS-DOS has them, in UTC: two seconds are the smallest step, 1980 the first year."""
    try:
        moment = min(max(_EPOCH + timedelta(seconds=seconds), _FIRST_DOS), _LAST_DOS)
    except OverflowError:
        moment = _FIRST_DOS if seconds < 0 else _LAST_DOS
    time = moment.hour << 11 | moment.minute << 5 | moment.second // 2
    return time, (moment.year - 1980) << 9 | moment.month << 5 | moment.day
