"""MRC2014 files, written frame by frame: a header of 1024 bytes, then the pixels.

Source: the MRC2014 format as mrcfile implements it; its header type is used here, so that both agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE
from numpy.typing import NDArray

__all__ = ["Counts", "Statistics", "header", "labelled"]

Counts = NDArray[np.int8] | NDArray[np.uint16]

_MODES: Final = {np.dtype(np.int8): 0, np.dtype(np.uint16): 6}
_VERSION: Final = 20140
_LABEL_LENGTH: Final = 80


@dataclass(frozen=True, slots=True)
class Statistics:
    """Lowest, highest, mean and root-mean-square deviation of an image's counts."""

    lowest: float
    highest: float
    mean: float
    deviation: float

    @staticmethod
    def of(frames: list[Counts], repeats: list[int]) -> Statistics:
        """Compute them for frames of which each occurs several times."""
        weights = np.array(repeats, dtype=np.float64)
        means = np.array([frame.mean(dtype=np.float64) for frame in frames])
        squares = np.array([np.square(frame, dtype=np.float64).mean() for frame in frames])
        mean = float((means * weights).sum() / weights.sum())
        variance = float((squares * weights).sum() / weights.sum()) - mean**2
        return Statistics(
            lowest=float(min(frame.min() for frame in frames)),
            highest=float(max(frame.max() for frame in frames)),
            mean=mean,
            deviation=float(np.sqrt(max(0.0, variance))),
        )


def header(
    shape: tuple[int, int], frames: int, dtype: np.dtype[np.generic], *, pixel_size_a: float, statistics: Statistics
) -> bytes:
    """Write the header of a stack of 2D images; the labels are left to `labelled`."""
    rows, columns = shape
    record = np.zeros((), dtype=HEADER_DTYPE)
    record["nx"], record["ny"], record["nz"] = columns, rows, frames
    record["mode"] = _MODES[np.dtype(dtype)]
    # A stack of images: one section per image (mz = 1), space group 0.
    record["mx"], record["my"], record["mz"] = columns, rows, 1
    record["cella"] = (columns * pixel_size_a, rows * pixel_size_a, pixel_size_a)
    record["cellb"] = (90, 90, 90)
    record["mapc"], record["mapr"], record["maps"] = 1, 2, 3
    record["dmin"], record["dmax"] = statistics.lowest, statistics.highest
    record["dmean"], record["rms"] = statistics.mean, statistics.deviation
    record["nversion"] = _VERSION
    record["map"] = b"MAP "
    record["machst"] = (0x44, 0x44, 0, 0)
    return record.tobytes()


def labelled(header_bytes: bytes, *labels: str) -> bytes:
    """Put text labels, ASCII of at most 80 characters each, into a finished header."""
    record = np.frombuffer(header_bytes, dtype=HEADER_DTYPE).copy()
    record["nlabl"] = len(labels)
    for index, label in enumerate(labels):
        record["label"][0, index] = label.encode("ascii", "replace")[:_LABEL_LENGTH]
    return record.tobytes()
