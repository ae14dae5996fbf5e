"""Answers that are cut off on purpose, while they are sent."""

from __future__ import annotations

__all__ = ["AccessEnded"]


class AccessEnded(Exception):  # it reports what was done on purpose
    """An answer is cut off, because its access ended or its file changed: nobody may take what was sent for the whole."""
