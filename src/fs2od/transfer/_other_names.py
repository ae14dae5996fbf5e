"""How a disk calls what is listed: one that folds case, or composes letters in its own way, shows other names than it was given."""

from __future__ import annotations

from typing import AbstractSet as Set
from typing import Iterable, Mapping

from fs2od.transfer._destination import Destination
from fs2od.transfer._entries import Entry, Names, Present
from fs2od.transfer._plan import folded, name_fault

__all__ = ["as_listed", "called_otherwise"]


def called_otherwise(disk: Destination, folder: Names, strange: Set[str], missing: Set[str]) -> Set[str]:
    """Return those of some names in a folder that are how the disk calls what is listed under names that it does not show.

    A disk may fold case, or compose letters in its own way, and keep the name that stood there. Whether it does, only it knows:
    it finds what it calls otherwise also under the listed name, as the same thing. Some mounts make up numbers for what they
    find; there, names that a disk may fold are believed to mean the same.

    Args:
        disk: The disk.
        folder: A folder on it.
        strange: Names that stand there and are not listed.
        missing: Names that are listed and do not stand there.

    Raises:
        StorageError: The folder cannot be read.
    """
    if not strange:
        return set()
    found = disk.identities(folder, (name for name in missing if name_fault(name) is None))
    if not found:
        return set()
    same, alike = set(found.values()), set(map(folded, found))
    there = disk.identities(folder, strange)
    return {name for name in strange if there.get(name) in same or folded(name) in alike}


def as_listed(
    disk: Destination, folder: Names, present: Mapping[str, Present], listing: Iterable[Entry]
) -> Mapping[str, Present]:
    """Return what stands in a folder by the names under which it is listed, also where the disk calls it otherwise.

    Only names are asked about that a disk may fold: where it does not, that costs nothing.

    Raises:
        StorageError: The folder cannot be read.
    """
    listed = {each.name for each in listing}
    shown = {folded(name): name for name in present.keys() - listed}
    if not shown:
        return present
    asked = [name for name in listed - present.keys() if folded(name) in shown and name_fault(name) is None]
    if not asked:
        return present
    found = disk.identities(folder, [*asked, *(shown[folded(name)] for name in asked)])
    same = [name for name in asked if name in found and found[name] == found.get(shown[folded(name)])]
    return {**present, **{name: present[shown[folded(name)]] for name in same}}
