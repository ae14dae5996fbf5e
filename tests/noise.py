"""Large content for files, made when a test needs it: what modules hold, every worker would hold for the whole run."""

from __future__ import annotations

import random
from functools import lru_cache


@lru_cache(2)
def noise(size_bytes: int, seed: int = 0) -> bytes:
    """Return bytes of which no part is like another, the same for the same arguments."""
    return random.Random(seed).randbytes(size_bytes)
