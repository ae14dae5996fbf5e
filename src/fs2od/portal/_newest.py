"""When the newest file of a dataset was written, looked up again only after its sums have moved."""

from __future__ import annotations

import threading
from collections import OrderedDict

from fs2od.node.index import Entry, Indexes
from fs2od.node.provider.access import Located
from fs2od.storage import Kind

__all__ = ["Newest"]

_MOST_KEPT = 256


class Newest:
    """Remembers the newest modification time below a directory for as long as its sums stand."""

    def __init__(self, indexes: Indexes) -> None:
        self._indexes = indexes
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[tuple[int, int], int | None]] = OrderedDict()

    def mtime_ns(self, top: Located, *, apart: Entry | None = None) -> int | None:
        """Return when the newest file below `top` was modified, without what lies in the folder `apart`; None if there is none."""
        entry = top.entry
        if entry.kind is not Kind.DIRECTORY:
            return entry.mtime_ns
        sums = (entry.files, entry.size_bytes)
        key = top.file_id
        with self._lock:
            known = self._known.get(key)
        if known is not None and known[0] == sums:
            return known[1]
        with self._indexes.using(top.space) as index:
            found = index.newest_mtime_ns(entry, apart=0 if apart is None else apart.row)
        with self._lock:
            self._known[key] = (sums, found)
            self._known.move_to_end(key)
            while len(self._known) > _MOST_KEPT:
                self._known.popitem(last=False)
        return found
