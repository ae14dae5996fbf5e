from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from fs2od.errors import StateError, StateInUse, StateTooNew, StateTooOld, StorageFull, StorageMissing
from fs2od.sqlite import Database, Schema, hold_folder
from fs2od.testing.small_disks import small_disk

FIRST = "CREATE TABLE thing (name TEXT PRIMARY KEY, size INTEGER NOT NULL)"
SECOND = "ALTER TABLE thing ADD COLUMN colour TEXT NOT NULL DEFAULT 'grey'"


def _names(database: Database) -> list[str]:
    with database.reading() as db:
        return [row["name"] for row in db.execute("SELECT name FROM thing ORDER BY name")]


def _put(database: Database, name: str) -> None:
    with database.writing() as db:
        db.execute("INSERT INTO thing (name, size) VALUES (?, 1)", (name,))


def test_what_was_written_is_there_after_opening_again(tmp_path: Path) -> None:
    first = Database(tmp_path / "a.db", Schema("things", (FIRST,)))
    _put(first, "one")
    first.close()
    second = Database(tmp_path / "a.db", Schema("things", (FIRST,)))
    assert _names(second) == ["one"]
    second.close()


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db", Schema("things", (FIRST,)))

    def fail() -> None:
        with database.writing() as db:
            db.execute("INSERT INTO thing (name, size) VALUES ('half', 1)")
            raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        fail()
    assert _names(database) == []
    _put(database, "after")
    assert _names(database) == ["after"]
    database.close()


def test_an_older_schema_is_migrated_with_its_data(tmp_path: Path) -> None:
    old = Database(tmp_path / "a.db", Schema("things", (FIRST,)))
    _put(old, "kept")
    old.close()
    new = Database(tmp_path / "a.db", Schema("things", (FIRST, SECOND)))
    with new.reading() as db:
        assert [tuple(row) for row in db.execute("SELECT * FROM thing")] == [("kept", 1, "grey")]
    new.close()


def test_who_opens_an_older_database_while_another_one_migrates_it_finds_that_done(tmp_path: Path) -> None:
    Database(tmp_path / "a.db", Schema("things", (FIRST,))).close()
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with ThreadPoolExecutor() as threads:
        opening = threads.submit(Database, tmp_path / "a.db", Schema("things", (FIRST, SECOND)))
        wait([opening], timeout=0.5)  # by then it waits for its turn
        for statement in (SECOND, "PRAGMA user_version = 2", "COMMIT"):
            other.execute(statement)
        opening.result().close()
    other.close()


def test_a_step_may_be_any_script(tmp_path: Path) -> None:
    script = f"""-- first; the table
    {FIRST}; INSERT INTO thing VALUES ('a;b', 1); -- a value; with one
    CREATE TRIGGER counts AFTER INSERT ON thing BEGIN UPDATE thing SET size = 7; UPDATE thing SET size = size + 1; END;
    INSERT INTO thing VALUES ('c', 1) /* no more; */"""
    database = Database(tmp_path / "a.db", Schema("things", (script,)))
    with database.reading() as db:
        assert [tuple(row) for row in db.execute("SELECT * FROM thing")] == [("a;b", 8), ("c", 8)]
    database.close()


def test_who_only_looks_leaves_an_older_schema_untouched(tmp_path: Path) -> None:
    Database(tmp_path / "a.db", Schema("things", (FIRST,))).close()
    before = (tmp_path / "a.db").read_bytes()
    with pytest.raises(StateTooOld, match=r"older fs2od \(version 1 of its things, this fs2od knows 2\)"):
        Database(tmp_path / "a.db", Schema("things", (FIRST, SECOND)), migrate=False)
    assert (tmp_path / "a.db").read_bytes() == before
    Database(tmp_path / "a.db", Schema("things", (FIRST,)), migrate=False).close()


def test_a_newer_schema_is_refused_and_left_untouched(tmp_path: Path) -> None:
    new = Database(tmp_path / "a.db", Schema("things", (FIRST, SECOND)))
    new.close()
    before = (tmp_path / "a.db").read_bytes()
    with pytest.raises(StateTooNew, match="newer fs2od"):
        Database(tmp_path / "a.db", Schema("things", (FIRST,)))
    assert (tmp_path / "a.db").read_bytes() == before


def test_a_broken_migration_leaves_the_old_version(tmp_path: Path) -> None:
    Database(tmp_path / "a.db", Schema("things", (FIRST,))).close()
    broken = "CREATE TABLE other (x); INSERT INTO nowhere VALUES (1)"
    with pytest.raises(StateError):
        Database(tmp_path / "a.db", Schema("things", (FIRST, broken)))
    again = Database(tmp_path / "a.db", Schema("things", (FIRST, "CREATE TABLE other (x)")))
    again.close()


def test_of_several_steps_all_are_made_or_none_so_that_the_older_program_can_still_be_started(tmp_path: Path) -> None:
    Database(tmp_path / "a.db", Schema("things", (FIRST,))).close()
    broken = "CREATE TABLE other (x); INSERT INTO nowhere VALUES (1)"
    with pytest.raises(StateError):
        Database(tmp_path / "a.db", Schema("things", (FIRST, SECOND, broken)))
    older = Database(tmp_path / "a.db", Schema("things", (FIRST,)))
    older.close()


def test_a_file_that_is_no_database_is_said_to_be_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"no database at all" * 300)
    with pytest.raises(StateError, match="damaged"):
        Database(tmp_path / "a.db", Schema("things", (FIRST,)))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageMissing, match="nowhere"):
        Database(tmp_path / "nowhere" / "a.db", Schema("things", (FIRST,)))


def test_the_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db", Schema("things", (FIRST,)))
    _put(database, "one")
    for path in tmp_path.glob("a.db*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    database.close()


def test_opened_twice_by_us_and_once_by_another_process_nothing_is_lost(tmp_path: Path) -> None:
    schema = Schema("things", (FIRST,))
    first = Database(tmp_path / "a.db", schema)
    second = Database(tmp_path / "a.db", schema)
    script = "import sys; from pathlib import Path; from fs2od.sqlite import Database, Schema\n" + (
        "db = Database(Path(sys.argv[1]), Schema('things', (sys.argv[2],)))\nwith db.reading() as c: c.execute('SELECT * FROM thing').fetchall()\ndb.close()"
    )
    _put(first, "before")
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "a.db"), FIRST], check=True)
    _put(first, "after")
    first.close()
    second.close()
    fresh = Database(tmp_path / "a.db", schema)
    assert _names(fresh) == ["after", "before"]
    fresh.close()


@pytest.mark.parametrize("seconds", [10.0, 0.01], ids=["waited for", "left to its thread"])
def test_closed_while_a_thread_writes_it_keeps_what_is_written_and_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    monkeypatch.setattr("fs2od.sqlite._database._BUSY_TIMEOUT_S", seconds)
    database = Database(tmp_path / "a.db", Schema("things", (FIRST,)))
    begun = threading.Event()
    # One statement that lasts: SQLite works on it without Python's lock.
    many = "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 300000)"

    def write() -> None:
        with database.writing() as db:
            db.execute("INSERT INTO thing (name, size) VALUES ('first', 1)")
            begun.set()
            db.execute(f"INSERT INTO thing (name, size) {many} SELECT i, 1 FROM n")

    thread = threading.Thread(target=write)
    thread.start()
    assert begun.wait(60)
    database.close()
    thread.join()
    with pytest.raises(StateError, match="was closed"):
        _put(database, "late")
    again = Database(tmp_path / "a.db", Schema("things", (FIRST,)))
    assert len(_names(again)) == 300_001
    again.close()


def test_closed_while_it_is_read_it_is_read_to_the_end_and_nothing_stays_open(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db", Schema("things", (FIRST,)))
    _put(database, "one")
    with database.reading() as db:
        database.close()
        assert [row["name"] for row in db.execute("SELECT name FROM thing")] == ["one"]
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        db.execute("SELECT 1")


def test_threads_read_while_another_writes(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db", Schema("things", (FIRST,)))
    failures: list[BaseException] = []

    def use(number: int) -> None:
        try:
            for step in range(20):
                _put(database, f"{number}-{step}")
                _names(database)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=use, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(_names(database)) == 160
    database.close()


def test_a_disk_without_room_for_a_new_database_is_told_as_such_whatever_found_none(tmp_path: Path) -> None:
    said = set()
    with small_disk(tmp_path / "disk", size_mb=1) as disk:
        for spare_bytes in range(0, 120_000, 4096):
            (disk / "filler").write_bytes(bytes((1 << 20) - spare_bytes))
            try:
                Database(disk / "new.db", Schema("things", (FIRST,))).close()
            except StorageFull as error:
                said.add(str(error.__cause__))
            for path in disk.iterdir():
                path.unlink()
    assert {"disk I/O error", "database or disk is full"} <= said


def test_a_full_disk_is_told_as_such_and_keeps_what_was_there(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db", Schema("things", (FIRST,)))
    _put(database, "kept")
    with database.writing() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages}")
    big = "x" * 100_000
    with pytest.raises(StorageFull, match="no space"), database.writing() as db:
        db.execute("INSERT INTO thing (name, size) VALUES (?, 1)", (big,))
    assert _names(database) == ["kept"]
    database.close()


def test_a_constraint_that_fails_stays_a_constraint_for_the_caller(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db", Schema("things", (FIRST,)))
    _put(database, "one")
    with pytest.raises(sqlite3.IntegrityError):
        _put(database, "one")
    database.close()


def test_a_folder_is_held_by_one_process_only(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from fs2od.sqlite import hold_folder
        with hold_folder(Path(sys.argv[1]), "node"):
            print("held", flush=True)
            sys.stdin.read()
    """)
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(StateInUse, match=str(other.pid)), hold_folder(tmp_path, "node"):
            pass
        with hold_folder(tmp_path, "facility"):
            pass
        other.kill()
    with hold_folder(tmp_path, "node"):
        assert (tmp_path / "node.lock").read_text() == f"{os.getpid()}\n"


def test_only_a_writer_that_says_so_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db", Schema("things", (FIRST,)))
    waits = []
    for durable in (True, False, False, True):
        with database.writing(durable=durable) as db:
            waits.append(db.execute("PRAGMA synchronous").fetchone()[0])
    database.close()
    normal, full = 1, 2
    assert waits == [full, normal, normal, full]


def test_what_the_disk_was_not_waited_for_is_taken_back_whole_by_a_power_cut(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.db", Schema("things", (FIRST,)))
    _put(database, "durable")
    log = tmp_path / "a.db-wal"
    on_disk = log.stat().st_size
    for name in ("one", "two"):
        with database.writing(durable=False) as db:
            db.execute("INSERT INTO thing (name, size) VALUES (?, 1)", (name,))
    written = log.read_bytes()
    for length, names in ((on_disk, ["durable"]), (len(written) - 1, ["durable", "one"])):
        (tmp_path / "cut.db").write_bytes((tmp_path / "a.db").read_bytes())
        (tmp_path / "cut.db-wal").write_bytes(written[:length])
        cut = Database(tmp_path / "cut.db", Schema("things", (FIRST,)))
        assert _names(cut) == names
        cut.close()
    database.close()
