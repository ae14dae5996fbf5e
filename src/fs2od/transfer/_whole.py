"""The dataset that a folder or a file is a part of: its sidecar lies above, and calls what is in the part by longer paths."""

from __future__ import annotations

from dataclasses import dataclass

from fs2od.transfer._entries import Entry

__all__ = ["Whole"]


@dataclass(frozen=True)
class Whole:
    """A dataset, as far as a part of it has to know of it.

    Attributes:
        sidecar: The folder with its manifest.
        folder: The way from it to the part, with "/" at its end; for a part that is a file, to where it lies.
        file: That file's name; None for a part that is a folder.
    """

    sidecar: Entry
    folder: str
    file: str | None = None

    def path_of(self, inside: str) -> str:
        """Return how the dataset calls what lies at a path in the part."""
        return self.folder + inside

    def path_inside(self, path: str) -> str | None:
        """Return how the part calls what lies at a path in the dataset; None for what lies beside the part."""
        inside = path[len(self.folder) :]
        is_inside = path.startswith(self.folder) and (self.file is None or inside == self.file)
        return inside if is_inside else None
