"""`fs2od put` as people run it: a process of its own, over TLS, killed in the middle and run again."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from tests.noise import noise

from fs2od.cli.job_folder import clean_sent, remove_sent
from fs2od.errors import StorageError
from fs2od.results import gather, is_mark
from fs2od.testing.killed_writing import serve_until_killed
from fs2od.testing.ports import free_ports
from fs2od.testing.world import Dataset, ServedWorld, serve_world, wait_until

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["fs2od.testing.killed_writing"])


def big() -> bytes:
    return noise(40 << 20) * 5


class Desk:
    """Somebody at a terminal, with a token in a file and a space for results."""

    def __init__(self, world: ServedWorld, home: Path) -> None:
        self.world = world
        self.home = home
        self.home.mkdir()
        self.alex = world.person()
        self.dataset: Dataset = world.results(self.alex)
        self.token_file = home / "job.token"
        self.token_file.write_text(self.alex.token.reveal())

    def started(self, *arguments: str, command: str = "put") -> subprocess.Popen[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("FS2OD_", "ONECLIENT_"))}
        zone = ["--zone", self.world.node.settings.zone_url, "--ca", str(self.world.ca)]
        words = [*command.split(), *arguments, *zone, "--token-file", str(self.token_file)]
        return subprocess.Popen(
            [sys.executable, "-m", "fs2od", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean,
            cwd=self.home,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        with self.started(*arguments) as process:
            out, said = process.communicate(timeout=90)
        return process.returncode, out, said

    def has_begun(self) -> bool:
        """Say whether some of a large file has arrived; quickly, for the rest of it comes soon."""
        try:
            return any(path.stat().st_size >= 4 << 20 for path in self.dataset.folder.rglob("*"))
        except FileNotFoundError:
            return False  # it has just got another name

    def there(self) -> dict[str, bytes]:
        folder = self.dataset.folder
        every = [path for path in folder.rglob("*") if path.is_file() and ".fs2od-partial" not in path.parts]
        return {str(path.relative_to(folder)): path.read_bytes() for path in every}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with serve_world(tmp_path / "world") as world:
        yield Desk(world, tmp_path / "home")


def test_results_are_put_named_after_their_dataset_and_told(desk: Desk) -> None:
    raw = desk.world.dataset(desk.alex, {"raw": b"1"}, name="acquired")
    (desk.home / "a").write_bytes(b"1")
    (desk.home / "b").write_bytes(b"22")
    code, out, said = desk.run("a", "b", "results/run 1", "--dry-run")
    assert (code, out, desk.there()) == (0, "", {})
    assert "2 files (3 B) would be put" in said
    code, out, said = desk.run("a", "b", "results/run 1", "--from-dataset", "acquired")
    assert code == 0, said
    assert "2 of 2 files (3 B) put into results/run 1 and checked" in said
    assert desk.there() == {"run 1/a": b"1", "run 1/b": b"22"}
    files = desk.world.node.provider.files
    located = desk.world.node.provider.access.locate(desk.alex.caller, desk.dataset.root)
    assert files.json_metadata(located) == {"prov:wasDerivedFrom": [{"name": "acquired", "space": raw.space}]}
    (desk.home / "a").write_bytes(b"other")
    code, out, said = desk.run("a", "results/run 1", "--json")
    assert code == 7, said
    told = json.loads(out)
    assert (told["refused"], told["files"][0]["outcome"]) == (1, "refused")
    code, _, said = desk.run("a", "results/run 1")
    assert "fs2od: run 1/a is there already and is another one" in said
    assert desk.there() == {"run 1/a": b"1", "run 1/b": b"22"}
    assert desk.alex.token.reveal() not in said


def test_stage_out_leaves_out_what_put_leaves_out_and_the_name_of_the_folder(desk: Desk) -> None:
    (desk.home / "data").mkdir()
    (desk.home / "data" / "raw.mrc").write_bytes(b"1")
    (desk.home / "out" / "deep").mkdir(parents=True)
    (desk.home / "out" / "deep" / "map.mrc").write_bytes(b"22")
    (desk.home / "out" / "Movies").symlink_to(desk.home / "data")
    with desk.started("out", "results/run 1", command="stage out") as process:
        _, said = process.communicate(timeout=90)
    assert process.returncode == 0, said
    assert "out/Movies is left out: a link to a folder" in said
    assert desk.there() == {"run 1/deep/map.mrc": b"22"}


def test_wrong_words_are_said_with_their_codes(desk: Desk) -> None:
    (desk.home / "a").write_bytes(b"1")
    assert desk.run("a")[0] == 2
    assert desk.run("none", "results")[0] == 2
    code, _, said = desk.run("a", "nowhere")
    assert (code, "reaches no space 'nowhere'" in said) == (6, True)
    endless = "n" * 256
    code, out, said = desk.run("a", f"results/{endless}", "--dry-run", "--json")
    assert (code, json.loads(out)["unfit"]) == (0, ["a"]), said
    code, _, said = desk.run("a", f"results/{endless}")
    assert (code, said.startswith(f"fs2od: {endless}: its name is too long there")) == (7, True), said
    desk.token_file.write_text("x" * 40)
    assert desk.run("a", "results")[0] in (3, 4, 5)


def test_a_run_that_is_killed_goes_on_where_it_was(desk: Desk) -> None:
    (desk.home / "big").write_bytes(big())
    with desk.started("big", "results", "-j", "1") as process:
        wait_until(desk.has_begun, 60)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    assert "big" not in desk.there()
    code, _, said = desk.run("big", "results")
    assert code == 0, said
    assert desk.there() == {"big": big()}


@pytest.mark.parametrize(
    ("number", "is_ignored"),
    [(signal.SIGINT, False), (signal.SIGTERM, False), (signal.SIGTERM, True)],
    ids=["Ctrl-C", "polite kill", "polite kill of what a shell began with &"],
)
def test_a_run_that_is_stopped_says_how_to_go_on(desk: Desk, number: signal.Signals, *, is_ignored: bool) -> None:
    (desk.home / "big").write_bytes(big())
    before = signal.signal(signal.SIGINT, signal.SIG_IGN if is_ignored else signal.default_int_handler)
    try:
        started = desk.started("big", "results")
    finally:
        signal.signal(signal.SIGINT, before)
    with started as process:
        wait_until(desk.has_begun, 60)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "To go on: fs2od put big results" in said
    assert "Traceback" not in said


def test_a_token_that_ends_in_the_middle_is_waited_for(desk: Desk) -> None:
    (desk.home / "big").write_bytes(big())
    first = desk.world.node.zone.tokens.issue_named(desk.alex.id, "first")
    desk.token_file.write_text(first.token.reveal())
    with desk.started("big", "results", "-j", "1") as process:
        wait_until(desk.has_begun, 60)
        desk.world.node.zone.tokens.change(first.id, revoked=True)
        assert process.stderr is not None
        told = process.stderr.readline()
        assert "waiting for a new one in its file" in told, told
        desk.token_file.write_text(desk.alex.token.reveal())
        _, said = process.communicate(timeout=90)
    assert process.returncode == 0, said
    assert "there is a new access token; going on" in said
    assert desk.there() == {"big": big()}
    assert first.token.reveal() not in said


def test_a_node_that_is_killed_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    home, told, first = tmp_path / "home", tmp_path / "told.json", free_ports(2)
    home.mkdir()
    (home / "big").write_bytes(big())

    def node() -> BaseProcess:
        process = FORKS.Process(target=serve_until_killed, args=(str(tmp_path / "world"), first, str(told)))
        process.start()
        wait_until(lambda: told.exists() and json.loads(told.read_text())["pid"] == process.pid, 60)
        return process

    def put(wait: str) -> subprocess.Popen[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("FS2OD_", "ONECLIENT_"))}
        command = [
            sys.executable,
            "-m",
            "fs2od",
            "put",
            "big",
            "results",
            "--wait",
            wait,
            "--zone",
            facts["zone"],
            "--ca",
            facts["ca"],
        ]
        clean["FS2OD_TOKEN"] = facts["token"]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=clean, cwd=home)

    def killed_in_the_middle(size_bytes: int) -> None:
        wait_until(lambda: any(path.stat().st_size >= size_bytes for path in folder.glob(".fs2od-*.partial")), 60)
        server.kill()
        server.join(60)

    server = node()
    facts = json.loads(told.read_text())
    folder = Path(facts["folder"])
    try:
        with put("0") as process:
            killed_in_the_middle(8 << 20)
            _, said = process.communicate(timeout=90)
        assert process.returncode == 4, said
        assert not (folder / "big").exists()
        server = node()
        with put("90") as process:
            killed_in_the_middle(24 << 20)
            assert process.stderr is not None
            assert "waiting, for" in process.stderr.readline()
            server = node()
            _, said = process.communicate(timeout=90)
        assert process.returncode == 0, said
        assert (folder / "big").read_bytes() == big()
        assert list(folder.glob(".fs2od-*.partial")) == []
    finally:
        server.kill()
        server.join(60)


def test_who_waits_for_a_service_can_be_stopped(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    words = ["put", "a", "results", "--zone", f"https://localhost:{free_ports(1)}"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("FS2OD_", "ONECLIENT_"))}
    process = subprocess.Popen(
        [sys.executable, "-m", "fs2od", *words],
        stderr=subprocess.PIPE,
        text=True,
        env={**clean, "FS2OD_TOKEN": desk.alex.token.reveal()},
        cwd=tmp_path,
    )
    with process:
        assert process.stderr is not None
        told = process.stderr.readline()
        assert "cannot be reached" in told
        assert "waiting, for 10 min at most; Ctrl-C ends this" in told
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "To go on: fs2od put a results" in said


def test_stage_out_cleans_only_what_is_as_it_was_when_it_was_sent(desk: Desk) -> None:
    results = desk.home / "out"
    results.mkdir()
    (results / "a.log").write_bytes(b"first\n")
    (results / "z.big").write_bytes(big())
    with desk.started("out", "results/run", "--clean", command="stage out") as process:
        wait_until(lambda: (desk.dataset.folder / "run" / "a.log").exists() and desk.has_begun(), 60)
        process.send_signal(signal.SIGSTOP)
        with (results / "a.log").open("ab") as log:
            log.write(b"second\n")
        (results / "late.star").write_bytes(b"precious")
        process.send_signal(signal.SIGCONT)
        _, said = process.communicate(timeout=90)
    assert process.returncode == 7, said
    assert "a.log and 1 more changed or came while the rest was sent: out is not removed" in said
    assert (results / "late.star").read_bytes() == b"precious"
    assert any(is_mark(each.name) for each in results.iterdir())
    with desk.started("out", "results/run", "--clean", "--replace", command="stage out") as process:
        _, said = process.communicate(timeout=90)
    assert process.returncode == 0, said
    assert desk.there() == {"run/a.log": b"first\nsecond\n", "run/late.star": b"precious", "run/z.big": big()}
    assert not results.exists()


def test_what_comes_or_changes_while_a_folder_is_cleaned_stays(tmp_path: Path) -> None:
    folder = tmp_path / "job" / "results"
    folder.mkdir(parents=True)
    for name in ("same", "appended", "rewritten", "replaced"):
        (folder / name).write_text(name)
    sent, facts = gather([folder], nameless=True), (folder / "replaced").stat()
    assert not sent.unlike(sent)
    with (folder / "appended").open("a") as file:
        file.write("more")
    (folder / "rewritten").write_text("r" * len("rewritten"))
    os.utime(folder / "rewritten", (1, 1))
    (folder / "other").write_text("REPLACED")
    os.utime(folder / "other", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    (folder / "other").replace(folder / "replaced")
    (folder / "new").write_text("new")
    assert gather([folder], nameless=True).unlike(sent) == ["appended", "new", "replaced", "rewritten"]
    with pytest.raises(StorageError, match="appended and 3 more changed"):
        clean_sent(folder, sent, "")
    assert (folder / "same").exists()
    # As what comes once the removal has begun.
    with pytest.raises(StorageError, match="3 more changed"):
        remove_sent(folder, sent, "")
    assert sorted(path.name for path in folder.iterdir()) == ["appended", "new", "replaced", "rewritten"]
    remove_sent(folder, gather([folder], nameless=True), "")
    assert not folder.exists()
