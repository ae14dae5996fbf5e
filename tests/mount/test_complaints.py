"""What a mount says of what failed: each reason once in a while, and only failures."""

from __future__ import annotations

import threading
from queue import SimpleQueue

from fs2od.errors import Interrupted, StorageFull
from fs2od.mount._complaints import Complaints
from fs2od.onedata.errors import posix
from fs2od.transfer import ConnectionLost, NotFound

LONGEST_S = 60.0


class Told:
    def __init__(self) -> None:
        self.now_s = 1000.0
        self._sentences = SimpleQueue[str]()
        self.complaints = Complaints(self._sentences.put, monotonic_s=lambda: self.now_s)

    def next(self) -> str:
        return self._sentences.get(timeout=LONGEST_S)

    def nothing(self) -> bool:
        for each in threading.enumerate():
            if each.name == "fs2od-complain":
                each.join(LONGEST_S)
        return self._sentences.empty()


def test_a_failure_is_said_with_its_file_and_reason_on_one_line() -> None:
    told = Told()
    told.complaints.about(("Grids", "a\nb.mrc"), "read", ConnectionLost("zone.example.org cannot be reached"))
    assert told.next() == "Grids/a\\nb.mrc could not be read: zone.example.org cannot be reached"
    told.complaints.about(("new",), "written", StorageFull("the disk is full"))
    assert told.next() == "new could not be written: the disk is full"


def test_what_programs_ask_for_and_what_nobody_waits_for_is_no_failure() -> None:
    told = Told()
    for error in (NotFound("it is not there"), posix("eexist"), posix("eacces"), Interrupted("the mount is ending")):
        told.complaints.about(("a",), "read", error)
    assert told.nothing()


def test_a_reason_is_said_once_a_minute_however_many_reads_fail_by_it() -> None:
    told = Told()
    for number in range(1001):
        told.complaints.about((f"{number}.mrc",), "read", ConnectionLost("away"))
    assert told.next() == "0.mrc could not be read: away"
    assert told.nothing()
    told.now_s += 60
    told.complaints.about(("x",), "read", ConnectionLost("away"))
    assert told.next() == "x could not be read: away (1,000 more failures before were not written down)"


def test_of_many_reasons_only_a_few_are_said_a_minute() -> None:
    told = Told()
    for number in range(100):
        told.complaints.about(("a",), "read", ConnectionLost(f"away: {number}"))
    assert {told.next() for _ in range(10)} == {f"a could not be read: away: {number}" for number in range(10)}
    assert told.nothing()
