"""What uploads leave under their partial names when nobody goes on with them: removed after a week."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

from fs2od.errors import Fs2odError
from fs2od.node.index import Entry, Indexes, SpaceIndex
from fs2od.node.panel.homes import Homes
from fs2od.node.provider.writing.removing import Removing
from fs2od.node.provider.writing.trees import Trees
from fs2od.onedata import errors
from fs2od.onedata.ids import SpaceId
from fs2od.storage import Kind

__all__ = ["Abandoned"]

_AFTER_S = 7 * 24 * 3600
_NS = 1_000_000_000
# What `fs2od put` and `fs2od mount` call a file until it is whole.
_PARTIAL = re.compile(r"\.fs2od-[0-9a-f]{24}\.partial")
_log = logging.getLogger(__name__)


class Abandoned:
    """Looks through spaces that are written to. What somebody still goes on with changes, and is young."""

    def __init__(self, trees: Trees, homes: Homes, indexes: Indexes, now_s: Callable[[], int]) -> None:
        self._trees = trees
        self._homes = homes
        self._indexes = indexes
        self._now_s = now_s

    def spaces(self) -> list[SpaceId]:
        """Return the spaces that are written to."""
        found = ((space, self._homes.storage(space)) for space in self._homes.every())
        return [space for space, home in found if home is not None and not (home.imported or home.readonly)]

    def sweep(self, space: SpaceId) -> int:
        """Remove what was left in a space, and return how many files that were. What cannot be removed now is next time."""
        before_ns = (self._now_s() - _AFTER_S) * _NS
        removed = 0
        with self._indexes.using(space) as index:
            for row in _partials(index, before_ns):
                removed += self._removed(index, row, before_ns)
        try:
            self._trees.opened(space).sweep(before_ns=before_ns, keep=self._trees.under_way(space))
        except Fs2odError as error:
            _log.warning("the uploads to space %s cannot be looked through now: %s", space, error)
        if removed:
            _log.info("%d uploads to space %s were given up: nobody went on with them for a week", removed, space)
        return removed

    def _removed(self, index: SpaceIndex, row: int, before_ns: int) -> bool:
        def still() -> Entry:
            found = index.get(row)
            if not _partials(index, before_ns, row) or found is None:
                raise errors.posix("ebusy")  # somebody goes on with it after all
            return found

        try:
            entry, lock = still(), self._trees.lock(index.space)
            Removing(index, self._trees.opened(index.space), lock, still).run(index.path(entry), entry)
        except Fs2odError as error:
            _log.warning("a part of an upload stays in space %s: %s", index.space, error)
            return False
        return True


def _partials(index: SpaceIndex, before_ns: int, row: int | None = None) -> list[int]:
    """Return the rows of all partial files that nobody has gone on with since a moment; of one alone, if one is given."""
    query = """SELECT id, name FROM entry WHERE kind = ?1 AND mtime_ns < ?2 AND name GLOB '.fs2od-*.partial'
        AND NOT EXISTS (SELECT 1 FROM arrival WHERE arrival.entry = entry.id AND arrival.moved >= ?2 / 1000000000)"""
    if row is not None:
        query += " AND id = ?3"
    with index.database.reading() as db:
        rows = db.execute(query, (Kind.FILE.value, before_ns, *([] if row is None else [row]))).fetchall()
    return [int(found) for found, name in rows if _PARTIAL.fullmatch(name)]
