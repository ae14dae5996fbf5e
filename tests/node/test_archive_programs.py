"""Archives fetched and unpacked by the programs that people have, over TLS, cut and resumed."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

import pytest
from tests.node.archive_site import HOSTILE, ArchiveSite, archive_site, run

from fs2od.storage import PosixStorage

MIB = 1 << 20
LINKS = {"link": "plain.mrc", "Images-Disc1/near": "GridSquare_1"}
# Names that a ZIP calls otherwise are compared by their contents alone.
KEPT = [path for path in HOSTILE if path.startswith(("plain", "empty", "Images", "ünï", "x", "a/", "index"))]


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with one archive of each kind."""
    folder = tmp_path_factory.mktemp("archives")
    with archive_site(folder, HOSTILE) as site:
        for path, target in LINKS.items():
            (site.folder / path).symlink_to(target)
        os.utime(site.folder / "plain.mrc", (1_500_000_001, 1_500_000_001))
        site.rescan()
        for format_ in ("zip", "tar"):
            (folder / f"set.{format_}").write_bytes(site.present(format_).body)
        yield folder


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def in_form(form: Literal["NFC", "NFD"], found: dict[str, bytes]) -> dict[str, bytes]:
    return {unicodedata.normalize(form, path): content for path, content in found.items()}


UNPACKING = [
    ("tar", "tar", "-xf"),
    ("tar", "bsdtar", "-xf"),
    ("tar", "7z", "x"),
    ("zip", "unzip", "-q"),
    ("zip", "bsdtar", "-xf"),
    ("zip", "7z", "x"),
    ("zip", sys.executable, "-m", "zipfile", "-e"),
]


@pytest.mark.parametrize("line", UNPACKING, ids=" ".join)
def test_a_program_unpacks_it_whole(archives: Path, tmp_path: Path, line: tuple[str, ...]) -> None:
    format_, program, *options = line
    where = ["."] if program == sys.executable else []
    run(program, *options, str(archives / f"set.{format_}"), *where, folder=tmp_path)
    found = tree(tmp_path)
    if format_ == "tar" and program != "7z":
        # libarchive composes names on its way.
        form: Literal["NFC", "NFD"] = "NFC" if program == "bsdtar" else "NFD"
        assert in_form(form, found) == in_form(form, {f"set/{path}": content for path, content in HOSTILE.items()})
        assert program == "bsdtar" or "set/u\u0308nicode" in found
    else:
        for path in KEPT:
            assert found[f"set/{path}"] == HOSTILE[path]
    if program != sys.executable:  # it makes plain files of links, and knows no times
        assert {path: (tmp_path / "set" / path).readlink() for path in LINKS} == {
            path: Path(target) for path, target in LINKS.items()
        }
        assert int((tmp_path / "set/plain.mrc").stat().st_mtime) == 1_500_000_001
    assert set(found.values()) >= set(HOSTILE.values())


@pytest.mark.parametrize("line", [("unzip", "-t"), ("7z", "t"), ("zipinfo",), ("bsdtar", "-tvf")], ids=" ".join)
def test_a_program_finds_no_fault(archives: Path, line: tuple[str, ...]) -> None:
    done = run(*line, str(archives / "set.zip"), folder=archives)
    assert b"arning" not in done.stdout + done.stderr


def test_a_zip_can_be_unpacked_from_a_pipe(archives: Path, tmp_path: Path) -> None:
    with (archives / "set.zip").open("rb") as source:
        subprocess.run(["bsdtar", "-xf", "-"], stdin=source, cwd=tmp_path, check=True, capture_output=True)
    assert sorted(tree(tmp_path).values()) == sorted(HOSTILE.values())


class Cutting:
    """A way to the node on which each connection ends after some bytes, as bad lines do."""

    def __init__(self, port: int, limit_bytes: int) -> None:
        self._target = ("localhost", port)
        self._limit_bytes = limit_bytes
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.connections = 0
        self._threads: list[threading.Thread] = []

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._carry, args=(client,))
            thread.start()
            self._threads.append(thread)

    def _carry(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target, timeout=60) as server:
            client.settimeout(60)
            up = threading.Thread(target=_copy, args=(client, server, 1 << 62))
            up.start()
            _copy(server, client, self._limit_bytes)
            for end in (client, server):
                _shut(end)
            up.join(60)

    @contextmanager
    def carrying(self) -> Iterator[Cutting]:
        thread = threading.Thread(target=self._accept)
        thread.start()
        try:
            yield self
        finally:
            self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            thread.join(60)
            for other in self._threads:
                other.join(60)


def _copy(source: socket.socket, target: socket.socket, limit_bytes: int) -> None:
    left = limit_bytes
    try:
        while left and (data := source.recv(min(left, 65536))):
            target.sendall(data)
            left -= len(data)
    except OSError:
        return


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def curl(site: ArchiveSite, address: str, into: Path) -> bool:
    line = ["curl", "-sS", "--http1.1", "--cacert", str(site.world.ca), "-C", "-", "-o", str(into), address]
    return subprocess.run(line, capture_output=True, timeout=60, check=False).returncode == 0


def wget(site: ArchiveSite, address: str, into: Path) -> bool:
    line = ["wget", "-q", "-c", "-t", "1", f"--ca-certificate={site.world.ca}", "-O", str(into), address]
    return subprocess.run(line, capture_output=True, timeout=60, check=False).returncode == 0


@pytest.mark.parametrize(
    ("fetch", "format_", "by"),
    [(curl, "zip", "session"), (curl, "tar", "state"), (wget, "zip", "state"), (wget, "tar", "session")],
)
def test_a_download_that_is_cut_again_and_again_goes_on_where_it_was(
    tmp_path: Path, fetch: Callable[[ArchiveSite, str, Path], bool], format_: str, by: str
) -> None:
    large = {"0": os.urandom(5 * MIB), "1/2": os.urandom(3 * MIB), **{f"small/{n}": b"%d" % n for n in range(300)}}
    with archive_site(tmp_path, large) as site:
        path = site.start(format_=format_) if by == "session" else site.pinned(format_)
        port = int(site.origin.rpartition(":")[2])
        with Cutting(port, 3 * MIB).carrying() as line:
            into, tries = tmp_path / "download", 0
            while not fetch(site, f"https://localhost:{line.port}{path}", into):
                tries += 1
                assert tries < 20
        assert tries >= 2
        assert hashlib.sha256(into.read_bytes()).digest() == hashlib.sha256(site.ask(path).body).digest()
        assert line.connections == tries + 1


def test_the_first_bytes_come_when_few_files_were_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, original = list[str](), PosixStorage.open

    def noting(storage: PosixStorage, path: str) -> BinaryIO:
        opened.append(path)
        return original(storage, path)

    with archive_site(tmp_path, {f"{n % 20}/{n:05}": bytes(MIB) for n in range(100)}) as site:
        monkeypatch.setattr(PosixStorage, "open", noting)
        with site.opened(f"{site.base}/archive.zip") as answer:
            assert len(answer.read(1000)) == 1000
            assert len(opened) < 80
