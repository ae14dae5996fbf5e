"""What the service did not give in spite of all patience, while it may have given other things: asked for once more at the end."""

from __future__ import annotations

import threading
from typing import NamedTuple

from fs2od.errors import Fs2odError
from fs2od.transfer._entries import Entry, Names
from fs2od.transfer._patience import may_pass
from fs2od.transfer._run import Wanted
from fs2od.transfer._setbacks import Setbacks

__all__ = ["Postponed", "PostponedFile", "PostponedFolder"]


class PostponedFile(NamedTuple):
    """A file that did not come, and why."""

    wanted: Wanted
    error: Fs2odError


class PostponedFolder(NamedTuple):
    """A folder that could not be listed, and why."""

    path: Names
    folder: Entry
    error: Fs2odError


class Postponed:
    """Collects what failed in a way that may pass, from any number of threads. There is one further try, and no more."""

    def __init__(self, setbacks: Setbacks) -> None:
        self._setbacks = setbacks
        self._lock = threading.Lock()
        self._is_last = False
        self._files: list[PostponedFile] = []
        self._folders: list[PostponedFolder] = []

    @property
    def waits(self) -> bool:
        """Whether there is something to ask for once more."""
        return bool(self._files or self._folders)

    def takes_file(self, wanted: Wanted, error: Fs2odError) -> bool:
        """Say whether a file will be asked for once more; if not, it has failed."""
        if self._is_last or not may_pass(error):
            return False
        with self._lock:
            self._files.append(PostponedFile(wanted, error))
        self._setbacks.lost(error)
        return True

    def takes_folder(self, path: Names, folder: Entry, error: Fs2odError) -> bool:
        """Say whether a folder will be listed once more; if not, it has failed. Without the top one, nothing is there at all."""
        if self._is_last or not path or not may_pass(error):
            return False
        with self._lock:
            self._folders.append(PostponedFolder(path, folder, error))
        self._setbacks.lost(error)
        return True

    def take(self) -> tuple[list[PostponedFile], list[PostponedFolder]]:
        """Return all of it. What fails from now on has failed."""
        with self._lock:
            self._is_last = True
            files, self._files = self._files, []
            folders, self._folders = self._folders, []
        return files, folders

    def give_up(self) -> None:
        """Call all of it a failure: there was no time to ask again."""
        files, folders = self.take()
        self.fail(files, folders)

    def fail(self, files: list[PostponedFile], folders: list[PostponedFolder]) -> None:
        """Call things a failure that were taken."""
        for file in files:
            self._setbacks.failed(file.wanted.path, file.error)
        for folder in folders:
            self._setbacks.failed(folder.path, folder.error)
