"""Random changes between scans: the index always says what the directory says, and no sum is ever wrong."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.node.scan_scene import Clock

from fs2od.node.index import Entry, Indexes
from fs2od.node.index.schema import ROOT
from fs2od.node.panel.scanning import Counts, ScanRules, ScanStopped, scan
from fs2od.onedata.ids import SpaceId
from fs2od.storage import Begin, Kind, PosixStorage, Seen, Storage

NAMES = st.sampled_from(["a", "b", "A", "c d", "é"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
ANY = st.integers(0, 1000)
"""Which of what is there; see `chosen`."""
RULES = ScanRules(file_mode=0o664, directory_mode=0o775, excluded_names=frozenset({"fs2od-access.yml"}))


class Stopping(PosixStorage):
    """Tells the scan to stop after so many entries."""

    def __init__(self, mount_point: Path, entries: int, stop: threading.Event) -> None:
        super().__init__(mount_point)
        self.entries = entries
        self.stop = stop

    def listing(self) -> AbstractContextManager[Begin]:
        return Storage.listing(self)

    def list(self, path: str) -> Iterator[Seen]:
        for seen in super().list(path):
            self.entries -= 1
            if self.entries <= 0:
                self.stop.set()
            yield seen


class Tree(RuleBasedStateMachine):
    """A directory that somebody works in, and scans of it.

    `hidden` are the files that were written to in place, so that their folder's times stand: a scan may pass over them
    for as long as the rules trust a quiet folder.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cleanup = ExitStack()
        self.folder = Path(self.cleanup.enter_context(tempfile.TemporaryDirectory()))
        self.root = self.folder / "root"
        self.root.mkdir()
        self.indexes = Indexes(self.folder / "spaces", limit=1)
        self.cleanup.callback(self.indexes.close)
        self.index = self.cleanup.enter_context(self.indexes.using(SpaceId("a" * 32)))
        self.clock = Clock()
        self.scans = 0
        self.hidden: set[str] = set()
        self.latest_s = self.clock.seconds

    def teardown(self) -> None:
        self.cleanup.close()

    @rule(path=PATHS, content=st.binary(max_size=4))
    def write_new(self, path: str, content: bytes) -> None:
        file = self.root / path
        if not self.free(file):
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    @rule(which=ANY, content=st.binary(min_size=1, max_size=4))
    def write_in_place(self, which: int, content: bytes) -> None:
        file = self.chosen(which, Kind.FILE)
        if file is not None:
            facts = file.stat()
            with file.open("r+b") as opened:
                opened.write(content)
            if content[0] % 2:  # as `rsync --inplace --times` leaves it
                os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
            self.hidden.add(str(file.relative_to(self.root)))

    @rule(path=PATHS, pause_s=st.integers(0, RULES.quiet_s - 1), pauses=st.integers(1, 3))
    def write_slowly_while_scans_go_on(self, path: str, pause_s: int, pauses: int) -> None:
        file = self.root / path
        if not self.free(file):
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"1")
        for _ in range(pauses):
            self.run_scan(PosixStorage(self.root), threading.Event())
            self.clock.seconds += pause_s
            with file.open("ab") as opened:
                opened.write(b"more")
        self.run_scan(PosixStorage(self.root), threading.Event())
        self.hidden.discard(path)
        self.compare()

    @rule(which=ANY, content=st.binary(max_size=4))
    def replace(self, which: int, content: bytes) -> None:
        file = self.chosen(which, Kind.FILE)
        if file is not None:
            other = self.folder / "partial"
            other.write_bytes(content)
            other.replace(file)

    @rule(which=ANY)
    def remove(self, which: int) -> None:
        file = self.chosen(which)
        if file is None:
            return
        if kind_of(file) is Kind.DIRECTORY:
            shutil.rmtree(file)
        else:
            file.unlink()

    @rule(path=PATHS)
    def make_folder(self, path: str) -> None:
        if self.free(self.root / path):
            (self.root / path).mkdir(parents=True)

    @rule(path=PATHS, to=st.sampled_from(["a", "../b", "a/b", "é"]))
    def link(self, path: str, to: str) -> None:
        file = self.root / path
        if self.free(file) and file.parent.is_dir() and file.parent.relative_to(self.root).parts:
            file.symlink_to(to)

    @rule(which=ANY, to=PATHS)
    def rename(self, which: int, to: str) -> None:
        source, target = self.chosen(which), self.root / to
        if source is None:
            return
        path = str(source.relative_to(self.root))
        if any(one.is_symlink() for one in (source, *source.rglob("*"))):
            return  # elsewhere it could lead out of the tree
        if self.free(target) and not target.is_relative_to(source):
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)
            self.hidden = {
                to + old.removeprefix(path) if f"{old}/".startswith(f"{path}/") else old for old in self.hidden
            }

    @rule(seconds=st.sampled_from([1, 59, 61, 300, 1000, -500]))
    def let_time_pass(self, seconds: int) -> None:
        self.clock.seconds += seconds

    @rule()
    def scan(self) -> None:
        self.run_scan(PosixStorage(self.root), threading.Event())
        self.compare()

    @rule(entries=st.integers(min_value=1, max_value=8))
    def begin_a_scan(self, entries: int) -> None:
        stop = threading.Event()
        try:
            self.run_scan(Stopping(self.root, entries, stop), stop)
        except ScanStopped:
            return
        self.compare()

    @precondition(lambda self: self.hidden)
    @rule()
    def look_again_in_the_end(self) -> None:
        self.clock.seconds = self.latest_s + RULES.trust_s
        self.run_scan(PosixStorage(self.root), threading.Event())
        self.hidden.clear()
        self.compare()

    @invariant()
    def sums_are_those_of_a_recount(self) -> None:
        root = self.index.get(ROOT)
        assert root is not None
        entries = dict(self.index.walk(root))
        for path, directory in [("", root), *entries.items()]:
            if directory.kind is Kind.DIRECTORY:
                prefix = f"{path}/" if path else ""
                below = [e for p, e in entries.items() if p.startswith(prefix) and e.kind is not Kind.DIRECTORY]
                files = sum(entry.kind is Kind.FILE for entry in below)
                assert (directory.files, directory.size_bytes) == (files, sum(e.size_bytes for e in below))

    def chosen(self, which: int, kind: Kind | None = None) -> Path | None:
        there = sorted(path for path in self.root.rglob("*") if kind is None or kind_of(path) is kind)
        return there[which % len(there)] if there else None

    def free(self, path: Path) -> bool:
        """Say whether something can be made at a path."""
        above = [*path.parents][: len(path.relative_to(self.root).parts) - 1]
        return not os.path.lexists(path) and all(
            folder.is_dir() and not folder.is_symlink() for folder in above if os.path.lexists(folder)
        )

    def run_scan(self, storage: PosixStorage, stop: threading.Event) -> None:
        self.tick()
        self.latest_s = max(self.latest_s, self.clock.seconds)
        self.scans += 1
        scan(
            self.index, storage, number=self.scans, rules=RULES, counts=Counts(), stop=stop, clock=self.clock
        )  # fmt: skip
        self.tick()

    def tick(self) -> None:
        """Wait until the file system's clock has moved: the scans' clock here jumps, so that no coarse stamp may hide a change."""
        probe = self.folder / "probe"
        probe.touch()
        before = probe.stat().st_mtime_ns
        while probe.stat().st_mtime_ns == before:
            probe.touch()

    def compare(self) -> None:
        root = self.index.get(ROOT)
        assert root is not None
        registered = dict(self.index.walk(root))
        there = {str(path.relative_to(self.root)): path for path in self.root.rglob("*")}
        assert {path: entry.kind for path, entry in registered.items()} == {p: kind_of(f) for p, f in there.items()}
        for path, entry in registered.items():
            if entry.kind is not Kind.DIRECTORY and path not in self.hidden:
                assert facts_of_entry(entry) == facts_of(there[path]), path


def kind_of(path: Path) -> Kind:
    if path.is_symlink():
        return Kind.SYMLINK
    return Kind.DIRECTORY if path.is_dir() else Kind.FILE


def facts_of(path: Path) -> tuple[int, int, int]:
    facts = path.lstat()
    return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def facts_of_entry(entry: Entry) -> tuple[int, int, int]:
    return entry.size_bytes, entry.mtime_ns, entry.ctime_ns


TestTree = Tree.TestCase
TestTree.settings = settings(
    max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestTree = pytest.mark.timeout(600)(TestTree)
