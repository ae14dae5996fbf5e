from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from fs2od.portal._paging import Fetch, Page, Position, page_of


def folder(names: Sequence[str]) -> Fetch[str]:
    ordered = sorted(names)

    def fetch(name: str | None, earlier: int, limit: int) -> list[str]:
        if name is None:
            return ordered[:limit]
        start = bisect_left(ordered, name) if earlier else bisect_right(ordered, name)
        return ordered[max(0, start - earlier) :][:limit]

    return fetch


def page(names: Sequence[str], position: Position, size: int) -> Page[str]:
    return page_of(folder(names), str, position, size=size)


NAMES = st.lists(st.text(min_size=1, max_size=4), unique=True, max_size=40)


@given(NAMES, st.integers(1, 7))
def test_going_on_to_the_end_shows_every_entry_once_and_in_order(names: list[str], size: int) -> None:
    shown: list[str] = []
    position: Position | None = Position()
    while position is not None:
        found = page(names, position, size)
        assert found.skipped == len(shown)
        shown += found.items
        position = found.next
    assert shown == sorted(names)


@given(NAMES.filter(bool), st.integers(1, 7), st.integers(0, 60))
def test_going_back_from_the_end_shows_every_entry_once(names: list[str], size: int, guess: int) -> None:
    last = max(names)
    shown: list[str] = [last]
    position: Position | None = Position(before=last, skipped=guess)
    if len(names) == 1:
        return
    while position is not None:
        found = page(names, position, size)
        assert 0 < len(found.items) <= size
        shown = [*found.items, *shown]
        position = found.previous
    assert shown == sorted(names)


def test_the_first_and_the_last_page_say_so() -> None:
    names = [f"{number:03}" for number in range(10)]
    first = page(names, Position(), 5)
    assert first.previous is None
    assert first.next == Position(after="004", skipped=5)
    last = page(names, Position(after="004", skipped=5), 5)
    assert last.next is None
    assert last.previous == Position(before="005", skipped=5)
    assert page(names, Position(before="005", skipped=5), 5).items == first.items


def test_a_folder_of_exactly_one_page_has_no_second() -> None:
    assert page(["a", "b"], Position(), 2).next is None
    assert page([], Position(), 2) == Page((), 0, None, None)


def test_entries_that_come_meanwhile_shift_nothing() -> None:
    names = [f"{number:03}" for number in range(0, 20, 2)]
    second = page(names, Position(after="008", skipped=5), 5)
    assert second.previous is not None
    grown = [*names, "001", "003", "005"]
    assert page(grown, second.previous, 5).items == ("003", "004", "005", "006", "008")


def test_a_key_beyond_the_end_or_before_the_beginning_is_no_error() -> None:
    assert page(["a", "b"], Position(after="z"), 2).items == ()
    assert page(["a", "b"], Position(after="z"), 2).previous == Position()
    assert page(["b", "c"], Position(before="a", skipped=99), 2).items == ("b", "c")
