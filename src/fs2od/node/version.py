"""The release of Onedata whose behaviour the node has."""

from __future__ import annotations

__all__ = ["BUILD", "ONEDATA_VERSION"]

ONEDATA_VERSION = "21.02.8"
BUILD = "fs2od"
