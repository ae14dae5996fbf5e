"""What the JSON metadata of a dataset's root tells: the facility's own words under "fs2od", and around them the values that it publishes.

Anybody with write access may write there, so nothing is trusted: what is not of the expected form is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any, Literal

from fs2od.manifests import MOST_UNDELIVERABLE_NAMES
from fs2od.portal._sentences import sentence

__all__ = ["Facts", "parse_facts"]

_MOST_VALUES = 40
_MOST_CHARACTERS = 300
_DEEPEST = 5
_OWN = "fs2od"
_SMALL_TO_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True)
class Facts:
    """The facility's words about a dataset; what it did not say is empty or None."""

    state: Literal["acquiring", "complete"] | None = None
    checksums: Literal["none", "growing", "complete"] | None = None
    title: str = ""
    instrument: str = ""
    facility: str = ""
    contact: str = ""
    since: datetime | None = None
    completed: datetime | None = None
    available_until: date | None = None
    values: tuple[tuple[str, str], ...] = ()
    undeliverable: int = 0
    undeliverable_names: tuple[str, ...] = ()


def parse_facts(metadata: object) -> Facts:
    """Return what the JSON metadata of a dataset's root tells; nothing at all is as good as an empty answer."""
    document = _mapping(metadata)
    found = _mapping(document.get(_OWN))
    published = {key: value for key, value in document.items() if key != _OWN}
    return Facts(
        state=_state(found.get("state")),
        checksums=_checksums(found.get("checksums")),
        title=_text(found.get("title")),
        instrument=_text(found.get("instrument")),
        facility=_text(found.get("facility")),
        contact=_text(found.get("contact")),
        since=_moment(found.get("since")),
        completed=_moment(found.get("completed")),
        available_until=_day(found.get("available_until")),
        values=_values(published),
        undeliverable=_count(found.get("undeliverable")),
        undeliverable_names=_names(found.get("undeliverable_names")),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _state(value: object) -> Literal["acquiring", "complete"] | None:
    match value:
        case "acquiring":
            return "acquiring"
        case "complete":
            return "complete"
        case _:
            return None


def _checksums(value: object) -> Literal["none", "growing", "complete"] | None:
    match value:
        case "none":
            return "none"
        case "growing":
            return "growing"
        case "complete":
            return "complete"
        case _:
            return None


def _text(value: object) -> str:
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 1]}…"


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _names(value: object) -> tuple[str, ...]:
    return (
        tuple(str(name)[:_MOST_CHARACTERS] for name in value[:MOST_UNDELIVERABLE_NAMES])
        if isinstance(value, list)
        else ()
    )


def _values(published: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(islice(((label, value) for label, value in _flat(published, "", 0) if label and value), _MOST_VALUES))


def _flat(published: Mapping[str, Any], above: str, depth: int) -> Iterator[tuple[str, str]]:
    for key, value in published.items():
        label = f"{above} · {_label(key)}" if above else _label(key)
        if isinstance(value, dict):
            if depth < _DEEPEST:
                yield from _flat(value, label, depth + 1)
        else:
            yield label, _scalar(value)


def _label(key: str) -> str:
    """Return a key as words: `ProjectName` becomes `Project name`."""
    first, *others = _SMALL_TO_CAPITAL.split(_text(key).replace("_", " ")) or [""]
    return " ".join([first, *(word if word.isupper() else word.lower() for word in others)])


def _scalar(value: object) -> str:
    match value:
        case bool():
            return sentence("yes") if value else sentence("no")
        case int() | float():
            return str(value)
        case list():
            return _text(", ".join(filter(None, map(_scalar, value[:_MOST_VALUES]))))
        case _:
            return _text(value)


def _moment(value: object) -> datetime | None:
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo is not None else None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
