"""A real node over TLS with one shared dataset, and ways to ask for its archives."""

from __future__ import annotations

import http.client
import io
import json
import ssl
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import pytest

from fs2od.node.clock import Clock
from fs2od.onedata.ids import ShareId
from fs2od.storage import PosixStorage
from fs2od.testing.world import Dataset, Person, ServedWorld, serve_world

FEW = {"a/one": b"1" * 1000, "a/two": b"2" * 2000, "b/three": b"3" * 3000, "four": b"4"}
HOSTILE = {
    "plain.mrc": b"movie" * 1000,
    "empty": b"",
    "Images-Disc1/GridSquare_1/Data/FoilHole_1.mrc": bytes(range(256)) * 999,
    "Images-Disc1/GridSquare_1/Data/FoilHole_1.xml": b"<xml/>",
    "Images-Disc1/GridSquare_2/Data/FoilHole_2.mrc": b"\x01" * 70_001,
    "with blank and 'quotes'": b"1",
    'double "quotes"': b"2",
    "new\nline": b"3",
    "back\\slash": b"4",
    "-rf": b"5",
    "#?%;&+=": b"6",
    "name with trailing dot.": b"7",
    "CON": b"8",
    "aux.txt": b"9",
    "Case": b"10",
    "case": b"11",
    "ünïcode/名前": b"12",
    "u\u0308nicode": b"13",
    "x" * 255: b"14",
    "a~0123456789abcdef.txt": b"15",
    "a/" * 60 + "deep": b"16",
    "dir./within": b"17",
    "index.html": b"<script>",
}


class Answer:
    """What came back."""

    def __init__(self, status: int, headers: http.client.HTTPMessage, body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode()

    def tar(self) -> dict[str, bytes]:
        with tarfile.open(fileobj=io.BytesIO(self.body)) as archive:
            members = [member for member in archive if member.isfile()]
            return {member.name: read(archive, member) for member in members}

    def zip(self) -> dict[str, bytes]:
        with zipfile.ZipFile(io.BytesIO(self.body)) as archive:
            assert archive.testzip() is None
            return {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}


def read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    opened = archive.extractfile(member)
    assert opened is not None
    return opened.read()


class ArchiveSite:
    """A dataset, its share, and a client without any rights."""

    def __init__(self, world: ServedWorld, owner: Person, dataset: Dataset, share: ShareId) -> None:
        self.world = world
        self.owner = owner
        self.dataset = dataset
        self.share = share
        self.origin = world.node.settings.provider_url
        self.context = ssl.create_default_context(cafile=str(world.ca))

    @property
    def folder(self) -> Path:
        return self.dataset.folder

    @property
    def base(self) -> str:
        return f"/share/{self.share}"

    def rescan(self) -> None:
        self.world.rescan(self.dataset.space)

    def add(self, path: str, content: bytes) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    @contextmanager
    def opened(
        self, path: str, *, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[http.client.HTTPResponse]:
        parts = urlsplit(self.origin)
        connection = http.client.HTTPSConnection(
            parts.hostname or "", parts.port, context=self.context, timeout=60
        )  # fmt: skip
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            yield connection.getresponse()
        finally:
            connection.close()

    def ask(
        self, path: str, *, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        with self.opened(path, method=method, body=body, headers=headers) as response:
            return Answer(response.status, response.headers, response.read())

    def present(self, format_: str, *paths: str) -> Answer:
        return self.ask(f"{self.base}/archive.{format_}{query(paths)}")

    def part(self, path: str, first: int, last: int | None, **headers: str) -> Answer:
        wanted = f"bytes={first}-{'' if last is None else last}"
        return self.ask(path, headers={"Range": wanted, **{k.replace("_", "-"): v for k, v in headers.items()}})

    def pinned(self, format_: str, *paths: str) -> str:
        """Return the address of the present state."""
        answer = self.ask(f"{self.base}/archive.{format_}{query(paths)}", method="HEAD")
        assert answer.status == 200, answer.status
        return answer.headers["Content-Location"]

    def start(self, *paths: str, format_: str = "zip") -> str:
        """Return the path of a new session's address."""
        form = urlencode([("format", format_), *(("path", path) for path in paths)])
        answer = self.ask(f"{self.base}/archive", method="POST", body=form.encode())
        assert answer.status == 303, answer.text
        assert answer.headers["Location"].startswith(f"{self.origin}/download/")
        return urlsplit(answer.headers["Location"]).path

    def bulk(self, paths: Iterable[object], **more: object) -> Answer:
        return self.ask(f"{self.base}/bulk", method="POST", body=json.dumps({"paths": list(paths), **more}).encode())


def query(paths: Iterable[str]) -> str:
    found = "&".join(f"path={quote(path, safe='')}" for path in paths)
    return f"?{found}" if found else ""


@contextmanager
def archive_site(
    folder: Path, files: Mapping[str, bytes], *, clock: Clock | None = None, plain: bool = False
) -> Iterator[ArchiveSite]:
    with serve_world(folder, clock=clock, plain=plain) as world:
        owner = world.person()
        dataset = world.dataset(owner, files)
        yield ArchiveSite(world, owner, dataset, world.share(owner, dataset, name="set"))


def run(*line: str, folder: Path, may_fail: bool = False) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(line, cwd=folder, capture_output=True, timeout=120, check=False)
    if done.returncode and not may_fail:
        sys.stderr.write((done.stdout + done.stderr)[-3000:].decode(errors="replace"))
    assert may_fail or done.returncode == 0, (line, done.returncode)
    return done


class Meanwhile:
    """Does something when a file has been read in part."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.harm = threading.Event()
        self.opened = 0
        original = PosixStorage.open

        def open_(storage: PosixStorage, path: str) -> object:
            self.opened += 1
            if path.endswith(name):
                self.harm.wait(20)
            return original(storage, path)

        monkeypatch.setattr(PosixStorage, "open", open_)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArchiveSite]:
    """A dataset that no test changes."""
    with archive_site(tmp_path_factory.mktemp("shown"), HOSTILE) as site:
        yield site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[ArchiveSite]:
    with archive_site(tmp_path, FEW) as site:
        yield site
