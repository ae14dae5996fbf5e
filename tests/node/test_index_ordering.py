"""Folders in any order, the search, and the newest file: what comes out, and how little is read for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args
from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fs2od.node.index import Entry, Indexes, SpaceIndex
from fs2od.node.index.ordering import Order, OrderedBy, Place, ordered
from fs2od.node.index.schema import ROOT
from fs2od.node.index.searching import search
from fs2od.onedata.ids import SpaceId
from fs2od.testing.listings import add_files, add_folder

SPACE = SpaceId("a" * 32)
ORDERS = [Order(by, descending=descending) for by in get_args(OrderedBy) for descending in (False, True)]
MANY = 100_000
PAGE = 200
FEW_STEPS = 60
"""In hundreds, for one page: what an entry of it costs, and nothing for those that are not on it."""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SpaceIndex]:
    indexes = Indexes(tmp_path_factory.mktemp("large") / "spaces", limit=2)
    with indexes.using(SPACE) as index:
        names = (f"FoilHole_{number:06}.mrc" for number in range(MANY))
        add_files(
            index, ROOT, ((name, number * 7919 % 1000, number * 104729 % MANY) for number, name in enumerate(names))
        )
        yield index
    indexes.close()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SpaceIndex]:
    indexes = Indexes(tmp_path / "spaces", limit=2)
    with indexes.using(SPACE) as index:
        yield index
    indexes.close()


@contextmanager
def counted(index: SpaceIndex) -> Iterator[list[int]]:
    """Yield a list that grows by one for every hundred steps of SQLite's machine."""
    steps: list[int] = []
    with index.database.reading() as db:
        pass  # it is idle again: the next reader gets the same
    db.set_progress_handler(lambda: steps.append(1), 100)
    yield steps
    db.set_progress_handler(None, 0)


def root_of(index: SpaceIndex) -> Entry:
    found = index.get(ROOT)
    assert found is not None
    return found


def names_in(index: SpaceIndex, order: Order, size: int) -> list[str]:
    names: list[str] = []
    after: Place | None = None
    while page := ordered(index, ROOT, order, after=after, limit=size):
        names += [entry.name for entry in page]
        after = order.place(page[-1])
    return names


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_a_page_of_a_hundred_thousand_costs_the_same_wherever_it_begins(large: SpaceIndex, order: Order) -> None:
    middle = large.child(ROOT, "FoilHole_050007.mrc")
    assert middle is not None
    for after in (None, order.place(middle)):
        with counted(large) as steps:
            assert len(ordered(large, ROOT, order, after=after, limit=PAGE)) == PAGE
        assert len(steps) < FEW_STEPS * PAGE / 100


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_an_order_holds_over_pages_and_shows_everything_once(large: SpaceIndex, order: Order) -> None:
    found: list[Place] = []
    after: Place | None = None
    while page := ordered(large, ROOT, order, after=after, limit=9_999):
        found += map(order.place, page)
        after = order.place(page[-1])
    assert len(set(found)) == MANY
    assert found == sorted(found, reverse=order.descending)


FILES = st.dictionaries(st.text("abAB_%é\\", min_size=1, max_size=4), st.tuples(st.integers(0, 2), st.integers(0, 2)))


@given(files=FILES, order=st.sampled_from(ORDERS), size=st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_pages_of_any_folder_and_size_are_the_sorted_folder(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, tuple[int, int]], order: Order, size: int
) -> None:
    indexes = Indexes(tmp_path_factory.mktemp("any") / "spaces", limit=1)
    with indexes.using(SPACE) as index:
        add_files(index, ROOT, ((name, *facts) for name, facts in files.items()))
        forth, back = names_in(index, order, size), names_in(index, order.turned, size)
    indexes.close()
    column = {"name": None, "size": 0, "time": 1}[order.by]
    rows = list(files)
    expected = sorted(
        files, key=lambda name: name.encode() if column is None else (files[name][column], rows.index(name))
    )
    assert forth == (expected[::-1] if order.descending else expected)
    assert back == forth[::-1]


def test_a_place_where_nothing_stands_any_more_is_still_a_place(index: SpaceIndex) -> None:
    add_files(index, ROOT, [("a", 1, 0), ("b", 5, 0)])
    found = ordered(index, ROOT, Order("size"), after=Place(3, 999), limit=5)
    assert [entry.name for entry in found] == ["b"]


def test_a_search_finds_a_part_of_a_name_at_any_depth(index: SpaceIndex) -> None:
    inner = add_folder(index, add_folder(index, ROOT, "Images"), "Grid_1")
    add_files(index, inner, [("movie_1.TIFF", 1, 0), ("gain.mrc", 1, 0)])
    add_files(index, ROOT, [("movie list.txt", 1, 0)])
    found = search(index, root_of(index), "movie", enters=0o5, limit=10, within_s=60)
    assert [path for path, _ in found.entries] == ["movie list.txt", "Images/Grid_1/movie_1.TIFF"]
    assert found.ended == "all"
    for text in ("grid", "GRID_", "G*1"):
        assert [path for path, _ in search(index, root_of(index), text, enters=5, limit=9, within_s=60).entries] == [
            "Images/Grid_1"
        ]


@pytest.mark.parametrize("text", ["%", "_", "\\", "é"])
def test_a_search_takes_signs_for_themselves(index: SpaceIndex, text: str) -> None:
    add_files(index, ROOT, [("plain", 1, 0), (f"with{text}sign", 1, 0)])
    found = search(index, root_of(index), text, enters=5, limit=9, within_s=60)
    assert [path for path, _ in found.entries] == [f"with{text}sign"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("text", ["prüf", "PRÜF", "Ü", "ü*g", "é*Ü"])
def test_a_search_knows_letters_in_every_form_and_case(
    index: SpaceIndex, form: Literal["NFC", "NFD"], text: str
) -> None:
    names = ["é Prüfung 1", normalize("NFD", "É prüfung 2"), "é PRÜFUNG 3"]
    add_files(index, ROOT, [(name, 1, 0) for name in (*names, "Prufung", "gü", "é")])
    found = search(index, root_of(index), normalize(form, text), enters=5, limit=9, within_s=60)
    assert {path for path, _ in found.entries} == {*names, *(["gü"] if text == "Ü" else [])}


def test_a_search_stays_out_of_folders_that_are_closed(index: SpaceIndex) -> None:
    closed = add_folder(index, ROOT, "closed")
    add_files(index, closed, [("wanted", 1, 0)])
    index.set_mode(closed, 0o770)
    assert search(index, root_of(index), "wanted", enters=0o5, limit=9, within_s=60).entries == ()


def test_a_search_with_many_results_ends_early_and_says_so(large: SpaceIndex) -> None:
    found = search(large, root_of(large), "foilhole", enters=5, limit=10, within_s=60)
    assert (len(found.entries), found.ended) == (10, "limit")


def test_a_search_whose_time_is_over_says_so(large: SpaceIndex) -> None:
    # It would pass over all names, and asks for the time every twenty thousand steps.
    found = search(large, root_of(large), "no such name", enters=5, limit=10, within_s=0)
    assert (found.entries, found.ended) == ((), "time")
    # The connection is as good as before.
    assert search(large, root_of(large), "_099999", enters=5, limit=10, within_s=60).ended == "all"


def test_the_newest_file_is_found_with_a_look_at_each_folder(large: SpaceIndex) -> None:
    with counted(large) as steps:
        assert large.newest_mtime_ns(root_of(large)) == MANY - 1
    assert len(steps) < FEW_STEPS


def test_the_newest_file_is_one_below_and_not_apart(index: SpaceIndex) -> None:
    assert index.newest_mtime_ns(root_of(index)) is None
    deep = add_folder(index, add_folder(index, ROOT, "a"), "b")
    apart = add_folder(index, ROOT, "fs2od-sidecar")
    add_files(index, deep, [("x", 1, 7), ("y", 1, 5)])
    add_files(index, apart, [("z", 1, 9)])
    assert index.newest_mtime_ns(root_of(index)) == 9
    assert index.newest_mtime_ns(root_of(index), apart=apart) == 7
