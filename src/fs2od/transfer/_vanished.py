"""What was listed and is not there when it is asked for: while a dataset grows, that is how it grows.

A microscope writes under passing names (`movie.tmp`) and gives the right ones when a file is whole. So what vanished is looked for
once more when everything else is done: its folder is listed again, what came in its place is brought, and nobody is alarmed.
Once a dataset is sealed, nothing may vanish from it any more, and whatever does is a failure.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass

from fs2od.errors import Fs2odError, StorageError
from fs2od.manifests import PIECE_BYTES, SIDECAR
from fs2od.transfer._entries import Entry, EntryKind, Names
from fs2od.transfer._errors import NotFound
from fs2od.transfer._partials import partials_of
from fs2od.transfer._postponed import Postponed
from fs2od.transfer._run import Run, Wanted
from fs2od.transfer._setbacks import Setbacks
from fs2od.transfer._sidecar import Sidecar

__all__ = ["Listed", "Vanished"]


@dataclass(frozen=True)
class Listed:
    """A folder as it is listed now; `again` are the names in it that were missed and have to be asked for once more."""

    path: Names
    folder: Entry
    entries: list[Entry]
    again: frozenset[str]


@dataclass(frozen=True)
class _Missed:
    """A file or folder that was listed in `folder` and was not there."""

    folder: Names
    entry: Entry
    error: NotFound
    is_promised: bool = False

    @property
    def path(self) -> Names:
        return (*self.folder, self.entry.name)


class Vanished:
    """Collects what was missed, from any number of threads, and judges it by a second look."""

    def __init__(self, run: Run, sidecar: Sidecar, setbacks: Setbacks, postponed: Postponed, *, most: int) -> None:
        """Begin with nothing missed; a folder may list up to `most` entries."""
        self._postponed = postponed
        self._run = run
        self._sidecar = sidecar
        self._setbacks = setbacks
        self._most = most
        self._lock = threading.Lock()
        self._missed: list[_Missed] = []
        self._folders: dict[Names, Entry] = {}
        self._asked_again: set[tuple[Names, str]] = set()

    def entered(self, path: Names, folder: Entry) -> None:
        """Take note of a folder that is listed, so that it can be listed again."""
        # The seal may turn out to have been taken away: its folder is needed then.
        if self._sidecar.may_grow or path[:1] in {(), (SIDECAR,)}:
            with self._lock:
                self._folders[path] = folder

    def knows(self, path: Names) -> bool:
        """Say whether a folder was listed already."""
        return path in self._folders

    @property
    def waits(self) -> bool:
        """Whether something was missed that was not judged yet."""
        return bool(self._missed)

    def failed(self, wanted: Wanted, error: Fs2odError) -> None:
        """Take note that a file did not come; whether it has vanished is judged later."""
        if isinstance(error, NotFound) and self._sidecar.may_grow and wanted.folder in self._folders:
            self._miss(_Missed(wanted.folder, wanted.entry, error, wanted.promise is not None))
        elif not self._postponed.takes_file(wanted, error):
            self._setbacks.failed(wanted.path, error)

    def failed_to_list(self, path: Names, folder: Entry, error: Fs2odError) -> None:
        """Take note that a folder could not be listed; whether it has vanished is judged later."""
        if isinstance(error, NotFound) and path and path in self._folders:
            self._miss(_Missed(path[:-1], folder, error))
        elif not self._postponed.takes_folder(path, folder, error):
            self._setbacks.failed(path, error)

    def look_again(self, *, is_last: bool) -> list[Listed]:
        """List the folders anew in which something was missed, judge what that was, and return what is listed now.

        Args:
            is_last: Whether nothing will be asked for once more: what is still listed has failed then.
        """
        with self._lock:
            missed, self._missed = self._missed, []
        by_folder: dict[Names, list[_Missed]] = {}
        for each in missed:
            by_folder.setdefault(each.folder, []).append(each)
        found = []
        # What lies deepest comes first: a folder that is not there itself is missed in the one above.
        for depth in range(max(map(len, by_folder), default=-1), -1, -1):
            for path in [each for each in by_folder if len(each) == depth]:
                found += self._listed(path, by_folder, is_last=is_last)
        return found

    def give_up(self) -> None:
        """Call all that was not judged a failure: there was no time to look again."""
        with self._lock:
            missed, self._missed = self._missed, []
        self._fail(missed)

    def _miss(self, missed: _Missed) -> None:
        with self._lock:
            self._missed.append(missed)
        # Where the link has ended, nothing is there any more.
        self._setbacks.check_that_link_stands()

    def _listed(self, path: Names, by_folder: dict[Names, list[_Missed]], *, is_last: bool) -> list[Listed]:
        folder, missed = self._folders[path], by_folder[path]
        try:
            entries = self._run.shared.children(folder, most=self._most)
        except NotFound as error:
            if path:
                for each in missed:
                    self._gone(each)
                by_folder.setdefault(path[:-1], []).append(_Missed(path[:-1], folder, error))
                return []
            self._fail(missed)
        except Fs2odError:
            self._fail(missed)
        else:
            now = {entry.name: entry for entry in entries}
            again = [each for each in missed if self._is_there_again(each, now.get(each.entry.name))]
            if not is_last:
                self._forget(again)
                return [Listed(path, folder, entries, frozenset(each.entry.name for each in again))]
            self._fail(again)
        return []

    def _is_there_again(self, missed: _Missed, now: Entry | None) -> bool:
        """Say whether something is to be asked for once more; if not, it is settled what has become of it."""
        if now is None:
            self._gone(missed)
            return False
        asked = (missed.path, now.state())
        if now.state() != missed.entry.state() or asked not in self._asked_again:
            self._asked_again.add(asked)
            return True
        if self._sidecar.is_there and not missed.is_promised:
            # The files are registered later than they are renamed, and the listing does not know yet.
            self._gone(missed)
        else:
            self._fail([missed])
        return False

    def _gone(self, missed: _Missed) -> None:
        entry = missed.entry
        self._forget([missed])
        self._run.tally.gone(missed.path, is_folder=entry.kind is EntryKind.FOLDER)
        if entry.size_bytes > PIECE_BYTES:
            with contextlib.suppress(StorageError):
                self._remove_partials(missed)

    def _remove_partials(self, missed: _Missed) -> None:
        """Remove what had come of a file: no later run would know of what it is a part."""
        disk = self._run.destination
        for partial in partials_of(disk.scan(missed.folder)).get(missed.entry.name, ()):
            disk.remove((*missed.folder, str(partial)))
            disk.remove((*missed.folder, partial.notes))

    def _forget(self, missed: list[_Missed]) -> None:
        """Count things no more that were counted when they were listed: they are gone, or will be counted again."""
        for each in missed:
            if each.entry.kind is EntryKind.FOLDER:
                depth = len(each.path)
                self._folders = {path: folder for path, folder in self._folders.items() if path[:depth] != each.path}
            else:
                self._run.tally.unlisted(each.entry)

    def _fail(self, missed: list[_Missed]) -> None:
        for each in missed:
            self._setbacks.failed(each.path, each.error)
