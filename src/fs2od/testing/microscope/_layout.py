"""Fit a session to a number of files and of bytes."""

from __future__ import annotations

from dataclasses import replace

from fs2od.errors import ConfigurationError
from fs2od.testing.microscope._camera import SENSOR_COLUMNS, SENSOR_ROWS, movie_bytes_per_pixel
from fs2od.testing.microscope._session import Session

__all__ = ["estimated_bytes", "laid_out", "sized"]

# Measured once on files that this package writes; only the JPGs' sizes depend on what they show.
_IMAGE_DOCUMENT = 11_260
_SESSION_DOCUMENT = 76_700
_SESSION_DOCUMENT_PER_SQUARE = 330
_SQUARE_DOCUMENT = 1_300
_SQUARE_DOCUMENT_PER_HOLE = 1_180
_METADATA_FILE = 1_500
_MRC_HEADER = 1_024
_PICTURE_BYTES_PER_PIXEL = 0.46
_OVERVIEW_BYTES_PER_PIXEL = 0.23
_PICTURE_HEADER = 450

_WIDEST = SENSOR_COLUMNS // 2
_TALLEST = SENSOR_ROWS // 2
_NARROWEST = 16
_MOST_FRAMES = 2_000
# Drawing takes about 0.1 s per million pixels: few scenes for large frames, all different for small ones.
_DRAWN_PIXELS = 60_000_000


def laid_out(like: Session, count: int) -> Session:
    """Arrange squares, holes and images so that exactly `count` files result."""
    images_per_hole = 4 if count >= 100 else 2
    holes_per_square = min(40, max(1, count // 60))
    wanted_idle = min(4 + count // 200, count // 20)
    images = (count - 2 - wanted_idle) // Session.FILES_PER_IMAGE
    while True:
        layout = replace(
            like,
            images_per_hole=images_per_hole,
            holes_per_square=holes_per_square,
            images=images,
            grid_squares=_squares_for(images, images_per_hole, holes_per_square),
            idle_squares=0,
        )
        idle = count - layout.file_count
        if idle >= wanted_idle:
            return replace(layout, idle_squares=idle)
        images -= max(1, (wanted_idle - idle) // 8)


def sized(layout: Session, total_bytes: int | None) -> Session:
    """Choose frames and their shape so that the files' sizes add up to `total_bytes`.

    Raises:
        ConfigurationError: Even the smallest frames are more than that, or the longest movies less.
    """
    smallest = _with_frames(layout, 1, _NARROWEST)
    if total_bytes is None:
        return smallest
    if estimated_bytes(smallest) > total_bytes:
        msg = (
            f"{layout.file_count} files of an EPU session need at least {estimated_bytes(smallest):,} bytes, "
            f"not {total_bytes:,}: ask for fewer files or more bytes."
        )
        raise ConfigurationError(msg)
    session = _with_fitting_rows(_with_fitting_columns(layout, total_bytes), total_bytes)
    if estimated_bytes(session) < 0.9 * total_bytes:
        msg = f"{layout.file_count} files cannot hold {total_bytes:,} bytes: ask for more files or fewer bytes."
        raise ConfigurationError(msg)
    return session


def estimated_bytes(session: Session) -> int:
    """Say what the files' sizes add up to, within a few per cent."""
    rows, columns = session.frame_shape
    images, overviews = session.image_count, session.hole_count + session.imaged_square_count
    picture_pixels = session.picture_width**2 * rows / columns
    pictures: float = _PICTURE_HEADER * (images + overviews)
    pictures += picture_pixels * (_PICTURE_BYTES_PER_PIXEL * images + _OVERVIEW_BYTES_PER_PIXEL * overviews)
    documents = (
        _SESSION_DOCUMENT
        + _METADATA_FILE
        + (_SESSION_DOCUMENT_PER_SQUARE + _SQUARE_DOCUMENT) * session.known_square_count
        + _SQUARE_DOCUMENT_PER_HOLE * session.hole_count
        + _IMAGE_DOCUMENT * (images + overviews)
    )
    sums = (2 * rows * columns + _MRC_HEADER) * (images + overviews)
    movies = (movie_bytes_per_pixel(session) * session.frames * rows * columns + _MRC_HEADER) * images
    return round(documents + pictures + sums + movies)


def _squares_for(images: int, images_per_hole: int, holes_per_square: int) -> int:
    return max(1, -(-images // (images_per_hole * holes_per_square)))


def _with_frames(layout: Session, frames: int, columns: int) -> Session:
    rows = max(1, columns * _TALLEST // _WIDEST)
    scenes = max(8, _DRAWN_PIXELS // (rows * columns * min(8, frames)))
    return replace(
        layout,
        frames=frames,
        frame_shape=(rows, columns),
        picture_width=min(512, columns * 4 // 3),
        scenes=min(64, scenes, layout.image_count),
    )


def _with_fitting_columns(layout: Session, total_bytes: int) -> Session:
    fullest = _with_frames(layout, 8, _WIDEST)
    if estimated_bytes(fullest) <= total_bytes:
        return _with_fitting_frames(fullest, total_bytes)
    fitting = _with_frames(layout, 1, _NARROWEST)
    for frames in (8, 3, 1):
        fitting = _widest(layout, frames, total_bytes)
        if fitting.frame_shape[1] >= 192:
            break
    return fitting


def _widest(layout: Session, frames: int, total_bytes: int) -> Session:
    candidates = (_with_frames(layout, frames, columns) for columns in range(_WIDEST, _NARROWEST, -8))
    smallest = _with_frames(layout, frames, _NARROWEST)
    return next((each for each in candidates if estimated_bytes(each) <= total_bytes), smallest)


def _with_fitting_frames(layout: Session, total_bytes: int) -> Session:
    one_frame = estimated_bytes(replace(layout, frames=layout.frames + 1)) - estimated_bytes(layout)
    more = round((total_bytes - estimated_bytes(layout)) / one_frame)
    return replace(layout, frames=min(_MOST_FRAMES, layout.frames + more))


def _with_fitting_rows(layout: Session, total_bytes: int) -> Session:
    """Let the last few rows make up for columns and frames that come in coarse steps."""
    rows, columns = layout.frame_shape
    missing = total_bytes - estimated_bytes(layout)
    per_row = (estimated_bytes(replace(layout, frame_shape=(2 * rows, columns))) - estimated_bytes(layout)) / rows
    fitting = rows + round(missing / per_row)
    return replace(layout, frame_shape=(min(max(rows // 2, fitting, 1), _TALLEST, columns), columns))
