"""Which names are those of files that are for members alone, and of copies that editors and people leave of them."""

from __future__ import annotations

from typing import AbstractSet

__all__ = ["resembles"]


def resembles(text: str, names: AbstractSet[str]) -> bool:
    """Say whether a name has one of these in it, in whatever case: `SPA.yml~`, `.spa.yml.swp`, `SPA.yml.bak`.

    Several names that are joined may be asked about at once: whether one of them does.
    """
    folded = text.casefold()
    return any(name.casefold() in folded for name in names)
