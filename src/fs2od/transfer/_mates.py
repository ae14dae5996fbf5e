"""The files that other processes bring into the same folder: left to them, waited for, and taken over when they do not come."""

from __future__ import annotations

import contextlib
import threading
from typing import Final, Iterable

from fs2od.errors import Interrupted, StorageError
from fs2od.transfer._disk import NS
from fs2od.transfer._run import Run, Wanted

__all__ = ["Mates"]

_LOOK_S: Final = 1.0


class Mates:
    """Knows which files of a run are other processes' affair. Any number of threads may ask `own`; one waits."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._theirs: list[Wanted] = []

    @property
    def are_waited_for(self) -> bool:
        """Whether something is left that others are to bring."""
        return bool(self._theirs)

    def own(self, batch: Iterable[Wanted]) -> tuple[Wanted, ...]:
        """Return those files that are this process's affair; the others are waited for later."""
        crew, wanted = self._run.crew, tuple(batch)
        if crew is None or not crew.others_at_work():
            return wanted
        own = tuple(each for each in wanted if crew.is_mine("/".join(each.path)))
        paths = {each.path for each in own}
        with self._lock:
            self._theirs += [each for each in wanted if each.path not in paths]
        return own

    def wait(self) -> list[Wanted]:
        """Wait a moment, count what others have brought meanwhile, and return what has become this process's affair."""
        crew = self._run.crew
        assert crew is not None
        crew.wait()
        self._run.ledger.flush()
        with contextlib.suppress(Interrupted):
            self._run.ending.sleep(_LOOK_S)
        self._run.ledger.look()
        left = [each for each in self._theirs if not self._was_brought(each)]
        mine = [each for each in left if crew.is_mine("/".join(each.path))]
        paths = {each.path for each in mine}
        self._theirs = [each for each in left if each.path not in paths]
        return mine

    def _was_brought(self, wanted: Wanted) -> bool:
        """Say whether another process has put a file into its place and found it right, and count it then."""
        try:
            facts = self._run.destination.facts(wanted.path)
        except StorageError:
            return False
        if (facts.st_size, facts.st_mtime_ns // NS) != (wanted.entry.size_bytes, wanted.entry.mtime_s):
            return False
        promise = wanted.promise
        known = (promise.sha256, facts.st_ino, facts.st_size, facts.st_mtime_ns) if promise is not None else None
        if known is not None and self._run.ledger.get("/".join(wanted.path)) != known:
            return False
        self._run.tally.whole(wanted.path, facts.st_size, fetched=False, intact=known is not None, under_way=False)
        return True
