"""Checksums of what arrives: of whole bodies, and of files that grow at their end by one request after the other."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from fs2od.manifests import Digester
from fs2od.onedata.ids import SpaceId
from fs2od.storage import Seen

__all__ = ["Digests"]

_MOST = 1024
_Key = tuple[SpaceId, int]


@dataclass(frozen=True)
class _Known:
    digester: Digester
    stamp: tuple[int, int, int]


class Digests:
    """Remembers how far files were read that grow, the last thousand of them. What is forgotten is read again when asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[_Key, _Known] = OrderedDict()

    def take(self, space: SpaceId, row: int, seen: Seen, offset: int) -> Digester | None:
        """Return what has taken in all of a file as it is now, if its next bytes come at its end; else None.

        It belongs to the caller, who gives it back with `keep` when all went well.
        """
        if offset != seen.size_bytes:
            return None
        if not offset:
            return Digester()
        with self._lock:
            known = self._known.pop((space, row), None)
        is_same = known is not None and known.stamp == _stamp(seen) and known.digester.size_bytes == offset
        return known.digester if known is not None and is_same else None

    def keep(self, space: SpaceId, row: int, seen: Seen, digester: Digester) -> None:
        """Remember what has taken in all of a file as it is now."""
        with self._lock:
            self._known[space, row] = _Known(digester, _stamp(seen))
            self._known.move_to_end((space, row))
            while len(self._known) > _MOST:
                self._known.popitem(last=False)


def _stamp(seen: Seen) -> tuple[int, int, int]:
    return seen.size_bytes, seen.mtime_ns, seen.inode
