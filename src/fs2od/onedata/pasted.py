"""Tokens as people paste them: out of a mail, a web page or a terminal, with what stuck to them on the way."""

from __future__ import annotations

import re
import unicodedata

from fs2od.onedata.errors import error_of
from fs2od.onedata.tokens import MAX_TOKEN_BYTES, Token

__all__ = ["pasted"]

_QUOTED_LINE = re.compile(r"^[\s>|]+", re.MULTILINE)
_SOFT_BREAK = re.compile(r"[=\\]\r?\n")
_LINK = re.compile(r"https?://\S*#", re.IGNORECASE)
# Quotes and brackets around a word. Inside a token such a character would be a typing error, and stays one.
_AROUND = re.compile(r"^\W+|\W+$")
_LONGEST = 2 * MAX_TOKEN_BYTES


def pasted(text: str) -> Token:
    """Return the token in `text`, which may be broken into lines, quoted, bracketed, or the end of a join link.

    Raises:
        ServiceError: badToken: what is left is no token.
    """
    if len(text) > _LONGEST:
        raise error_of("badToken", "Provided token could not be understood by the server.")
    if text.isascii() and text.isalnum():
        return Token(text)  # as programs send it: nothing stuck to it, and it may be long
    text = _LINK.sub("", _SOFT_BREAK.sub("", _QUOTED_LINE.sub("", text)))
    word = "".join(character for character in text if not _is_blank(character))
    return Token(_AROUND.sub("", word))


def _is_blank(character: str) -> bool:
    # Cf: soft hyphens, zero-width blanks, marks of direction and byte order; Cc: also tabs and line breaks.
    return character.isspace() or unicodedata.category(character) in ("Cf", "Cc")
