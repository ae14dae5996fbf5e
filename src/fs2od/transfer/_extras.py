"""What stands in a mirror and is not in the dataset: found, shown, and only then removed."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, Final, Iterator, Sequence

from fs2od.errors import Fs2odError
from fs2od.manifests import MIRROR_STATE
from fs2od.transfer._dataset import Dataset
from fs2od.transfer._descent import Descent
from fs2od.transfer._destination import Destination, kind_of
from fs2od.transfer._disk import told
from fs2od.transfer._doubts import Doubts
from fs2od.transfer._entries import Entry, EntryKind, Names, Present, shown_path
from fs2od.transfer._leftovers import leftovers_among
from fs2od.transfer._other_names import called_otherwise
from fs2od.transfer._partials import partials_of
from fs2od.transfer._removal import Keeps, Spares, remove_all
from fs2od.transfer._run import Ending
from fs2od.transfer._selection import Selection
from fs2od.transfer._walk import DownloadLimits, Walk

__all__ = ["STATE", "Extra", "extras_document", "find_extras", "remove_extras", "remove_folder"]

STATE: Final = MIRROR_STATE
_MOST_TOLD: Final = 100


@dataclass(frozen=True)
class Extra:
    """Something that the dataset does not list: a file, a link, or a folder with all that is in it.

    Attributes:
        path: Where it is, name by name.
        kind: What it is.
        files: How many files it is.
        size_bytes: What they take.
        why_kept: Why it may be the dataset's all the same and is not removed, in a few words; "" for what is to go.
    """

    path: Names
    kind: EntryKind
    files: int
    size_bytes: int
    why_kept: str = ""


def find_extras(
    dataset: Dataset, destination: Destination, selection: Selection, limits: DownloadLimits, ending: Ending
) -> list[Extra]:
    """Return what is in the folder and not listed in the dataset; what the selection leaves out is not looked at.

    Raises:
        Fs2odError: Not everything could be listed: nothing may be removed.
    """
    found: list[Extra] = []
    failures: list[Fs2odError] = []
    lock = threading.Lock()

    def visit(folder: Names, _: Entry, listing: list[Entry]) -> list[Entry]:
        present = destination.scan(folder)
        listed = {entry.name for entry in listing}
        strange = present.keys() - listed - ({STATE} if not folder else set())
        left = leftovers_among(destination, folder, strange, listed)
        partials = [each for group in partials_of(strange).values() for each in group]
        # What has the name of something else in the dataset is the download's affair, which refuses to replace it, and so are
        # partial files that somebody may go on with.
        strange -= {name for each in partials for name in (str(each), each.notes)} - left.keys()
        for name in strange - called_otherwise(destination, folder, strange, listed - present.keys()):
            path, there = (*folder, name), present[name]
            if name not in left:
                extras = list(_extras(destination, selection, path, there))
            else:
                # A pattern that means a file means what is left of it.
                is_meant = selection.wants((*folder, left[name]))
                extras = [Extra(path, there.kind, 1, there.size_bytes)] if is_meant else []
            why_kept = doubts.about(path, there)
            with lock:
                found.extend(replace(each, why_kept=why_kept) for each in extras)
        return [each for each in listing if each.kind is EntryKind.FOLDER and selection.enters((*folder, each.name))]

    def failed(_: Names, __: Entry, error: Fs2odError) -> None:
        failures.append(error)

    root = dataset.root()
    if root.kind is not EntryKind.FOLDER:
        return []
    # What nobody has told is kept less than what was told: without an answer, nothing may be removed.
    doubts = Doubts(dataset.metadata(root, needed=True))
    Walk(dataset, ending, limits, visit=visit, failed=failed).run(root)
    ending.check()
    if failures:
        raise failures[0]
    return sorted(found, key=lambda extra: extra.path)


def remove_extras(destination: Destination, extras: list[Extra]) -> None:
    """Remove what was found, but for what is to be kept.

    Raises:
        StorageError: Something cannot be removed.
    """
    for extra in extras:
        if not extra.why_kept:
            remove_all(destination, extra.path)
    destination.sync()


def extras_document(extras: Sequence[Extra]) -> dict[str, object]:
    """Return what JSON says of what was found: counts of what would go, and the first paths of it and of what is kept."""
    going = [each for each in extras if not each.why_kept]
    kept = [each for each in extras if each.why_kept]
    return {
        "files": sum(each.files for each in going),
        "bytes": sum(each.size_bytes for each in going),
        "count": len(going),
        "paths": [_told_path(each) for each in going[:_MOST_TOLD]],
        "kept_count": len(kept),
        "kept": [{"path": _told_path(each), "reason": each.why_kept} for each in kept[:_MOST_TOLD]],
    }


def _told_path(extra: Extra) -> str:
    return f"{shown_path(extra.path)}{'/' if extra.kind is EntryKind.FOLDER else ''}"


def remove_folder(path: Path, *, keeps: Keeps | None = None, spares: Spares | None = None) -> None:
    """Remove a folder with all that is in it, following no link and into no other file system; nothing where there is none.

    Args:
        path: The folder.
        keeps: Asked of each folder in it, while one stands there on the way from the parent's, whether that is left as it is.
        spares: Asked of everything in it that is no folder, just before it goes, whether it is left.

    Raises:
        StorageError: Something cannot be removed, or was left.
    """
    if path.parent.is_dir():
        with Destination(path.parent) as parent:
            remove_all(parent, (path.name,), keeps, spares)


def _extras(destination: Destination, selection: Selection, path: Names, there: Present) -> Iterator[Extra]:
    """Yield what is to go of something: all of it, or only the files in it that the selection does not leave out."""
    if there.kind is not EntryKind.FOLDER:
        if selection.wants(path):
            yield Extra(path, there.kind, 1, there.size_bytes)
        return
    if not selection.enters(path):
        return
    with told(), destination.opened(path[:-1]) as parent, contextlib.closing(Descent(parent.again())) as way:
        if selection.is_everything:
            files, size_bytes = 0, 0
            for _, facts in _files_below(way, path[-1], enters=lambda _: True):
                files, size_bytes = files + 1, size_bytes + _size(facts)
            yield Extra(path, there.kind, files, size_bytes)
            return
        above = path[:-1]
        for name, facts in _files_below(
            way, path[-1], enters=lambda name: selection.enters((*above, *way.path(), name))
        ):
            file = (*above, *way.path(), name)
            if selection.wants(file):
                yield Extra(file, kind_of(facts), 1, _size(facts))


def _files_below(way: Descent, name: str, *, enters: Callable[[str], bool]) -> Iterator[tuple[str, os.stat_result]]:
    """Yield what is no folder in a folder and below it, each while one stands in its folder."""
    rests = [[name]]
    while True:
        if rests[-1]:
            try:
                way.down(rests[-1].pop())
            except FileNotFoundError:
                continue
            rests.append([])
            for each, facts in way.folder.facts().items():
                if not stat.S_ISDIR(facts.st_mode):
                    yield each, facts
                elif enters(each):
                    rests[-1].append(each)
            continue
        rests.pop()
        if not rests:
            return
        way.up()


def _size(facts: os.stat_result) -> int:
    return facts.st_size if stat.S_ISREG(facts.st_mode) else 0
