"""What the microscope is asked to record: how many squares, holes and images, how large, and for whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import ClassVar

from fs2od.errors import ConfigurationError

__all__ = ["Session"]

_SMALLEST = 13  # EpuSession.dm, SPA.yml, one square (4), one hole (3), one image (4)
_LARGEST = 2_000_000
_NATURAL_EXPOSURE = timedelta(seconds=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One EPU single-particle session, described before it is recorded. Equal sessions give equal files.

    A session of `grid_squares` imaged squares also knows `idle_squares` that were seen on the atlas and never
    imaged; they have a metadata file only.

    Raises:
        ConfigurationError: A number is too small, a text is empty or holds control characters, or the e-mail
            address has no "@".
    """

    name: str = "Simulated apoferritin"
    sample: str = "Mouse heavy-chain apoferritin"
    project: str = "Simulated project"
    instrument: str = "Simulated Krios"
    experimenter_name: str = "Alex Example"
    experimenter_email: str = "alex@example.org"
    operator_name: str = "Robin Example"
    operator_email: str = "robin@example.org"
    grid_squares: int = 2
    idle_squares: int = 8
    holes_per_square: int = 4
    images_per_hole: int = 4
    images: int | None = None
    """The operator stops the session after this many images; None: when all holes are done."""
    frames: int = 8
    frame_shape: tuple[int, int] = (512, 720)
    """Rows and columns of each frame, in pixels."""
    picture_width: int = 512
    """Columns of each JPG, in pixels."""
    scenes: int = 16
    """How many different micrographs are drawn; further images show one of these again, under their own labels."""
    seed: int = 1
    metadata_file: str = "SPA.yml"
    running_file: str = ".running"

    FILES_PER_IMAGE: ClassVar[int] = 4
    FILES_PER_OVERVIEW: ClassVar[int] = 3

    def __post_init__(self) -> None:
        self._require_positive_numbers()
        self._require_plain_texts()

    @property
    def image_count(self) -> int:
        """Say how many movies the session ends with."""
        everything = self.grid_squares * self.holes_per_square * self.images_per_hole
        return everything if self.images is None else min(self.images, everything)

    @property
    def hole_count(self) -> int:
        """Say how many holes are imaged."""
        return ceil(self.image_count / self.images_per_hole)

    @property
    def imaged_square_count(self) -> int:
        """Say how many squares are really imaged; fewer than `grid_squares` if the operator stops early."""
        return ceil(self.hole_count / self.holes_per_square)

    @property
    def known_square_count(self) -> int:
        """Say how many squares have a metadata file: the imaged ones, those not reached and the idle ones."""
        return self.grid_squares + self.idle_squares

    @property
    def file_count(self) -> int:
        """Say how many files stand in the dataset folder when the session is over."""
        overviews = self.imaged_square_count + self.hole_count
        return (
            2 + self.known_square_count + self.FILES_PER_OVERVIEW * overviews + self.FILES_PER_IMAGE * self.image_count
        )

    @property
    def natural_duration(self) -> timedelta:
        """Say how long a real instrument would take, at 6 s for each image or overview."""
        return (self.image_count + self.hole_count + self.imaged_square_count + 1) * _NATURAL_EXPOSURE

    def duration_at(
        self, *, files_per_second: float | None = None, movies_per_minute: float | None = None
    ) -> timedelta:
        """Say how long the session takes at a rate. Name exactly one.

        Raises:
            ConfigurationError: None or both were named, or the rate is not positive.
        """
        if (files_per_second is None) == (movies_per_minute is None):
            msg = "Name one rate: files per second or movies per minute."
            raise ConfigurationError(msg)
        if files_per_second is not None:
            return timedelta(seconds=self.file_count / _positive(files_per_second, "files per second"))
        assert movies_per_minute is not None
        return timedelta(minutes=self.image_count / _positive(movies_per_minute, "movies per minute"))

    @staticmethod
    def of_files(count: int, *, total_bytes: int | None = None, like: Session | None = None) -> Session:
        """Describe a session that ends with exactly `count` files.

        Args:
            count: All files of the dataset folder, the metadata file included; 13 to 2,000,000.
            total_bytes: Their sizes' sum, met within a few per cent; None makes them as small as they can be.
            like: Whose names, addresses and seed to take.

        Raises:
            ConfigurationError: So many files, or so many bytes in so many files, cannot be a session.
        """
        from fs2od.testing.microscope._layout import laid_out, sized  # noqa: PLC0415 - it needs this class: a circle

        if not _SMALLEST <= count <= _LARGEST:
            msg = f"A session has {_SMALLEST} to {_LARGEST:,} files, not {count:,}."
            raise ConfigurationError(msg)
        return sized(laid_out(like or Session(), count), total_bytes)

    def _require_positive_numbers(self) -> None:
        rows, columns = self.frame_shape
        numbers = {
            "grid_squares": self.grid_squares,
            "holes_per_square": self.holes_per_square,
            "images_per_hole": self.images_per_hole,
            "images": 1 if self.images is None else self.images,
            "frames": self.frames,
            "frame_shape": min(rows, columns),
            "picture_width": self.picture_width,
            "scenes": self.scenes,
            "idle_squares": self.idle_squares + 1,
            "seed": self.seed + 1,
        }
        for name, number in numbers.items():
            if number < 1:
                msg = f"A session's {name} is too small."
                raise ConfigurationError(msg)

    def _require_plain_texts(self) -> None:
        texts = ("name", "sample", "project", "instrument", "experimenter_name", "operator_name", "metadata_file")
        for name in texts:
            text = str(getattr(self, name))
            if not text.strip() or not text.isprintable():
                msg = f"A session's {name} must be printable text."
                raise ConfigurationError(msg)
        for address in (self.experimenter_email, self.operator_email):
            local, at, domain = address.partition("@")
            if not (local and at and domain) or not address.isprintable() or " " in address:
                msg = f"{address!r} is not an e-mail address."
                raise ConfigurationError(msg)


def _positive(rate: float, name: str) -> float:
    if not rate > 0:
        msg = f"The rate in {name} must be positive, not {rate}."
        raise ConfigurationError(msg)
    return rate
