"""The command as people run it: a real process, a real node, a real disk that can be full."""

import json
import os
import pty
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import trustme
from tests.noise import noise

from fs2od.manifests import PIECE_BYTES
from fs2od.testing.ports import free_ports
from fs2od.testing.small_disks import may_mount, small_disk
from fs2od.testing.world import ServedWorld
from fs2od.transfer import bundle

BIG_BYTES = 96 << 20
big = partial(noise, BIG_BYTES)
FILES = {"SPA.yml": b"User: {}\n", "Grids/a.mrc": bytes(range(256)) * 400, "Grids/b.mrc": b"", "wörter & \n.txt": b"x"}
LONGEST_S = 120


@dataclass
class Command:
    """`fs2od download` for one link into one folder."""

    link: str
    out: Path
    ca: Path

    @property
    def words(self) -> list[str]:
        return [sys.executable, "-m", "fs2od", "download", self.link, str(self.out), "--ca", str(self.ca)]

    def run(self, *more: str, largest_file: int | None = None) -> subprocess.CompletedProcess[str]:
        def confine() -> None:
            if largest_file is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

        words = [*self.words, *more]
        return subprocess.run(words, capture_output=True, text=True, timeout=LONGEST_S, check=False, preexec_fn=confine)

    def start(self, *more: str) -> subprocess.Popen[str]:
        return subprocess.Popen([*self.words, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def partial_bytes(self) -> int:
        return sum(512 * path.stat().st_blocks for path in self.out.glob("*.partial"))


@pytest.fixture
def command(world: ServedWorld, tmp_path: Path) -> Callable[[dict[str, bytes]], Command]:
    def of(files: dict[str, bytes]) -> Command:
        share = world.share(world.administrator, world.dataset(world.administrator, files), name="ribosome grid 2")
        return Command(f"{world.node.settings.zone_url}/share/{share}", tmp_path / "out", world.ca)

    return of


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def wait_for_bytes(command: Command, count: int, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + LONGEST_S
    while command.partial_bytes() < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.002)


def test_one_command_brings_everything_and_again_changes_nothing(
    command: Callable[[dict[str, bytes]], Command],
) -> None:
    download = command(FILES)
    first = download.run()
    assert (first.returncode, first.stdout) == (0, "")
    assert first.stderr == f"4 of 4 files, 102 kB, checked by size only ({download.out})\n"
    assert files_in(download.out) == FILES
    second = download.run("--json", "-j", "1")
    assert second.stderr == ""
    told = json.loads(second.stdout)
    assert (told["complete"], told["files_present"], told["bytes_fetched"]) == (True, 4, 0)
    assert told["failures"] == []
    assert told["folder"] == str(download.out)


def test_without_a_folder_one_named_after_the_share_is_made(
    command: Callable[[dict[str, bytes]], Command], tmp_path: Path
) -> None:
    download = command({"a": b"x"})
    words = [word for word in download.words if word != str(download.out)]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True, timeout=LONGEST_S)
    assert (tmp_path / "ribosome-grid-2" / "a").read_bytes() == b"x"


def test_a_killed_download_goes_on_within_the_file(command: Callable[[dict[str, bytes]], Command]) -> None:
    download = command({"big.mrc": big()})
    # More than the four connections can hold in pieces that are being written: at least one is whole then.
    process = download.start("-j", "4")
    wait_for_bytes(download, 4 * PIECE_BYTES + 1, process)
    process.kill()
    process.communicate(timeout=LONGEST_S)
    arrived = download.partial_bytes()
    assert 0 < arrived < BIG_BYTES
    assert not (download.out / "big.mrc").exists()
    told = json.loads(download.run("--json").stdout)
    # At most one piece for each connection came in vain.
    assert told["bytes_fetched"] <= BIG_BYTES - arrived + 4 * PIECE_BYTES
    assert told["bytes_fetched"] < BIG_BYTES
    assert files_in(download.out) == {"big.mrc": big()}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_download_says_how_to_go_on(
    command: Callable[[dict[str, bytes]], Command], number: signal.Signals
) -> None:
    download = command({"big.mrc": big()})
    process = download.start()
    wait_for_bytes(download, 4 << 20, process)
    process.send_signal(number)
    _, said = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 130
    assert f"To go on: fs2od download {download.link} {download.out} --ca {download.ca}" in said
    assert "Traceback" not in said
    assert download.run().returncode == 0
    assert files_in(download.out) == {"big.mrc": big()}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path | None]:
    """Yield the folder of a file system of 24 MB, or None where none may be mounted."""
    with small_disk(tmp_path / "disk", size_mb=24) if may_mount() else nullcontext() as place:
        yield place


def test_a_full_disk_is_told_and_once_there_is_room_the_download_goes_on(
    command: Callable[[dict[str, bytes]], Command], disk: Path | None
) -> None:
    files = {"a.mrc": big()[: 8 << 20], "b.mrc": big()[8 << 20 : 20 << 20]}
    download = command(files)
    ballast = None
    if disk is not None:
        download.out = disk / "out"
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(10 << 20))
    full = download.run(largest_file=None if ballast else 10 << 20)
    assert full.returncode == 7, full.stderr
    # Which of them there is no room for, depends on which came first; the other may be under way then, and is broken off.
    missing = files.keys() - files_in(download.out).keys()
    assert any(name in full.stderr for name in missing)
    assert "To go on: fs2od download" in full.stderr
    if ballast is not None:
        ballast.unlink()
    assert download.run().returncode == 0
    assert files_in(download.out) == files


def test_a_file_larger_than_this_account_may_write_is_a_matter_of_the_disk(
    command: Callable[[dict[str, bytes]], Command],
) -> None:
    download = command({"a.mrc": big()[: 4 << 20]})
    confined = download.run(largest_file=1 << 20)
    assert confined.returncode == 7
    assert "larger than files may be here" in confined.stderr
    assert download.run().returncode == 0


LINK = "https://localhost:1/share/1a2b"


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["mirror", "--delete", "--yes", LINK, ""], "an argument"),
        (["download", LINK, ""], "an argument"),
        (["download", LINK, "out", "--include", ""], "--include"),
        (["download", LINK, "out", "--exclude="], "--exclude"),
        (["stage", "in", LINK, ""], "an argument"),
        (["stage", "clean", ""], "an argument"),
        (["stage", "out", "", "space"], "an argument"),
        (["put", "get.py", ""], "an argument"),
        (["mount", LINK, ""], "an argument"),
        (["mount", LINK, "mnt", "--spool", ""], "--spool"),
        (["unmount", ""], "an argument"),
        (["use", ""], "an argument"),
        (["get.py", "", "out"], "an argument"),
        (["get.py", LINK, ""], "an argument"),
        (["get.py", LINK, "out", "--include", ""], "--include"),
        (["get.py", LINK, "out", "--token-file="], "--token-file"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else None,
)
def test_an_empty_word_as_of_an_unset_variable_is_wrong_usage(words: list[str], what: str, tmp_path: Path) -> None:
    (tmp_path / "get.py").write_text(bundle())
    front = [sys.executable] if words[0] == "get.py" else [sys.executable, "-m", "fs2od"]
    said = subprocess.run(
        [*front, *words], cwd=tmp_path, capture_output=True, text=True, timeout=LONGEST_S, check=False
    )
    name = "get.py" if words[0] == "get.py" else "fs2od"
    assert (said.returncode, said.stderr) == (2, f"{name}: {what} is empty, as a variable that is not set\n")
    assert [each.name for each in tmp_path.iterdir()] == ["get.py"]


@pytest.mark.parametrize("link", ["", "https://zone.example.org/", "http://zone.example.org/share/abc"])
def test_what_is_no_link_is_a_matter_of_usage(link: str, tmp_path: Path, authority_file: Path) -> None:
    result = Command(link, tmp_path / "out", authority_file).run()
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_zone_that_cannot_be_reached_is_a_matter_of_the_network(tmp_path: Path, authority_file: Path) -> None:
    link = f"https://localhost:{free_ports(1)}/share/{'a' * 32}"
    result = Command(link, tmp_path / "out", authority_file).run()
    assert result.returncode == 4
    assert "cannot be reached" in result.stderr


def test_an_unknown_share_is_not_found(world: ServedWorld, tmp_path: Path) -> None:
    result = Command(f"{world.node.settings.zone_url}/share/{'a' * 32}", tmp_path / "out", world.ca).run()
    assert result.returncode == 6
    assert "leads nowhere" in result.stderr


def test_a_zone_that_is_not_trusted_is_not_read_and_the_hint_names_the_option(
    command: Callable[[dict[str, bytes]], Command], tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    download = command({"a": b"x"})
    download.ca = other
    result = download.run()
    assert result.returncode == 4
    assert "--ca" in result.stderr
    assert not download.out.exists()


def test_a_file_in_the_place_of_the_folder_is_told(command: Callable[[dict[str, bytes]], Command]) -> None:
    download = command({"a": b"x"})
    download.out.write_bytes(b"mine")
    assert download.run().returncode == 7
    download.out = download.out / "below"
    assert download.run().returncode == 7


def test_what_could_not_be_fetched_is_named_and_the_code_is_not_zero(
    command: Callable[[dict[str, bytes]], Command], world: ServedWorld
) -> None:
    download = command(FILES)
    lost = next((world.folder / "storage").rglob("a.mrc"))
    lost.unlink()
    result = download.run()
    assert result.returncode == 6
    said = "3 of 4 files, 10 B, checked by size only; 1 could not be fetched: Grids/a.mrc: it is not there any more"
    assert result.stderr.startswith(said)


def test_where_much_failed_each_has_its_line(
    command: Callable[[dict[str, bytes]], Command], world: ServedWorld
) -> None:
    download = command({f"f{number:02}": b"x" for number in range(60)})
    for lost in (world.folder / "storage").rglob("f[0-9][0-9]"):
        lost.unlink()
    lines = download.run().stderr.splitlines()
    assert lines[0] == "failed: f00: it is not there any more"
    assert lines[50:52] == [
        "failed: 10 more; --json lists them all",
        f"0 of 60 files, 0 B; 60 could not be fetched ({download.out})",
    ]
    assert len(json.loads(download.run("--json").stdout)["failures"]) == 60


def test_on_a_terminal_progress_is_shown(command: Callable[[dict[str, bytes]], Command]) -> None:
    download = command({"big.mrc": big()[: 16 << 20]})
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(download.words, stdout=subprocess.DEVNULL, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:
            pass  # the other side of a terminal ends like this on Linux
        finally:
            os.close(ours)
        assert process.wait(LONGEST_S) == 0
    assert b"of 1 files" in shown
    # Whoever suspends or kills it has the cursor all the same.
    assert shown.index(b"\x1b[?25h") < shown.index(b"of 1 files")
    assert b"MB" in shown
