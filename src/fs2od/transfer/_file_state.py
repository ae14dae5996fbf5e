"""Which state of a file bytes are of: a service may replace a file between two answers."""

from __future__ import annotations

import threading
from typing import Final

from fs2od.transfer._errors import FileChanged

__all__ = ["FileState"]

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
