"""Checksums of every file, read once and gently, published as the dataset's manifest in its sidecar."""

from fs2od.facility.hashing._hashing import Hashing

__all__ = ["Hashing"]
