"""Reading one file part by part, all parts of one state: a service may replace a file between two of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fs2od.errors import IntegrityFailure
from fs2od.transfer._entries import Entry, shown_path
from fs2od.transfer._errors import FileChanged, RangeRefused
from fs2od.transfer._file_state import FileState

if TYPE_CHECKING:
    from fs2od.transfer._dataset import Dataset

__all__ = ["SteadyFile"]


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
