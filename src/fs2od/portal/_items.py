"""One file or folder of a dataset, as pages speak of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from urllib.parse import quote

from fs2od.node.provider.access import Located
from fs2od.storage import Kind

__all__ = ["Item", "is_readable", "is_selectable"]

_NS = 1_000_000_000
_OTHERS_READ, _OTHERS_READ_AND_SEARCH = 0o4, 0o5


@dataclass(frozen=True)
class Item:
    """One file or folder of a dataset; `names` is the way to it from what is shared."""

    located: Located
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its own name; empty for what is shared."""
        return self.names[-1] if self.names else ""

    @cached_property
    def path(self) -> str:
        """The way to it as one text."""
        return "/".join(self.names)

    @cached_property
    def quoted(self) -> str:
        """The way to it as addresses have it."""
        # A name "." or ".." cannot be; every other name is escaped as a whole.
        return "/".join(quote(name, safe="") for name in self.names)

    @property
    def is_folder(self) -> bool:
        """Say whether it holds others."""
        return self.located.entry.kind is Kind.DIRECTORY

    @property
    def files(self) -> int:
        """How many files it stands for."""
        return self.located.entry.files if self.is_folder else 1

    @property
    def size_bytes(self) -> int:
        """How many bytes they add up to."""
        return self.located.entry.size_bytes

    @property
    def modified(self) -> datetime:
        """When it was modified last."""
        return datetime.fromtimestamp(self.located.entry.mtime_ns // _NS, UTC)


def is_readable(item: Item) -> bool:
    """Say whether everybody may read an entry, by its registered mode."""
    needed = _OTHERS_READ_AND_SEARCH if item.is_folder else _OTHERS_READ
    return item.located.entry.mode & needed == needed


def is_selectable(item: Item) -> bool:
    """Say whether an entry can be part of a selection: forms change line breaks, so a path that has one gets lost on the way."""
    return is_readable(item) and "\n" not in item.path and "\r" not in item.path
