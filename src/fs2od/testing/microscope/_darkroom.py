"""Develop exposures into MRC stacks, sums and JPGs. Scenes are drawn once and kept, since drawing is the slow part."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from fs2od.testing.microscope._camera import Level, Setup, movie_bytes_per_pixel, setup_for
from fs2od.testing.microscope._mrc import Counts, Statistics, header, labelled
from fs2od.testing.microscope._scenery import Image, intensity, smoothed
from fs2od.testing.microscope._session import Session
from fs2od.testing.microscope._targets import Exposure

__all__ = ["Darkroom"]

_MOST_SCENE_BYTES: Final = 256 * 2**20
_MOST_NOISE_FRAMES: Final = 8
_FEW_COUNTS: Final = 20
_LARGEST: Final = {1: 127, 2: 65535}
_OVERVIEW_SCENES: Final = {Level.GRID_SQUARE: 8, Level.FOIL_HOLE: 16}


@dataclass(frozen=True, slots=True)
class _Scene:
    """One picture as the camera recorded it, ready to be written under any name."""

    frames: list[Counts]
    """Different noise over the same scene; a movie shows them in turn."""
    movie_header: bytes
    total: bytes
    total_header: bytes
    picture: bytes


@dataclass(slots=True)
class Darkroom:
    """Hand out the bytes of each exposure's files, always the same for the same session."""

    session: Session
    _scenes: dict[tuple[Level, int], _Scene] = field(default_factory=dict)

    def picture(self, exposure: Exposure) -> Iterator[bytes]:
        """Write the JPG, low-pass filtered and stretched; its comment holds the image's name."""
        picture = self._scene(exposure).picture
        comment = exposure.stem.name.encode()
        # Behind the start marker of two bytes: a comment segment, whose length counts itself (ITU T.81, B.2.4.5).
        yield picture[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + picture[2:]

    def total(self, exposure: Exposure) -> Iterator[bytes]:
        """Write the MRC image: the sum of all frames."""
        scene = self._scene(exposure)
        yield self._labelled(scene.total_header, exposure)
        yield scene.total

    def movie(self, exposure: Exposure) -> Iterator[bytes]:
        """Write the MRC stack, frame by frame."""
        scene = self._scene(exposure)
        yield self._labelled(scene.movie_header, exposure)
        for index in range(self.session.frames):
            yield scene.frames[index % len(scene.frames)].tobytes()

    def _labelled(self, header_bytes: bytes, exposure: Exposure) -> bytes:
        return labelled(header_bytes, f"Simulated by fs2od, seed {self.session.seed}", exposure.stem.name)

    def _scene(self, exposure: Exposure) -> _Scene:
        setup = setup_for(self.session, exposure.level)
        key = exposure.level, exposure.scene % self._kept(exposure.level)
        scene = self._scenes.get(key)
        if scene is None:
            if len(self._scenes) * _scene_bytes(setup) > _MOST_SCENE_BYTES:
                self._scenes.pop(next(iter(self._scenes)))
            scene = self._scenes[key] = self._drawn(setup, exposure, key[1])
        return scene

    def _kept(self, level: Level) -> int:
        return _OVERVIEW_SCENES.get(level, self.session.scenes)

    def _drawn(self, setup: Setup, exposure: Exposure, number: int) -> _Scene:
        chance = np.random.default_rng([self.session.seed, list(Level).index(setup.level), number])
        defocus_m = setup.applied_defocus_m if exposure.applied_defocus_m is None else exposure.applied_defocus_m
        truth = intensity(setup, chance, defocus_m=defocus_m)
        return _recorded(setup, truth, chance, movie_bytes_per_pixel(self.session), self.session.picture_width)


def _scene_bytes(setup: Setup) -> int:
    rows, columns = setup.frame_shape
    return rows * columns * (2 + 2 * min(setup.frames, _MOST_NOISE_FRAMES))


def _recorded(
    setup: Setup, truth: Image, chance: np.random.Generator, bytes_per_pixel: int, picture_width: int
) -> _Scene:
    is_bytes = bytes_per_pixel == 1 and setup.level is Level.DATA
    dtype: np.dtype[np.generic] = np.dtype(np.int8) if is_bytes else np.dtype(np.uint16)
    expected = truth * (setup.dose_on_camera / setup.frames)
    different = min(setup.frames, _MOST_NOISE_FRAMES)
    frames = [_counted(expected, chance, dtype) for _ in range(different)]
    repeats = [setup.frames // different + (index < setup.frames % different) for index in range(different)]
    total = _summed(frames, repeats)
    pixel_size_a = setup.pixel_size_m * 1e10
    return _Scene(
        frames=frames,
        movie_header=header(
            setup.frame_shape,
            setup.frames,
            dtype,
            pixel_size_a=pixel_size_a,
            statistics=Statistics.of(frames, repeats),
        ),
        total=total.tobytes(),
        total_header=header(
            setup.frame_shape, 1, total.dtype, pixel_size_a=pixel_size_a, statistics=Statistics.of([total], [1])
        ),
        picture=_developed(total, picture_width),
    )


def _counted(expected: Image, chance: np.random.Generator, dtype: np.dtype[np.generic]) -> Counts:
    if float(expected.mean()) < _FEW_COUNTS:
        counts = chance.poisson(expected).astype(np.float32)
    else:
        # For many counts a rounded normal deviate is as good as a Poisson one, and ten times as fast.
        deviates = chance.standard_normal(expected.shape, dtype=np.float32)
        counts = np.rint(expected + np.sqrt(expected) * deviates)
    clipped = np.clip(counts, 0, _LARGEST[dtype.itemsize])
    return clipped.astype(np.int8) if dtype == np.int8 else clipped.astype(np.uint16)


def _summed(frames: list[Counts], repeats: list[int]) -> NDArray[np.uint16]:
    total = np.zeros(frames[0].shape, dtype=np.uint32)
    for frame, times in zip(frames, repeats, strict=True):
        total += frame.astype(np.uint32) * np.uint32(times)
    return np.clip(total, 0, np.iinfo(np.uint16).max).astype(np.uint16)


def _developed(total: NDArray[np.uint16], width: int) -> bytes:
    height = max(1, round(width * total.shape[0] / total.shape[1]))
    soft = smoothed(total.astype(np.float32), max(0.6, 0.6 * total.shape[1] / width))
    low, high = np.percentile(soft, (0.3, 99.7))
    stretched = np.clip((soft - low) * (250 / max(high - low, 1e-6)), 0, 255).astype(np.uint8)
    picture = Picture.fromarray(stretched).resize((width, height), Picture.Resampling.BICUBIC)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=90)
    return out.getvalue()
