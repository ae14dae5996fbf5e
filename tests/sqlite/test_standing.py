from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fs2od.sqlite import Database, Schema, Standing

SCHEMA = Schema("things", ("CREATE TABLE thing (name TEXT PRIMARY KEY, size INTEGER NOT NULL)",))


class Asked:
    """Sizes of things, and how often they were looked up."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.times = 0

    def __call__(self, name: str) -> int | None:
        self.times += 1
        with self.database.reading() as db:
            row = db.execute("SELECT size FROM thing WHERE name = ?", (name,)).fetchone()
        return None if row is None else int(row[0])


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "a.db", SCHEMA)
    yield opened
    opened.close()


def put(database: Database, name: str, size: int) -> None:
    with database.writing() as db:
        db.execute("INSERT OR REPLACE INTO thing VALUES (?, ?)", (name, size))


def test_what_is_asked_again_costs_no_query(database: Database) -> None:
    put(database, "one", 1)
    asked = Asked(database)
    standing = Standing(database, asked)
    assert [standing.get(name) for name in ("one", "one", "none", "none")] == [1, 1, None, None]
    assert asked.times == 2


def test_what_was_committed_is_seen_at_once(database: Database) -> None:
    standing = Standing(database, Asked(database))
    for size in range(5):
        put(database, "one", size)
        assert standing.get("one") == size


def test_what_was_rolled_back_changes_nothing(database: Database) -> None:
    put(database, "one", 1)
    asked = Asked(database)
    standing = Standing(database, asked)
    assert standing.get("one") == 1

    def fail() -> None:
        with database.writing() as db:
            db.execute("UPDATE thing SET size = 2")
            assert standing.get("one") == 1
            raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        fail()
    assert standing.get("one") == 1
    assert asked.times == 1


def test_an_error_is_not_remembered(database: Database) -> None:
    found = [ValueError("not yet")]

    def ask(_: str) -> int:
        if found:
            raise found.pop()
        return 1

    standing = Standing(database, ask)
    with pytest.raises(ValueError, match="not yet"):
        standing.get("one")
    assert standing.get("one") == 1


def test_no_more_than_so_many_answers_are_kept(database: Database) -> None:
    asked = Asked(database)
    standing = Standing(database, asked, limit=2)
    for name in ("a", "b", "c", "c", "a"):
        standing.get(name)
    assert asked.times == 4


def test_an_answer_from_before_a_commit_never_counts_after_it(database: Database) -> None:
    """Whoever was asking while something was committed may answer itself by what was before, and nobody else."""
    put(database, "one", 1)
    is_reading, go_on = threading.Event(), threading.Event()
    look = Asked(database)

    def ask(name: str) -> int | None:
        found = look(name)
        if look.times == 1:
            is_reading.set()
            assert go_on.wait(60)
        return found

    standing = Standing(database, ask)
    slow = threading.Thread(target=standing.get, args=("one",))
    slow.start()
    assert is_reading.wait(60)
    put(database, "one", 2)
    assert standing.get("one") == 2
    go_on.set()
    slow.join(60)
    assert standing.get("one") == 2


def test_threads_that_ask_while_others_write_see_what_they_wrote(database: Database) -> None:
    standing = Standing(database, Asked(database))
    wrong: list[tuple[int, int | None]] = []
    written = threading.Event()

    def read() -> None:
        while not written.is_set():
            standing.get("one")

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for size in range(50):
        put(database, "one", size)
        if (seen := standing.get("one")) != size:
            wrong.append((size, seen))
    written.set()
    for reader in readers:
        reader.join(60)
    assert not wrong
