"""Moments as twins of pages tell them to programs. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime

__all__ = ["iso", "iso_of_s"]


def iso(when: date | None) -> str | None:
    """Write a moment, or a day, for programs: `2026-11-05T14:02:00Z`; None stays None."""
    return None if when is None else when.isoformat().replace("+00:00", "Z")


def iso_of_s(seconds: int | None) -> str | None:
    """Write a moment for programs that is known in seconds since 1970; None stays None."""
    return None if seconds is None else iso(datetime.fromtimestamp(seconds, UTC))
