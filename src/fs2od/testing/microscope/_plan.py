"""Decide what is written, in which order and when. Pure: the same session and start give the same steps."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final

from fs2od.testing.microscope._session import Session
from fs2od.testing.microscope._targets import Exposure, Grid, Hole, Square, grid_of

__all__ = ["PARTIAL_SUFFIX", "Kind", "Remove", "Rename", "Step", "Write", "plan"]

PARTIAL_SUFFIX: Final = ".downloading"
"""What a movie's or an image's name ends with until all its bytes are there."""

_METADATA = PurePosixPath("Metadata")
_EARLY = timedelta(seconds=0.5)
# Share of a burst's time at which its files begin to arrive; before that, the exposures are taken.
_ARRIVAL = 0.5


class Kind(StrEnum):
    """What a file is."""

    RUNNING = "running"
    METADATA_FILE = "metadata file"
    SESSION = "session"
    SQUARE = "square"
    DOCUMENT = "document"
    PICTURE = "picture"
    TOTAL = "total"
    MOVIE = "movie"


@dataclass(frozen=True, slots=True)
class Write:
    """Write a whole file, perhaps under a partial name that a later `Rename` completes."""

    after: timedelta
    """How long after the start."""
    path: PurePosixPath
    """Relative to the dataset's folder."""
    kind: Kind
    exposure: Exposure | None = None
    square: Square | None = None


@dataclass(frozen=True, slots=True)
class Rename:
    """Give a complete file its final name."""

    after: timedelta
    source: PurePosixPath
    path: PurePosixPath
    is_movie: bool


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a file: the running file, when the acquisition is over."""

    after: timedelta
    path: PurePosixPath


Step = Write | Rename | Remove


def plan(session: Session, *, start: datetime, duration: timedelta | None = None) -> Iterator[Step]:
    """Give every step of a session, in order of time.

    Files come in bursts, one per hole. Within a burst the order is by chance, so that micrographs often come before
    their hole's overview; the first square's own overview comes after its first hole. MRC files have a partial name
    first. EpuSession.dm and a square's metadata are written again when they change.

    Args:
        session: What to record.
        start: Aware; names and documents count from it.
        duration: From the first step to the last; None: as long as a real instrument takes.
    """
    grid = grid_of(session)
    slots = session.hole_count + 1
    slot = (session.natural_duration if duration is None else duration) / slots
    yield from _opening(session, grid, slot)
    index = 0
    for square in grid.squares:
        overview = None
        for hole in square.holes:
            burst = _Burst(session, start, slot * (hole.index + 1), slot)
            if overview is None:
                overview = Exposure.of_square(square, burst.exposed(0), session=session)
                yield from burst.of_hole(grid, hole, index, square, overview)
            else:
                yield from burst.of_hole(grid, hole, index)
            index += hole.images
    end = slot * slots
    yield Write(end, PurePosixPath("EpuSession.dm"), Kind.SESSION)
    yield Remove(end, PurePosixPath(session.running_file))


def _opening(session: Session, grid: Grid, slot: timedelta) -> Iterator[Step]:
    nothing = timedelta(0)
    yield Write(nothing, PurePosixPath(session.running_file), Kind.RUNNING)
    yield Write(nothing, PurePosixPath("EpuSession.dm"), Kind.SESSION)
    early = min(_EARLY, slot / 4)
    yield Write(early, PurePosixPath(session.metadata_file), Kind.METADATA_FILE)
    squares = list(grid.squares)
    random.Random(f"{session.seed}/opening").shuffle(squares)  # noqa: S311 - an order, no secret
    for index, square in enumerate(squares):
        after = early + (slot - early) * (index / len(squares))
        yield Write(after, _square_path(square), Kind.SQUARE, square=square)


def _square_path(square: Square) -> PurePosixPath:
    return _METADATA / f"GridSquare_{square.id}.dm"


@dataclass(frozen=True, slots=True)
class _Burst:
    """The files of one hole, which arrive together."""

    session: Session
    start: datetime
    begins_after: timedelta
    slot: timedelta

    def exposed(self, share: float) -> datetime:
        """Say when the exposure was taken that comes at this share of the burst's exposures."""
        return self.start + self.begins_after + self.slot * (_ARRIVAL * share)

    def of_hole(
        self,
        grid: Grid,
        hole: Hole,
        first_index: int,
        square: Square | None = None,
        overview: Exposure | None = None,
    ) -> Iterator[Step]:
        """Give the burst's steps; `square` and its overview only with the square's first hole."""
        chance = random.Random(f"{self.session.seed}/burst/{hole.index}")  # noqa: S311 - an order, no secret
        exposures = [Exposure.of_hole(hole, self.exposed(0.1), session=self.session)]
        for number, area in enumerate(grid.areas[: hole.images]):
            exposed = self.exposed(0.2 + 0.8 * number / hole.images)
            exposures.append(Exposure.of_data(hole, area, exposed, index=first_index + number, session=self.session))
        steps = _shuffled([_files(exposure) for exposure in exposures], chance)
        if square is not None and overview is not None:
            parents = _shuffled([_files(overview)], chance)
            parents.append(Write(timedelta(0), _square_path(square), Kind.SQUARE, exposure=overview, square=square))
            late = hole.index == 0 or chance.random() < 0.3
            steps = [*steps, *parents] if late else [*parents, *steps]
        return self._timed(steps)

    def _timed(self, steps: Sequence[Step]) -> Iterator[Step]:
        arrives = self.begins_after + self.slot * _ARRIVAL
        for index, step in enumerate(steps):
            yield replace(step, after=arrives + self.slot * ((1 - _ARRIVAL) * index / len(steps)))


def _files(exposure: Exposure) -> list[list[Step]]:
    """List an exposure's files; each is one step, or two that must keep their order."""
    later = timedelta(0)
    stem = exposure.stem
    movie = stem.with_name(f"{stem.name}_Fractions.mrc") if exposure.is_movie else None
    files: list[list[Step]] = [
        [Write(later, stem.with_name(f"{stem.name}.xml"), Kind.DOCUMENT, exposure=exposure)],
        [Write(later, stem.with_name(f"{stem.name}.jpg"), Kind.PICTURE, exposure=exposure)],
        _completed_later(stem.with_name(f"{stem.name}.mrc"), Kind.TOTAL, exposure),
    ]
    if movie is not None:
        files.append(_completed_later(movie, Kind.MOVIE, exposure))
    return files


def _completed_later(path: PurePosixPath, kind: Kind, exposure: Exposure) -> list[Step]:
    partial = path.with_name(path.name + PARTIAL_SUFFIX)
    return [
        Write(timedelta(0), partial, kind, exposure=exposure),
        Rename(timedelta(0), partial, path, is_movie=kind is Kind.MOVIE),
    ]


def _shuffled(exposures: list[list[list[Step]]], chance: random.Random) -> list[Step]:
    """Mix the files of several exposures; a file's own steps keep their order."""
    turns = [file for files in exposures for file in files for _ in file]
    chance.shuffle(turns)
    remaining = {id(file): iter(file) for file in turns}
    return [next(remaining[id(file)]) for file in turns]
