"""Several folders are listed at once: whatever goes wrong in one thread, the walk ends."""

from __future__ import annotations

import threading
from typing import cast

import pytest

from fs2od.transfer._dataset import Dataset
from fs2od.transfer._entries import Entry, EntryKind, Names
from fs2od.transfer._run import Ending
from fs2od.transfer._walk import DownloadLimits, Walk


class Folders:
    """A dataset of folders within folders, without end."""

    def children(self, folder: Entry, *, most: int) -> list[Entry]:
        assert most
        return [Entry(f"{number}", EntryKind.FOLDER, f"{folder.file_id}/{number}") for number in range(3)]


@pytest.mark.parametrize("thread", ["any", "not the first"])
def test_what_nobody_foresaw_ends_the_walk_and_is_raised(thread: str) -> None:
    caller = threading.current_thread()
    aborted: list[bool] = []
    met = threading.Event()

    def visit(path: Names, _: Entry, entries: list[Entry]) -> list[Entry]:
        is_caller = threading.current_thread() is caller
        if len(path) >= 2 and (thread == "any" or not is_caller):
            met.set()
            raise ZeroDivisionError("unforeseen")
        if len(path) >= 2:
            met.wait(60)
        return entries

    ending = Ending(lambda: aborted.append(True))
    walk = Walk(cast("Dataset", Folders()), ending, DownloadLimits(), visit=visit, failed=lambda *_: None)
    with pytest.raises(ZeroDivisionError, match="unforeseen"):
        walk.run(Entry("", EntryKind.FOLDER, "root"))
    assert ending.has_come
    assert aborted
    assert not [each for each in threading.enumerate() if each.name == "fs2od-list"]
