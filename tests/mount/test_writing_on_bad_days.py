"""Writing into mounts while services are away, answers are lost, disks are full and processes are killed."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from tests.mount.desk import Desk
from tests.noise import noise

from fs2od.testing.downloading import BehindProxy, behind_proxy
from fs2od.testing.killed_writing import serve_until_killed
from fs2od.testing.mounting import mounted
from fs2od.testing.network import Broken, Fault, Refuse, Reply, Request, Stall
from fs2od.testing.ports import free_ports
from fs2od.testing.world import wait_until

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["fs2od.testing.killed_writing"])
LONGEST_S = 60.0
big = partial(noise, 30 << 20)


class AnswerLost(Fault):
    """What was asked for is done, and nobody hears of it."""

    def after(self, reply: Reply) -> Reply:
        reply.release()
        raise Broken("the answer is lost")


class OtherSize(Fault):
    """The file is of another size than was listed, as while it is written to."""

    def after(self, reply: Reply) -> Reply:
        about = reply.header("content-range") or ""
        return reply.saying(content_range=f"{about.rpartition('/')[0]}/1")


class HeldBack(Fault):
    """The service gets what was asked for only once it is let go."""

    def __init__(self, until: threading.Event) -> None:
        self._until = until

    def before(self, request: Request) -> Request:
        self._until.wait(LONGEST_S)
        return request


class FarDesk(Desk):
    """Somebody whose way to the service leads through a proxy that fails as told."""

    def __init__(self, behind: BehindProxy, home: Path) -> None:
        super().__init__(behind.world, home)
        self.proxy = behind.proxy

    def go_away(self) -> None:
        """Let the services answer nobody."""
        self.proxy.strike(Refuse(503), when=lambda _: True, times=1_000_000)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Let the services answer nobody for a while."""
        self.go_away()
        try:
            yield
        finally:
            self.proxy.forgive()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[FarDesk]:
    with behind_proxy(tmp_path / "site") as behind:
        yield FarDesk(behind, tmp_path / "home")


def run(desk: Desk, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "fs2od", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "HOME": str(desk.home)},
        timeout=LONGEST_S,
        check=False,
        # Else Python closes descriptors between vfork and exec: closing one of a file in the mount waits for the service, which
        # this very process is, and which waits for the exec.
        close_fds=False,
    )
    return done.returncode, done.stdout


def test_a_close_waits_for_a_service_that_comes_back(tmp_path: Path) -> None:
    told, first = tmp_path / "told.json", free_ports(2)

    def node() -> BaseProcess:
        process = FORKS.Process(target=serve_until_killed, args=(str(tmp_path / "world"), first, str(told)))
        process.start()
        wait_until(lambda: told.exists() and json.loads(told.read_text())["pid"] == process.pid, LONGEST_S)
        return process

    server = node()
    facts = json.loads(told.read_text())
    folder, token_file = Path(facts["folder"]), tmp_path / "job.token"
    token_file.write_text(facts["token"])
    words = ["--zone", facts["zone"], "--token-file", str(token_file), "--wait", "120"]
    with mounted("results", tmp_path / "home", Path(facts["ca"]), *words) as mount:
        (tmp_path / "big").write_bytes(big())
        writing = subprocess.Popen(["cp", tmp_path / "big", mount.point / "big"])
        wait_until(lambda: any(path.stat().st_size for path in folder.glob(".fs2od-*.partial")), LONGEST_S)
        server.kill()
        server.join(LONGEST_S)
        assert writing.poll() is None
        server = node()
        try:
            assert writing.wait(LONGEST_S) == 0
            assert (folder / "big").read_bytes() == big() == (mount.point / "big").read_bytes()
            assert not list(folder.glob(".fs2od-*.partial"))
        finally:
            assert mount.end() == 0
            server.kill()
            server.join(LONGEST_S)


def test_a_service_that_stays_away_fails_the_close_and_the_bytes_are_kept(desk: FarDesk) -> None:
    with desk.mounted("--wait", "0") as mount:
        (mount.point / "there").write_bytes(b"old")
        writing = (mount.point / "lost").open("wb")
        writing.write(b"precious")
        again = os.dup(writing.fileno())
        with desk.away():
            with pytest.raises(OSError, match="Input/output"):
                writing.close()
            with pytest.raises(OSError, match="Input/output"):
                os.close(again)
        (mount.point / "there").write_bytes(b"new")
        code, said = run(desk, "unmount", str(mount.point))
        assert (code, mount.process.wait(LONGEST_S), mount.end()) == (4, 4, 4)
        (kept,) = desk.spool.glob("*/*-lost")
        assert kept.read_bytes() == b"precious"
        assert "lost was not sent" in said
        assert str(kept) in said
        assert str(kept) in mount.said_after
        # However often it is tried: when it happened, and at the end.
        assert mount.said_after.count(str(kept)) == 2
        assert "could not be" not in mount.said_after
    assert (desk.dataset.folder / "there").read_bytes() == b"new"
    assert not (desk.dataset.folder / "lost").exists()


def test_what_was_not_written_is_read_however_long_the_rest_is_being_sent(desk: FarDesk) -> None:
    sent = threading.Event()
    with desk.mounted("--no-cache") as mount, ThreadPoolExecutor(1) as sending:
        (mount.point / "large").write_bytes(big())
        with (mount.point / "large").open("r+b") as writing, (mount.point / "large").open("rb") as reading:
            writing.write(b"new")
            writing.flush()
            desk.proxy.strike(HeldBack(sent), when=lambda asked: asked.method == "PUT")
            flushed = sending.submit(os.fsync, writing.fileno())
            wait_until(lambda: len(desk.proxy.struck()) == 1, LONGEST_S)
            desk.proxy.strike(OtherSize(), when=lambda asked: "range" in asked.headers, times=200)
            try:
                assert os.pread(reading.fileno(), 1000, 15 << 20) == big()[15 << 20 : (15 << 20) + 1000]
            finally:
                sent.set()
            flushed.result(LONGEST_S)
        assert len(desk.proxy.struck()) == 201
        assert mount.end() == 0
    assert (desk.dataset.folder / "large").read_bytes() == b"new" + big()[3:]


def test_what_was_not_sent_is_found_wherever_the_spool_was(desk: FarDesk, tmp_path: Path) -> None:
    elsewhere = tmp_path / "disk of the node" / "unsent"
    with desk.mounted("--wait", "0", "--spool", str(elsewhere)) as mount:
        writing = (mount.point / "lost").open("wb")
        writing.write(b"precious")
        with desk.away(), pytest.raises(OSError, match="Input/output"):
            writing.close()
        code, said = run(desk, "unmount", str(mount.point))
        assert (code, mount.process.wait(LONGEST_S)) == (4, 4)
    (kept,) = elsewhere.glob("*/*-lost")
    assert f"its bytes are in {kept}\n" in said
    assert said.count("was not sent") == 1
    for words in ([], ["--spool", str(elsewhere)], ["--spool", str(tmp_path / "another")]):
        assert f"1 files were not sent: see {kept.parent}\n" in run(desk, "mount", "--check", *words)[1]
    with desk.mounted("--spool", str(tmp_path / "another")) as mount:
        assert str(kept) in mount.said_before
        shutil.rmtree(kept.parent)
        (mount.point / "sent").write_bytes(b"")
    assert "not sent" not in run(desk, "mount", "--check")[1]
    with desk.mounted():
        pass
    assert not list(desk.spool.iterdir())


def test_a_writer_can_be_killed_while_the_service_is_away_and_what_it_wrote_is_sent_later(desk: FarDesk) -> None:
    write = "import sys, time; f = open(sys.argv[1], 'wb', buffering=0); f.write(b'half'); print(flush=True); "
    words = [sys.executable, "-c"]
    with desk.mounted("--wait", "3600") as mount:
        (mount.point / "known").touch()
        desk.go_away()
        closing, dying = (
            subprocess.Popen([*words, write + then, mount.point / name], stdout=subprocess.PIPE)
            for name, then in (("a", "f.close()"), ("b", "time.sleep(60)"))
        )
        with closing, dying:
            for process in (closing, dying):
                assert process.stdout is not None
                assert process.stdout.readline()
            struck = len(desk.proxy.struck())
            wait_until(lambda: len(desk.proxy.struck()) > struck, LONGEST_S)
            for process in (closing, dying):
                process.kill()
                assert process.wait(LONGEST_S) == -signal.SIGKILL
        desk.proxy.forgive()
        wait_until(lambda: {"a", "b"} <= {path.name for path in desk.dataset.folder.iterdir()}, LONGEST_S)
        assert mount.end() == 0
    for name in ("a", "b"):
        assert (desk.dataset.folder / name).read_bytes() == b"half"


def test_after_kill_9_what_was_not_sent_is_named_at_the_next_start(desk: FarDesk) -> None:
    with desk.mounted() as mount:
        handle = os.open(mount.point / "open", os.O_CREAT | os.O_WRONLY)
        os.write(handle, b"unsent")
        mount.process.kill()
        mount.process.wait(LONGEST_S)
        with pytest.raises(OSError, match=r"not connected|aborted"):
            os.close(handle)
        with desk.mounted() as again:
            (kept,) = desk.spool.glob("*/*-open")
            assert kept.read_bytes() == b"unsent"
            assert f"open was not sent (the mount was killed); its bytes are in {kept}" in again.said_before
            assert not (again.point / "open").exists()
            assert "1 files were not sent" in run(desk, "mount", "--check")[1]


@pytest.mark.parametrize("size", [10, 5 << 20])
def test_what_took_effect_although_its_answer_was_lost_happens_once(desk: FarDesk, size: int) -> None:
    def changes(method: str, part: str) -> Callable[[Request], bool]:
        return lambda request: request.method == method and part in request.path

    lost = [("POST", "/children"), ("PUT", "/content"), ("PUT", "/cdmi/"), ("DELETE", "/data/")]
    with desk.mounted() as mount:
        for method, part in lost:
            desk.proxy.strike(AnswerLost(), when=changes(method, part), times=1)
        (mount.point / "d").mkdir()
        desk.proxy.strike(AnswerLost(), when=changes("POST", "/children"), times=1)
        (mount.point / "d" / "f").write_bytes(big()[:size])
        (mount.point / "d" / "f").write_bytes(big()[1 : size + 1])
        (mount.point / "d" / "f").rename(mount.point / "g")
        (mount.point / "d").rmdir()
        (mount.point / "h").touch()
        (mount.point / "h").unlink()
        assert len(desk.proxy.struck()) == 5
        assert mount.end() == 0
    assert list(desk.there()) == ["g"]
    assert (desk.dataset.folder / "g").read_bytes() == big()[1 : size + 1]


@pytest.mark.parametrize(("size", "method", "part"), [(10, "POST", "/children"), (5 << 20, "PUT", "/cdmi/")])
def test_what_arrived_unheard_when_a_mount_ends_is_not_called_unsent(
    desk: FarDesk, size: int, method: str, part: str
) -> None:
    write = "import sys; f = open(sys.argv[1], 'wb'); f.write(bytes(int(sys.argv[2]))); f.close()"
    with desk.mounted() as mount:
        desk.proxy.strike(Stall(0), when=lambda asked: asked.method == method and part in asked.path, times=1)
        with subprocess.Popen([sys.executable, "-c", write, mount.point / "new", str(size)]) as writer:
            wait_until((desk.dataset.folder / "new").exists, LONGEST_S)
            assert mount.end() == 0, mount.said_after
            writer.kill()
    assert list(desk.there()) == ["new"]
    assert (desk.dataset.folder / "new").read_bytes() == bytes(size)


def test_a_full_spool_is_said_when_it_is_written_and_ends_nothing(desk: FarDesk) -> None:
    with desk.mounted("--spool-size", "1M") as mount:
        with pytest.raises(OSError) as raised:  # noqa: PT011 - the errno is what counts
            (mount.point / "large").write_bytes(big())
        assert raised.value.errno == errno.ENOSPC
        (mount.point / "large").unlink()
        for number in range(4):
            (mount.point / f"small{number}").write_bytes(big()[: 900 << 10])
        assert mount.end() == 0
    assert len(desk.there()) == 4


def test_unmounting_in_the_middle_is_said_and_sends_what_is_open_when_it_is_closed(desk: FarDesk) -> None:
    with desk.mounted() as mount:
        handle = os.open(mount.point / "a", os.O_CREAT | os.O_WRONLY)
        os.write(handle, b"open")
        code, said = run(desk, "unmount", str(mount.point), "--wait", "1")
        assert (code, "still have files open" in said) == (4, True)
        os.close(handle)
        assert mount.process.wait(LONGEST_S) == 0
    assert (desk.dataset.folder / "a").read_bytes() == b"open"
