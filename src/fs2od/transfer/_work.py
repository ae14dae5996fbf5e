"""What is left to do, and who does it: handed out to the threads that work, as many at once as the pace allows."""

from __future__ import annotations

import threading
from collections import deque
from typing import Callable, Collection, Final, Iterable, NamedTuple

from fs2od.transfer._entries import Entry
from fs2od.transfer._large import LargeFile, Stretch
from fs2od.transfer._pace import Pace
from fs2od.transfer._run import Ending, Wanted

__all__ = ["Job", "Work"]

_MOST_WAITING: Final = 20_000
_MOST_STREAMS: Final = 4
_MOST_IN_STREAM: Final = 500
_LEAST_IN_STREAM: Final = 16
_LEAST_STREAM_BYTES: Final = 1 << 20
_MOST_STREAM_BYTES: Final = 64 << 20
_POLL_S: Final = 0.2


class Job(NamedTuple):
    """One thing to do. `kind` is "check", "single", "bulk", "folder" or "large"."""

    kind: str
    batch: tuple[Wanted, ...] = ()
    folder: Entry | None = None
    large: LargeFile | None = None
    stretch: Stretch = (0, 0)


class Work:
    """The queues of one run. `listing_ended` is called when nothing new will be found in listings.

    From a service that `is_far`, small files come in as many streams as there are connections.
    """

    def __init__(self, pace: Pace, ending: Ending, *, in_bulk: bool, is_far: bool = False) -> None:
        self.in_bulk = in_bulk
        self._is_far = is_far
        self._pace = pace
        self._ending = ending
        self._changed = threading.Condition()
        self._checks: deque[Wanted] = deque()
        self._small: deque[Wanted] = deque()
        self._small_bytes = 0
        self._singles: deque[Wanted] = deque()
        self._folders: deque[Job] = deque()
        self._large: list[LargeFile] = []
        self._at_work: dict[str, int] = dict.fromkeys(("check", "single", "bulk", "folder", "large"), 0)
        self._listed = False

    def put(
        self,
        *,
        checks: Iterable[Wanted] = (),
        small: Collection[Wanted] = (),
        singles: Iterable[Wanted] = (),
        large: Iterable[LargeFile] = (),
        folder: Job | None = None,
    ) -> None:
        """Add what is to be done."""
        with self._changed:
            self._checks.extend(checks)
            self._small.extend(small)
            self._small_bytes += sum(each.entry.size_bytes for each in small)
            self._singles.extend(singles)
            self._large.extend(large)
            if folder is not None:
                self._folders.append(folder)
            self._changed.notify_all()

    def wait_for_room(self) -> None:
        """Wait while so much is to be done that more need not be known yet."""
        with self._changed:
            while not self._ending.has_come and len(self._small) + len(self._checks) > _MOST_WAITING:
                self._changed.wait(_POLL_S)

    def listing_ended(self) -> None:
        """Say that nothing new will be found by listing."""
        with self._changed:
            self._listed = True
            self._changed.notify_all()

    def next(self) -> Job | None:
        """Return what the calling thread is to do, as soon as there is something; None when all is done."""
        with self._changed:
            while not self._ending.has_come:
                active = sum(self._at_work.values())
                job = self._pick() if active < self._pace.allowed else None
                if job is not None:
                    self._at_work[job.kind] += 1
                    return job
                if self._listed and not active and self._is_empty():
                    break
                self._changed.wait(_POLL_S)
            self._changed.notify_all()
            return None

    def done(self, job: Job) -> None:
        """Say that a job has ended."""
        with self._changed:
            self._at_work[job.kind] -= 1
            self._changed.notify_all()

    def leave(self, large: LargeFile) -> None:
        """Hand out no more of a file."""
        with self._changed:
            if large in self._large:
                self._large.remove(large)

    def close(self) -> None:
        """Close the files that nobody works on any more."""
        with self._changed:
            left, self._large = self._large, []
        for large in left:
            large.close()

    @property
    def _streams(self) -> int:
        """How many streams of small files there may be: four are enough to write all that comes, but not always to bring it."""
        return max(_MOST_STREAMS, self._pace.allowed) if self._is_far else _MOST_STREAMS

    def _is_empty(self) -> bool:
        return not (self._checks or self._small or self._singles or self._folders or self._large)

    def _pick(self) -> Job | None:
        """Choose what helps most: disk and network, large and small at the same time."""
        order: list[tuple[bool, Callable[[], Job | None]]] = [
            (not self._at_work["check"], self._next_check),
            (not self._at_work["bulk"] + self._at_work["single"], self._next_small),
            (True, self._next_large),
            (True, self._next_folder),
            (True, self._next_small),
            (True, self._next_check),
        ]
        return next((job for holds, choose in order if holds for job in [choose()] if job is not None), None)

    def _next_check(self) -> Job | None:
        return Job("check", (self._checks.popleft(),)) if self._checks else None

    def _next_folder(self) -> Job | None:
        return self._folders.popleft() if self._folders and self._at_work["folder"] < self._streams else None

    def _next_small(self) -> Job | None:
        if self.in_bulk and self._small and self._at_work["bulk"] < self._streams:
            return self._next_stream()
        queue = self._singles or (None if self.in_bulk else self._small)
        return Job("single", (queue.popleft(),)) if queue else None

    def _next_stream(self) -> Job:
        """Return files for one stream; the less is left, the fewer, so that all streams end at about the same time."""
        most = max(_LEAST_IN_STREAM, min(_MOST_IN_STREAM, len(self._small) // self._streams))
        most_bytes = max(_LEAST_STREAM_BYTES, min(_MOST_STREAM_BYTES, self._small_bytes // self._streams))
        batch: list[Wanted] = []
        size = 0
        while self._small and len(batch) < most and size < most_bytes:
            batch.append(self._small.popleft())
            size += batch[-1].entry.size_bytes
        self._small_bytes -= size
        return Job("bulk", tuple(batch))

    def _next_large(self) -> Job | None:
        connections = max(1, self._pace.allowed)
        for place, large in enumerate(self._large):
            # So many have enough for everybody, however small they are.
            following = self._large[place + 1 : place + 1 + 2 * connections]
            stretch = large.take(connections, others=sum(other.waiting for other in following))
            if stretch is not None:
                return Job("large", large=large, stretch=stretch)
        return None
