"""A far-away place on this machine: a host on a long cable. Needs root."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from fs2od.testing.hosts import Cable, Host, Network

__all__ = ["can_be_made", "far_away"]


def can_be_made() -> bool:
    """Say whether this user can make one."""
    return os.geteuid() == 0


@contextmanager
def far_away(*, delay_ms: int, loss_percent: float) -> Iterator[Host]:
    """Make the place, on one network with this one; what it sends comes late, and some of it is lost."""
    with Network() as network:
        network.here()
        yield network.host(Cable(delay_ms=delay_ms, loss_percent=loss_percent))
