"""What is wrong in a configuration, in our words: the key, and what would be right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = ["complaints"]

_TEXT = "expected a text in quotes"
_WHOLE = "expected a whole number"
_YES_OR_NO = "expected true or false"
_MOMENT = "expected a moment with its offset from UTC, such as 2026-11-05T08:00:00Z"
_SECTION = "expected a section of keys"

_WORDS: Mapping[str, str] = {
    "extra_forbidden": "there is no such key",
    "missing": "must be given",
    "string_type": _TEXT,
    "path_type": _TEXT,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": _WHOLE,
    "bool_type": _YES_OR_NO,
    "bool_parsing": _YES_OR_NO,
    "tuple_type": "expected a list in brackets, or sections such as [[watch]]",
    "datetime_type": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "datetime_object_invalid": _MOMENT,
    "timezone_aware": _MOMENT,
    "model_type": _SECTION,
    "model_attributes_type": _SECTION,
    "dict_type": _SECTION,
    "literal_error": "expected {expected}",
    "greater_than_equal": "expected at least {ge}",
    "less_than_equal": "expected at most {le}",
    "string_too_short": "expected at least {min_length} characters",
    "string_too_long": "expected at most {max_length} characters",
    "too_short": "expected at least {min_length} of them",
    "too_long": "expected at most {max_length} of them",
}
"""By the validating library's own types of errors; what stands in braces comes from the error."""


def complaints(error: ValidationError) -> list[str]:
    """Return a sentence for everything that is wrong, with its key; pure."""
    found = error.errors(include_url=False)
    places = [each["loc"] for each in found]
    # A list none of whose items is right is counted as empty, too.
    told = [
        each
        for each in found
        if each["type"] != "too_short"
        or not any(len(place) > len(each["loc"]) and place[: len(each["loc"])] == each["loc"] for place in places)
    ]
    return [_complaint(each["loc"], each["type"], each["msg"], each.get("ctx", {})) for each in told]


def _complaint(where: tuple[int | str, ...], kind: str, said: str, facts: Mapping[str, Any]) -> str:
    key = ".".join(f"[{part + 1}]" if isinstance(part, int) else part for part in where).replace(".[", "[")
    words = _WORDS[kind].format_map(facts) if kind in _WORDS else said.removeprefix("Value error, ")
    return f"{key}: {words}" if key else words
