"""`fs2od mirror --delete` at a terminal: it asks before it removes anything, and whoever wants to leave there can."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fs2od.testing.downloading import Downloader, publish
from fs2od.testing.world import ServedWorld

LONGEST_S = 100.0
QUESTION = b"Remove them? [y/N]: "
Answer = Callable[["subprocess.Popen[bytes]", int], None]


@pytest.fixture
def mirror(world: ServedWorld, tmp_path: Path) -> Downloader:
    published = publish(world, {"movie.mrc": b"m" * 5000}, seal=False)
    mirror = Downloader((sys.executable, "-m", "fs2od", "mirror"), published.link, tmp_path / "out", world.ca)
    assert mirror.run().code == 0
    (mirror.out / "notes.txt").write_text("mine")
    return mirror


def typed(line: bytes) -> Answer:
    return lambda _, terminal: (os.write(terminal, line), None)[1]


def sent(number: int) -> Answer:
    return lambda process, _: process.send_signal(number)


def until(terminal: int, words: bytes) -> bytes:
    """Return what was shown, up to `words`, or all."""
    shown = b""
    try:
        while words not in shown and (piece := os.read(terminal, 65536)):
            shown += piece
    except OSError:
        pass  # the other side of a terminal ends like this on Linux
    return shown


@pytest.mark.parametrize(
    ("answer", "code", "is_kept"),
    [
        (typed(b"y\n"), 0, False),
        (typed(b"n\n"), 0, True),
        (sent(signal.SIGINT), 130, True),
        (sent(signal.SIGTERM), 130, True),
    ],
    ids=["yes", "no", "Ctrl-C", "a polite kill"],
)
def test_it_asks_and_leaves_when_it_is_asked_to(
    mirror: Downloader, answer: Answer, code: int, *, is_kept: bool
) -> None:
    ours, theirs = pty.openpty()
    words = [*mirror.words, mirror.link, str(mirror.out), "--ca", str(mirror.ca), "--delete"]
    with subprocess.Popen(words, stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        try:
            assert b"notes.txt" in until(ours, QUESTION)
            answer(process, ours)
            said = until(ours, b"never said")
            assert process.wait(LONGEST_S) == code, said
        finally:
            process.kill()
            os.close(ours)
    assert (b"To go on: " in said) == (code == 130)
    assert (mirror.out / "notes.txt").exists() == is_kept
