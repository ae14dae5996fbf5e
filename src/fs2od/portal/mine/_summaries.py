"""Keeping the zone's list of datasets up to date: a space is looked into again only after its files have moved."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from fs2od.errors import Fs2odError
from fs2od.manifests import SIDECAR
from fs2od.node.index.schema import ROOT
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.zone.catalogue import Summary
from fs2od.onedata.errors import NotFound
from fs2od.onedata.ids import SpaceId, space_root_uuid
from fs2od.portal._facts import parse_facts

__all__ = ["Summaries"]

_NS = 1_000_000_000
_WITHIN_S = 0.1
# At a time, in the background: each look takes about a millisecond, and pages that are opened later go on with it.
_MOST_LATER = 500


class Summaries:
    """Writes down what is to be said of each space. What is known when the process starts is looked at once more."""

    def __init__(self, provider: Oneprovider) -> None:
        self._provider = provider
        self._lock = threading.Lock()
        self._fresh: set[SpaceId] = set()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="summaries")
        self._later: Future[None] | None = None
        self._is_over = False
        provider.indexes.listen(self._moved)
        provider.zone.shares.listen(self._moved)
        provider.before_closing(self._end)

    def bring_up_to_date(self, spaces: Iterable[SpaceId]) -> bool:
        """Look into those of the spaces that have moved, and say whether there were any.

        For a moment only: with many, the others are looked into in the background, some hundreds at a time.
        """
        with self._lock:
            moved = [space for space in spaces if space not in self._fresh]
        ends_s = time.monotonic() + _WITHIN_S
        for number, space in enumerate(moved):
            if time.monotonic() > ends_s:
                self._look_later(moved[number : number + _MOST_LATER])
                break
            self._look(space)
        return bool(moved)

    def _look_later(self, spaces: Sequence[SpaceId]) -> None:
        def look() -> None:
            for space in spaces:
                if self._is_over:
                    return
                self._look(space)

        with self._lock:
            if not self._is_over and (self._later is None or self._later.done()):
                self._later = self._worker.submit(look)

    def _end(self) -> None:
        self._is_over = True
        self._worker.shutdown()

    def _moved(self, space: SpaceId) -> None:
        with self._lock:
            self._fresh.discard(space)

    def _look(self, space: SpaceId) -> None:
        with self._lock:
            if space in self._fresh:
                return
            # Before the look: what moves meanwhile is looked at again.
            self._fresh.add(space)
        try:
            if self._provider.indexes.has(space):
                self._provider.zone.catalogue.note(space, self._summary(space))
        except Fs2odError:
            self._moved(space)

    def _summary(self, space: SpaceId) -> Summary:
        with self._provider.indexes.using(space) as index:
            root, sidecar = index.get(ROOT), index.child(ROOT, SIDECAR)
            if root is None:
                return Summary()
            newest_ns = index.newest_mtime_ns(root, apart=0 if sidecar is None else sidecar.row)
        facts = parse_facts(self._provider.files.json_metadata_of_space(space))
        return Summary(
            title=facts.title or self._link_name(space),
            state=facts.state or "",
            facility=facts.facility,
            instrument=facts.instrument,
            files=root.files - (0 if sidecar is None else sidecar.files),
            size_bytes=root.size_bytes - (0 if sidecar is None else sidecar.size_bytes),
            newest_s=None if newest_ns is None else newest_ns // _NS,
        )

    def _link_name(self, space: SpaceId) -> str:
        """Return what the link that shows all of a space is called, as its page is; empty where there is none."""
        shares = self._provider.zone.shares
        try:
            return next((shares.known(each).name for each in shares.rooted_at(space, space_root_uuid(space))), "")
        except NotFound:
            return ""  # it ended in this very moment
