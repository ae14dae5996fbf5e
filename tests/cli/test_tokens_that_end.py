"""A token that is about to end in a running job: said in time, to whom it concerns, and renewed without losing the work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

import pytest
from tests.noise import noise

from fs2od.cli.access import EndNotice
from fs2od.cli.job_end import job_ends_at_s, said_of_end
from fs2od.manifests import PIECE_BYTES
from fs2od.onedata.tokens import Time
from fs2od.testing.world import Dataset, Person, ServedWorld, serve_world, wait_until
from fs2od.transfer import AccessToken

big = partial(noise, 7 * PIECE_BYTES + 123)
LONGEST_S = 60.0
QUARTER_S = 900
ENDS = "the access token ends in "


@dataclass(frozen=True)
class Job:
    """Somebody's job on a cluster: a dataset to read, a space for results, and a token in a file."""

    world: ServedWorld
    home: Path
    alex: Person
    dataset: Dataset
    results: Dataset

    @property
    def token_file(self) -> Path:
        return self.home / "job.token"

    @property
    def log(self) -> Path:
        return self.home / ".cache" / "fs2od" / "mount.log"

    def gets_token(self, seconds: int | None = None) -> None:
        """Have the job's file hold a new token, which ends so soon."""
        caveats = () if seconds is None else (Time(self.world.node.zone.clock.now_s() + seconds),)
        self.token_file.write_text(self.world.token(self.alex, *caveats).reveal())

    def started(self, *words: str, err: int | IO[str] = subprocess.PIPE) -> subprocess.Popen[str]:
        clean = {
            name: value for name, value in os.environ.items() if not name.startswith(("FS2OD_", "ONECLIENT_", "XDG"))
        }
        zone = ["--zone", self.world.node.settings.zone_url, "--ca", str(self.world.ca)]
        command = [sys.executable, "-m", "fs2od", *words, *zone, "--token-file", str(self.token_file)]
        environment = {**clean, "HOME": str(self.home)}
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=err, text=True, env=environment, cwd=self.home)

    def said(self, *words: str) -> str:
        with self.started(*words) as process:
            _, said = process.communicate(timeout=LONGEST_S)
        assert process.returncode == 0, said
        return said

    def revoke(self) -> None:
        """End every token that the file has held so far."""
        tokens = self.world.node.zone.tokens
        for each in tokens.all_of(self.alex.id):
            if each.token.reveal() == self.token_file.read_text():
                tokens.change(each.id, revoked=True)


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    with serve_world(tmp_path / "world") as world:
        alex = world.person()
        dataset = world.dataset(alex, {"a": b"1", "big.mrc": big()})
        (tmp_path / "home").mkdir()
        yield Job(world, tmp_path / "home", alex, dataset, world.results(alex))


def test_it_is_said_once_for_each_token_a_quarter_of_an_hour_before(job: Job) -> None:
    now_s = time.time()
    texts = [job.world.token(job.alex, Time(int(now_s) + lasts)).reveal() for lasts in (7200, 14400)]
    said: list[str] = []
    held = AccessToken(lambda: texts[0], wait_s=10)
    notice = EndNotice(held, said.append)
    for minutes in (0, 60, 104, 106, 110, 119):
        notice.look(now_s + minutes * 60)
    assert len(said) == 1
    assert said[0].startswith(ENDS)
    assert said[0].endswith("put a new one into its file in time, or the work waits for it")
    held.worked()
    used, texts[0] = texts[0], texts[1]
    held.renew(used, time.sleep)
    for minutes in (121, 224, 226, 239):
        notice.look(now_s + minutes * 60)
    assert len(said) == 2


@pytest.mark.parametrize(("left_s", "said"), [(2, "ends in "), (0, "ended "), (-3600, "ended ")])
def test_one_that_has_ended_does_not_end_soon(job: Job, left_s: int, said: str) -> None:
    now_s, told = int(time.time()), list[str]()
    text = job.world.token(job.alex, Time(now_s + left_s)).reveal()
    EndNotice(AccessToken(lambda: text), told.append).look(now_s)
    assert told[0].startswith(f"the access token {said}")


def test_of_one_that_is_in_no_file_nobody_is_told_to_replace_it(job: Job) -> None:
    text = job.world.token(job.alex, Time(int(time.time()) + 60)).reveal()
    said: list[str] = []
    EndNotice(AccessToken(lambda: text), said.append).look(time.time())
    assert "cannot be replaced" in said[0]
    EndNotice(AccessToken(job.world.token(job.alex).reveal), said.append).look(time.time() + 1e9)
    assert len(said) == 1


@pytest.mark.parametrize("in_background", [False, True])
def test_who_waits_for_another_token_says_how_to_go_on_when_the_job_ends(job: Job, *, in_background: bool) -> None:
    job.gets_token(-1)
    (job.home / "made").mkdir()
    (job.home / "made" / "result").write_bytes(b"result")
    # Shells have Ctrl-C ignored by what they start with "&".
    before = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_background else signal.getsignal(signal.SIGINT)
    try:
        process = job.started("stage", "out", "made", f"{job.results.space}/run")
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        assert process.stderr is not None
        assert "waiting for a new one" in process.stderr.readline()
        process.terminate()
        _, said = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 130
    assert f"To go on: fs2od stage out made {job.results.space}/run" in said


@pytest.mark.parametrize("command", ["download", "mirror", "stage in", "put", "stage out"])
def test_every_command_of_a_job_says_it(job: Job, command: str) -> None:
    job.gets_token(QUARTER_S - 60)
    (job.home / "made").mkdir()
    (job.home / "made" / "result").write_bytes(b"result")
    puts = command in {"put", "stage out"}
    words = ["made", f"{job.results.space}/run"] if puts else [f"{job.dataset.space}/a", "out"]
    said = job.said(*command.split(), *words)
    assert said.count(ENDS) == 1
    assert job.token_file.read_text() not in said


def test_a_job_is_warned_of_a_token_that_ends_before_it() -> None:
    hour = 3600
    (lasts,) = said_of_end(72 * hour, None, 0, can_be_replaced=True)
    assert lasts == "the access token lasts for 72 h 0 min more, until 1970-01-04 00:00 UTC"
    assert len(said_of_end(10 * hour, 9 * hour, 0, can_be_replaced=True)) == 1
    _, warned = said_of_end(10 * hour, 12 * hour, 0, can_be_replaced=True)
    assert warned.startswith("WARNING: the job may run until 1970-01-01 12:00 UTC: put a new one into its file")
    assert "may take longer: it was in no file" in said_of_end(10 * hour, None, 0, can_be_replaced=False)[1]
    assert job_ends_at_s({"SLURM_JOB_END_TIME": "1793000000"}) == 1793000000
    assert job_ends_at_s({"SLURM_JOB_END_TIME": "never"}) is None
    assert job_ends_at_s({}) is None


def test_results_are_put_though_the_token_ended_while_the_job_ran(job: Job) -> None:
    job.gets_token(3600)
    assert "WARNING: the job may take longer: put a new one" in job.said("stage", "in", f"{job.dataset.space}/a", "out")
    (job.home / "made").mkdir()
    (job.home / "made" / "result").write_bytes(b"result")
    job.gets_token(-1)
    with job.started("stage", "out", "made", f"{job.results.space}/run", "--clean") as process:
        assert process.stderr is not None
        assert "waiting for a new one" in process.stderr.readline()
        job.gets_token()
        _, said = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 0, said
    assert (job.results.folder / "run" / "result").read_bytes() == b"result"
    assert not (job.home / "made").exists()


def test_it_is_said_in_the_middle_of_a_long_run_and_the_next_token_goes_on(job: Job) -> None:
    job.gets_token(QUARTER_S + 3)
    with job.started("mirror", job.dataset.space, "out", "--limit-rate", "10M", "-j", "1") as process:
        assert process.stderr is not None
        assert ENDS in process.stderr.readline()
        assert not (job.home / "out" / "big.mrc").exists()
        job.revoke()
        assert "waiting for a new one" in process.stderr.readline()
        arrived = max(path.stat().st_size for path in (job.home / "out").rglob("*") if path.is_file())
        assert arrived > 0
        job.gets_token()
        _, said = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 0, said
    assert (job.home / "out" / "big.mrc").read_bytes() == big()


def test_a_mount_in_the_background_says_it_in_its_log_and_goes_on_at_the_same_byte(job: Job) -> None:
    job.gets_token(QUARTER_S + 5)
    point = job.home / "mnt"
    said = job.said("mount", job.dataset.space, str(point), "--daemon", "--no-cache", "--wait", "1")
    try:
        assert f"what it has to say is written to {job.log}" in said
        with (point / "big.mrc").open("rb") as reading:
            got = reading.read(1 << 20)
            wait_until(lambda: ENDS in job.log.read_text(), LONGEST_S)
            job.revoke()
            rest: list[bytes] = []
            reader = threading.Thread(target=lambda: rest.append(reading.read()))
            reader.start()
            wait_until(lambda: "waiting for a new one in its file" in job.log.read_text(), LONGEST_S)
            # Whoever waits can be killed meanwhile, and does not wait only as long as for a service that is away.
            with subprocess.Popen(["dd", f"if={point}/big.mrc", "of=/dev/null", "skip=50", "bs=1M"]) as other:
                time.sleep(2)
                other.send_signal(signal.SIGKILL)
                assert other.wait(LONGEST_S) == -signal.SIGKILL
            assert reader.is_alive()
            used = job.token_file.read_text()
            job.gets_token()
            reader.join(LONGEST_S)
            assert got + rest[0] == big()
        assert "there is a new access token; going on" in job.log.read_text()
        assert used not in job.log.read_text()
        assert job.log.read_text().count(ENDS) == 1
    finally:
        subprocess.run([sys.executable, "-m", "fs2od", "unmount", str(point)], timeout=LONGEST_S, check=True)


def test_a_mount_whose_token_has_ended_can_be_taken_away(job: Job) -> None:
    job.gets_token()
    point = job.home / "mnt"
    output = job.home / "slurm.out"
    words = ["mount", job.results.space, str(point), "--daemon", "--log-file", "here.log"]
    with output.open("w") as err, job.started(*words, err=err) as process:
        assert process.wait(LONGEST_S) == 0
    log = job.home / "here.log"
    script = "import sys; made = open(sys.argv[1], 'w'); print('made', flush=True); made.write(input()); made.close()"
    words = [sys.executable, "-c", script, str(point / "file")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "made\n"
            job.revoke()
            assert writer.stdin is not None
            print("result", file=writer.stdin, flush=True)
            wait_until(lambda: "waiting for a new one" in log.read_text(), LONGEST_S)
            # Of a job's output, a file that is read later, the mount does not let go.
            assert "waiting for a new one" in output.read_text()
            command = [sys.executable, "-m", "fs2od", "unmount", str(point), "--wait", "0"]
            environment = {**os.environ, "HOME": str(job.home)}
            taken = subprocess.run(command, capture_output=True, timeout=LONGEST_S, env=environment, check=False)
            assert taken.returncode == 4
        finally:
            writer.kill()
    wait_until(lambda: "not everything was sent" in log.read_text(), LONGEST_S)
    (kept,) = (job.home / ".cache" / "fs2od" / "unsent").glob("*/*-file")
    assert kept.read_text() == "result"
