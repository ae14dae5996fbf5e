"""The release of Onedata whose behaviour the node has."""

from __future__ import annotations

__all__ = ["BUILD", "COMPATIBILITY_REVISION", "ONEDATA_VERSION"]

ONEDATA_VERSION = "21.02.8"
BUILD = "fs2od"
COMPATIBILITY_REVISION = 1
"""Of the list of compatible releases, which has one entry here."""
