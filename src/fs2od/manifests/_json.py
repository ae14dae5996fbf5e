"""Reading JSON that nobody has checked: within bounds, and with nothing taken for what it is not."""

from __future__ import annotations

import json
import re

from fs2od.errors import IntegrityFailure

__all__ = ["BrokenPart", "dump_line", "hexadecimal", "parse_line", "text", "whole"]

_MOST_DIGITS = 20
_BLANK = " \t\r\n"
_HEXADECIMAL = re.compile(r"[0-9a-f]+")


class BrokenPart(IntegrityFailure):
    """A part of a manifest, or a seal, is not whole or not as it must be: trust nothing of it, and read it again later."""


def _integer(digits: str) -> int:
    # Converting a million digits takes minutes.
    if len(digits) > _MOST_DIGITS:
        raise ValueError("a number has too many digits")
    return int(digits)


def _refuse(number: str) -> float:
    raise ValueError(f"{number[:_MOST_DIGITS]} is no whole number")


_DECODER = json.JSONDecoder(parse_int=_integer, parse_float=_refuse, parse_constant=_refuse)


def dump_line(document: dict[str, object]) -> bytes:
    """Return a document as one line."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def parse_line(line: bytes) -> dict[str, object]:
    """Return the JSON object that a line holds.

    Raises:
        BrokenPart: It holds none.
    """
    try:
        said = line.decode("utf-8").strip(_BLANK)
        document, end = _DECODER.raw_decode(said)
    except (ValueError, RecursionError) as error:
        raise BrokenPart("a line is not JSON as it should be") from error
    if end != len(said):
        raise BrokenPart("a line holds more than JSON")
    if not isinstance(document, dict):
        raise BrokenPart("a line is no JSON object")
    return document


def whole(document: dict[str, object], key: str, *, least: int, most: int) -> int:
    """Return a whole number within bounds.

    Raises:
        BrokenPart: There is none.
    """
    value = document.get(key)
    # True is an int for Python.
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise BrokenPart(f"'{key}' is not a number from {least} to {most}")
    return value


def text(document: dict[str, object], key: str) -> str:
    """Return a string.

    Raises:
        BrokenPart: There is none.
    """
    value = document.get(key)
    if not isinstance(value, str):
        raise BrokenPart(f"'{key}' is no text")
    return value


def hexadecimal(value: object, digits: int, called: str) -> str:
    """Return a string of so many lower-case hexadecimal digits.

    Raises:
        BrokenPart: It is none.
    """
    if not isinstance(value, str) or len(value) != digits or not _HEXADECIMAL.fullmatch(value):
        raise BrokenPart(f"'{called}' is not made of {digits} hexadecimal digits")
    return value
