"""What a share's listing says of a file, a folder or a symbolic link, and what stands on the disk already."""

from __future__ import annotations

from enum import Enum
from hashlib import sha256
from typing import Final, NamedTuple, Tuple

__all__ = ["Entry", "EntryKind", "Names", "Present", "shown_path"]

Names = Tuple[str, ...]
"""A path below the destination, name by name: a name from the wire may hold anything, also a slash."""
_LONGEST_SHOWN: Final = 300


class EntryKind(str, Enum):
    """What an entry is. OTHER is what only a disk can hold: devices, sockets, pipes."""

    FILE = "file"
    FOLDER = "folder"
    SYMLINK = "symlink"
    OTHER = "other"


class Entry(NamedTuple):
    """One entry of a share's listing, as the service told it: neither its name nor its target is to be trusted.

    A tuple, as is what is made of it on the way: a dataset may have a million of them.

    Attributes:
        name: Its name in its folder.
        kind: What it is.
        file_id: What the service calls it.
        size_bytes: Its size; 0 for a folder.
        mtime_s: When it was modified, in whole seconds since 1970, as listings have it.
        target: Where a symbolic link leads, if the service told.
        mode: Its permission bits, if the service told.
    """

    name: str
    kind: EntryKind
    file_id: str
    size_bytes: int = 0
    mtime_s: int = 0
    target: str | None = None
    mode: int | None = None

    def state(self) -> str:
        """Return 12 characters that stand for this state of this file: another size or time gives others."""
        said = f"{self.file_id}\0{self.size_bytes}\0{self.mtime_s}"
        return sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:12]


class Present(NamedTuple):
    """What stands on the disk under some name."""

    kind: EntryKind
    size_bytes: int = 0
    mtime_s: int = 0
    target: str | None = None


def shown_path(names: Names) -> str:
    r"""Return a path as a person may safely see it: on one line, without control characters, and not endless.

    A byte that is not UTF-8 is written out: "bad\xff".
    """
    text = "/".join(name.replace("/", "\N{FRACTION SLASH}") for name in names) or "."
    plain = "".join(c if c.isprintable() else _written_out(c) for c in text)
    return plain if len(plain) <= _LONGEST_SHOWN else plain[: _LONGEST_SHOWN - 1] + "…"


def _written_out(character: str) -> str:
    # How Python holds a byte of a name that is not UTF-8.
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode()
