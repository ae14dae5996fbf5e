"""Both front ends where what they say is not heard: closed and full streams, and readers that leave."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from fs2od.testing.downloading import command, single_file
from fs2od.testing.network import HostileShare, listed

LONGEST_S = 60
DATA = b"a" * 1000


@pytest.fixture(params=["command", "get.py"])
def words(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, ...]:
    return single_file(tmp_path) if request.param == "get.py" else command()


def offered() -> HostileShare:
    return HostileShare([listed("a.mrc", len(DATA))], {"a.mrc": DATA})


@contextmanager
def full() -> Iterator[int]:
    with Path("/dev/full").open("wb") as disk:
        yield disk.fileno()


@contextmanager
def left() -> Iterator[int]:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&- >&- 2>&-"])
def test_with_streams_closed_it_works_quietly(words: tuple[str, ...], tmp_path: Path, closed: str) -> None:
    out = tmp_path / "out"
    with offered() as share:
        line = f"{shlex.join([*words, share.link, str(out), '--json'])} {closed}"
        ended = subprocess.run(["/bin/sh", "-c", line], capture_output=True, timeout=LONGEST_S, check=False)
    # What was asked for on standard output, nobody can have had.
    assert ended.returncode == (7 if ">&-" in closed.split() else 0), ended
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {"a.mrc": DATA}
    if ">&-" in closed.split():
        assert ended.stdout == b""
    else:
        assert json.loads(ended.stdout)["complete"] is True


def test_what_is_said_on_a_full_disk_stops_nothing(words: tuple[str, ...], tmp_path: Path) -> None:
    with offered() as share, full() as stderr:
        more = [share.link, str(tmp_path / "out")]
        ended = subprocess.run([*words, *more], stderr=stderr, timeout=LONGEST_S, check=False)
    assert ended.returncode == 0
    assert (tmp_path / "out" / "a.mrc").read_bytes() == DATA


@pytest.mark.parametrize(
    ("stdout", "is_whole", "code"), [(full, True, 7), (full, False, 6), (left, True, 0), (left, False, 6)]
)
def test_where_its_line_of_json_is_not_taken_the_report_is_written_and_the_worst_is_told(
    words: tuple[str, ...],
    tmp_path: Path,
    stdout: Callable[[], AbstractContextManager[int]],
    code: int,
    *,
    is_whole: bool,
) -> None:
    report = tmp_path / "report.json"
    with offered() as share, stdout() as handle:
        if not is_whole:
            share.contents.clear()
        more = [share.link, str(tmp_path / "out"), "--json", "--report", str(report)]
        ended = subprocess.run(
            [*words, *more], stdout=handle, stderr=subprocess.PIPE, text=True, timeout=LONGEST_S, check=False
        )
    assert ended.returncode == code, ended.stderr
    assert json.loads(report.read_text())["complete"] is is_whole
    said = "standard output cannot be written (No space left on device)\n" if stdout is full else ""
    assert ended.stderr.partition(": ")[2] == said
