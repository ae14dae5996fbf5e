"""A download's symbolic links: made when everything else stands, and only such as lead to a place below the destination."""

from __future__ import annotations

import threading

from fs2od.errors import StorageError
from fs2od.manifests import is_straight, link_fault, straight_target
from fs2od.transfer._entries import Entry, EntryKind, Names
from fs2od.transfer._plan import in_the_way, left_out
from fs2od.transfer._run import Run
from fs2od.transfer._setbacks import Setbacks

__all__ = ["LinkMaking"]


class LinkMaking:
    """Collects the links of one run, from any number of threads, and makes them in the end."""

    def __init__(self, run: Run, setbacks: Setbacks) -> None:
        self._run = run
        self._setbacks = setbacks
        self._lock = threading.Lock()
        self._links: dict[Names, str] = {}

    def wanted(self, folder: Names, links: tuple[Entry, ...]) -> None:
        """Take note of the links that are to lie in a folder."""
        with self._lock:
            self._links.update({(*folder, link.name): link.target or "" for link in links})

    def make(self) -> None:
        """Make what is wanted and does not lead out, also not through other links, whoever made those."""
        for path, target in self._links.items():
            if self._run.ending.has_come:
                return
            try:
                self._make(path, target)
            except StorageError as error:
                self._setbacks.failed(path, error)

    def _make(self, path: Names, target: str) -> None:
        disk, shown = self._run.destination, "/".join(path)
        fault = link_fault(shown, target, self._target_of)
        # What goes up after a name would lead elsewhere once somebody puts a link in that name's place.
        straight = target if is_straight(target) else straight_target(shown, target, self._target_of)
        there = disk.present(path)
        if fault or straight is None:
            self._run.tally.failed(path, left_out(fault or ""))
        elif there is None:
            disk.make_link(path, straight)
        elif there.kind is not EntryKind.SYMLINK or there.target not in {straight, target}:
            self._run.tally.failed(path, in_the_way(there))

    def _target_of(self, path: str) -> str | None:
        """Return what a link says: as listed where it is to be made, else as it stands on the disk."""
        names = tuple(path.split("/"))
        if names in self._links:
            return self._links[names]
        there = self._run.destination.present(names)
        return None if there is None else there.target
