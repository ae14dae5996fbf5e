"""The downloader as one file: made from the engine's own modules, run by an interpreter that has nothing else."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from fs2od.node.certificates import ensure_certificate
from fs2od.node.http.script import script_route
from fs2od.onedata.ids import TokenId
from fs2od.onedata.token_kinds import AccessToken as Access
from fs2od.onedata.token_kinds import Identifier, Named, Subject
from fs2od.onedata.tokens import create
from fs2od.testing.downloading import Downloader, publish, single_file
from fs2od.testing.network import HostileShare, listed, reply_of
from fs2od.testing.world import serve_world
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
        again = run(str(script), share.link, "--jobs", "2", str(tmp_path / "out"))
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
    assert f"To go on: {sys.executable} {script} {share.link} {tmp_path / 'out'}\n" in lost.stderr
    assert run(str(script), "no link").returncode == 2
    assert run(str(script), share.link, str(tmp_path / "out"), "--ca", str(script)).returncode == 4
    assert "Traceback" not in lost.stderr


def to_go_on(ended: subprocess.CompletedProcess[str]) -> str:
    return ended.stderr.rpartition("To go on: ")[2].strip()


def test_from_a_pipe_it_goes_on_by_the_line_that_the_page_offers_with_what_was_given(
    script: Path, tmp_path: Path
) -> None:
    text = script.read_text(encoding="utf-8")
    ca = ensure_certificate(tmp_path / "it's a CA", ["localhost"]).ca
    out, chosen = tmp_path / "to & fro", tmp_path / "chosen"
    chosen.write_text("a.mrc\n")
    options = ["--ca", str(ca), "--jobs", "3", "--include", "*.mrc", "--include", "x", "--exclude", "$HOME"]
    options += ["--files-from", str(chosen), "--limit-rate", "20000000", "--through-provider"]
    with offered() as share:
        share.answers["/get.py"] = lambda _: reply_of(text.encode())
        data = share.contents.pop("a.mrc")
        lost = run("-", share.link, str(out), *options, given=text)
        line = to_go_on(lost)
        assert line == (
            f"curl -fsS --cacert {shlex.quote(str(ca))} {share.url}/get.py"
            f" | {sys.executable} - {share.link} {shlex.join([str(out), *options])}"
        )
        share.contents["a.mrc"] = data
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=LONGEST_S, check=False)
    assert done.returncode == 0, done.stderr
    assert found(out) == {"a.mrc": data}


def test_from_a_pipe_it_goes_on_from_where_it_came_whatever_zone_the_link_is_of(tmp_path: Path) -> None:
    with offered() as share:
        share.contents.pop("a.mrc")
        lost = run("-", share.link, str(tmp_path / "out"), given=bundle("https://zone.example.org:9443"))
    assert to_go_on(lost).startswith(
        f"curl -fsS https://zone.example.org:9443/get.py | {sys.executable} - {share.link} "
    )


def test_a_space_is_looked_for_at_the_zone_that_it_came_from_if_the_token_is_of_it(tmp_path: Path) -> None:
    identifier = Identifier(Named(), Subject("user", "a" * 32), Access(), TokenId("b" * 32))
    (token := tmp_path / "token").write_text(create("localhost", identifier, b"k" * 32).reveal())
    for origin, asked in (("https://localhost:1", "localhost:1"), ("https://zone.example.org:1", "localhost")):
        ended = run("-", "ribosome", str(tmp_path / "out"), "--token-file", str(token), given=bundle(origin))
        assert (ended.returncode, ended.stderr.partition(" cannot be reached")[0]) == (4, f"get.py: {asked}")


@pytest.mark.parametrize("module", ["_ssl", "zlib"])
def test_a_python_that_lacks_something_is_told_in_a_line(script: Path, module: str) -> None:
    begun = f"import sys; sys.modules[{module!r}] = None; sys.argv = ['get.py']; exec(open({str(script)!r}).read())"
    ended = run("-c", begun)
    said = f"get.py: {sys.executable} lacks a module that this needs, {module}: use another Python 3\n"
    assert (ended.returncode, ended.stderr) == (3, said)


def test_an_old_python_is_told_in_a_line_whatever_else_it_would_not_understand(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert text.splitlines()[1] == "# -*- coding: utf-8 -*-", "Python 2 reads nothing without it"
    old = text.replace("import sys\n", "import sys\nsys.version_info = (3, 7)\n", 1)
    ended = run("-", "https://localhost:1/share/abc", given=old)
    assert (ended.returncode, ended.stderr.count("\n")) == (3, 1)
    assert ended.stderr.startswith("get.py: this needs Python 3.8 or later; ")


def test_what_is_neither_link_nor_space_is_told_in_a_line(script: Path, tmp_path: Path) -> None:
    (token := tmp_path / "token").write_text("abcdefghijkl")
    for words in (["ribosome"], ["ribosome", "--zone", "z.example.org"], ["ribosome", "--token-file", str(token)]):
        ended = run(str(script), *words)
        assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
        assert "This is no link" in ended.stderr


def test_the_line_takes_no_name_for_an_option(script: Path, tmp_path: Path) -> None:
    with offered() as share:
        share.contents.pop("a.mrc")
        words = [sys.executable, "-I", "-S", str(script), "--limit-rate", "1M", "--", share.link, "-out"]
        ended = subprocess.run(
            words, cwd=tmp_path, capture_output=True, text=True, timeout=LONGEST_S, check=False, env={"PATH": ""}
        )
    assert (tmp_path / "-out").exists()
    assert to_go_on(ended) == f"{sys.executable} {script} --limit-rate 1M -- {share.link} -out"


def test_what_a_check_found_wrong_is_fetched_by_the_line(tmp_path: Path) -> None:
    with serve_world(tmp_path / "world") as world:
        published = publish(world, FILES)
        download = Downloader(single_file(tmp_path), published.link, tmp_path / "out", world.ca, ())
        assert download.run().code == 0
        (download.out / "a.mrc").write_bytes(b"wrong")
        found_wrong = download.run("--verify", "--limit-rate", "2 MB/s", "--follow", "--until-quiet", "12d")
        assert found_wrong.code == 8
        line = found_wrong.said.rpartition("To go on: ")[2].strip()
        assert line.endswith(" --limit-rate '2 MB/s' --follow --until-quiet 12d")
        assert subprocess.run(["bash", "-c", line], timeout=LONGEST_S, check=False).returncode == 0
        assert download.tree() == published.files()


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
            "src/fs2od/output.py",
            "src/fs2od/reaching.py",
            "src/fs2od/stopping.py",
            "src/fs2od/trust.py",
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
