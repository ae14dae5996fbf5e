"""What the electrons see: relative intensities, of mean about 1, for the three kinds of exposure."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fs2od.testing.microscope._camera import Level, Setup

__all__ = ["Image", "intensity", "smoothed"]

Image = NDArray[np.float32]

_WAVELENGTH_A: Final = 0.01969  # of an electron at 300 kV
_CS_A: Final = 2.7e7  # 2.7 mm, the usual constant of such columns
_AMPLITUDE_CONTRAST: Final = 0.08
_B_FACTOR_A2: Final = 120.0
_PARTICLE_A: Final = (62.0, 38.0)  # outer and inner radius of a hollow sphere of protein
_PARTICLE_SPACING_A: Final = 210.0
_HOLE_DIAMETER_M: Final = 1.2e-06
_HOLE_PITCH_M: Final = 2.5e-06
_SQUARE_M: Final = 6.0e-05


def intensity(setup: Setup, chance: np.random.Generator, *, defocus_m: float) -> Image:
    """Draw one scene of this kind of exposure."""
    match setup.level:
        case Level.GRID_SQUARE:
            return _grid_square(setup, chance)
        case Level.FOIL_HOLE:
            return _foil_holes(setup, chance)
        case Level.DATA:
            return _micrograph(setup, chance, defocus_m=defocus_m)


def smoothed(image: Image, sigma_pixels: float) -> Image:
    """Apply a Gaussian low-pass filter."""
    frequency = _frequencies(image.shape, 1.0)
    return _filtered(image, np.exp(-2 * (math.pi * sigma_pixels * frequency) ** 2))


def _frequencies(shape: tuple[int, ...], pixel: float) -> NDArray[np.float64]:
    along = np.fft.fftfreq(shape[0], pixel)[:, None]
    across = np.fft.rfftfreq(shape[1], pixel)[None, :]
    return np.asarray(np.hypot(along, across), dtype=np.float64)


def _filtered(image: Image, transfer: NDArray[np.float64]) -> Image:
    return np.fft.irfft2(np.fft.rfft2(image) * transfer, s=image.shape).astype(np.float32)


def _normalised(image: Image, spread: float) -> Image:
    centred = image - image.mean()
    deviation = float(centred.std())
    return np.asarray(centred * (spread / deviation) if deviation else centred, dtype=np.float32)


def _grid(shape: tuple[int, int]) -> tuple[Image, Image]:
    rows, columns = np.indices(shape, dtype=np.float32)
    return rows - shape[0] / 2, columns - shape[1] / 2


def _turned(rows: Image, columns: Image, angle: float) -> tuple[Image, Image]:
    return rows * math.cos(angle) - columns * math.sin(angle), rows * math.sin(angle) + columns * math.cos(angle)


def _micrograph(setup: Setup, chance: np.random.Generator, *, defocus_m: float) -> Image:
    pixel_a = setup.pixel_size_m * 1e10
    thickness = _particles(setup.frame_shape, pixel_a, chance)
    ice = chance.normal(0, 1, setup.frame_shape).astype(np.float32)
    phase = _normalised(thickness, 1.0) + _normalised(smoothed(ice, 0.7), 0.8)
    frequency = _frequencies(setup.frame_shape, pixel_a)
    image = _filtered(phase, _contrast_transfer(frequency, defocus_m))
    rows, columns = _grid(setup.frame_shape)
    shading = 1 + 0.04 * rows / setup.frame_shape[0] - 0.03 * columns / setup.frame_shape[1]
    return np.asarray(np.clip((1 - _normalised(image, 0.05)) * shading, 0.1, None), dtype=np.float32)


def _contrast_transfer(frequency: NDArray[np.float64], defocus_m: float) -> NDArray[np.float64]:
    """Weigh each spatial frequency (1/Å) as the microscope does; under focus is negative, as in AppliedDefocus."""
    square = frequency**2
    under_focus_a = -defocus_m * 1e10
    phase = math.pi * _WAVELENGTH_A * under_focus_a * square - 0.5 * math.pi * _CS_A * _WAVELENGTH_A**3 * square**2
    envelope = np.exp(-_B_FACTOR_A2 * square / 4)
    return np.asarray(np.sin(phase + math.asin(_AMPLITUDE_CONTRAST)) * envelope)


def _particles(shape: tuple[int, int], pixel_a: float, chance: np.random.Generator) -> Image:
    thickness = np.zeros(shape, dtype=np.float32)
    stamp = _stamp(pixel_a)
    reach = stamp.shape[0]
    count = math.ceil(shape[0] * shape[1] * pixel_a**2 / _PARTICLE_SPACING_A**2)
    padded = np.pad(thickness, reach)
    for row, column in chance.integers(0, (shape[0] + reach, shape[1] + reach), (count, 2)):
        padded[row : row + reach, column : column + reach] += stamp
    return padded[reach : reach + shape[0], reach : reach + shape[1]]


def _stamp(pixel_a: float) -> Image:
    """Draw the projected thickness of one hollow sphere."""
    outer, inner = (radius / pixel_a for radius in _PARTICLE_A)
    reach = math.ceil(outer) + 1
    rows, columns = _grid((2 * reach + 1, 2 * reach + 1))
    distance_squared = (rows + 0.5) ** 2 + (columns + 0.5) ** 2
    wall = np.sqrt(np.clip(outer**2 - distance_squared, 0, None))
    wall -= np.sqrt(np.clip(inner**2 - distance_squared, 0, None))
    return np.asarray(wall, dtype=np.float32)


def _foil_holes(setup: Setup, chance: np.random.Generator) -> Image:
    rows, columns = _turned(*_grid(setup.frame_shape), float(chance.uniform(-0.5, 0.5)))
    pitch, radius = _HOLE_PITCH_M / setup.pixel_size_m, 0.5 * _HOLE_DIAMETER_M / setup.pixel_size_m
    offset = chance.uniform(-0.2, 0.2, 2) * pitch
    distance = np.hypot(_folded(rows + offset[0], pitch), _folded(columns + offset[1], pitch))
    edge = max(1.0, radius / 40)
    hole = 1 / (1 + np.exp(np.clip((distance - radius) / edge, -30, 30)))
    rim = np.exp(-(((distance - radius) / (2 * edge)) ** 2))
    carbon = 1 + _normalised(smoothed(chance.normal(0, 1, setup.frame_shape).astype(np.float32), 0.8), 0.05)
    image = 0.78 * carbon * (1 - hole) + 1.15 * hole - 0.25 * rim
    return _dirty(np.asarray(image, dtype=np.float32), chance, crystals=9, largest=0.02)


def _grid_square(setup: Setup, chance: np.random.Generator) -> Image:
    rows, columns = _turned(*_grid(setup.frame_shape), float(chance.uniform(-0.35, 0.35)))
    half = 0.5 * _SQUARE_M / setup.pixel_size_m
    offset = chance.uniform(-0.3, 0.3, 2) * half
    # A superellipse: a square with the rounded corners that every grid has.
    distance = ((rows + offset[0]) / half) ** 6 + ((columns + offset[1]) / half) ** 6
    square = 1 / (1 + np.clip(distance, 0, 1e6) ** 3)
    pitch = _HOLE_PITCH_M / setup.pixel_size_m
    holes = np.exp(-(np.hypot(_folded(rows, pitch), _folded(columns, pitch)) ** 2) / (0.08 * pitch**2))
    image = 0.05 + square * (1.6 + 0.3 * holes)
    return _dirty(smoothed(np.asarray(image, dtype=np.float32), 1.0), chance, crystals=25, largest=0.012)


def _folded(distance: Image, pitch: float) -> Image:
    """Say how far each place is from the nearest of many equally spaced lines."""
    return np.asarray(np.mod(distance + pitch / 2, pitch) - pitch / 2, dtype=np.float32)


def _dirty(image: Image, chance: np.random.Generator, *, crystals: int, largest: float) -> Image:
    """Let some ice crystals lie on it."""
    rows, columns = np.indices(image.shape, dtype=np.float32)
    darkness = np.zeros_like(image)
    for _ in range(crystals):
        row, column = chance.uniform(0, image.shape[0]), chance.uniform(0, image.shape[1])
        radius = max(0.7, chance.uniform(0.15, 1) ** 2 * largest * image.shape[1])
        darkness += 0.9 * np.exp(-((((rows - row) ** 2 + (columns - column) ** 2) / radius**2) ** 2))
    return np.asarray(np.clip(image * (1 - np.clip(darkness, 0, 0.9)), 0.02, None), dtype=np.float32)
