"""A mark in a folder of results while they are brought back: where it is found later, not everything has arrived."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fs2od.results._small_files import read_json

__all__ = ["Mark", "is_mark", "mark", "marks_in"]

_BEGINNING = ".fs2od-stage-out-"
_MOST = 16


@dataclass(frozen=True)
class Mark:
    """The words of the command that brings results back. `is_own`: whoever asks wrote them; else they are somebody's words."""

    words: tuple[str, ...]
    is_own: bool


def is_mark(name: str) -> bool:
    """Say whether a file's name is that of a mark; it is nobody's result."""
    return name.startswith(_BEGINNING)


def mark(folder: Path, target: str, command: Sequence[str]) -> Path:
    """Mark a folder, and return the mark, which is to be removed once all is in the target.

    Args:
        folder: The folder.
        target: Where its results go: one mark for each.
        command: The words of the command that brings them back.

    Raises:
        OSError: It cannot be made.
    """
    made = folder / f"{_BEGINNING}{hashlib.sha256(os.fsencode(target)).hexdigest()[:12]}"
    made.touch()
    # On a full disk there is room for a name, and it is the name that marks.
    with suppress(OSError):
        made.write_text(json.dumps(list(command)))
    return made


def marks_in(handle: int) -> list[Mark]:
    """Return what the marks in an open folder say, as far as they can be read; whoever owns the folder wrote them."""
    found = []
    for name in sorted(filter(is_mark, os.listdir(handle)))[:_MOST]:
        try:
            words = read_json(name, dir_fd=handle)
            owner = os.stat(name, dir_fd=handle, follow_symlinks=False).st_uid
        except (OSError, ValueError):
            continue
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            found.append(Mark(tuple(words), is_own=owner == os.geteuid()))
    return found
