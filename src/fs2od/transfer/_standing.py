"""What stands in a folder and was not promised: files that a check cannot speak of."""

from __future__ import annotations

from typing import AbstractSet as Set
from typing import Iterator

from fs2od.manifests import MIRROR_STATE, SIDECAR
from fs2od.transfer._destination import Destination
from fs2od.transfer._entries import EntryKind, Names
from fs2od.transfer._partials import partials_of
from fs2od.transfer._run import Ending
from fs2od.transfer._selection import Selection

__all__ = ["standing_besides"]

_OURS = frozenset({SIDECAR, MIRROR_STATE})


def standing_besides(
    promised: Set[str], destination: Destination, selection: Selection, ending: Ending
) -> frozenset[str]:
    """Return the paths of files in a folder that are not among those promised, as far as the selection wants them.

    What is on its way is no file yet, and what a download or a mirror keeps for itself is no file of the dataset.

    Raises:
        StorageError: The folder cannot be read.
        Interrupted: Everything is to end.
    """
    return frozenset(path for path in _standing((), destination, selection, ending) if path not in promised)


def _standing(folder: Names, destination: Destination, selection: Selection, ending: Ending) -> Iterator[str]:
    left = [folder]
    while left:
        ending.check()
        above = left.pop()
        present = destination.scan(above)
        on_their_way = {
            name for group in partials_of(present).values() for each in group for name in (str(each), each.notes)
        }
        for name, there in present.items():
            path = (*above, name)
            if there.kind is EntryKind.FOLDER:
                if not (not above and name in _OURS) and selection.enters(path):
                    left.append(path)
            elif there.kind is EntryKind.FILE and name not in on_their_way and selection.wants(path):
                yield "/".join(path)
