"""Directories as TAR streams, unpacked by the programs that people have."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from fs2od.node.clock import SystemClock
from fs2od.node.cut_off import AccessEnded
from fs2od.node.index import Indexes
from fs2od.node.panel.scanning import Counts, ScanRules, scan
from fs2od.node.panel.support import Support
from fs2od.node.provider.archives import header, tar_stream
from fs2od.node.provider.located import Located
from fs2od.node.zone.callers import GUEST
from fs2od.onedata.ids import ProviderId, SpaceId, StorageId
from fs2od.onedata.tokens import DataAccess
from fs2od.storage import Kind, PosixStorage

SPACE = SpaceId("a" * 32)
CHUNK = 1 << 20


class Counting(PosixStorage):
    """Counts how many files are opened."""

    opened = 0

    def open(self, path: str) -> BinaryIO:
        self.opened += 1
        return super().open(path)


class Site:
    """A directory registered in an index."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.root.mkdir()
        self.indexes = Indexes(folder / "spaces", limit=1)
        self.storage = Counting(self.root)
        self.may_go_on = True
        self.asked = 0

    def write(self, path: str, content: bytes = b"") -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    def scan(self) -> None:
        rules = ScanRules(file_mode=0o664, directory_mode=0o775, excluded_names=frozenset())
        with self.indexes.using(SPACE) as index:
            scan(
                index, self.storage, number=1, rules=rules, counts=Counts(), stop=threading.Event(), clock=SystemClock()
            )  # fmt: skip

    def located(self, path: str = "") -> Located:
        with self.indexes.using(SPACE) as index:
            entry = index.lookup(path.split("/") if path else [])
            assert entry is not None
            support = Support(
                SPACE, ProviderId("p"), StorageId("s"), 10**9, imported=True, readonly=True, mode="auto", config=None
            )  # fmt: skip
            return Located(SPACE, entry, path, None, GUEST, support, 0, index.ref(entry.row), "set", DataAccess())

    def stream(self, top: Located | None = None, *, chunk_bytes: int = CHUNK) -> Generator[bytes, None, None]:
        def stands() -> bool:
            self.asked += 1
            return self.may_go_on

        return tar_stream(
            top or self.located(),
            self.storage,
            self.indexes,
            root_name="set",
            stands=stands,
            chunk_bytes=chunk_bytes,
            recheck_bytes=8 * CHUNK,
        )

    def names(self, top: Located | None = None) -> list[str]:
        with tarfile.open(fileobj=io.BytesIO(b"".join(self.stream(top)))) as archive:
            return archive.getnames()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.indexes.close()


def unpack_with_tar(archive: Path, into: Path) -> None:
    subprocess.run(["tar", "-xf", str(archive), "-C", str(into)], check=True, capture_output=True)


def unpack_with_bsdtar(archive: Path, into: Path) -> None:
    subprocess.run(["bsdtar", "-xf", str(archive), "-C", str(into)], check=True, capture_output=True)


def unpack_with_python(archive: Path, into: Path) -> None:
    with tarfile.open(archive) as opened:
        # Debian 12 has a Python without filters.
        opened.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
        opened.extractall(into)


UNPACKING = [unpack_with_tar, unpack_with_python, unpack_with_bsdtar]


def content_of(folder: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    for path in folder.rglob("*"):
        key = str(path.relative_to(folder))
        if path.is_symlink():
            found[key] = ("link", os.readlink(path))  # noqa: PTH115 - a Path drops points and slashes of what it says
        elif path.is_dir():
            found[key] = "folder"
        else:
            found[key] = (path.read_bytes(), int(path.stat().st_mtime))
    return found


@pytest.mark.parametrize("unpack", UNPACKING)
def test_what_is_unpacked_is_what_lay_there(site: Site, tmp_path: Path, unpack: Callable[[Path, Path], None]) -> None:
    site.write("empty")
    site.write("exact", b"x" * 512)
    site.write("large", os.urandom(3 * CHUNK + 5))
    site.write("Images-Disc1/GridSquare_1234567/Data/FoilHole_1_Data_2.mrc", b"movie")
    site.write("x" * 255 + "/" + "y" * 255, b"long names")
    site.write("/".join(["deep"] * 40) + "/file", b"long path")
    site.write("ünïcode/名前", b"names")
    site.write("-rf", b"dash")
    site.write("with blank", b"blank")
    site.write("old").touch()
    os.utime(site.root / "old", (0, 0))
    (site.root / "empty folder").mkdir()
    (site.root / "link").symlink_to("Images-Disc1/GridSquare_1234567")
    (site.root / "long link").symlink_to("x" * 255 + "/" + "y" * 255)
    (site.root / "odd link").symlink_to("ünïcode/名前")
    (site.root / "dangling").symlink_to("nowhere")
    site.scan()
    archive = tmp_path / "set.tar"
    archive.write_bytes(b"".join(site.stream()))
    into = tmp_path / "unpacked"
    into.mkdir()
    unpack(archive, into)
    assert content_of(into / "set") == content_of(site.root)


def test_modes_are_those_registered_and_owners_are_nobodys_business(site: Site) -> None:
    site.write("file", b"x").chmod(0o600)
    site.scan()
    with tarfile.open(fileobj=io.BytesIO(b"".join(site.stream()))) as archive:
        member = archive.getmember("set/file")
    assert (member.mode, member.uid, member.gid, member.uname, member.gname) == (0o664, 0, 0, "", "")


def test_a_folder_within_the_space_is_an_archive_of_its_own(site: Site) -> None:
    site.write("a/b/file")
    site.write("c")
    site.scan()
    assert site.names(site.located("a")) == ["set", "set/b", "set/b/file"]


def test_what_the_modes_or_the_token_close_is_left_out(site: Site) -> None:
    site.write("open/file")
    site.write("closed/file")
    site.write("other/file")
    site.write("secret")
    site.scan()
    with site.indexes.using(SPACE) as index:
        for path, mode in (("closed", 0o700), ("secret", 0o600)):
            entry = index.lookup([path])
            assert entry is not None
            index.set_mode(entry.row, mode)
    assert site.names() == ["set", "set/open", "set/open/file", "set/other", "set/other/file"]
    top = site.located()
    narrowed = replace(top, remaining=replace(top.remaining, paths=frozenset({f"/{SPACE}/open/file"})))
    assert site.names(narrowed) == ["set", "set/open", "set/open/file"]


def test_a_file_of_more_than_eight_gigabytes_is_announced_as_such(site: Site) -> None:
    size = (8 << 30) + 1000
    with site.write("huge").open("r+b") as file:
        file.truncate(size)
    site.scan()
    stream = site.stream(chunk_bytes=8 * CHUNK)
    beginning = next(stream)
    with tarfile.open(fileobj=io.BytesIO(beginning), mode="r|") as archive:
        members = [archive.next(), archive.next()]
    assert [(member.name, member.size) for member in members if member] == [("set", 0), ("set/huge", size)]
    stream.close()


def test_tar_reads_the_size_of_a_file_of_more_than_eight_gigabytes(tmp_path: Path) -> None:
    size = (8 << 30) + 1000
    blocks = header("set/huge", Kind.FILE, mode=0o664, mtime_s=0, size_bytes=size)
    archive = tmp_path / "huge.tar"
    archive.write_bytes(blocks)
    os.truncate(archive, len(blocks) + size + -size % 512 + 1024)  # the rest is a hole
    listing = subprocess.run(["tar", "--seek", "-tvf", str(archive)], check=True, capture_output=True)
    assert str(size).encode() in listing.stdout


def test_an_access_that_ends_breaks_the_stream_off(site: Site) -> None:
    for number in range(40):
        site.write(str(number), bytes(CHUNK))
    site.scan()
    stream = site.stream()
    next(stream)
    site.may_go_on = False
    with pytest.raises(AccessEnded):
        list(stream)
    assert site.asked == 1
    assert site.storage.opened <= 10


def change(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"other")


def shrink(path: Path) -> None:
    os.truncate(path, 10)


@pytest.mark.parametrize("harm", [change, shrink])
def test_a_file_that_changes_while_it_is_read_breaks_the_stream_off(site: Site, harm: Callable[[Path], None]) -> None:
    file = site.write("file", bytes(3 * CHUNK))
    site.scan()
    stream = site.stream()
    next(stream)
    harm(file)
    with pytest.raises(AccessEnded):
        list(stream)


def test_a_file_that_vanished_breaks_the_stream_off(site: Site) -> None:
    file = site.write("file", b"x")
    site.scan()
    file.unlink()
    with pytest.raises(AccessEnded):
        list(site.stream())


def test_a_file_that_became_a_link_to_elsewhere_is_not_followed(site: Site) -> None:
    file = site.write("file", b"x")
    site.scan()
    file.unlink()
    file.symlink_to("/etc/passwd")
    with pytest.raises(AccessEnded):
        list(site.stream())


def test_a_file_that_grew_since_it_was_registered_comes_as_it_is_now(site: Site) -> None:
    site.write("file", b"short")
    site.scan()
    site.write("file", b"longer than before")
    with tarfile.open(fileobj=io.BytesIO(b"".join(site.stream()))) as archive:
        member = archive.extractfile("set/file")
        assert member is not None
        assert member.read() == b"longer than before"


def test_a_stream_that_is_left_lets_go_of_its_file_and_index(site: Site) -> None:
    site.write("file", bytes(5 * CHUNK))
    site.scan()
    before = len(list(Path("/proc/self/fd").iterdir()))
    stream = site.stream()
    next(stream)
    stream.close()
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


@pytest.mark.parametrize(
    ("name", "size", "mtime_s", "target"),
    [
        ("set/file", 12345, 1_700_000_000, ""),
        ("a" * 100, 0, 0, ""),
        ("a" * 101, 1, 1, ""),
        ("d" * 155 + "/" + "a" * 100, 1, 1, ""),
        ("d" * 156 + "/" + "a" * 100, 1, 1, ""),
        ("d" * 150 + "/" + "a" * 101, 1, 1, ""),
        ("a/" * 100 + "file", 1, 1, ""),
        ("名前", 1, 1, ""),
        ("file", 8**11 - 1, 1, ""),
        ("file", 8**11, 1, ""),
        ("file", 1, -1, ""),
        ("file", 1, 8**11, ""),
    ],
)
@pytest.mark.parametrize("kind", [Kind.FILE, Kind.DIRECTORY, Kind.SYMLINK])
def test_a_header_says_the_same_to_python(name: str, size: int, mtime_s: int, target: str, kind: Kind) -> None:
    is_file = kind is Kind.FILE
    target = "t" * 100 if kind is Kind.SYMLINK else target
    blocks = header(name, kind, mode=0o664, mtime_s=mtime_s, size_bytes=size if is_file else 0, target=target)
    assert len(blocks) % 512 == 0
    with tarfile.open(fileobj=io.BytesIO(blocks + bytes(1024)), mode="r|") as archive:
        member = archive.next()
    assert member is not None
    assert (member.name, member.size, member.mtime, member.mode, member.linkname) == (
        name, size if is_file else 0, mtime_s, 0o664, target,
    )  # fmt: skip
    assert (member.isfile(), member.isdir(), member.issym()) == (is_file, kind is Kind.DIRECTORY, kind is Kind.SYMLINK)
