"""What lies on the grid: squares, holes and acquisition areas, with the identifiers that EPU's names carry."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from uuid import UUID

from fs2od.testing.microscope._camera import DEFOCUS_LIST_M, Level
from fs2od.testing.microscope._session import Session

__all__ = ["Area", "Exposure", "Grid", "Hole", "Position", "Square", "grid_of", "unique_id"]

_IMAGES = PurePosixPath("Images-Disc1")
_FIRST_ID = 20_000_000
_SQUARES_ACROSS = 16
_SQUARE_PITCH_M = 9.0e-05
_HOLE_PITCH_M = 2.5e-06


@dataclass(frozen=True, slots=True)
class Position:
    """Where the stage stands, in metres and radians."""

    x: float
    y: float
    z: float
    alpha: float
    beta: float


@dataclass(frozen=True, slots=True)
class Hole:
    """One foil hole that is imaged."""

    id: int
    square_id: int
    index: int
    """Counted over the whole session, from 0."""
    position: Position
    images: int


@dataclass(frozen=True, slots=True)
class Square:
    """One square of the grid; one without holes was never imaged."""

    id: int
    index: int
    position: Position
    rotation: float
    holes: tuple[Hole, ...]


@dataclass(frozen=True, slots=True)
class Area:
    """One acquisition area of the template that is laid over every hole."""

    id: int
    setting_id: int
    shift: tuple[float, float]
    """Rows and columns from the hole's centre, in pixels of the foil hole image."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Everything that the operator selected before the acquisition began."""

    session_id: int
    squares: tuple[Square, ...]
    areas: tuple[Area, ...]
    rotation: float
    """Of the image against the stage, in radians."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """One exposure of any kind; its files' names are `stem` with different endings."""

    level: Level
    stem: PurePosixPath
    unique_id: UUID
    acquired_at: datetime
    position: Position
    applied_defocus_m: float | None
    """None: as the kind of exposure says."""
    scene: int
    """Which picture it shows."""
    shift: tuple[float, float]
    """Of the beam, in the deflectors' units."""

    @property
    def is_movie(self) -> bool:
        """Say whether it was recorded frame by frame; overviews are single images."""
        return self.level is Level.DATA

    @staticmethod
    def of_square(square: Square, acquired_at: datetime, *, session: Session) -> Exposure:
        """Describe the overview of a square."""
        stem = _IMAGES / f"GridSquare_{square.id}" / f"GridSquare_{acquired_at:%Y%m%d_%H%M%S}"
        return Exposure(
            level=Level.GRID_SQUARE,
            stem=stem,
            unique_id=unique_id(session, stem.as_posix()),
            acquired_at=acquired_at,
            position=square.position,
            applied_defocus_m=None,
            scene=square.index,
            shift=(0.0, 0.0),
        )

    @staticmethod
    def of_hole(hole: Hole, acquired_at: datetime, *, session: Session) -> Exposure:
        """Describe the overview of a hole."""
        stem = _folder(hole, "FoilHoles") / f"FoilHole_{hole.id}_{acquired_at:%Y%m%d_%H%M%S}"
        return Exposure(
            level=Level.FOIL_HOLE,
            stem=stem,
            unique_id=unique_id(session, stem.as_posix()),
            acquired_at=acquired_at,
            position=hole.position,
            applied_defocus_m=None,
            scene=hole.index,
            shift=(0.0, 0.0),
        )

    @staticmethod
    def of_data(hole: Hole, area: Area, acquired_at: datetime, *, index: int, session: Session) -> Exposure:
        """Describe a micrograph; `index` counts over the whole session, from 0."""
        name = f"FoilHole_{hole.id}_Data_{area.id}_{area.setting_id}_{acquired_at:%Y%m%d_%H%M%S}"
        stem = _folder(hole, "Data") / name
        scene = index % session.scenes
        rows, columns = area.shift
        return Exposure(
            level=Level.DATA,
            stem=stem,
            unique_id=unique_id(session, stem.as_posix()),
            acquired_at=acquired_at,
            position=hole.position,
            applied_defocus_m=DEFOCUS_LIST_M[scene % len(DEFOCUS_LIST_M)],
            scene=scene,
            shift=(columns * 2.5e-04, rows * 2.5e-04),
        )


def grid_of(session: Session) -> Grid:
    """Place squares, holes and areas, from the seed alone."""
    chance = random.Random(f"{session.seed}/grid")  # noqa: S311 - invented positions, no secrets
    ids = _ids(chance)
    session_id = next(ids)
    areas = tuple(_area(chance, next(ids)) for _ in range(session.images_per_hole))
    rotation = chance.uniform(-0.2, 0.2)
    places = chance.sample(range(_places(session)), session.known_square_count)
    images_left = session.image_count
    squares = []
    holes = 0
    for index, place in enumerate(sorted(places)):
        square_id, position = next(ids), _place(chance, place)
        chosen: list[Hole] = []
        while images_left and len(chosen) < session.holes_per_square:
            images = min(images_left, session.images_per_hole)
            images_left -= images
            chosen.append(Hole(next(ids), square_id, holes, _near(chance, position, len(chosen)), images))
            holes += 1
        squares.append(Square(square_id, index, position, rotation, tuple(chosen)))
    return Grid(session_id, tuple(squares), areas, rotation)


def unique_id(session: Session, purpose: str) -> UUID:
    """Make an identifier that depends on seed and purpose only."""
    return UUID(int=random.Random(f"{session.seed}/{purpose}").getrandbits(128), version=4)  # noqa: S311 - no secret


def _folder(hole: Hole, kind: str) -> PurePosixPath:
    return _IMAGES / f"GridSquare_{hole.square_id}" / kind


def _ids(chance: random.Random) -> Iterator[int]:
    current = _FIRST_ID + chance.randrange(5_000_000)
    while True:
        # An area's setting has the identifier two above the area's own, so steps are wider than that.
        current += chance.randrange(3, 12)
        yield current


def _area(chance: random.Random, area_id: int) -> Area:
    return Area(area_id, area_id + 2, (chance.uniform(-350, 350), chance.uniform(-350, 350)))


def _places(session: Session) -> int:
    return max(_SQUARES_ACROSS**2, 2 * session.known_square_count)


def _place(chance: random.Random, place: int) -> Position:
    row, column = divmod(place, _SQUARES_ACROSS)
    return Position(
        x=(column - _SQUARES_ACROSS / 2) * _SQUARE_PITCH_M + chance.gauss(0, 2e-06),
        y=(row - _SQUARES_ACROSS / 2) * _SQUARE_PITCH_M + chance.gauss(0, 2e-06),
        z=chance.gauss(6e-05, 4e-06),
        alpha=chance.gauss(0, 2e-04),
        beta=0.0,
    )


def _near(chance: random.Random, square: Position, index: int) -> Position:
    row, column = divmod(index, 7)
    return Position(
        x=square.x + (column - 3) * _HOLE_PITCH_M + chance.gauss(0, 1e-07),
        y=square.y + (row - 3) * _HOLE_PITCH_M + chance.gauss(0, 1e-07),
        z=square.z + chance.gauss(0, 3e-07),
        alpha=square.alpha,
        beta=square.beta,
    )
