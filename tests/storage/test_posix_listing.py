"""Listing many directories with a second process that looks at files: it tells what one process alone tells, and leaves nothing behind."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from fs2od.storage import PosixStorage, Seen, Storage
from fs2od.storage import _posix_assistant as assistant_module
from fs2od.storage import _posix_looking as looking
from fs2od.storage._posix_assistant import Assistant
from fs2od.storage._posix_looking import BATCH, FACTS, answer

LONGEST_S = 30


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the second process be there from the first directory on, if it can be started."""
    start = Assistant._start

    def start_and_wait(self: Assistant) -> None:
        start(self)
        if self._channel is not None:
            select.select([self._channel], [], [], LONGEST_S)

    monkeypatch.setattr(assistant_module, "_ALONE", 0)
    monkeypatch.setattr(Assistant, "_start", start_and_wait)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    return root


@contextmanager
def opened(path: Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY)
    try:
        yield handle
    finally:
        os.close(handle)


def fill(folder: Path, count: int, end: str = "") -> None:
    folder.mkdir(exist_ok=True)
    for number in range(count):
        (folder / f"movie{number}{end}").write_bytes(b"1" * (number % 7))


def listed(storage: Storage, *paths: str) -> tuple[dict[str, Seen], int]:
    """Return all entries of directories that are begun together, and how many of them came in columns."""
    found: dict[str, Seen] = {}
    in_columns = 0
    with storage.listing() as begin:
        for path, batches in [(path, begin(path, lambda _: True)) for path in paths]:
            for batch in batches or ():
                in_columns += len(batch.files.names)
                found |= {f"{path}/{seen.name}": seen for seen in (*batch.files.seen(), *batch.others)}
    return found, in_columns


def alone(storage: Storage, *paths: str) -> dict[str, Seen]:
    return {f"{path}/{seen.name}": seen for path in paths for seen in storage.list(path)}


@pytest.mark.parametrize("helper", [sys.executable, "/nowhere/python"])
@pytest.mark.usefixtures("waiting")
def test_what_is_looked_at_in_columns_is_what_is_seen_one_by_one(
    root: Path, helper: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", helper)
    for folder in ("a", "b", "c", "d", "few"):
        fill(root / folder, 3 if folder == "few" else 700)
    fill(root / "large", 2600)
    (root / "a" / "inside").symlink_to("movie1")
    (root / "b" / "outside").symlink_to("/etc")
    os.mkfifo(root / "b" / "pipe")
    (root / "c" / "deeper").mkdir()
    (root / "c" / "větší").write_bytes(b"123")
    (Path(os.fsdecode(os.fsencode(root) + b"/d/\xff")).write_bytes(b"1"))
    os.utime(root / "d" / "movie1", ns=(-5, -5))
    storage = PosixStorage(root)
    paths = ("a", "large", "b", "c", "few", "d")
    found, in_columns = listed(storage, *paths)
    assert found == alone(storage, *paths)
    assert in_columns >= 4 * 700 + 2600
    assert listed(storage, "") == (alone(storage, ""), 0)


@pytest.mark.usefixtures("waiting")
def test_a_directory_that_is_not_wanted_is_not_read(root: Path) -> None:
    fill(root / "dir", 30)
    storage, asked = PosixStorage(root), list[Seen]()

    def refuse(directory: Seen) -> bool:
        asked.append(directory)
        return False

    with storage.listing() as begin:
        assert begin("dir", refuse) is None
        with pytest.raises(FileNotFoundError):
            begin("missing", lambda _: True)
    assert asked == [storage.stat("dir")]


@pytest.mark.usefixtures("waiting")
def test_when_the_second_process_dies_listing_goes_on_without_it(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    # More than the process can have told before it dies.
    fill(root / "dir", 2600, "".ljust(240, "x"))
    storage = PosixStorage(root)
    with storage.listing() as begin:
        batches = begin("dir", lambda _: True)
        assert batches is not None
        first = next(batches)
        (child,) = children(os.getpid())
        os.kill(child, signal.SIGKILL)
        rest = list(batches)
    seen = [seen for batch in (first, *rest) for seen in (*batch.files.seen(), *batch.others)]
    assert first.files.names
    assert sorted(one.name for one in seen) == sorted(one.name for one in storage.list("dir"))
    assert "going on without it" in caplog.text
    assert children(os.getpid()) == []


def test_without_a_second_process_listing_goes_on(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(root / "dir", 2000)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    storage = PosixStorage(root)
    assert listed(storage, "dir") == (alone(storage, "dir"), 2000)


def test_where_there_is_little_no_process_is_started(root: Path) -> None:
    fill(root / "dir", 90)
    with PosixStorage(root).listing() as begin:
        batches = begin("dir", lambda _: True)
        assert batches is not None
        assert sum(len(batch.files.names) + len(batch.others) for batch in batches) == 90
        assert children(os.getpid()) == []


def test_what_cannot_be_told_is_zeros(root: Path) -> None:
    fill(root, 2)
    with opened(root) as handle:
        told = list(answer(handle, ["missing", "movie1", "x" * 300]))
    facts = (root / "movie1").stat()
    assert told[:FACTS] == told[-FACTS:] == [0] * FACTS
    assert told[FACTS:-FACTS] == [*tuple(facts)[: FACTS - 2], facts.st_mtime_ns, facts.st_ctime_ns]


@pytest.mark.usefixtures("waiting")
def test_names_of_the_greatest_length_fit_into_an_answer(root: Path) -> None:
    names = [f"{number:04}".ljust(255, "x") for number in range(2 * BATCH)]
    for name in names:
        (root / name).touch()
    with opened(root) as handle, closing(Assistant()) as assistant:
        asked = [assistant.ask(handle, 0) for _ in range(8)]
        assert None not in asked
        # What is not read to its end is in nobody's way.
        assert next(assistant.told(asked[0] or 0))[0] != []
        found = [list(assistant.told(number or 0)) for number in asked[1:]]
    for told in found:
        assert [len(some) for some, _ in told] == [BATCH, BATCH, 0]
        assert sorted(name for some, _ in told for name in some) == names
        assert all(len(facts) == FACTS * len(some) and 0 not in facts[::FACTS] for some, facts in told)


@pytest.mark.usefixtures("waiting")
def test_a_directory_that_cannot_be_read_on_is_said(root: Path) -> None:
    fill(root / "dir", 30)
    with (
        opened(root / "dir" / "movie1") as no_directory,
        opened(root / "dir") as handle,
        closing(Assistant()) as assistant,
    ):
        failing, other = assistant.ask(no_directory, 0), assistant.ask(handle, 0)
        with pytest.raises(NotADirectoryError):
            list(assistant.told(failing or 0))
        assert len(next(assistant.told(other or 0))[0]) == 30


@pytest.mark.usefixtures("waiting")
def test_directories_as_small_as_those_with_a_few_names_are_not_asked_for(root: Path) -> None:
    with opened(root) as handle, closing(Assistant()) as assistant:
        assert assistant.ask(handle, 4096) is not None
        assistant.saw(3, 4096)
        assert assistant.ask(handle, 4096) is None
        assert assistant.ask(handle, 8192) is not None


@pytest.mark.usefixtures("waiting")
def test_an_answer_that_is_none_ends_the_asking(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(root / "dir", 30)
    strange = tmp_path / "_posix_looking.py"
    strange.write_text("import socket; s = socket.socket(fileno=0); s.send(b'ready'); s.recv(9); s.send(b'?')")
    monkeypatch.setattr(looking, "__file__", str(strange))
    storage = PosixStorage(root)
    assert listed(storage, "dir")[0] == alone(storage, "dir")
    assert "going on without it" in caplog.text


PROGRAM = """
import sys, time
from pathlib import Path
from fs2od.storage import PosixStorage
with PosixStorage(Path(sys.argv[1])).listing() as begin:
    for folder in ("a", "b"):
        for batch in begin(folder, lambda _: True): pass
    print("listed", flush=True)
    time.sleep(60)
"""


def test_the_second_process_ends_when_the_first_is_killed(root: Path) -> None:
    fill(root / "a", 2000)
    fill(root / "b", 2000)
    with subprocess.Popen([sys.executable, "-c", PROGRAM, str(root)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"listed\n"
        (child,) = children(process.pid)
        process.kill()
    until = time.monotonic() + LONGEST_S
    while is_alive(child):
        assert time.monotonic() < until
        time.sleep(0.01)


def children(process: int) -> list[int]:
    """Return the living processes that this one started and that look at files."""
    return [child for child in _processes() if _parent(child) == process and is_alive(child)]


def is_alive(process: int) -> bool:
    with suppress(OSError):
        return b"_posix_looking.py" in Path(f"/proc/{process}/cmdline").read_bytes()
    return False


def _processes() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def _parent(process: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    return 0
