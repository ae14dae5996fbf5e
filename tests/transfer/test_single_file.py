"""The downloader as one file: made from the engine's own modules, run by an interpreter that has nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from fs2od.node.http.script import script_route
from fs2od.testing.network import HostileShare, listed
from fs2od.transfer import bundle

FILES = {"a.mrc": b"a" * 1000, "wörter & \n.txt": b"x"}
LONGEST_S = 60


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("script") / "get.py"
    path.write_text(bundle(), encoding="utf-8")
    return path


def offered() -> HostileShare:
    return HostileShare([listed(name, len(data)) for name, data in FILES.items()], FILES)


def run(*words: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    # Isolated, and without site-packages: what is installed here cannot help.
    return subprocess.run(
        [sys.executable, "-I", "-S", *words],
        input=given,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=LONGEST_S,
        check=False,
        env={"PATH": os.defpath},
    )


def found(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_it_downloads_with_the_standard_library_alone_also_from_a_pipe(script: Path, tmp_path: Path) -> None:
    with offered() as share:
        ended = run("-", share.link, str(tmp_path / "out"), "--json", given=script.read_text(encoding="utf-8"))
        assert ended.returncode == 0, ended.stderr
        assert json.loads(ended.stdout)["files_fetched"] == 2
        again = run(str(script), share.link, str(tmp_path / "out"))
    assert again.stderr == f"2 of 2 files, 1.00 kB, checked by size only ({tmp_path / 'out'})\n"
    assert found(tmp_path / "out") == FILES


def test_it_brings_what_a_list_names_and_names_what_is_not_there(script: Path, tmp_path: Path) -> None:
    chosen = tmp_path / "chosen.txt"
    chosen.write_text("a.mrc\n")
    with offered() as share:
        ended = run(str(script), share.link, str(tmp_path / "out"), "--files-from", str(chosen))
        assert ended.returncode == 0, ended.stderr
        chosen.write_text("a.mrc\ngone.mrc\n")
        missed = run(str(script), share.link, str(tmp_path / "out"), "--files-from", str(chosen))
    assert found(tmp_path / "out") == {"a.mrc": FILES["a.mrc"]}
    assert missed.returncode == 6
    assert "gone.mrc" in missed.stderr
    assert f"--files-from {chosen}" in missed.stderr


def test_it_has_the_same_exit_codes_and_says_how_to_go_on(script: Path, tmp_path: Path) -> None:
    with offered() as share:
        share.contents.pop("a.mrc")
        lost = run(str(script), share.link, str(tmp_path / "out"))
    assert lost.returncode == 6
    assert "a.mrc: it is not there any more" in lost.stderr
    assert "To go on: get.py" in lost.stderr
    assert run(str(script), "no link").returncode == 2
    assert run(str(script), share.link, str(tmp_path / "out"), "--ca", str(script)).returncode == 4
    assert "Traceback" not in lost.stderr


@pytest.mark.parametrize("words", [["--limit-rate", "fast"], ["--jobs", "0"], ["--dry-run", "--verify"], []])
def test_wrong_usage_is_told_as_usage(script: Path, words: list[str]) -> None:
    assert run(str(script), *words, *(["https://zone.example.org/share/abc"] if words else [])).returncode == 2


def test_a_rehearsal_and_a_report_file_work_there_too(script: Path, tmp_path: Path) -> None:
    with offered() as share:
        rehearsed = run(str(script), share.link, str(tmp_path / "out"), "--dry-run")
        assert rehearsed.stderr.startswith("2 files, 1.00 kB to fetch")
        assert not (tmp_path / "out").exists()
        run(str(script), share.link, str(tmp_path / "out"), "--report", str(tmp_path / "report.json"))
    told = json.loads((tmp_path / "report.json").read_text())
    assert {file["path"] for file in told["files"]} == set(FILES)


def test_a_script_that_arrives_cut_off_does_nothing(script: Path, tmp_path: Path) -> None:
    text = script.read_text(encoding="utf-8")
    for part in (0.2, 0.5, 0.9, 0.999):
        ended = run("-", "https://localhost:1/share/abc", str(tmp_path / "out"), given=text[: int(len(text) * part)])
        assert "cannot be reached" not in ended.stderr
    assert not (tmp_path / "out").exists()


def test_every_line_of_it_is_python_from_3_8_on(script: Path) -> None:
    vermin = str(Path(sys.executable).with_name("vermin"))
    checked = subprocess.run(
        [
            vermin,
            "-t=3.8-",
            "--no-tips",
            "--violations",
            "src/fs2od/transfer",
            "src/fs2od/manifests",
            "src/fs2od/errors.py",
        ],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
    assert script.stat().st_size < 500_000


async def test_the_node_serves_what_it_is_given() -> None:
    app = Starlette(routes=[script_route(lambda: "print('é')\n")])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://zone.example.org") as client:
        first = await client.get("/get.py")
        assert first.text == "print('é')\n"
        assert first.headers["content-type"] == "text/x-python; charset=utf-8"
        again = await client.get("/get.py", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
