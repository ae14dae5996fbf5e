from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from fs2od.portal._paging import FIRST, LAST, Fetch, Page, Position, page_of


def folder(names: Sequence[str]) -> Fetch[str]:
    ordered = sorted(names)

    def fetch(name: str | None, backwards: bool, limit: int) -> list[str]:
        if backwards:
            return ordered[: len(ordered) if name is None else bisect_left(ordered, name)][::-1][:limit]
        return ordered[0 if name is None else bisect_right(ordered, name) :][:limit]

    return fetch


def page(names: Sequence[str], position: Position, size: int) -> Page[str]:
    return page_of(folder(names), str, position, size=size)


NAMES = st.lists(st.text(min_size=1, max_size=4), unique=True, max_size=40)


@given(NAMES, st.integers(1, 7))
def test_going_on_to_the_end_shows_every_entry_once_and_in_order(names: list[str], size: int) -> None:
    shown: list[str] = []
    position: Position | None = FIRST
    while position is not None:
        found = page(names, position, size)
        assert (found.skipped, found.from_end) == (len(shown), False)
        shown += found.items
        position = found.next
    assert shown == sorted(names)


@given(NAMES, st.integers(1, 7))
def test_going_back_from_the_end_shows_every_entry_once_and_counts_from_there(names: list[str], size: int) -> None:
    shown: list[str] = []
    position: Position | None = LAST
    while position is not None:
        found = page(names, position, size)
        assert len(found.items) <= size
        if found.previous is None:
            assert (found.skipped, found.from_end) == (0, False)
        else:
            assert (found.skipped, found.from_end) == (len(shown), True)
        shown = [*found.items, *shown]
        position = found.previous
    assert shown == sorted(names)


@given(NAMES.filter(lambda names: len(names) > 1), st.integers(1, 7), st.booleans())
def test_there_and_back_again_is_the_same_page(names: list[str], size: int, from_end: bool) -> None:
    start = page(names, LAST if from_end else FIRST, size)
    there = start.previous if from_end else start.next
    if there is None:
        return
    other = page(names, there, size)
    back = other.next if from_end else other.previous
    assert back is not None
    if len(other.items) == size:
        assert page(names, back, size).items == start.items


def test_the_first_and_the_last_page_say_so() -> None:
    names = [f"{number:03}" for number in range(10)]
    first = page(names, FIRST, 5)
    assert first.previous is None
    assert first.next == Position("004", skipped=5)
    second = page(names, first.next, 5)
    assert second.next is None
    assert second.previous == Position("005", backwards=True, skipped=5)
    assert page(names, second.previous, 5) == first
    last = page(names, LAST, 4)
    assert (last.items, last.skipped, last.from_end) == (("006", "007", "008", "009"), 0, True)
    assert last.previous == Position("006", backwards=True, skipped=4, from_end=True)
    before = page(names, last.previous, 4)
    assert (before.skipped, before.from_end) == (4, True)
    assert before.next == Position("005", skipped=4, from_end=True)
    assert page(names, before.next, 4) == last


def test_a_folder_of_exactly_one_page_has_no_second() -> None:
    assert page(["a", "b"], FIRST, 2).next is None
    assert page(["a", "b"], LAST, 2) == page(["a", "b"], FIRST, 2)
    assert page([], FIRST, 2) == page([], LAST, 2) == Page(())


def test_entries_that_come_meanwhile_shift_nothing() -> None:
    names = [f"{number:03}" for number in range(0, 20, 2)]
    second = page(names, Position("008", skipped=5), 5)
    assert second.previous is not None
    grown = [*names, "001", "003", "005"]
    assert page(grown, second.previous, 5).items == ("003", "004", "005", "006", "008")


def test_a_key_beyond_the_ends_leads_to_the_page_at_that_end() -> None:
    assert page(["a", "b"], Position("z"), 2).items == ("a", "b")
    assert page(["b", "c"], Position("a", backwards=True, skipped=99), 2) == page(["b", "c"], FIRST, 2)
    assert page([], Position("a"), 2) == Page(())
