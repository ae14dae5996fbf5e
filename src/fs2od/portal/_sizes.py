"""Sizes as people write them into forms, to the byte: "5 TB", "500G", "1,5 TiB"; and back."""

from __future__ import annotations

import re
from decimal import Decimal

from fs2od.portal._sentences import sentence

__all__ = ["NO_SIZE", "size_of", "written"]

NO_SIZE = sentence("Write the size with its unit, such as 500 GB or 5 TB.")

_SIZE = re.compile(r"([0-9]{1,12}(?:[.,][0-9]{1,18})?)\s*([kmgtp])(i?)b?", re.ASCII | re.IGNORECASE)
_RANKS = "kmgtp"


def size_of(text: str) -> int | None:
    """Return a size in bytes; None if that is none. Its unit must be said: a bare number may mean anything."""
    found = _SIZE.fullmatch(text.replace("\u00a0", " ").strip())
    if found is None:
        return None
    unit: int = (1024 if found[3] else 1000) ** (_RANKS.index(found[2].lower()) + 1)
    return int(Decimal(found[1].replace(",", ".")) * unit)


def written(size_bytes: int) -> str:
    """Write a size to the byte, so that a form that is sent as it was shown changes nothing: `5 TB`, `1.25 GB`."""
    rank = max(1, min(4, (len(str(size_bytes)) - 1) // 3))
    text = f"{Decimal(size_bytes) / 1000**rank:f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} {('kB', 'MB', 'GB', 'TB')[rank - 1]}"
