"""get.py on every Python that this machine has, as the line on the page runs it: through a pipe, from a node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.interpreters import ENOUGH, interpreters
from tests.noise import noise

from fs2od.testing.downloading import BehindProxy, Downloader, Published, behind_proxy, publish
from fs2od.testing.network import Stall
from fs2od.testing.world import wait_until
from fs2od.transfer import bundle

LONGEST_S = 120.0
FILES = {
    "SPA.yml": b"title: x\n",
    "Grids/big.mrc": noise(20 << 20),
    "Grids/wörter & \n 'x'.txt": b"x",
    "Grids/-rf": b"a name",
    "Grids/empty": b"",
    **{f"Movies/{number:03}.tiff": bytes([number]) * 1000 for number in range(50)},
}
PYTHONS = [
    pytest.param(path, id=".".join(map(str, version))) for version, path in interpreters().items() if version >= ENOUGH
]
TOO_OLD = [
    pytest.param(path, id=".".join(map(str, version))) for version, path in interpreters().items() if version < ENOUGH
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[BehindProxy, Published]]:
    with behind_proxy(tmp_path_factory.mktemp("site")) as behind:
        yield behind, publish(behind.world, FILES)


@pytest.fixture(params=PYTHONS)
def python(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


class Piped(Downloader):
    """get.py as it comes through a pipe; whatever Python would warn of is an error."""

    def start(self, *more: str) -> subprocess.Popen[str]:
        reading, writing = os.pipe()
        words = [*self.words, "-", self.link, str(self.out), "--ca", str(self.ca), *self.more, *more]
        with os.fdopen(reading) as script:
            process = subprocess.Popen(
                words,
                stdin=script,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=dict(self.environment),
            )
        with os.fdopen(writing, "w", encoding="utf-8") as pipe:
            pipe.write(bundle())
        return process


def piped(python: str, published: Published, ca: Path, out: Path) -> Piped:
    words = (python, "-W", "error", "-I", "-S")
    return Piped(words, published.link, out, ca, environment={"PATH": os.defpath, "LC_ALL": "C"})


def test_it_says_what_would_come_and_goes_on_where_it_was_killed(
    site: tuple[BehindProxy, Published], python: str, tmp_path: Path
) -> None:
    behind, published = site
    get = piped(python, published, behind.world.ca, tmp_path / "out")
    rehearsed = get.run("--dry-run")
    listed = {str(each.relative_to(published.folder)) for each in published.folder.rglob("*") if each.is_file()}
    assert (rehearsed.code, rehearsed.told["files"], get.out.exists()) == (0, len(listed), False), rehearsed.said
    behind.proxy.strike(Stall(3 << 20), when=behind.about_pieces, times=100)
    with get.start() as process:
        wait_until(lambda: bool(behind.proxy.struck()) and bool(get.partials()), LONGEST_S)
        process.kill()
        process.communicate(timeout=LONGEST_S)
    behind.proxy.forgive()
    behind.proxy.forget()
    whole = get.run("--follow", "--limit-rate", "1G", "--report", str(tmp_path / "report.json"))
    assert (whole.code, get.tree(), get.partials()) == (0, published.files(), []), whole.said
    told = json.loads((tmp_path / "report.json").read_text())
    assert {each["path"] for each in told["files"]} == listed


def test_it_finds_and_mends_what_is_wrong(site: tuple[BehindProxy, Published], python: str, tmp_path: Path) -> None:
    behind, published = site
    get = piped(python, published, behind.world.ca, tmp_path / "out")
    shutil.copytree(published.folder, get.out)
    assert get.run("--verify").code == 0
    spoiled = get.out / "Grids" / "big.mrc"
    facts, data = spoiled.stat(), bytearray(spoiled.read_bytes())
    data[9 << 20] ^= 1
    spoiled.write_bytes(data)
    os.utime(spoiled, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert get.run("--verify").code == 8
    mended = get.run()
    assert (mended.code, get.tree()) == (0, published.files()), mended.said


def test_it_brings_what_is_chosen(site: tuple[BehindProxy, Published], python: str, tmp_path: Path) -> None:
    behind, published = site
    get = piped(python, published, behind.world.ca, tmp_path / "out")
    chosen = get.run("--include", "Movies/*", "--exclude", "*[1-9].tiff", "--jobs", "3")
    files = {path for path in get.tree() if path.endswith(".tiff")}
    assert (chosen.code, files) == (0, {f"Movies/{number:03}.tiff" for number in range(0, 50, 10)}), chosen.said


def test_what_is_wrong_is_told_in_a_line(python: str, site: tuple[BehindProxy, Published], tmp_path: Path) -> None:
    behind, published = site
    get = piped(python, published, behind.world.ca, tmp_path / "out")
    for link, code in ((f"{published.link}0", 6), ("no link", 2), ("https://localhost:1/share/abc", 4)):
        get.link = link
        ended = get.run()
        assert (ended.code, ended.out, ended.said.count("\n")) == (code, "", 1), ended.said
        assert ended.said.startswith("get.py: ")


@pytest.mark.parametrize("python", TOO_OLD)
def test_one_that_is_too_old_is_told_in_a_line(python: str, tmp_path: Path) -> None:
    words = [python, "-", "https://localhost:1/share/abc", str(tmp_path / "out")]
    ended = subprocess.run(
        words, input=bundle().encode(), capture_output=True, timeout=LONGEST_S, check=False, env={"PATH": os.defpath}
    )
    assert (ended.returncode, ended.stdout, ended.stderr.count(b"\n")) == (3, b"", 1)
    assert ended.stderr.startswith(b"get.py: this needs Python 3.8 or later; ")
