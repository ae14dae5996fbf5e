"""Carry out single steps of a plan in a folder, and count what they leave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath

from fs2od.testing.microscope._darkroom import Darkroom
from fs2od.testing.microscope._image_document import ImageDocuments
from fs2od.testing.microscope._metadata_file import metadata_file
from fs2od.testing.microscope._plan import Kind, Remove, Rename, Step, Write
from fs2od.testing.microscope._session import Session
from fs2od.testing.microscope._session_document import session_document
from fs2od.testing.microscope._square_document import square_document
from fs2od.testing.microscope._targets import Grid, grid_of

__all__ = ["Instrument"]


@dataclass(slots=True)
class Instrument:
    """Writes the files of one session; what it needs more than once it keeps."""

    session: Session
    folder: Path
    start: datetime
    files: int = 0
    """Those with their final names; the running file does not count."""
    movies: int = 0
    size_bytes: int = 0
    is_over: bool = False
    _partial: dict[PurePosixPath, int] = field(default_factory=dict)
    _rewritten: dict[PurePosixPath, int] = field(default_factory=dict)
    _folders: set[PurePosixPath] = field(default_factory=set)
    _grid: Grid = field(init=False)
    _documents: ImageDocuments = field(init=False)
    _darkroom: Darkroom = field(init=False)

    def __post_init__(self) -> None:
        self._grid = grid_of(self.session)
        self._documents = ImageDocuments(self.session, self._grid.rotation)
        self._darkroom = Darkroom(self.session)

    def carry_out(self, step: Step) -> None:
        """Take one step.

        Raises:
            OSError: The file system refused.
        """
        match step:
            case Write():
                self._count(step, self._write(step))
            case Rename():
                (self.folder / step.source).rename(self.folder / step.path)
                self.files += 1
                self.movies += step.is_movie
                self.size_bytes += self._partial.pop(step.source)
            case Remove():
                (self.folder / step.path).unlink(missing_ok=True)
                self.is_over = True

    def contents(self, step: Write) -> Iterator[bytes]:
        """Give a file's bytes, piece by piece."""
        if step.exposure is not None and step.kind is not Kind.SQUARE:
            match step.kind:
                case Kind.PICTURE:
                    return self._darkroom.picture(step.exposure)
                case Kind.TOTAL:
                    return self._darkroom.total(step.exposure)
                case Kind.MOVIE:
                    return self._darkroom.movie(step.exposure)
                case _:
                    return iter((self._documents.render(step.exposure),))
        return iter((self._text(step),))

    def _text(self, step: Write) -> bytes:
        match step.kind:
            case Kind.SESSION:
                return session_document(self.session, self._grid, self.start)
            case Kind.METADATA_FILE:
                return metadata_file(self.session, self.start)
            case _ if step.square is not None:
                return square_document(self.session, step.square, step.exposure)
            case _:
                return b""

    def _write(self, step: Write) -> int:
        self._make_folder(step.path.parent)
        written = 0
        with (self.folder / step.path).open("wb") as file:
            for piece in self.contents(step):
                file.write(piece)
                written += len(piece)
        return written

    def _make_folder(self, path: PurePosixPath) -> None:
        # Never the dataset's own folder: if somebody removed that, it must not come back half filled.
        if path not in self._folders and path != path.parent:
            self._make_folder(path.parent)
            (self.folder / path).mkdir(exist_ok=True)
            self._folders.add(path)

    def _count(self, step: Write, size_bytes: int) -> None:
        match step.kind:
            case Kind.RUNNING:
                return
            case Kind.TOTAL | Kind.MOVIE:
                self._partial[step.path] = size_bytes
                return
            case Kind.SESSION | Kind.SQUARE:
                earlier = self._rewritten.get(step.path)
                self._rewritten[step.path] = size_bytes
            case _:
                earlier = None
        self.files += earlier is None
        self.size_bytes += size_bytes - (earlier or 0)
