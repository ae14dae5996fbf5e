"""Numbers of the instrument that hang together: pixel sizes, doses and binning of the three kinds of exposure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fs2od.testing.microscope._session import Session

__all__ = ["DEFOCUS_LIST_M", "SENSOR_COLUMNS", "SENSOR_ROWS", "Level", "Setup", "movie_bytes_per_pixel", "setup_for"]

SENSOR_COLUMNS: Final = 5760
SENSOR_ROWS: Final = 4092
DEFOCUS_LIST_M: Final = (-2.2e-06, -1.8e-06, -1.4e-06, -1.0e-06, -0.6e-06)
"""What the template cycles through; negative is under focus."""

_COARSEST_BINNING = 16
# A Poisson count of mean 60 stays below 127, the largest number of MRC mode 0, in all but one of 10**13 pixels.
_LARGEST_MEAN_IN_A_BYTE = 60


class Level(StrEnum):
    """The three kinds of exposure, by EPU's own words."""

    GRID_SQUARE = "GridSquare"
    FOIL_HOLE = "Hole"
    DATA = "Acquisition"


@dataclass(frozen=True, slots=True)
class Setup:
    """How the column and the camera stand for one kind of exposure."""

    level: Level
    nominal_magnification: int
    sensor_pixel_m: float
    """Length on the specimen that one unbinned sensor pixel covers."""
    binning: int
    super_resolution: int
    exposure_s: float
    dose_per_m2: float
    """Electrons per square metre of specimen, over the whole exposure."""
    applied_defocus_m: float
    beam_diameter_m: float
    spot_index: int
    slit_inserted: bool
    slit_width_ev: int
    objective_lens_mode: str
    probe_mode: str
    objective_aperture: str
    frames: int
    frame_shape: tuple[int, int]

    @property
    def pixel_size_m(self) -> float:
        """Say what one pixel of the written image covers."""
        return self.sensor_pixel_m * self.binning

    @property
    def dose_on_camera(self) -> float:
        """Say how many electrons one written pixel receives over the whole exposure."""
        return self.dose_per_m2 * self.pixel_size_m**2

    @property
    def dose_rate(self) -> float:
        """Say how many electrons arrive per second in one of the sensor's finest pixels.

        EPU 3.4's own numbers relate so: DoseOnCamera / ExposureTime / (Binning * SuperResolutionFactor)**2.
        """
        return self.dose_on_camera / self.exposure_s / (self.binning * self.super_resolution) ** 2


def setup_for(session: Session, level: Level) -> Setup:
    """Say how the instrument stands for one kind of exposure of this session."""
    match level:
        case Level.GRID_SQUARE:
            return _grid_square(session)
        case Level.FOIL_HOLE:
            return _foil_hole(session)
        case Level.DATA:
            return _data(session)


def movie_bytes_per_pixel(session: Session) -> int:
    """Say whether a movie's pixels are bytes (MRC mode 0) or 16-bit numbers (mode 6), by the counts per frame."""
    per_frame = setup_for(session, Level.DATA).dose_on_camera / session.frames
    return 1 if per_frame <= _LARGEST_MEAN_IN_A_BYTE else 2


def _binning(session: Session) -> int:
    return min(_COARSEST_BINNING, max(1, SENSOR_COLUMNS // session.frame_shape[1]))


def _grid_square(session: Session) -> Setup:
    return Setup(
        level=Level.GRID_SQUARE,
        nominal_magnification=470,
        sensor_pixel_m=2.08e-08,
        binning=_binning(session),
        super_resolution=1,
        exposure_s=1.5,
        dose_per_m2=1.2e16,
        applied_defocus_m=-2.2e-04,
        beam_diameter_m=4.0e-04,
        spot_index=6,
        slit_inserted=False,
        slit_width_ev=40,
        objective_lens_mode="LM",
        probe_mode="MicroProbe",
        objective_aperture="None",
        frames=1,
        frame_shape=session.frame_shape,
    )


def _foil_hole(session: Session) -> Setup:
    return Setup(
        level=Level.FOIL_HOLE,
        nominal_magnification=8700,
        sensor_pixel_m=1.08e-09,
        binning=_binning(session),
        super_resolution=1,
        exposure_s=1.2,
        dose_per_m2=7.5e18,
        applied_defocus_m=-6.0e-05,
        beam_diameter_m=1.4e-05,
        spot_index=8,
        slit_inserted=True,
        slit_width_ev=40,
        objective_lens_mode="HM",
        probe_mode="NanoProbe",
        objective_aperture="None",
        frames=1,
        frame_shape=session.frame_shape,
    )


def _data(session: Session) -> Setup:
    return Setup(
        level=Level.DATA,
        nominal_magnification=130_000,
        sensor_pixel_m=6.7e-11,
        binning=_binning(session),
        super_resolution=2,
        exposure_s=1.6,
        dose_per_m2=4.0e21,
        applied_defocus_m=DEFOCUS_LIST_M[0],
        beam_diameter_m=6.2e-07,
        spot_index=5,
        slit_inserted=True,
        slit_width_ev=20,
        objective_lens_mode="HM",
        probe_mode="NanoProbe",
        objective_aperture="100",
        frames=session.frames,
        frame_shape=session.frame_shape,
    )
