"""The index of a space: pages, paths, ids and the way through the tree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fs2od.node.index import Entry, Indexes, SpaceIndex
from fs2od.node.index.schema import ROOT
from fs2od.node.index.sums import Sums
from fs2od.onedata.ids import SpaceId, file_id, parse_file_id
from fs2od.storage import Kind

SPACE = SpaceId("a" * 32)


@pytest.fixture
def indexes(tmp_path: Path) -> Iterator[Indexes]:
    indexes = Indexes(tmp_path / "spaces", limit=2)
    yield indexes
    indexes.close()


@pytest.fixture
def index(indexes: Indexes) -> Iterator[SpaceIndex]:
    with indexes.using(SPACE) as index:
        yield index


def add(index: SpaceIndex, path: str, size_bytes: int = 1) -> Entry:
    """Register a file, and the directories on its way; a trailing slash makes a directory."""
    row = ROOT
    *folders, name = path.rstrip("/").split("/")
    for folder in folders:
        known = index.child(row, folder)
        row = known.row if known else insert(index, row, folder, Kind.DIRECTORY, 0)
    insert(index, row, name, Kind.DIRECTORY if path.endswith("/") else Kind.FILE, size_bytes)
    found = index.child(row, name)
    assert found is not None
    return found


def insert(index: SpaceIndex, parent: int, name: str, kind: Kind, size_bytes: int) -> int:
    columns = "parent, name, kind, size, mode, mtime_ns, ctime_ns, inode, created"
    with index.database.writing() as db:
        size = 0 if kind is Kind.DIRECTORY else size_bytes
        values = (parent, name, kind.value, size, 0o664, 0, 0, 0, 0)
        row = db.execute(f"INSERT INTO entry ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values).lastrowid
        sums = Sums()
        sums.add_entry(parent, kind, size_bytes)
        sums.apply(db)
    assert row is not None
    return row


def root_of(index: SpaceIndex) -> Entry:
    root = index.get(ROOT)
    assert root is not None
    return root


def names(entries: list[Entry]) -> str:
    return "".join(entry.name for entry in entries)


@pytest.fixture
def letters(index: SpaceIndex) -> SpaceIndex:
    for name in "hcaedbgfij":
        add(index, name)
    return index


def test_a_new_index_has_its_root_alone(index: SpaceIndex) -> None:
    assert root_of(index).kind is Kind.DIRECTORY
    assert index.children(ROOT, limit=10) == []
    assert list(index.walk(root_of(index))) == []


def test_children_come_in_the_order_of_the_bytes_of_their_names(index: SpaceIndex) -> None:
    for name in ("b", "a", "B", "é", "\U0001f52c", "ab", "-", "名"):
        add(index, name)
    expected = sorted(("b", "a", "B", "é", "\U0001f52c", "ab", "-", "名"), key=lambda name: name.encode())
    assert [entry.name for entry in index.children(ROOT, limit=100)] == expected


@pytest.mark.parametrize(
    ("after", "inclusive", "offset", "expected"),
    [
        (None, False, 0, "abc"),
        (None, False, 2, "cde"),
        (None, False, -5, "abc"),
        ("d", False, 0, "efg"),
        ("d", True, 0, "def"),
        ("d", False, 2, "ghi"),
        ("d", False, -2, "cde"),
        ("d", True, -2, "bcd"),
        ("d", True, -500, "abc"),
        ("d", False, -4, "abc"),
        ("d", False, 500, ""),
        ("j", False, 0, ""),
        ("j", True, 0, "j"),
        ("cc", False, 0, "def"),
        ("cc", True, -1, "cde"),
        ("zzz", False, -1, "j"),
    ],
)
def test_a_page_begins_where_it_is_asked_to(
    letters: SpaceIndex, after: str | None, inclusive: bool, offset: int, expected: str
) -> None:
    assert names(letters.children(ROOT, after=after, limit=3, offset=offset, inclusive=inclusive)) == expected


@pytest.mark.parametrize("limit", [1, 2, 3, 9, 10, 11])
def test_pages_one_after_the_other_give_every_child_once(letters: SpaceIndex, limit: int) -> None:
    found, after = "", None
    while page := letters.children(ROOT, after=after, limit=limit):
        found += names(page)
        after = page[-1].name
    assert found == "abcdefghij"


def test_the_pages_of_a_large_directory_hold_each_child_once(index: SpaceIndex) -> None:
    columns = "parent, name, kind, size, mode, mtime_ns, ctime_ns, inode, created"
    with index.database.writing() as db:
        rows = ((ROOT, f"movie_{number:06}.tiff", "REG", 1, 420, 0, 0, 0, 0) for number in range(250_000))
        db.executemany(f"INSERT INTO entry ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    assert names(index.children(ROOT, after="movie_249999.tiff", limit=2, offset=-1)) == "movie_249999.tiff"
    count, after = 0, ""
    while page := index.children(ROOT, after=after, limit=10_000):
        count, after = count + len(page), page[-1].name
    assert count == 250_000


def test_a_page_says_who_has_metadata(letters: SpaceIndex) -> None:
    row = index_row(letters, "c")
    with letters.database.writing() as db:
        db.execute("INSERT INTO metadata VALUES (?, 'json', '', '{}')", (row,))
    assert [entry.name for entry in letters.children(ROOT, limit=10) if entry.has_metadata] == ["c"]
    found = letters.get(row)
    assert found is not None
    assert found.has_metadata


def index_row(index: SpaceIndex, name: str) -> int:
    found = index.child(ROOT, name)
    assert found is not None
    return found.row


def test_an_entry_is_found_by_its_id_and_by_no_other(index: SpaceIndex) -> None:
    entry = add(index, "a/b/c")
    ref = parse_file_id(file_id(index.ref(entry.row)))
    assert index.find(ref.uuid) == entry
    assert index.find(index.ref(ROOT).uuid) == root_of(index)
    other = SpaceIndex(SpaceId("b" * 32), index.database)
    assert other.find(ref.uuid) is None
    assert other.find(index.ref(ROOT).uuid) is None


@pytest.mark.parametrize(
    "tail",
    [
        "",
        "0",
        "+000000000000001",
        "000000000000_001",
        "f" * 16,
        "8" + "0" * 15,
        "g" * 16,
        "7" + "f" * 15,
        "\u0660" * 16,
    ],
)
def test_a_made_up_id_is_nobodys(index: SpaceIndex, tail: str) -> None:
    prefix = index.ref(2).uuid[:16]
    assert index.find(prefix + tail) is None


def test_paths_are_looked_up_and_told(index: SpaceIndex) -> None:
    entry = add(index, "a/b/c")
    assert index.lookup(["a", "b", "c"]) == entry
    assert index.lookup([]) == root_of(index)
    assert index.lookup(["a", "x", "c"]) is None
    with pytest.raises(NotADirectoryError):
        index.lookup(["a", "b", "c", "d"])
    assert index.path(entry) == "a/b/c"
    assert index.path(root_of(index)) == ""
    assert [above.name for above in index.ancestry(entry)] == ["c", "b", "a", ""]


def test_a_walk_goes_down_before_it_goes_on(index: SpaceIndex) -> None:
    for path in ("b", "a/2", "a/1/x", "a-b", "c/"):
        add(index, path)
    assert [path for path, _ in index.walk(root_of(index))] == ["a", "a/1", "a/1/x", "a/2", "a-b", "b", "c"]


def test_a_walk_leaves_out_what_is_not_entered(index: SpaceIndex) -> None:
    for path in ("a/1", "b/2"):
        add(index, path)
    walked = index.walk(root_of(index), enters=lambda path, _: path != "a")
    assert [path for path, _ in walked] == ["a", "b", "b/2"]


def test_files_are_listed_without_directories_unless_asked(index: SpaceIndex) -> None:
    for path in ("a/1", "b/"):
        add(index, path)
    assert [path for path, _ in index.files(root_of(index), limit=10)] == ["a/1"]
    assert [path for path, _ in index.files(root_of(index), limit=10, with_directories=True)] == ["a", "a/1", "b"]


NAMES = st.text("ab-/", min_size=1, max_size=7).filter(lambda text: all(text.split("/")))


@settings(max_examples=60, deadline=None)
@given(
    paths=st.sets(NAMES, max_size=12),
    after=st.one_of(st.just(""), NAMES),
    prefix=st.text("ab-/", max_size=4),
    page=st.integers(1, 3),
)
def test_a_walk_from_anywhere_with_any_prefix_is_a_part_of_the_whole_walk(
    tmp_path_factory: pytest.TempPathFactory, paths: set[str], after: str, prefix: str, page: int
) -> None:
    indexes = Indexes(tmp_path_factory.mktemp("walk") / "spaces", limit=1)
    with indexes.using(SPACE) as index:
        there: set[str] = set()
        for path in sorted(paths, key=lambda path: path.split("/")):
            parts = path.split("/")
            above = {"/".join(parts[:count]) for count in range(1, len(parts))}
            if path in there or above & (there & paths):
                continue
            add(index, path)
            there |= above | {path}
        expected = sorted(there, key=lambda path: path.split("/"))
        assert [path for path, _ in index.walk(root_of(index), page=page)] == expected
        wanted = [p for p in expected if p.startswith(prefix) and (not after or p.split("/") > after.split("/"))]
        found = index.walk(root_of(index), after=after, prefix=prefix, page=page)
        assert [path for path, _ in found] == wanted
    indexes.close()


def test_a_walk_through_many_folders_reads_each_page_once(index: SpaceIndex) -> None:
    for number in range(300):
        insert(index, ROOT, f"{number:03}", Kind.DIRECTORY, 0)
    asked = 0
    real = index.children

    class Counting(SpaceIndex):
        def children(self, *args: int, **kwargs: object) -> list[Entry]:
            nonlocal asked
            asked += 1
            return real(*args, **kwargs)  # type: ignore[arg-type]  # as given

    assert len(list(Counting(SPACE, index.database).walk(root_of(index), page=100))) == 300
    assert asked == 300 + 4


def test_sums_go_up_to_the_root(index: SpaceIndex) -> None:
    add(index, "a/b/1", 10)
    add(index, "a/b/2", 20)
    add(index, "c", 5)
    found = {path: (entry.files, entry.size_bytes) for path, entry in index.walk(root_of(index))}
    assert (root_of(index).files, root_of(index).size_bytes) == (3, 35)
    assert found["a"] == found["a/b"] == (2, 30)


def test_only_so_many_indexes_stay_open_and_each_comes_back(indexes: Indexes) -> None:
    spaces = [SpaceId(letter * 32) for letter in "abcdef"]
    for space in spaces:
        with indexes.using(space) as index:
            add(index, space)
    for space in spaces:
        with indexes.using(space) as index:
            assert names(index.children(ROOT, limit=10)) == space


def test_an_index_in_use_is_not_closed_for_others(indexes: Indexes) -> None:
    with indexes.using(SPACE) as index:
        for letter in "bcdef":
            with indexes.using(SpaceId(letter * 32)):
                pass
        add(index, "still-open")


def test_an_index_dropped_while_it_is_used_lets_its_user_finish_and_is_gone(indexes: Indexes, tmp_path: Path) -> None:
    with indexes.using(SPACE) as index:
        add(index, "old")
        indexes.drop(SPACE)
        add(index, "written into nothing")
        assert len(index.children(ROOT, limit=10)) == 2
        with indexes.using(SPACE) as fresh:
            assert fresh.children(ROOT, limit=10) == []
    with indexes.using(SPACE) as again:
        assert again.children(ROOT, limit=10) == []
    indexes.drop(SPACE)
    assert list((tmp_path / "spaces").iterdir()) == []
