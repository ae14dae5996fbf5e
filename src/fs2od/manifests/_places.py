"""Where the sidecar's files lie, and what they and other folders are called that are nobody's data."""

from __future__ import annotations

import re

__all__ = [
    "MANIFEST",
    "MIRROR_STATE",
    "MOST_UNDELIVERABLE_NAMES",
    "SEAL",
    "SIDECAR",
    "SUMS",
    "part_name",
    "part_number",
]

SIDECAR = "fs2od-sidecar"
"""The folder in a dataset's root that only the facility writes."""

MANIFEST = "manifest"
"""The folder of the parts, in the sidecar."""

SUMS = "SHA256SUMS"
"""All files of a complete dataset, in the sidecar, for `sha256sum --check`."""

SEAL = "sealed.json"
"""Says that a dataset is complete and what it consists of; in the sidecar, written last."""

MIRROR_STATE = ".fs2od-mirror"
"""The folder in a mirror where what is known of it lies. It is nobody's data."""

MOST_UNDELIVERABLE_NAMES = 100
"""How many of what nobody can deliver a dataset's metadata name, at most."""

# ASCII digits only; six of them, or more without a leading zero, so that each number has one name.
_PART = re.compile(r"([0-9]{6}|[1-9][0-9]{6,11})\.jsonl")


def part_name(number: int) -> str:
    """Return the name of a part's file.

    Raises:
        ValueError: Parts are counted from 1.
    """
    if number < 1:
        raise ValueError("parts are counted from 1")
    return f"{number:06}.jsonl"


def part_number(name: str) -> int | None:
    """Return which part a file's name stands for, or None when it is no part's name."""
    matched = _PART.fullmatch(name)
    number = int(matched.group(1)) if matched else 0
    return number or None
