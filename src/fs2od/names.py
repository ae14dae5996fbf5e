"""Names of files and folders as people may safely see them. Pure."""

from __future__ import annotations

import unicodedata

__all__ = ["shown_name"]

# They turn the reading direction of what follows, so that a name could pose as another one.
_DIRECTION_MARKS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_FIRST_PICTURE = 0x2400
_DELETE, _PICTURE_OF_DELETE = 0x7F, "\u2421"


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
