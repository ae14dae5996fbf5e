"""A directory, its index, and scans of the one into the other; and what both say, to compare."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fs2od.node.index import Entry, Indexes, SpaceIndex
from fs2od.node.index.scans import undeliverable
from fs2od.node.index.schema import ROOT
from fs2od.node.panel.scanning import Counts, ScanRules, scan
from fs2od.onedata.ids import SpaceId
from fs2od.storage import Begin, Kind, PosixStorage, Seen, Storage

__all__ = ["RULES", "SPACE", "Clock", "Spy", "World", "indexes", "world"]


SPACE = SpaceId("a" * 32)


RULES = ScanRules(file_mode=0o664, directory_mode=0o775, excluded_names=frozenset({"fs2od-access.yml", ".fs2od"}))


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_800_000_000

    def now_s(self) -> int:
        return self.seconds

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)


class Spy(PosixStorage):
    """Notes what is listed, and runs something while it is."""

    def __init__(self, mount_point: Path) -> None:
        super().__init__(mount_point)
        self.listed: list[str] = []
        self.meanwhile: Callable[[str, Seen], None] = lambda _path, _seen: None

    def listing(self) -> AbstractContextManager[Begin]:
        return Storage.listing(self)

    def list(self, path: str) -> Iterator[Seen]:
        self.listed.append(path)
        for seen in super().list(path):
            self.meanwhile(path, seen)
            yield seen


class World:
    """A directory, its index, and scans of the one into the other."""

    def __init__(self, root: Path, index: SpaceIndex) -> None:
        self.root = root
        self.index = index
        self.clock = Clock()
        self.storage = Spy(root)
        self.stop = threading.Event()
        self.scans = 0

    def scan(self, rules: ScanRules = RULES, storage: Storage | None = None) -> Counts:
        self.scans += 1
        self.storage.listed.clear()
        counts = Counts()
        scan(
            self.index,
            storage or self.storage,
            number=self.scans,
            rules=rules,
            counts=counts,
            stop=self.stop,
            clock=self.clock,
        )
        return counts

    def settle(self) -> None:
        """Scan until every directory is quiet, and let the file system's clock tick."""
        for _ in range(3):
            self.scan()
            self.clock.seconds += RULES.quiet_s
        probe = self.root.parent / "probe"
        probe.touch()
        before = probe.stat().st_mtime_ns
        while probe.stat().st_mtime_ns == before:
            probe.touch()

    def write(self, path: str, content: bytes = b"x") -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    def found(self) -> dict[str, Entry]:
        root = self.index.get(ROOT)
        assert root is not None
        return dict(self.index.walk(root))

    def paths(self) -> set[str]:
        return set(self.found())

    def undeliverable(self) -> dict[str, str]:
        count, named = undeliverable(self.index, limit=100)
        assert count == len(named)
        return dict(named)

    def check(self) -> None:
        """The index says what the directory says, and every sum is what a recount gives."""
        assert facts_of_index(self.found()) == facts_of(self.root)
        self.check_sums()

    def check_sums(self) -> None:
        entries = self.found()
        root = self.index.get(ROOT)
        assert root is not None
        for path, directory in [("", root), *((p, e) for p, e in entries.items() if e.kind is Kind.DIRECTORY)]:
            prefix = f"{path}/" if path else ""
            below = [e for p, e in entries.items() if p.startswith(prefix) and e.kind is not Kind.DIRECTORY]
            files = sum(entry.kind is Kind.FILE for entry in below)
            assert (directory.files, directory.size_bytes) == (files, sum(entry.size_bytes for entry in below)), path


def facts_of_index(entries: dict[str, Entry]) -> dict[str, tuple[object, ...]]:
    return {
        path: (entry.kind.value,)
        if entry.kind is Kind.DIRECTORY
        else (entry.kind.value, entry.size_bytes, entry.mtime_ns, entry.ctime_ns, entry.target)
        for path, entry in entries.items()
    }


def facts_of(root: Path) -> dict[str, tuple[object, ...]]:
    """What os.walk says about a tree of deliverable names."""
    found: dict[str, tuple[object, ...]] = {}
    for above, directories, files in os.walk(root):
        for name in directories + files:
            path = Path(above, name)
            key = str(path.relative_to(root))
            facts = path.lstat()
            if path.is_symlink():
                found[key] = ("SYMLNK", facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, os.readlink(path))  # noqa: PTH115 - a Path drops points and slashes of what it says
            elif path.is_dir():
                found[key] = ("DIR",)
            else:
                found[key] = ("REG", facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, None)
    return found


@pytest.fixture
def indexes(tmp_path: Path) -> Iterator[Indexes]:
    indexes = Indexes(tmp_path / "spaces", limit=4)
    yield indexes
    indexes.close()


@pytest.fixture
def world(tmp_path: Path, indexes: Indexes) -> Iterator[World]:
    root = tmp_path / "root"
    root.mkdir()
    with indexes.using(SPACE) as index:
        yield World(root, index)
