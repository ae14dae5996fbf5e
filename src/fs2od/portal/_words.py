"""Names as pages show them to people, and moments as their twins tell them to programs. Pure."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime

__all__ = ["iso", "iso_of_s", "shown_name"]

# They turn the reading direction of what follows, so that a name could pose as another one.
_DIRECTION_MARKS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_FIRST_PICTURE = 0x2400
_DELETE, _PICTURE_OF_DELETE = 0x7F, "\u2421"


def iso(when: date | None) -> str | None:
    """Write a moment, or a day, for programs: `2026-11-05T14:02:00Z`; None stays None."""
    return None if when is None else when.isoformat().replace("+00:00", "Z")


def iso_of_s(seconds: int | None) -> str | None:
    """Write a moment for programs that is known in seconds since 1970; None stays None."""
    return None if seconds is None else iso(datetime.fromtimestamp(seconds, UTC))


def shown_name(name: str) -> str:
    """Return a file's name with everything visible that is none: control characters as pictures, direction marks by code.

    Two different names never look alike because of a newline or a turned reading direction.
    """
    # Direction marks and controls are no printable characters: nearly every name ends here.
    return name if name.isprintable() else "".join(map(_visible, name))


def _visible(character: str) -> str:
    code = ord(character)
    if code < ord(" "):
        return chr(_FIRST_PICTURE + code)
    if code == _DELETE:
        return _PICTURE_OF_DELETE
    if character in _DIRECTION_MARKS or unicodedata.category(character) in {"Cc", "Zl", "Zp", "Cs"}:
        return f"[U+{code:04X}]"
    return character
