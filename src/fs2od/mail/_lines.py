"""Foreign text made safe for one line: names come from metadata files, and those may hold anything."""

from __future__ import annotations

import unicodedata

__all__ = ["is_one_word", "one_line"]

# They turn the reading direction of what follows, so that a name could pose as another one.
_DIRECTION_MARKS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def one_line(text: str, *, most: int = 200) -> str:
    """Return `text` as one line of at most `most` characters, encodable as UTF-8, without control characters."""
    line = " ".join("".join(_shown(character) for character in text).split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def is_one_word(text: str) -> bool:
    """Tell whether `text` is printable ASCII without a blank, as every link and every token is."""
    return bool(text) and all("!" <= character <= "~" for character in text)


def _shown(character: str) -> str:
    if character in _DIRECTION_MARKS:
        return ""
    match unicodedata.category(character):
        case "Cc" | "Zl" | "Zp":
            return " "
        case "Cs":  # half a character: os.fsdecode leaves it where a file's name is not UTF-8
            return "\N{REPLACEMENT CHARACTER}"
        case _:
            return character
