"""What members are called: in a TAR as they are, in a ZIP so that Windows can hold them.

Source: Microsoft's "Naming Files, Paths, and Namespaces".
"""

from __future__ import annotations

import re
import sqlite3
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Protocol

from fs2od.node.index.rows import Seeing, folded

__all__ = ["Names", "OwnNames", "WindowsNames", "for_windows"]

_NONE: Mapping[str, str] = {}
_FORBIDDEN = re.compile(r'[<>:"\\|?*\x00-\x1f\x7f]')
_FORBIDDEN_BYTES = bytes(range(32)) + b'<>:"\\|?*\x7f'
_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])[ ]*(?:\..*)?", re.IGNORECASE)
_BEGINNINGS = ("/con", "/prn", "/aux", "/nul", "/com", "/lpt")
_INITIALS = frozenset(beginning[1] for beginning in _BEGINNINGS)
# What a renamed name ends in before its suffix. A name that has it by itself is renamed, too, and so is nobody else's.
_MARK = re.compile(r"~[0-9a-f]{16}(?:\.|\Z)")
_MARK_DIGITS = 16
_MOST_BYTES = 255
_FOLDERS = 64


class Names(Protocol):
    """Says which entries of a folder an archive calls otherwise."""

    def others(
        self, db: sqlite3.Connection, seeing: Seeing, folder: int, names: Sequence[str], *, is_all: bool
    ) -> Mapping[str, str]:
        """Return those of `names` that are called otherwise, with what they are called.

        The same folder always gives the same names, whichever of them are asked for; no two are alike.

        Args:
            db: The space's index.
            seeing: Which entries of the folder the archive knows.
            folder: The folder's row.
            names: Entries of the folder, in the order of their names' bytes.
            is_all: Whether there are no others in it.
        """
        ...

    def alone(self, name: str) -> str:
        """Return what an entry is called that has no neighbours."""
        ...


class OwnNames:
    """Leaves every name as it is."""

    def others(
        self, db: sqlite3.Connection, seeing: Seeing, folder: int, names: Sequence[str], *, is_all: bool
    ) -> Mapping[str, str]:
        """Return nothing."""
        del db, seeing, folder, names, is_all
        return _NONE

    def alone(self, name: str) -> str:
        """Return the name."""
        return name


class WindowsNames:
    """Replaces what Windows cannot hold, and tells names apart that differ in case or form alone. One is made for each archive."""

    def __init__(self) -> None:
        self._same: OrderedDict[int, Mapping[str, str]] = OrderedDict()

    def others(
        self, db: sqlite3.Connection, seeing: Seeing, folder: int, names: Sequence[str], *, is_all: bool
    ) -> Mapping[str, str]:
        """Return those that cannot be held, and all but the first of each that differ in case or form alone."""
        joined = "/".join(names)
        lowered = folded(joined)
        same = _same_of(names, lowered) if is_all else self._same_in(db, seeing, folder)
        suspects: Sequence[str] = names if same or _is_suspect(names, joined, lowered) else ()
        return {name: other for name in suspects if (other := _other(name, same)) != name} if suspects else _NONE

    def alone(self, name: str) -> str:
        """Return the name as Windows can hold it."""
        return for_windows(name)

    def _same_in(self, db: sqlite3.Connection, seeing: Seeing, folder: int) -> Mapping[str, str]:
        known = self._same.get(folder)
        if known is None:
            known = self._same[folder] = seeing.same_names(db, folder)
            if len(self._same) > _FOLDERS:
                self._same.popitem(last=False)
        return known


def for_windows(name: str) -> str:
    """Return a name that Windows can hold: itself, or one that tells by its end from which name it was made."""
    is_held = not (
        _FORBIDDEN.search(name) or name[-1:] in (".", " ") or _RESERVED.fullmatch(name) or _MARK.search(name)
    )
    return name if is_held else _marked(name)


def _other(name: str, same: Mapping[str, str]) -> str:
    return name if same.get(folded(name), name) == name and for_windows(name) == name else _marked(name)


def _marked(name: str) -> str:
    mark = f"~{sha256(name.encode()).hexdigest()[:_MARK_DIGITS]}"
    shown = _FORBIDDEN.sub("_", name).rstrip(". ")
    if _RESERVED.fullmatch(shown):
        shown = f"_{shown}"
    stem, dot, suffix = shown.rpartition(".")
    if not stem or len(suffix) > _MARK_DIGITS:
        stem, dot, suffix = shown, "", ""
    end = f"{mark}{dot}{suffix}"
    room = _MOST_BYTES - len(end.encode())
    return stem.encode()[:room].decode(errors="ignore") + end


def _is_suspect(names: Sequence[str], joined: str, lowered: str) -> bool:
    """Say quickly whether any name of a page may have to be replaced."""
    raw = joined.encode()
    return (
        len(raw.translate(None, _FORBIDDEN_BYTES)) != len(raw)
        or "./" in joined
        or " /" in joined
        or joined.endswith((".", " "))
        or "~" in joined
        or (_may_begin_so(names) and _begins_so(f"/{lowered}"))
    )


def _may_begin_so(names: Sequence[str]) -> bool:
    """Say whether names may begin as reserved ones: in their order, all begin as the first and the last where these are alike."""
    first, last = names[0][0], names[-1][0]
    return first != last or first.lower() in _INITIALS


def _begins_so(lowered: str) -> bool:
    return any(beginning in lowered for beginning in _BEGINNINGS)


def _same_of(names: Sequence[str], lowered: str) -> Mapping[str, str]:
    if len(set(lowered.split("/"))) == len(names):
        return _NONE
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(folded(name), []).append(name)
    return {key: min(group, key=str.encode) for key, group in groups.items() if len(group) > 1}
