"""The Pythons that a machine has besides the one at hand: get.py runs wherever people are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

__all__ = ["ENOUGH", "interpreters"]

ENOUGH = (3, 8)
"""The least version that get.py runs on."""
_ASKED = "import sys; print(*sys.version_info[:2])"
_LONGEST_S = 60


@lru_cache(maxsize=1)
def interpreters() -> dict[tuple[int, int], str]:
    """Return one interpreter of each version that is found by its name or in a place that is known for them, and the one at hand."""
    found = {sys.version_info[:2]: sys.executable}
    for path in dict.fromkeys(_candidates()):
        version = _version_of(path)
        if version is not None:
            found.setdefault(version, path)
    return dict(sorted(found.items()))


def _candidates() -> Iterator[str]:
    names = ["python2", "python3", *(f"python3.{minor}" for minor in range(5, 16))]
    yield from filter(None, map(shutil.which, names))
    managed = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    uv = Path.home() / ".local" / "share" / "uv" / "python"
    for place in (managed, uv):
        yield from map(str, sorted(place.glob("*/bin/python")))
    for folder in (Path("/usr/bin"), Path("/usr/local/bin"), Path("/opt")):
        pattern = "python3.[0-9]" if folder.name == "bin" else "python*/bin/python3"
        yield from map(str, sorted([*folder.glob(pattern), *folder.glob(f"{pattern}[0-9]")]))


def _version_of(path: str) -> tuple[int, int] | None:
    """Return the version of an interpreter; None for what is there by name only, as what other programs put in its place."""
    words = [path, "-E", "-c", _ASKED]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_LONGEST_S, check=False)
        major, minor = map(int, done.stdout.split())
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return (major, minor) if done.returncode == 0 else None
