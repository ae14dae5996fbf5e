"""Reading one file part by part, all parts of one state: a service may replace a file between two of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from fs2od.errors import IntegrityFailure
from fs2od.transfer._entries import Entry, shown_path
from fs2od.transfer._errors import FileChanged, RangeRefused

if TYPE_CHECKING:
    from fs2od.transfer._dataset import Dataset

__all__ = ["FileState", "SteadyFile"]

_SEVERAL: Final = 2


class FileState:
    """Which state of a file its bytes are of, by the entity tags of the answers that bring them. The first one counts.

    Attributes:
        etag: The entity tag; None while none was told.
        is_told: Whether all answers so far are known to be of one state: each had a tag, or there was one answer only.
    """

    def __init__(self) -> None:
        self.etag: str | None = None
        self._answers = 0
        self._tagged = 0
        self._lock = threading.Lock()

    @property
    def is_told(self) -> bool:
        return self._tagged == self._answers or self._answers < _SEVERAL

    def note(self, etag: str | None) -> None:
        """Take note of an answer's entity tag; None is one that is weak, or lacks.

        Raises:
            FileChanged: It is another one than before.
        """
        with self._lock:
            self._answers += 1
            self._tagged += etag is not None
            self.etag = self.etag or etag
            if etag is not None and etag != self.etag:
                raise FileChanged("the file was replaced or written to while it was read")


class SteadyFile:
    """A file as it is when it is first read. Any number of threads may read.

    Services that give no entity tags are asked after each further part whether size and time are still those that were listed.
    """

    def __init__(self, dataset: Dataset, entry: Entry) -> None:
        """Prepare to read; nothing is asked yet."""
        self._dataset = dataset
        self._entry = entry
        self._state = FileState()

    def read(self, start: int, count: int) -> bytes:
        """Return `count` bytes from byte `start` on; fewer where the file ends before.

        Raises:
            FileChanged: The file is not any more what it was at first, or what was listed: look at it anew.
        """
        entry, state = self._entry, self._state
        try:
            found = self._dataset.read(entry, start, count, state=state)
        except (IntegrityFailure, RangeRefused) as error:
            raise self._changed() from error
        if not state.is_told:
            now = self._dataset.facts(entry.file_id)
            if (now.size_bytes, now.mtime_s) != (entry.size_bytes, entry.mtime_s):
                raise self._changed()
        return found

    def _changed(self) -> FileChanged:
        return FileChanged(
            f"{shown_path((self._entry.name,))} is another file now than the one that was opened: open it again"
        )
