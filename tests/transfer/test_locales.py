"""Both front ends in a locale that is not UTF-8: names land as the bytes that they are, and are understood as they were typed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fs2od.testing.downloading import command
from fs2od.testing.network import HostileShare, listed
from fs2od.transfer import bundle

LONGEST_S = 60
FILES = {"ünï.txt": b"x", "漢.mrc": b"a" * 1000}
# As in a locale such as en_US.ISO-8859-1, which not every machine has.
OTHER = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def offered() -> HostileShare:
    return HostileShare([listed(name, len(data)) for name, data in FILES.items()], FILES)


@pytest.fixture(params=["command", "get.py", "get.py from a pipe"])
def words(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, ...]:
    (script := tmp_path / "get.py").write_text(bundle(), encoding="utf-8")
    found = {"command": command(), "get.py": (sys.executable, "-s", "-S", str(script))}
    return found.get(request.param, (sys.executable, "-s", "-S", "-"))


def run(words: tuple[str, ...], folder: Path, *more: str) -> subprocess.CompletedProcess[bytes]:
    with (folder / "get.py").open("rb") as script:
        return subprocess.run(
            [*words, *more],
            stdin=script,
            stderr=subprocess.PIPE,
            cwd=folder,
            timeout=LONGEST_S,
            check=False,
            env={**os.environ, **OTHER},
        )


def test_names_land_as_the_bytes_that_they_are(words: tuple[str, ...], tmp_path: Path) -> None:
    with offered() as share:
        ended = run(words, tmp_path, share.link, "größer")
    assert ended.returncode == 0, ended.stderr
    there = {path.name.encode(): path.read_bytes() for path in (tmp_path / "größer").iterdir()}
    assert there == {name.encode(): data for name, data in FILES.items()}


def test_patterns_mean_what_was_typed(words: tuple[str, ...], tmp_path: Path) -> None:
    with offered() as share:
        ended = run(words, tmp_path, share.link, "out", "--include", "ünï.txt")
        assert ended.returncode == 0, ended.stderr
        share.contents.clear()
        again = run(words, tmp_path, share.link, "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["ünï.txt"]
    assert again.returncode == 6
    assert "漢.mrc: it is not there any more" in again.stderr.decode()


def test_where_it_cannot_start_again_it_says_what_to_do(tmp_path: Path) -> None:
    (script := tmp_path / "get.py").write_text(bundle(), encoding="utf-8")
    begun = f"import sys; sys.executable = '/nowhere'; sys.argv = ['get.py']; exec(open({str(script)!r}, encoding='utf-8').read())"
    ended = run((sys.executable, "-s", "-S", "-c", begun), tmp_path)
    assert ended.returncode == 3
    assert ended.stderr.startswith(b"get.py: names cannot be written")
    assert ended.stderr.count(b"\n") == 1
