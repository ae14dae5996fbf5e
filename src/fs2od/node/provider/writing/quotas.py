"""How much may still be written into a space: what its support grants, less what lies there and what is on its way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fs2od.node.panel.homes import Homes
from fs2od.onedata import errors
from fs2od.onedata.ids import SpaceId

__all__ = ["Claim", "Quotas"]


class Claim:
    """The room that one write takes until it is registered."""

    def __init__(self, quotas: Quotas, space: SpaceId) -> None:
        self._quotas = quotas
        self._space = space
        self.size_bytes = 0

    def grow_to(self, size_bytes: int) -> None:
        """Take so many bytes in all, if more than before.

        Raises:
            PosixError: enospc, the support has no room for them.
        """
        if size_bytes > self.size_bytes:
            self._quotas.take(self._space, size_bytes - self.size_bytes)
            self.size_bytes = size_bytes

    def release(self) -> None:
        """Take nothing any more: what was written is counted elsewhere by now."""
        self._quotas.give(self._space, self.size_bytes)
        self.size_bytes = 0


class Quotas:
    """Counts what is being written into each space. Two writes never take the same room."""

    def __init__(self, homes: Homes) -> None:
        self._homes = homes
        self._lock = threading.Lock()
        self._taken: dict[SpaceId, int] = {}

    @contextmanager
    def claiming(self, space: SpaceId) -> Iterator[Claim]:
        """Yield a claim that ends with the block: what was written is registered by then, or gone."""
        claim = Claim(self, space)
        try:
            yield claim
        finally:
            claim.release()

    def take(self, space: SpaceId, size_bytes: int) -> None:
        """Take more room.

        Raises:
            PosixError: enospc, there is not so much.
        """
        with self._lock:
            taken, home = self._taken.get(space, 0) + size_bytes, self._homes.support(space)
            if (
                home is None
                or self._homes.occupancy_bytes(space) + self._homes.arrived_bytes(space) + taken > home.size_bytes
            ):
                raise errors.posix("enospc")
            self._taken[space] = taken

    def give(self, space: SpaceId, size_bytes: int) -> None:
        """Give room back that was taken."""
        with self._lock:
            left = self._taken.get(space, 0) - size_bytes
            if left > 0:
                self._taken[space] = left
            else:
                self._taken.pop(space, None)
