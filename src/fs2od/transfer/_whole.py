"""The dataset that a folder or a file is a part of: its sidecar lies above, and calls what is in the part by longer paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from fs2od.transfer._entries import Entry

__all__ = ["Whole", "lies_inside_a_space"]

_HEAD_BYTES: Final = 8
_MEANING: Final = re.compile(r"(?:guid|shareGuid)#([^#]+)#([^#]+)(?:#[^#]+)?")


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


def lies_inside_a_space(file_id: str) -> bool:
    """Say whether a file id is that of something below the root of its space; not where it is of another form."""
    try:
        text = bytes.fromhex(file_id)[_HEAD_BYTES:].decode()
    except ValueError:
        return False
    meaning = _MEANING.fullmatch(text)
    return meaning is not None and meaning[1] != f"space_{meaning[2]}"
