"""A state of what is archived, and the place of every byte of its archive.

A plan holds a segment of some hundred bytes for each thousand members: where it begins, and a hash of what is registered in
it. So a reader can begin anywhere without reading what lies before, and notices when a segment is not any more what it was.
"""

from __future__ import annotations

import re
import sqlite3
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple

import msgspec

from fs2od.node.index.rows import Row, Seeing
from fs2od.node.provider.archives.layouts import Format, Layout
from fs2od.node.provider.archives.members import Position, Root, Run, Walk
from fs2od.node.provider.archives.tar import TarLayout
from fs2od.node.provider.archives.zip import ZipLayout

__all__ = ["SEGMENT", "Plan", "Segment", "State", "layout_of", "name_in", "parse_state", "plan_of", "rows_digest"]

SEGMENT = 1000
"""How many members a segment has."""
# It stands in entity tags. It moves whenever the bytes of an archive of the same state change.
_VERSION = 1
_STATE = re.compile(r"(?P<newest>[1-9a-f][0-9a-f]{0,14})-(?P<digest>[0-9a-f]{16})")
# Larger than a segment: what is planned is read to the end.
_PAGE = 2500
_ENCODER = msgspec.json.Encoder()


class State(NamedTuple):
    """What is archived: the highest row that counts, and a hash of all that is registered of it up to there."""

    newest: int
    digest: str

    def __str__(self) -> str:
        return f"{self.newest:x}-{self.digest}"


def parse_state(text: str) -> State | None:
    """Return a state from its text, or None if it is none."""
    found = _STATE.fullmatch(text)
    return State(int(found["newest"], 16), found["digest"]) if found else None


class Segment(NamedTuple):
    """Where a thousand members begin: for the walk, in the archive and in its directory; and what is registered of them."""

    position: Position
    offset: int
    record_offset: int
    digest: bytes


@dataclass(frozen=True)
class Plan:
    """The place of every byte.

    Attributes:
        format: "tar" or "zip".
        layout: What stands around the files.
        state: What is archived.
        roots: What the walk begins with.
        seeing: Which entries it sees.
        segments: A thousand members each.
        members: How many there are.
        records_at: Where the directory at the end begins.
        end_at: Where it ends.
        end: The last bytes.
    """

    format: Format
    layout: Layout
    state: State
    roots: Sequence[Root]
    seeing: Seeing
    segments: Sequence[Segment]
    members: int
    records_at: int
    end_at: int
    end: bytes

    @property
    def size_bytes(self) -> int:
        """The length of the archive."""
        return self.end_at + len(self.end)

    @property
    def etag(self) -> str:
        """The strong entity tag."""
        return f'"{self.state}-{self.format}{_VERSION}"'

    def members_from(self, offset: int) -> Iterator[Segment]:
        """Yield the segment that has a byte of the archive, and those after it."""
        at = bisect_right(self.segments, offset, key=lambda segment: segment.offset) - 1
        yield from (self.segments[number] for number in range(max(0, at), len(self.segments)))

    def records_from(self, offset: int) -> Iterator[Segment]:
        """Yield the segment that has a byte of the directory, and those after it."""
        at = bisect_right(self.segments, offset, key=lambda segment: segment.record_offset) - 1
        yield from (self.segments[number] for number in range(max(0, at), len(self.segments)))


def rows_digest(runs: Iterable[Run]) -> bytes:
    """Return a hash of members as they are registered, however they are divided into runs."""
    found = sha256()
    for run in runs:
        found.update(_ENCODER.encode_lines(run.rows))
    return found.digest()[:16]


def plan_of(
    db: sqlite3.Connection, called: str, format_: Format, layout: Layout, roots: Sequence[Root], seeing: Seeing
) -> Plan:
    """Return the plan of an archive, from what is registered now. One transaction should hold it all.

    Args:
        db: The space's index.
        called: What the archive's one folder is called; the state says it, too.
        format_: TAR or ZIP.
        layout: A new layout of that format.
        roots: What it holds.
        seeing: Which entries it sees.
    """
    walk = Walk(roots, seeing, layout.names, page=_PAGE)
    segments: list[Segment] = []
    offset = records = members = 0
    total = sha256(_ENCODER.encode([called] + [[root.path, root.row.id, root.row.name] for root in roots]))
    while True:
        position = walk.position
        runs = walk.take(db, SEGMENT)
        if not runs:
            break
        digest = rows_digest(runs)
        total.update(digest)
        segments.append(Segment(position, offset, records, digest))
        for run in runs:
            members += len(run.rows)
            offset, more = layout.measure(run.named, run.rows, run.others, offset)
            records += more
    state = State(seeing.newest, total.hexdigest()[:16])
    end = layout.end(members, offset, records)
    return Plan(format_, layout, state, roots, seeing, segments, members, offset, offset + records, end)


def layout_of(format_: Format) -> Layout:
    """Return a new layout."""
    return TarLayout() if format_ == "tar" else ZipLayout()


def name_in(run: Run, row: Row) -> str:
    """Return what a member is called in the archive."""
    return run.named + run.others.get(row.name, row.name)
