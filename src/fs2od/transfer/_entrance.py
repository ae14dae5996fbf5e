"""Where a dataset begins, and what whoever brings all of it has asked for beside that."""

from __future__ import annotations

from dataclasses import dataclass

from fs2od.transfer._ahead import Ahead
from fs2od.transfer._answers import DataAddress
from fs2od.transfer._early_sidecar import EarlySidecar
from fs2od.transfer._entries import Entry, EntryKind
from fs2od.transfer._tree import Tree

__all__ = ["Entrance"]


@dataclass(frozen=True)
class Entrance:
    """Where a dataset begins.

    Attributes:
        root: Its root: a folder or a single file.
        address: Where its files are to be had in bulk; None at a plain Onedata, and for a single file.
        listing: The root's entries, if they were asked for beside the rest.
        early: The seal and the first parts of the manifest, if they were.
        tree: What lies in all folders, if it was.
        sums_url: Where the checksums are to be had that an fs2od node knows of the share; None where there are none.
    """

    root: Entry
    address: DataAddress | None
    listing: Ahead[list[Entry]] | None = None
    early: EarlySidecar | None = None
    tree: Tree | None = None
    sums_url: str | None = None

    @property
    def goes_by_the_whole(self) -> bool:
        """Say whether to look for checksums above it: not for a single file where a line or two say as much as a long manifest."""
        return self.root.kind is EntryKind.FOLDER or self.sums_url is None
