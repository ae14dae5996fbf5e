"""What stands in a mirror and is not in the dataset: found, shown, and only then removed."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Iterator

from fs2od.errors import Fs2odError
from fs2od.transfer._dataset import Dataset
from fs2od.transfer._destination import Destination, Keeps
from fs2od.transfer._entries import Entry, EntryKind, Names, Present
from fs2od.transfer._partials import partials_of
from fs2od.transfer._run import Ending
from fs2od.transfer._selection import Selection
from fs2od.transfer._walk import DownloadLimits, Walk

__all__ = ["STATE", "Extra", "find_extras", "remove_extras", "remove_folder"]

STATE: Final = ".fs2od-mirror"
"""The folder in a mirror where what is known of it lies. It is nobody's data."""


@dataclass(frozen=True)
class Extra:
    """Something that the dataset has not: a file, a link, or a folder with all that is in it."""

    path: Names
    kind: EntryKind
    files: int
    size_bytes: int


def find_extras(
    dataset: Dataset, destination: Destination, selection: Selection, limits: DownloadLimits, ending: Ending
) -> list[Extra]:
    """Return what is in the folder and not in the dataset; what the selection leaves out is not looked at.

    Raises:
        Fs2odError: Not everything could be listed: nothing may be removed.
    """
    found: list[Extra] = []
    failures: list[Fs2odError] = []
    lock = threading.Lock()

    def visit(folder: Names, _: Entry, listing: list[Entry]) -> list[Entry]:
        present = destination.scan(folder)
        listed = {entry.name: entry for entry in listing}
        partials = [each for group in partials_of(present.keys() - listed.keys()).values() for each in group]
        beside = {name for each in partials for name in (str(each), each.notes)}
        for name, there in present.items():
            path = (*folder, name)
            # What has the name of something else in the dataset is the download's affair, which refuses to replace it.
            if path != (STATE,) and name not in beside and name not in listed:
                extras = list(_extras(destination, selection, path, there))
                with lock:
                    found.extend(extras)
        return [each for each in listing if each.kind is EntryKind.FOLDER and selection.enters((*folder, each.name))]

    def failed(_: Names, __: Entry, error: Fs2odError) -> None:
        failures.append(error)

    root = dataset.root()
    if root.kind is not EntryKind.FOLDER:
        return []
    Walk(dataset, ending, limits, visit=visit, failed=failed).run(root)
    ending.check()
    if failures:
        raise failures[0]
    return sorted(found, key=lambda extra: extra.path)


def remove_extras(destination: Destination, extras: list[Extra]) -> None:
    """Remove what was found.

    Raises:
        StorageError: Something cannot be removed.
    """
    for extra in extras:
        destination.remove_all(extra.path)
    destination.sync()


def remove_folder(path: Path, *, keeps: Keeps | None = None) -> None:
    """Remove a folder with all that is in it, following no link and into no other file system; nothing where there is none.

    Args:
        path: The folder.
        keeps: Asked of each folder in it, by its path from the parent's and the names in it, whether that is left as it is.

    Raises:
        StorageError: Something cannot be removed, or was left.
    """
    if path.parent.is_dir():
        with Destination(path.parent) as parent:
            parent.remove_all((path.name,), keeps)


def _extras(destination: Destination, selection: Selection, path: Names, there: Present) -> Iterator[Extra]:
    """Yield what is to go of something: all of it, or only the files in it that the selection does not leave out."""
    if there.kind is not EntryKind.FOLDER:
        if selection.wants(path):
            yield Extra(path, there.kind, 1, there.size_bytes)
        return
    if not selection.enters(path):
        return
    inside = [
        extra
        for name, each in destination.scan(path).items()
        for extra in _extras(destination, selection, (*path, name), each)
    ]
    if selection.is_everything:
        yield Extra(path, there.kind, sum(each.files for each in inside), sum(each.size_bytes for each in inside))
    else:
        yield from inside
