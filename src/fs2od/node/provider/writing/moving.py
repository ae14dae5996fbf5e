"""Moves of large files where that is a copy: it is made before others are kept off, who then wait for a moment alone."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from fs2od.errors import StorageError
from fs2od.node.provider.access import Located
from fs2od.node.provider.writing.change import stored
from fs2od.onedata import errors
from fs2od.storage import Can, Kind, Seen, Storage, Upload

__all__ = ["Moving", "moving"]

_SMALL_BYTES = 8 << 20


@dataclass
class Moving:
    """A file on its way from one path of a storage to another; of a large one there is a copy that needs only to be completed."""

    storage: Storage
    source: str
    target: str
    still: Callable[[], object]
    copied: tuple[Seen, Upload] | None = None
    is_finished: bool = False

    def finish(self) -> None:
        """Let it be at its new path, and no more at the old one.

        Raises:
            PosixError: enoent; eexist; ebusy, it was written while it was copied.
            ServiceError: Whoever moves it may not do so any more.
        """
        if self.copied is None:
            stored(lambda: self.storage.rename(self.source, self.target))
            return
        seen, upload = self.copied
        self.still()
        if stored(lambda: self.storage.stat(self.source)) != seen:
            raise errors.posix("ebusy")
        stored(lambda: self.storage.complete_upload(upload))
        self.is_finished = True
        with suppress(FileNotFoundError):
            self.storage.delete(self.source)


@contextmanager
def moving(storage: Storage, source: Located, target: str, still: Callable[[], object]) -> Generator[Moving]:
    """Yield a move that is prepared: what takes long has been done. Nothing of it stays when it is not finished.

    Args:
        storage: Where it is.
        source: The file or directory.
        target: The path that it gets.
        still: Raises if whoever moves it may not do so any more.
    """
    entry, path = source.entry, source.path
    if Can.RENAME_ATOMICALLY in storage.can or entry.kind is not Kind.FILE or entry.size_bytes <= _SMALL_BYTES:
        yield Moving(storage, path, target, still)
        return
    seen = stored(lambda: storage.stat(path))
    try:
        upload = stored(lambda: storage.begin_copy(path, target))
    except StorageError as error:
        if stored(lambda: storage.stat(path)) != seen:
            raise errors.posix("ebusy") from error  # it has become shorter
        raise
    move = Moving(storage, path, target, still, (seen, upload))
    try:
        yield move
    finally:
        if not move.is_finished:
            # A store that is away now has it swept another time; why the move failed is told before that.
            with suppress(StorageError, FileNotFoundError):
                storage.abort_upload(upload)
