"""What processes that were killed left: beside files that another one brought, removed by the survivor, and of files that are no more."""

from __future__ import annotations

import contextlib
import stat
import time
from typing import Final, Iterable, Mapping

from fs2od.errors import Fs2odError
from fs2od.transfer._destination import Destination
from fs2od.transfer._entries import Entry, Names
from fs2od.transfer._partials import partial_name, partials_of
from fs2od.transfer._plan import folded, name_fault, plan_download
from fs2od.transfer._run import Run

__all__ = ["clear_leftovers", "leftovers_among"]

_UNTOUCHED_NS: Final = 60_000_000_000
# By this machine's clock, from which the disk's may differ by some minutes: whoever only looks writes nothing to ask for that.
_ABANDONED_NS: Final = 600_000_000_000


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


def leftovers_among(disk: Destination, folder: Names, names: Iterable[str], listed: Iterable[str]) -> dict[str, str]:
    """Return which names are of partial files, or their notes, that nobody goes on with, each with the name that the file was to get.

    No run goes on with what the dataset does not list any more, for it was renamed or removed. Long names are cut off. Who may still be writing to
    it is told by time: whoever is at work writes more often than every ten minutes, and who finds it taken away begins again.

    Args:
        disk: Where they lie.
        folder: Their folder.
        names: What stands there and is not listed.
        listed: What is listed there.
    """
    abandoned: dict[str, str] = {}
    there = set(names)
    partials = partials_of(there)
    if not partials:
        return abandoned
    # A disk may compose letters in its own way.
    stems = {folded(partial_name(name, "").stem) for name in listed if name_fault(name) is None}
    for stem, group in partials.items():
        found = () if folded(stem) in stems else there & {name for each in group for name in (str(each), each.notes)}
        for name in sorted(found):
            # Whoever was still at work may have taken it away just now.
            with contextlib.suppress(Fs2odError):
                facts = disk.facts((*folder, name))
                untouched_ns = time.time_ns() - max(facts.st_mtime_ns, facts.st_ctime_ns)
                if stat.S_ISREG(facts.st_mode) and untouched_ns >= _ABANDONED_NS:
                    abandoned[name] = stem
    return abandoned
