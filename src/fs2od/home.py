"""The home folder of whom a process runs for, which a container's or a service's user may not have."""

from __future__ import annotations

from pathlib import Path

__all__ = ["home"]

# As Debian has it for users without one.
_NONE = Path("/nonexistent")


def home() -> Path:
    """Return the home folder; where there is none, a path at which nothing is: what is looked for there is not found."""
    try:
        return Path.home()
    except RuntimeError:
        return _NONE
