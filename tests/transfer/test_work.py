"""Which pieces of large files threads are given, as one request each."""

from typing import cast

from fs2od.errors import Interrupted
from fs2od.manifests import PIECE_BYTES
from fs2od.transfer._entries import Entry, EntryKind
from fs2od.transfer._large import LargeFile
from fs2od.transfer._pace import Pace
from fs2od.transfer._run import Ending, Run, Wanted
from fs2od.transfer._work import Work


def runs(files: int, pieces: int, *, connections: int = 4) -> list[list[int]]:
    """Return how many pieces each request for each file asks for, when nothing ever waits."""
    large = [LargeFile(cast("Run", None), Wanted((), _file(number, pieces))) for number in range(files)]
    work = Work(Pace(connections), Ending(lambda: None), in_bulk=True)
    work.put(large=large)
    found: dict[str, list[int]] = {each.wanted.entry.name: [] for each in large}
    while any(each.waiting for each in large):
        job = work.next()
        assert job is not None
        assert job.large is not None
        found[job.large.wanted.entry.name].append(job.stretch[1] - job.stretch[0])
        work.done(job)
    return list(found.values())


def _file(number: int, pieces: int) -> Entry:
    return Entry(f"movie_{number}", EntryKind.FILE, f"id{number}", pieces * PIECE_BYTES, 0)


def test_the_less_is_left_the_shorter_are_the_requests() -> None:
    (asked,) = runs(1, 120)
    assert sum(asked) == 120
    assert asked[0] == 8
    assert asked == sorted(asked, reverse=True)
    assert asked[-4:] == [1, 1, 1, 1]


def test_only_the_last_of_several_files_is_asked_for_in_short_pieces() -> None:
    first, second, last = runs(3, 120)
    assert first == second == [8] * 15
    assert last == runs(1, 120)[0]


def test_many_files_of_a_few_pieces_are_asked_for_whole() -> None:
    asked = runs(50, 2)
    assert asked[:40] == [[2]] * 40
    assert sum(map(sum, asked)) == 100


def test_small_files_come_from_far_away_in_as_many_streams_as_there_are_connections() -> None:
    def at_once(*, is_far: bool) -> int:
        pace = Pace(8)
        pace.allowed = 8
        work = Work(pace, Ending(lambda: None), in_bulk=True, is_far=is_far)
        work.put(small=[Wanted((), _file(number, 1)) for number in range(64)])
        jobs = [work.next() for _ in range(8 if is_far else 4)]
        return sum(job is not None and job.kind == "bulk" for job in jobs)

    assert at_once(is_far=True) == 8
    assert at_once(is_far=False) == 4


def test_nothing_is_handed_out_once_all_is_to_end() -> None:
    ending = Ending(lambda: None)
    work = Work(Pace(4), ending, in_bulk=True)
    work.put(large=[LargeFile(cast("Run", None), Wanted((), _file(0, 9)))])
    ending.stop(Interrupted("enough"))
    assert work.next() is None
