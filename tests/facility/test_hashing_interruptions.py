"""Killed, refused or out of space at the n-th step, for every n: in the end the parts are whole, and each event is told once."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.facility.conftest import Clock
from tests.facility.test_hashing import Bench

from fs2od.errors import StorageFull
from fs2od.manifests import SIDECAR, Gone, dump_part, parse_part

MOST_POINTS = 200
SLICES = 3


class Killed(BaseException):
    """Stands for the death of the process: nothing of ours catches it."""


@dataclass
class At:
    """Does something at the n-th fault point, of all or of those with such a name."""

    number: int
    act: Callable[[], None]
    names: re.Pattern[str] = re.compile("")
    calls: int = 0

    def __call__(self, name: str) -> None:
        if self.names.search(name):
            self.calls += 1
            if self.calls == self.number:
                self.act()


def die() -> None:
    """Die."""
    raise Killed


def no_space() -> None:
    """Refuse as a full disk does."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture(params=["nameless files", "named files"])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both kinds of file systems: those that know files without a name, and those that do not."""
    real = os.open

    def without_nameless(path: str, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        return real(path, flags, mode, dir_fd=dir_fd)

    if request.param == "named files":
        monkeypatch.setattr(os, "open", without_nameless)
    return str(request.param)


def new_bench(folder: Path, number: int) -> Bench:
    bench = Bench(folder / str(number), Clock())
    for name in ("SPA.yml", "a.mrc", "deep/b.mrc", "going.mrc"):
        bench.write(name, name.encode())
    return bench


def go_through(bench: Bench, fault_point: Callable[[str], None]) -> None:
    """Bring a dataset to its seal, change it, and bring it there again: from wherever it stands."""
    with bench.opened(fault_point) as (hashing, journal):
        if not bench.dataset.joinpath("new.mrc").exists():
            if journal.get(1).completed_at is None:
                bench.settle(hashing)
                bench.clock.move(seconds=61)
                hashing.work()
                bench.complete(journal)
            bench.settle(hashing, seconds=4000)
            bench.settle(hashing, seconds=4000)
            bench.require_whole(sealed=True)
            bench.write("a.mrc", b"changed")
            (bench.dataset / "going.mrc").unlink()
            bench.write("new.mrc", b"new")
        bench.clock.move(days=1.1)
        bench.settle(hashing, seconds=4000)
        bench.settle(hashing, seconds=4000)


def require_once(bench: Bench) -> None:
    manifest = bench.require_whole(sealed=True)
    assert manifest.parts == 2
    second = parse_part((bench.sidecar / "manifest" / "000002.jsonl").read_bytes())
    assert {each.path for each in second.entries} == {"a.mrc", "new.mrc"}
    assert second.gone == (Gone("going.mrc"),)


@pytest.mark.parametrize("part", range(SLICES))
@pytest.mark.usefixtures("file_system")
def test_killed_anywhere_there_is_no_gap_no_double_and_no_half_part(tmp_path: Path, part: int) -> None:
    for number in range(part + 1, MOST_POINTS, SLICES):
        bench = new_bench(tmp_path, number)
        killer = At(number, die)
        with contextlib.suppress(Killed):
            go_through(bench, killer)
        if bench.sidecar.joinpath("manifest").exists():
            bench.manifest()
        go_through(bench, At(0, die))
        require_once(bench)
        told = Counter(kind for kind, _ in bench.history() if kind)
        assert told == {"detected": 1, "sealed": 2, "data changed": 1}, (number, told)
        if killer.calls < number:
            break
    else:
        raise AssertionError("no run was ever untouched")
    assert number > 30


@pytest.mark.usefixtures("file_system")
def test_without_space_for_any_file_nothing_half_appears_and_it_goes_on_later(tmp_path: Path) -> None:
    for number in range(1, MOST_POINTS):
        bench = new_bench(tmp_path, number)
        full = At(number, no_space, re.compile("^sidecar .*: (before|written)"))
        go_through_patiently(bench, full)
        require_once(bench)
        waits = [said for kind, said in bench.history() if kind == "waits"]
        if full.calls < number:
            assert waits == []
            break
        assert len(waits) <= 1
    else:
        raise AssertionError("no run was ever untouched")
    assert number > 6


def go_through_patiently(bench: Bench, fault_point: Callable[[str], None]) -> None:
    with contextlib.suppress(AssertionError):
        go_through(bench, fault_point)
        return
    go_through(bench, fault_point)


@pytest.mark.parametrize("error", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_where_nothing_may_be_written_nothing_is_read_and_it_is_told_once(
    tmp_path: Path, error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = new_bench(tmp_path, 1)

    def refuse(path: str, *_: object, **__: object) -> None:
        raise OSError(error, os.strerror(error), path)

    with monkeypatch.context() as read_only:
        read_only.setattr(os, "mkdir", refuse)
        for _ in range(2):
            with bench.opened() as (hashing, _journal):
                bench.settle(hashing)
                bench.clock.move(days=1.1)
                bench.settle(hashing)
                assert hashing.shown(1) == "none"
    assert not bench.sidecar.exists()
    (_, (kind, said)) = bench.history()
    assert kind == "no checksums"
    assert os.strerror(error) in said
    go_through(bench, At(0, die))
    require_once(bench)


def test_a_full_disk_of_our_own_loses_nothing(tmp_path: Path) -> None:
    bench = new_bench(tmp_path, 1)
    for number in range(400):
        bench.write(f"many/{number}", b"x")
    with bench.opened() as (hashing, journal):
        bench.complete(journal)
        hashing.work()
        bench.clock.move(seconds=3)
        writer = journal.database._writer
        pages = writer.execute("PRAGMA page_count").fetchone()[0]
        writer.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(StorageFull):
            hashing.work()
        writer.execute("PRAGMA max_page_count = 1000000")
    with bench.opened() as (hashing, _):
        bench.settle(hashing)
    assert bench.require_whole(sealed=True).files == 403


@pytest.mark.parametrize("setting", [{"watch": {"sidecar": False}}, {"settings": {"on": False}}])
def test_switched_off_there_is_no_sidecar_and_it_is_told_once(
    bench: Bench, setting: dict[str, dict[str, object]]
) -> None:
    for name, value in setting.items():
        setattr(bench, name, value)
    for _ in range(2):
        with bench.opened() as (hashing, _journal):
            bench.settle(hashing)
            bench.clock.move(days=2)
            hashing.work()
            assert hashing.shown(1) == "none"
    assert not bench.sidecar.exists()
    assert bench.history()[1:] == [("no checksums", "no checksums are made: they are switched off")]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return new_bench(tmp_path, 0)


def sealed(bench: Bench) -> None:
    with bench.opened() as (hashing, journal):
        bench.complete(journal)
        bench.settle(hashing)
    bench.require_whole(sealed=True)


def test_with_a_new_journal_the_parts_that_are_there_go_on(bench: Bench) -> None:
    sealed(bench)
    for path in bench.folder.glob("facility.db*"):
        path.unlink()
    before = (bench.sidecar / "manifest" / "000001.jsonl").read_bytes()
    sealed(bench)
    assert bench.manifest().parts == 1
    for path in bench.folder.glob("facility.db*"):
        path.unlink()
    bench.write("a.mrc", b"changed meanwhile")
    (bench.dataset / "going.mrc").unlink()
    sealed(bench)
    assert bench.manifest().parts == 2
    assert (bench.sidecar / "manifest" / "000001.jsonl").read_bytes() == before


def strangers() -> Iterator[Callable[[Bench], None]]:
    """Yield ways to put into the sidecar what is not ours."""

    def a_file(bench: Bench) -> None:
        bench.write(SIDECAR, b"mine")

    def a_link(bench: Bench) -> None:
        (bench.folder / "elsewhere").mkdir()
        bench.sidecar.symlink_to(bench.folder / "elsewhere")

    def a_gap(bench: Bench) -> None:
        bench.write(f"{SIDECAR}/manifest/000002.jsonl", dump_part(2, []))

    def a_broken_part(bench: Bench) -> None:
        bench.write(f"{SIDECAR}/manifest/000001.jsonl", dump_part(1, [])[:-5])

    def another_number(bench: Bench) -> None:
        bench.write(f"{SIDECAR}/manifest/000001.jsonl", dump_part(2, []))

    yield from (a_file, a_link, a_gap, a_broken_part, another_number)


@pytest.mark.parametrize("put", list(strangers()), ids=lambda put: str(put.__name__))
def test_what_somebody_else_put_there_is_left_as_it_is(bench: Bench, put: Callable[[Bench], None]) -> None:
    put(bench)
    before = sorted((str(path), path.read_bytes()) for path in bench.folder.rglob("*") if path.is_file())
    with bench.opened() as (hashing, _):
        bench.settle(hashing)
        assert hashing.shown(1) == "none"
    after = {str(path): path.read_bytes() for path in bench.folder.rglob("*") if path.is_file()}
    assert all(after[path] == content for path, content in before)
    assert {path for path in after if SIDECAR in path} <= {path for path, _ in before}
    (kind, said) = bench.history()[-1]
    assert kind == "no checksums"
    assert "move" in said


def test_a_part_that_somebody_else_published_meanwhile_is_left_as_it_is(bench: Bench) -> None:
    with bench.opened() as (hashing, journal):
        hashing.work()
        foreign = bench.write(f"{SIDECAR}/manifest/000001.jsonl", dump_part(1, []))
        bench.complete(journal)
        bench.settle(hashing)
        assert foreign.read_bytes() == dump_part(1, [])
    assert bench.history()[-1][0] == "no checksums"
