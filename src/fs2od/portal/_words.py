"""Words for people: moments, names and folder names as pages show them. Pure."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime

__all__ = ["ago", "day", "moment", "plural", "shown_name"]

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400
# They turn the reading direction of what follows, so that a name could pose as another one.
_DIRECTION_MARKS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_FIRST_PICTURE = 0x2400
_DELETE, _PICTURE_OF_DELETE = 0x7F, "\u2421"


def ago(then: datetime, now: datetime) -> str:
    """Say how long ago a moment was: `12 s ago`, `3 h ago`, and the day itself after two weeks."""
    seconds = (now - then).total_seconds()
    if seconds < 1.5:
        return "just now"
    if seconds < 1.5 * _MINUTE_S:
        return f"{seconds:.0f} s ago"
    if seconds < 1.5 * _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min ago"
    if seconds < 1.5 * _DAY_S:
        return f"{seconds / _HOUR_S:.0f} h ago"
    if seconds < 14 * _DAY_S:
        return f"{seconds / _DAY_S:.0f} days ago"
    return f"on {day(then.astimezone(UTC).date())}"


def moment(when: datetime) -> str:
    """Write a moment with its zone: `5 November 2026, 14:02 UTC`."""
    utc = when.astimezone(UTC)
    return f"{day(utc.date())}, {utc:%H:%M} UTC"


def day(when: date) -> str:
    """Write a day: `5 November 2026`."""
    return f"{when.day} {when:%B %Y}"


def plural(count: int, noun: str) -> str:
    """Write a count with its noun: `1 file`, `9,120 files`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


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
