"""Checksums of files as they settle, change and go, with the journal in a folder and no Onedata."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pytest
from msgspec.structs import replace
from tests.facility.conftest import Clock

from fs2od.configuration import Configuration
from fs2od.errors import StorageError
from fs2od.facility import JOURNAL_SCHEMA, Datasets
from fs2od.facility.hashing import Hashing
from fs2od.facility.hashing._reading import Budget, Changed, read_once
from fs2od.facility.hashing._walking import Walk, version_of
from fs2od.facility.journal import TO_SEAL, Facts, Journal, Phase, Record, parts_in
from fs2od.manifests import Manifest, parse_part, parse_seal, part_name, seal_of
from fs2od.sqlite import Database
from fs2od.storage import PosixStorage, Seen

NAME = "20261103_P2"
FACTS = Facts("title", "instrument", "", {}, ("alex@example.org",), (), ())


def nothing(_: str) -> None:
    """Let a fault point pass."""


@dataclass
class Bench:
    """A dataset's folder, a journal that knows it, and what reads it."""

    folder: Path
    clock: Clock
    settings: dict[str, object] = field(default_factory=dict)
    watch: dict[str, object] = field(default_factory=dict)

    @property
    def dataset(self) -> Path:
        return self.folder / "watched" / NAME

    @property
    def sidecar(self) -> Path:
        return self.dataset / "fs2od-sidecar"

    def configuration(self) -> Configuration:
        return Configuration.model_validate(
            {
                "onedata": {
                    "zone": "https://z.test",
                    "provider": "https://p.test",
                    "token_file": "t",
                    "provision": True,
                },
                "facility": {"contact": "desk@example.org"},
                "mail": {"sender": "desk@example.org"},
                "watch": [{"path": self.folder / "watched", **self.watch}],
                "checksums": {"bytes_per_second": 0, **self.settings},
            }
        )

    def write(self, path: str, content: bytes, *, mtime_s: float | None = None) -> Path:
        file = self.dataset / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        if mtime_s is not None:
            os.utime(file, (mtime_s, mtime_s))
        return file

    @contextlib.contextmanager
    def opened(self, fault_point: Callable[[str], None] = nothing) -> Iterator[tuple[Hashing, Journal]]:
        with contextlib.closing(Database(self.folder / "facility.db", JOURNAL_SCHEMA)) as database:
            journal = Journal(database, fault_point=fault_point)
            if not journal.records():
                self._know(journal)
            yield Hashing(self.configuration(), journal, clock=self.clock), journal

    def _know(self, journal: Journal) -> None:
        facts = self.dataset.lstat()
        record = Record(
            id=0, root=str(self.dataset.parent), relative=NAME, name=NAME, unique_name=NAME, device=facts.st_dev,
            inode=facts.st_ino, detected_at=self.clock(), phase=Phase.ACQUIRING, facts=FACTS,
        )  # fmt: skip
        journal.add(record, said="", now=self.clock())

    def settle(self, hashing: Hashing, *, seconds: float = 3.0) -> None:
        """See everything, wait until it has settled, and see it again."""
        self.work(hashing)
        self.clock.move(seconds=seconds)
        self.work(hashing)

    def work(self, hashing: Hashing) -> None:
        """Do what is due; what waits for an import goes on at once, as if Onedata had everything."""
        hashing.work()
        if hashing.shown(1).endswith(TO_SEAL):
            journal = hashing._journal
            has_all = replace(journal.get(1), parts_imported=parts_in(hashing.shown(1)))
            journal.write(has_all, now=self.clock())
            hashing.work()

    def complete(self, journal: Journal, phase: Phase = Phase.COMPLETE) -> None:
        (record,) = journal.records()
        at = self.clock() if phase is Phase.COMPLETE else None
        journal.write(replace(record, phase=phase, completed_at=at), now=self.clock())

    def manifest(self) -> Manifest:
        """Read what was published, as anybody would."""
        names = sorted(path.name for path in (self.sidecar / "manifest").iterdir())
        assert names == [part_name(number) for number in range(1, len(names) + 1)], names
        return Manifest(parse_part((self.sidecar / "manifest" / name).read_bytes()) for name in names)

    def history(self) -> list[tuple[str, str]]:
        with contextlib.closing(Database(self.folder / "facility.db", JOURNAL_SCHEMA)) as database:
            return [(event.kind, event.said) for event in Datasets(database).history(NAME)]

    def require_whole(self, *, sealed: bool) -> Manifest:
        """Make sure that exactly the dataset's files are listed, as they are, and nothing else lies in the sidecar."""
        manifest = self.manifest()
        files = {
            str(path.relative_to(self.dataset)): path.read_bytes()
            for path in self.dataset.rglob("*")
            if path.is_file() and not path.is_symlink() and self.sidecar not in path.parents and path.name != "SPA.yml"
        }
        assert {path: entry.sha256 for path, entry in manifest.items()} == {
            path: hashlib.sha256(content).hexdigest() for path, content in files.items()
        }
        assert all(entry.mtime_ns == (self.dataset / path).stat().st_mtime_ns for path, entry in manifest.items())
        expected = {"manifest", *(("SHA256SUMS", "sealed.json") if sealed else ())}
        assert {path.name for path in self.sidecar.iterdir()} == expected
        if sealed:
            assert parse_seal((self.sidecar / "sealed.json").read_bytes()) == seal_of(manifest)
            command = ["sha256sum", "--check", "--strict", "--quiet", "fs2od-sidecar/SHA256SUMS"]
            subprocess.run(command, cwd=self.dataset, check=True)
        return manifest


@pytest.fixture
def bench(tmp_path: Path, clock: Clock) -> Bench:
    bench = Bench(tmp_path, clock)
    bench.write("SPA.yml", b"a: 1\n")
    bench.write("movie_1.mrc", b"x" * 1000)
    bench.write("deep/er/movie 2.mrc", b"y" * 2000)
    return bench


def test_settled_files_are_published_and_sealed_when_the_dataset_is_complete(bench: Bench) -> None:
    with bench.opened() as (hashing, journal):
        hashing.work()
        assert not list((bench.sidecar / "manifest").iterdir())
        bench.settle(hashing)
        assert hashing.shown(1) == ""
        bench.clock.move(seconds=61)
        hashing.work()
        assert hashing.shown(1) == "1"
        bench.require_whole(sealed=False)
        bench.complete(journal)
        hashing.work()
        assert hashing.shown(1) == "1 sealed"
    bench.require_whole(sealed=True)
    assert [kind for kind, _ in bench.history()] == ["detected", "sealed"]


def test_a_file_is_read_once_and_again_only_when_it_changed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    real = PosixStorage.open

    def watched(self: PosixStorage, path: str) -> BinaryIO:
        opened.append(path)
        return real(self, path)

    monkeypatch.setattr(PosixStorage, "open", watched)
    with bench.opened() as (hashing, journal):
        bench.settle(hashing)
        bench.settle(hashing, seconds=100)
        assert sorted(opened) == ["deep/er/movie 2.mrc", "movie_1.mrc"]
    with bench.opened() as (hashing, journal):
        bench.write("movie_1.mrc", b"z" * 1000)
        bench.settle(hashing, seconds=100)
        assert opened[2:] == ["movie_1.mrc"]
        bench.complete(journal)
        hashing.work()
    assert len(opened) == 3
    assert bench.require_whole(sealed=True)["movie_1.mrc"].size_bytes == 1000


def test_a_file_that_keeps_growing_is_not_read(bench: Bench) -> None:
    with bench.opened() as (hashing, journal):
        bench.settle(hashing)
        bench.complete(journal)
        for size in range(1, 6):
            bench.write("growing.mrc", b"x" * size)
            hashing.work()
            bench.clock.move(seconds=30)
        assert sorted(bench.manifest()) == ["deep/er/movie 2.mrc", "movie_1.mrc"]
        assert not (bench.sidecar / "sealed.json").exists()
        bench.settle(hashing)
    assert "growing.mrc" in bench.require_whole(sealed=True)


@pytest.mark.parametrize("how", ["grown", "shrunk", "rewritten", "replaced", "removed", "a folder", "a FIFO", "a link"])
def test_a_file_that_changes_while_it_is_read_is_not_recorded(bench: Bench, how: str) -> None:
    file, storage = bench.dataset / "movie_1.mrc", PosixStorage(bench.dataset)
    version = version_of(storage.stat("movie_1.mrc"))

    class Meddling(Budget):
        def spend(self, size_bytes: int) -> None:
            del size_bytes
            _meddle(file, how)

    with pytest.raises(Changed):
        read_once(storage, "movie_1.mrc", version, Meddling(0, threading.Event()))
    with pytest.raises(Changed):
        read_once(storage, "movie_1.mrc", version, Budget(0, threading.Event()))


def _meddle(file: Path, how: str) -> None:
    stat = file.lstat()
    match how:
        case "grown":
            file.write_bytes(file.read_bytes() + b"!")
        case "shrunk":
            os.truncate(file, 10)
        case "rewritten":
            file.write_bytes(b"w" * stat.st_size)
            os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        case "replaced":
            other = file.with_name("other")
            other.write_bytes(b"o" * stat.st_size)
            os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            other.rename(file)
        case _:
            file.unlink()
            if how == "a folder":
                file.mkdir()
            elif how == "a FIFO":
                os.mkfifo(file)
            elif how == "a link":
                file.symlink_to("SPA.yml")


def test_changed_and_vanished_files_are_published_anew_and_told(bench: Bench) -> None:
    bench.write("old.mrc", b"o")
    with bench.opened() as (hashing, journal):
        bench.complete(journal)
        bench.settle(hashing)
        bench.require_whole(sealed=True)
        bench.write("movie_1.mrc", b"another" * 10)
        (bench.dataset / "old.mrc").unlink()
        bench.write("new.mrc", b"n")
        bench.clock.move(days=1.1)
        bench.settle(hashing)
        manifest = bench.require_whole(sealed=True)
        assert "old.mrc" not in manifest
        (kind, said), sealed = bench.history()[-2:]
        assert (kind, sealed[0]) == ("data changed", "sealed")
        assert "3 files" in said
        assert "new.mrc" in said
        parts = manifest.parts
        bench.clock.move(days=1.1)
        bench.settle(hashing)
        assert (bench.manifest().parts, len(bench.history())) == (parts, 4)


def test_a_vanished_folder_of_files_is_gone_and_comes_back(bench: Bench) -> None:
    with bench.opened() as (hashing, journal):
        bench.complete(journal)
        bench.settle(hashing)
        (bench.dataset / "deep").rename(bench.folder / "aside")
        bench.clock.move(days=1.1)
        bench.work(hashing)
        assert list(bench.require_whole(sealed=True)) == ["movie_1.mrc"]
        (bench.folder / "aside").rename(bench.dataset / "deep")
        bench.clock.move(days=1.1)
        bench.settle(hashing)
    assert bench.require_whole(sealed=True).parts == 3


def test_touching_a_file_lists_its_new_time_and_changing_its_mode_lists_nothing(bench: Bench) -> None:
    with bench.opened() as (hashing, journal):
        bench.complete(journal)
        bench.settle(hashing)
        (bench.dataset / "movie_1.mrc").chmod(0o600)
        bench.clock.move(days=1.1)
        bench.settle(hashing)
        assert bench.require_whole(sealed=True).parts == 1
        os.utime(bench.dataset / "movie_1.mrc", (5, 5))
        bench.clock.move(days=1.1)
        bench.settle(hashing)
    assert bench.require_whole(sealed=True)["movie_1.mrc"].mtime_ns == 5 * 10**9


def test_a_dataset_that_went_away_as_a_whole_is_not_taken_for_empty(bench: Bench) -> None:
    with bench.opened() as (hashing, journal):
        bench.complete(journal)
        bench.settle(hashing)
        bench.dataset.rename(bench.folder / "aside")
        bench.clock.move(days=1.1)
        hashing.work()
        bench.dataset.mkdir()
        bench.clock.move(days=1.1)
        hashing.work()
        assert not list(bench.dataset.iterdir())
        bench.dataset.rmdir()
        (bench.folder / "aside").rename(bench.dataset)
        bench.clock.move(days=1.1)
        hashing.work()
    assert bench.require_whole(sealed=True).parts == 1


def test_what_is_not_data_is_not_listed(bench: Bench) -> None:
    bench.write("fs2od-access.yml", b"secret")
    bench.write("deep/fs2od-access.yml", b"secret")
    bench.write(".running", b"")
    bench.write("deep/.running", b"data")
    (bench.dataset / "link").symlink_to("movie_1.mrc")
    os.mkfifo(bench.dataset / "fifo")
    (Path(os.fsdecode(os.fsencode(bench.dataset) + b"/\xff.mrc"))).write_bytes(b"x")
    with bench.opened() as (hashing, journal):
        bench.complete(journal)
        bench.settle(hashing)
    assert sorted(bench.manifest()) == ["deep/.running", "deep/er/movie 2.mrc", "movie_1.mrc"]


def test_odd_names_and_large_files_are_listed(bench: Bench) -> None:
    for name in ("a\nb", "a\\b", "-", "é ü", " "):
        bench.write(name, name.encode())
    bench.write("large.mrc", os.urandom((8 << 20) + 5))
    bench.write("empty", b"")
    with bench.opened() as (hashing, journal):
        bench.complete(journal)
        bench.settle(hashing)
    assert len(bench.require_whole(sealed=True)["large.mrc"].pieces) == 2


def test_old_files_need_not_be_seen_twice(bench: Bench) -> None:
    with bench.opened() as (hashing, journal):
        bench.complete(journal)
        bench.clock.move(minutes=11)
        hashing.work()
    bench.require_whole(sealed=True)


def test_a_walk_says_what_it_could_not_read(bench: Bench) -> None:
    class Refusing(PosixStorage):
        def list(self, path: str) -> Iterator[Seen]:
            if path == "deep":
                raise StorageError("a disk that is dying")
            return super().list(path)

    walk = Walk(Refusing(bench.dataset), frozenset({"SPA.yml"}))
    assert [path for path, _ in walk.files()] == ["movie_1.mrc"]
    assert (walk.unread, walk.unread_name) == (1, "deep")


def test_a_dataset_with_a_file_that_cannot_be_read_is_not_sealed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    real = PosixStorage.open

    def refusing(self: PosixStorage, path: str) -> BinaryIO:
        if path == "movie_1.mrc":
            raise StorageError("a disk that is dying")
        return real(self, path)

    with bench.opened() as (hashing, journal):
        bench.complete(journal)
        with monkeypatch.context() as broken:
            broken.setattr(PosixStorage, "open", refusing)
            bench.settle(hashing)
            bench.clock.move(days=1.1)
            bench.settle(hashing)
        assert list(bench.manifest()) == ["deep/er/movie 2.mrc"]
        assert hashing.shown(1) == "1"
        unread = "1 file cannot be read, such as movie_1.mrc: no seal without them"
        assert bench.history()[1:] == [("unread", unread)]
        bench.clock.move(days=1.1)
        bench.settle(hashing)
    bench.require_whole(sealed=True)


def test_memory_does_not_grow_with_the_files(bench: Bench) -> None:
    many = bench.dataset / "many"
    many.mkdir()
    for number in range(20_000):
        os.close(os.open(many / f"movie_{number:06}.mrc", os.O_CREAT | os.O_WRONLY))
    with bench.opened() as (_, journal):
        bench.complete(journal)
    # A process of its own: what other tests needed before is not counted.
    settings = bench.configuration().model_dump_json()
    command = [sys.executable, "-c", MEASURED, settings, str(bench.folder / "facility.db")]
    grown_kib = int(subprocess.run(command, check=True, capture_output=True, timeout=120).stdout)
    assert bench.manifest().files == 20_002
    # One part is made in memory, and nothing else; it is 4 MB large. A million files take no more.
    assert 0 < grown_kib < 40 << 10
    assert (bench.sidecar / "SHA256SUMS").read_text().count("\n") == 20_002


MEASURED = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from fs2od.configuration import Configuration
from fs2od.facility import JOURNAL_SCHEMA
from fs2od.facility.hashing import Hashing
from fs2od.facility.journal import Journal
from fs2od.sqlite import Database

def peak_kib():
    # Not getrusage: what the parent needed before the exec counts there.
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])

_, settings, path = sys.argv
database = Database(Path(path), JOURNAL_SCHEMA)
later = datetime.now(UTC) + timedelta(hours=1)
hashing = Hashing(Configuration.model_validate_json(settings), Journal(database), clock=lambda: later)
before_kib = peak_kib()
hashing.work()
print(peak_kib() - before_kib)
database.close()
"""
