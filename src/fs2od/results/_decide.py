"""What to do with one file, decided from facts alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from fs2od.onedata.ids import FileId
from fs2od.results._sources import Source

__all__ = ["Choice", "Found", "decide", "fits", "partial_name"]

_LONGEST_NAME = 255


class Choice(StrEnum):
    """What to do."""

    PUT = "put"
    """Nothing has its name."""
    COMPARE = "compare"
    """A file of its size has its name: it may be the same."""
    REPLACE = "replace"
    """Another file has its name, and gives way."""
    REFUSE = "refuse"
    """Something else has its name, and stays."""
    UNFIT = "unfit"
    """The service takes no file of that name."""


@dataclass(frozen=True, slots=True)
class Found:
    """What stands at a place of the space."""

    file_id: FileId
    kind: str
    size_bytes: int


def decide(source: Source, there: Found | None, *, replace: bool) -> Choice:
    """Decide what to do with a file, by what has its name."""
    if there is None:
        return Choice.PUT
    if there.kind != "REG":
        return Choice.REFUSE
    if there.size_bytes == source.size_bytes:
        return Choice.COMPARE
    return Choice.REPLACE if replace else Choice.REFUSE


def fits(path: str) -> bool:
    """Say whether files can have a path, wherever they lie; a service may take less."""
    return all(len(name.encode()) <= _LONGEST_NAME for name in path.split("/"))


def partial_name(source: Source) -> str:
    """Return the name of a file while it is not whole: the same for the same file, another one once it has changed."""
    facts = f"{source.path}\0{source.size_bytes}\0{source.mtime_ns}"
    return f".fs2od-{hashlib.sha256(facts.encode()).hexdigest()[:24]}.partial"
