"""Any part of an archive, made while it is sent. Memory stays flat whatever the archive holds."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import NamedTuple

from fs2od.node.cut_off import AccessEnded
from fs2od.node.index import Indexes
from fs2od.node.index.rows import Row
from fs2od.node.provider.archives.contents import Changed, Checked
from fs2od.node.provider.archives.members import Run, Walk
from fs2od.node.provider.archives.plans import SEGMENT, Plan, Segment, name_in, rows_digest

__all__ = ["gathered", "part_of"]

_HELD_S = 1.0


class _Member(NamedTuple):
    """What is registered, among which others, and the CRC-32 where it is known and wanted."""

    run: Run
    row: Row
    crc32: int | None

    @property
    def path(self) -> str:
        return self.run.path + self.row.name

    @property
    def name(self) -> str:
        return name_in(self.run, self.row)


def part_of(plan: Plan, indexes: Indexes, contents: Checked, first: int, end: int) -> Iterator[bytes]:
    """Yield the bytes of an archive from one on up to another, in pieces of at most a chunk, some of them empty.

    An empty piece says that much was read of which nothing leaves: a CRC-32 was wanted that was not known.

    Raises:
        Changed: A file, or what is registered of it, is not any more what it was in the plan's state.
    """
    reading = _Reading(plan, indexes, contents, first, end)
    if first < plan.records_at:
        yield from reading.members()
    if plan.records_at < plan.end_at and first < plan.end_at and end > plan.records_at:
        yield from reading.records()
    yield from reading.window(plan.end, plan.end_at)
    contents.flush()


def gathered(
    pieces: Iterator[bytes],
    *,
    stands: Callable[[], bool],
    chunk_bytes: int,
    recheck_bytes: int,
    first_bytes: int | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[bytes, None, None]:
    """Yield pieces joined to chunks, as long as the access stands. An empty one tells that time passes.

    From a slow store thousands of small files may take minutes to make a chunk: what has come leaves after a second.

    Args:
        pieces: What is sent.
        stands: Says whether the access stands.
        chunk_bytes: How much leaves at a time.
        recheck_bytes: After how much the access is asked for again.
        first_bytes: How much leaves first; less than a chunk where thousands of small files make one, and somebody waits.
        clock: Seconds that only grow.

    Raises:
        AccessEnded: The access ended.
    """
    held: list[bytes] = []
    size = unchecked = idle = 0
    enough = chunk_bytes if first_bytes is None else first_bytes
    late_s = clock() + _HELD_S
    for piece in pieces:
        # A chunk leaves when more has come, so that nothing is left to do behind the last one.
        is_late = clock() >= late_s
        if size >= enough or is_late or idle * chunk_bytes >= recheck_bytes:
            unchecked += size + idle * chunk_bytes
            if unchecked >= recheck_bytes or is_late:
                unchecked = 0
                if not stands():
                    raise AccessEnded("the access ended")
            yield b"".join(held)
            held, size, idle, enough, late_s = [], 0, 0, chunk_bytes, clock() + _HELD_S
        size += len(piece)
        idle += not piece
        held.append(piece)
    yield b"".join(held)


class _Reading:
    def __init__(self, plan: Plan, indexes: Indexes, contents: Checked, first: int, end: int) -> None:
        self._plan = plan
        self._layout = plan.layout
        self._indexes = indexes
        self._contents = contents
        self._first = first
        self._end = end

    def window(self, data: bytes, offset: int) -> Iterator[bytes]:
        """Yield what of `data`, which stands at `offset`, was asked for."""
        if offset < self._end and offset + len(data) > self._first:
            yield data[max(0, self._first - offset) : self._end - offset]

    def members(self) -> Iterator[bytes]:
        """Yield members with their contents."""
        for segment in self._plan.members_from(self._first):
            offset = segment.offset
            for member in self._members(segment):
                if offset >= self._end:
                    return
                run, row, _ = member
                after, _ = self._layout.measure(run.named, (row,), run.others, offset)
                if after > self._first:
                    head = self._layout.head(member.name, row)
                    yield from self.window(head, offset)
                    if row.kind == "REG":
                        yield from self._file(member, offset + len(head))
                offset = after

    def _file(self, member: _Member, begin: int) -> Iterator[bytes]:
        path, row, crc32, size = member.path, member.row, member.crc32, member.row.size_bytes
        first, end = max(self._first - begin, 0), min(self._end - begin, size)
        is_whole, found = first == 0 and end == size, 0
        if first < end or is_whole:
            is_wanted = self._layout.needs_crc32 and is_whole and crc32 is None
            for piece in self._contents.read(path, row, first, end):
                if is_wanted:
                    found = zlib.crc32(piece, found)
                yield piece
            if is_wanted:
                crc32 = found
                self._contents.remember(row, found)
        if begin + size < self._end and self._layout.trail_bytes(row):
            if crc32 is None and self._layout.needs_crc32:
                crc32 = yield from self._computed(path, row)
            yield from self.window(self._layout.trail(row, crc32 or 0), begin + size)

    def records(self) -> Iterator[bytes]:
        """Yield the directory at the end."""
        at = self._plan.records_at
        for segment in self._plan.records_from(self._first - at):
            offset, place = segment.offset, at + segment.record_offset
            for member in self._members(segment):
                if place >= self._end:
                    return
                run, row, crc32 = member
                record = self._layout.record(member.name, row, offset, crc32 or 0)
                if place + len(record) > self._first:
                    if crc32 is None and row.kind == "REG":
                        crc32 = yield from self._computed(member.path, row)
                        record = self._layout.record(member.name, row, offset, crc32)
                    yield from self.window(record, place)
                place += len(record)
                offset, _ = self._layout.measure(run.named, (row,), run.others, offset)

    def _computed(self, path: str, row: Row) -> Generator[bytes, None, int]:
        with closing(self._contents.computed(path, row)) as found:
            for crc32 in found:
                if crc32 is not None:
                    return crc32
                yield b""
        raise Changed(f"{path!r} cannot be read any more")

    def _members(self, segment: Segment) -> Iterator[_Member]:
        runs = self._runs(segment)
        files = [row for run in runs for row in run.members if row.kind == "REG"]
        known = self._contents.crc32s(files) if self._layout.needs_crc32 else {}
        for run in runs:
            for row in run.members:
                yield _Member(run, row, known.get(row.id))

    def _runs(self, segment: Segment) -> list[Run]:
        plan = self._plan
        walk = Walk(plan.roots, plan.seeing, plan.layout.names, segment.position)
        with self._indexes.using(self._contents.space) as index, index.database.reading() as db:
            runs = walk.take(db, SEGMENT)
        if rows_digest(runs) != segment.digest:
            raise Changed("the dataset changed")
        return runs
