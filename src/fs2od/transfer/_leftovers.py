"""What a process that was killed left beside files that another one brought: removed by the survivor."""

from __future__ import annotations

import contextlib
from typing import Final, Mapping

from fs2od.errors import Fs2odError
from fs2od.transfer._entries import Entry, Names
from fs2od.transfer._partials import partials_of
from fs2od.transfer._plan import plan_download
from fs2od.transfer._run import Run

__all__ = ["clear_leftovers"]

_UNTOUCHED_NS: Final = 60_000_000_000


def clear_leftovers(run: Run, filled: Mapping[Names, Entry], *, most: int) -> None:
    """Remove partial files of files that stand whole in their places, if nobody has touched them for a minute.

    Two downloads may fill one folder. One that takes up a file just when the other puts it into its place makes its partial
    file anew, and when it is killed then, this stays. The next run would remove it, by the same plan. No lock says whether
    somebody still has it open, for locks do not work on every file system; time says it, by the file system's own clock. Whoever
    was only held up for so long writes into a file without a name, finds it gone in the end, and the whole one in its place.

    Args:
        run: A run that has come to its end.
        filled: The folders into which it brought something.
        most: Entries in one folder that are still believed.
    """
    for path, folder in filled.items():
        if run.ending.has_come:
            return
        # Whatever does not work here is left to the next run.
        with contextlib.suppress(Fs2odError):
            _clear(run, path, folder, most=most)


def _clear(run: Run, path: Names, folder: Entry, *, most: int) -> None:
    disk = run.destination
    # Hardly ever is there anything: names alone cost little, also where there are very many.
    if not partials_of(disk.names(path)):
        return
    plan = plan_download(run.shared.children(folder, most=most), disk.scan(path), depth=len(path))
    whole, now_ns = {entry.name for entry in plan.skip}, disk.now_ns()
    for name in plan.remove:
        facts = disk.facts((*path, name))
        is_untouched = now_ns - max(facts.st_mtime_ns, facts.st_ctime_ns) >= _UNTOUCHED_NS
        if is_untouched and not whole.isdisjoint(partials_of([name])):
            disk.remove((*path, name))
