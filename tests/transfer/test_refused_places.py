"""Places on the disk that cannot be written or read, as in a folder that several people share: the rest goes on."""

from __future__ import annotations

import ctypes
import os
import random
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from fs2od.errors import StorageError
from fs2od.testing.downloading import Published, publish
from fs2od.testing.network import HostileShare, Reply, Request, listed, reply_of
from fs2od.testing.world import serve_world
from fs2od.transfer import Download, Options, Report, parse_link

FILES = {f"Sq{number // 40}/{number:03}.tiff": random.Random(number).randbytes(2_000) for number in range(400)}
SOMEBODY = 65534
CAPABILITIES_VERSION_3 = 0x20080522
OVER_ALL_FILES = 0b1110
"""CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER: what lets root do as he likes with others' files."""


@contextmanager
def without_power_over_files() -> Iterator[None]:
    """Have no more rights to others' files than anybody: this thread, and those that it starts, not the node's."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, rights = (ctypes.c_uint32 * 2)(CAPABILITIES_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    assert libc.capget(header, rights) == 0
    before = rights[0]
    rights[0] &= ~OVER_ALL_FILES
    assert libc.capset(header, rights) == 0
    try:
        yield
    finally:
        rights[0] = before
        assert libc.capset(header, rights) == 0


@dataclass(frozen=True)
class Shared:
    """A published dataset, and a folder of ours that others have places in, too."""

    published: Published
    out: Path
    ca: Path

    def run(self) -> Report:
        with without_power_over_files():
            return Download(parse_link(self.published.link), self.out, Options(jobs=4, ca_file=str(self.ca))).run()

    def whole(self) -> set[str]:
        return {str(path.relative_to(self.out)) for path in self.out.rglob("*.tiff")}


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Shared]:
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("only root can give files away, and only Linux lets one thread be without privileges")
    with serve_world(tmp_path / "world") as world:
        yield Shared(publish(world, FILES), tmp_path / "out", world.ca)


def test_a_folder_that_is_somebody_elses_is_named_and_the_rest_comes(shared: Shared) -> None:
    (shared.out / "Sq3").mkdir(parents=True)
    os.chown(shared.out / "Sq3", SOMEBODY, SOMEBODY)
    report = shared.run()
    theirs = {path for path in FILES if path.startswith("Sq3/")}
    assert report.exit_code == 7
    assert report.stopped_by is None
    assert {"/".join(failure.path) for failure in report.failures} == theirs
    assert shared.whole() == set(FILES) - theirs
    os.chown(shared.out / "Sq3", 0, 0)
    report = shared.run()
    assert report.exit_code == 0, report.summary()
    assert shared.whole() == set(FILES)


def test_files_that_cannot_be_read_are_named_and_the_rest_is_checked(shared: Shared) -> None:
    assert shared.run().exit_code == 0
    theirs = sorted(FILES)[:9] + sorted(FILES)[-9:]
    for path in theirs:
        os.chown(shared.out / path, SOMEBODY, SOMEBODY)
        (shared.out / path).chmod(0o600)
    report = shared.run()
    assert report.exit_code == 7
    assert {"/".join(failure.path) for failure in report.failures} == set(theirs)
    assert len(FILES) - len(theirs) <= report.files_intact


def test_somebody_elses_file_with_the_right_bytes_is_right_whatever_its_time(shared: Shared) -> None:
    assert shared.run().exit_code == 0
    for path in FILES:
        os.chown(shared.out / path, SOMEBODY, SOMEBODY)
        os.utime(shared.out / path, (1000, 1000))
    report = shared.run()
    assert (report.exit_code, report.files_fetched) == (0, 0), report.summary()


def test_a_destination_that_is_gone_ends_everything_at_once(tmp_path: Path) -> None:
    names = [f"{number:02}.mrc" for number in range(15)]
    out, asked = tmp_path / "out", 0

    def take_away(_: Request) -> Reply:
        nonlocal asked
        asked += 1
        if asked == 3:
            shutil.rmtree(out)
        return reply_of(b"x")

    with HostileShare([listed(name, 1) for name in names]) as share:
        share.answers |= {f"content of id-{name}": take_away for name in names}
        report = Download(parse_link(share.link), out, Options(jobs=1)).run()
    assert report.exit_code == 7
    assert isinstance(report.stopped_by, StorageError)
    assert str(out) in str(report.stopped_by)
    assert asked == 3
