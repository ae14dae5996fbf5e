"""Looking after what a home inherited: its files that came as copies, before it was the home."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from fs2od.errors import Fs2odError, Interrupted
from fs2od.node.clock import Clock, is_awaited
from fs2od.node.index import Indexes, SpaceIndex, inherited
from fs2od.node.index.inherited import Inherited
from fs2od.node.index.replicas import inherits
from fs2od.node.panel.storages import StorageRecord
from fs2od.node.provider.sources import HomeTree
from fs2od.node.replication.copying import sha256_of
from fs2od.onedata.ids import SpaceId
from fs2od.storage import Kind, Seen

__all__ = ["Inheritance"]

_LOOK_EVERY_S = 600
_PAGE = 200
_AT_ONCE = 8
_log = logging.getLogger(__name__)


class Inheritance:
    """Checks it now and then. One thread at a time has a space's turn at its home."""

    def __init__(self, indexes: Indexes, clock: Clock, *, check_every_s: int) -> None:
        self._indexes = indexes
        self._clock = clock
        self._check_every_s = check_every_s
        self._next_s: dict[SpaceId, int] = {}
        self._wrong: dict[tuple[SpaceId, int], Seen] = {}

    def is_due(self, index: SpaceIndex, home: StorageRecord | None) -> bool:
        """Say whether there is something to check at a space's home."""
        if home is None or home.imported:
            return False
        next_s = self._next_s.get(index.space, 0)
        return not is_awaited(next_s, self._clock.now_s(), at_most_s=_LOOK_EVERY_S) and inherits(index, home.id)

    def check(self, index: SpaceIndex, home: StorageRecord, *, goes_on: Callable[[], bool]) -> None:
        """Check the copies at a home whose time has come, by what the store says of them, and those that are missed.

        One of which the store says something else in the same size is read, once for each thing that it says. A storage that is away says nothing about any file: then it is looked at later.
        """
        now_s = self._clock.now_s()
        self._next_s[index.space] = now_s + min(_LOOK_EVERY_S, self._check_every_s)
        try:
            missed = self._checked(index, home, goes_on)
        except Interrupted:
            self._next_s[index.space] = now_s  # the rest has the next turn
            return
        except Fs2odError as error:
            _log.warning("what space %s has on storage %s cannot be checked: %s", index.space, home.name, error)
            return
        if not goes_on():
            self._next_s[index.space] = now_s  # the rest has the next turn
        if missed:
            _log.error(
                "%d files of space %s, which came to storage %s before it was its home, are gone or others: restore them",
                *(missed, index.space, home.name),
            )

    def _checked(self, index: SpaceIndex, home: StorageRecord, goes_on: Callable[[], bool]) -> int:
        tree, missed, after = HomeTree(self._indexes, index.space, home), 0, 0
        before_s = self._clock.now_s() - self._check_every_s
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="inheritance") as pool:
            while goes_on() and (page := inherited.due(index, home.id, before_s=before_s, after=after, limit=_PAGE)):
                after = page[-1].row
                found = list(pool.map(partial(self._found_right, tree, goes_on), page))
                right = [(copy.row, seen) for copy, seen in zip(page, found, strict=True) if seen is not None]
                wrong = [copy.row for copy, seen in zip(page, found, strict=True) if seen is None]
                inherited.found(index, home.id, right, now_s=self._clock.now_s())
                missed += inherited.missed(index, home.id, wrong)
        return missed

    def _found_right(self, tree: HomeTree, goes_on: Callable[[], bool], copy: Inherited) -> Seen | None:
        """Return what the store says of a copy that is right; None if it is gone or another one."""
        found = tree.look(copy.row, copy.path)
        if found is None:
            return None
        at, seen = found
        if copy.checked.is_still(seen):
            return seen
        key = (tree.space, copy.row)
        if seen.kind is not Kind.FILE or seen.size_bytes != copy.checked.size_bytes or self._wrong.get(key) == seen:
            return None

        def check_stop() -> None:
            if not goes_on():
                raise Interrupted("the check was told to stop")

        try:
            if sha256_of(tree.record.opened_for(tree.space), at, check_stop) == copy.sha256:
                return seen
        except FileNotFoundError:
            return None
        self._wrong[key] = seen
        return None
