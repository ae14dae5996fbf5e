"""A mark in a folder of results while they are brought back: where it is found later, not everything has arrived."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from fs2od.results._small_files import read_json

__all__ = ["is_mark", "mark", "marked_with"]

_BEGINNING = ".fs2od-stage-out-"


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
        OSError: It cannot be written.
    """
    made = folder / f"{_BEGINNING}{hashlib.sha256(os.fsencode(target)).hexdigest()[:12]}"
    made.write_text(json.dumps(list(command)))
    return made


def marked_with(folder: Path) -> list[list[str]]:
    """Return the words that stand in the marks of a folder, of those that can be read; whoever owns the folder wrote them."""
    found = []
    for each in sorted(folder.glob(f"{_BEGINNING}*")):
        try:
            words = read_json(each)
        except (OSError, ValueError):
            continue
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            found.append(words)
    return found
