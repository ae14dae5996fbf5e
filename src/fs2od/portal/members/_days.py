"""Days in forms, and the moments that they stand for: a day begins and ends at midnight UTC. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from fs2od.node.zone.link_rules import Audience, Rule
from fs2od.onedata import errors

__all__ = ["day_shown", "last_day_shown", "rule_given"]

_LONGEST = len("2026-11-05")


def day_shown(at_s: int | None) -> str:
    """Return the day of a moment as forms have it; nothing for no moment."""
    return "" if at_s is None else datetime.fromtimestamp(at_s, UTC).date().isoformat()


def last_day_shown(until_s: int | None) -> str:
    """Return the last day before an end as forms have it; nothing for no end."""
    return day_shown(None if until_s is None else until_s - 1)


def rule_given(audience: str, first: str, last: str, *, before: Rule | None = None) -> Rule:
    """Return the rule that a form asks for. Days that were left as they were shown keep the very moments of `before`.

    Raises:
        Rejected: A day is none, or the end lies before the beginning; `details.key` says which.
    """
    old = before or Rule()
    chosen: Audience = "members" if audience == "members" else "public"
    from_s = old.from_s if first == day_shown(old.from_s) else _midnight_s(first, "from")
    until_s = old.until_s if last == last_day_shown(old.until_s) else _midnight_s(last, "until", after=True)
    return Rule(chosen, from_s, until_s)


def _midnight_s(text: str, key: str, *, after: bool = False) -> int | None:
    if not text:
        return None
    try:
        if len(text) != _LONGEST:
            raise ValueError
        day = date.fromisoformat(text) + timedelta(days=1 if after else 0)
    except (ValueError, OverflowError) as error:
        raise errors.bad_value("String", key, "must be a day") from error
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
