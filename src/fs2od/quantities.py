"""Numbers as people read them: the same in mails, on pages and in what commands print."""

from __future__ import annotations

__all__ = ["human_bytes", "human_count"]

_UNITS = ("kB", "MB", "GB", "TB", "PB", "EB")


def human_count(count: int) -> str:
    """Write a count with its thousands set apart: `9,120`."""
    return f"{count:,}"


def human_bytes(size_bytes: int) -> str:
    """Write a size with three significant digits in decimal units: `1.84 TB`, `999 B`."""
    if abs(size_bytes) < 1000:
        return f"{size_bytes} B"
    size, rank = size_bytes / 1000, 0
    # 999.96 kB must not become "1000 kB": what rounds up to a thousand is one of the next unit.
    while abs(size) >= 999.5 and rank < len(_UNITS) - 1:
        size, rank = size / 1000, rank + 1
    return f"{_three_digits(size)} {_UNITS[rank]}"


def _three_digits(value: float) -> str:
    for decimals, below in ((2, 9.995), (1, 99.95)):
        if abs(value) < below:
            return f"{value:.{decimals}f}"
    return f"{value:.0f}"
