"""Every command that a dataset's page offers, run with the real program over TLS, on a dataset with hostile names."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

import pytest
from tests.node.test_data_checksums import publish
from tests.system.configuring import configured

from fs2od.node.running import open_node
from fs2od.node.settings import NodeSettings
from fs2od.portal._commands import dataset_commands
from fs2od.testing import microscope
from fs2od.testing.system import System, wait_for
from fs2od.testing.world import World, _administrator

NAMES = (
    "new\nline",
    "end\n",
    "tab\there",
    "return\rhere",
    "quo\"te's",
    "#?%;+=",
    "a&b",
    "%41",
    "a?b=c",
    "-rf",
    "--help",
    "-",
    "javascript:alert(1)",
    "http:",
    "x;type=a",
    "<b>bold<!--",
    "back\\slash",
    "glob[1]*{a,b}",
    "$(touch gone)`id`",
    "~",
    "...",
    "caf\u00e9",
    "cafe\u0301",
    " blanks  in  it ",
    "index.html",
    "robots.txt",
    "\u202egpj.exe",
    "\x01\x7f\u0085",
    "n" * 255,
    "\u6587" * 85,
)
PAGE = b'<a href="broken">a page of the dataset with a link to nowhere</a>'
Tree = dict[bytes, bytes]


def files() -> dict[str, bytes]:
    """Return a dataset: each name as a file and as a folder, pages with links to nowhere, something empty, large, and deep."""
    plain = {name: name.encode() for name in NAMES}
    deep = {f"deep/{name}/x": f"in {name}".encode() for name in NAMES}
    pages = {"sub/report.html": PAGE, "sub/index.html": PAGE}
    deepest = {"/".join("12345678") + "/x": b"deeper than wget goes by itself"}
    return {**plain, **deep, **deepest, **pages, "sub/empty": b"", "large.mrc": os.urandom(20 << 20)}


def tree(folder: Path) -> Tree:
    """Return what lies below a folder by the bytes of its paths, but for the sidecar, which not every tool fetches."""
    found = {os.fsencode(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {path: content for path, content in found.items() if not path.startswith(b"fs2od-sidecar/")}


def expected(rename: Callable[[bytes], bytes | None]) -> Tree:
    """Return the dataset as a tool brings it that calls some files differently, or leaves them out (None)."""
    renamed = {rename(os.fsencode(path)): content for path, content in CONTENT.items()}
    return {path: content for path, content in renamed.items() if path is not None}


def as_they_are(path: bytes) -> bytes:
    return path


def as_wget(path: bytes) -> bytes:
    """Wget shortens names to 236 bytes, and decodes what looks like a percent-encoding in a file's name once more."""
    *above, name = path.split(b"/")
    decoded = unquote_to_bytes(name) if re.search(rb"%[0-9A-Fa-f]{2}", name) else name
    return b"/".join(part[:236] for part in (*above, decoded))


def as_aria2(path: bytes) -> bytes | None:
    """Control characters are not in the Metalink; and aria2 writes an ampersand as XML's reference to it."""
    return None if re.search(rb"[\x00-\x1f\x7f]", path) else path.replace(b"&", b"&#38;")


CONTENT = files()


@dataclass
class Site:
    """A node that serves the dataset, and a folder to run commands in."""

    link: str
    data: str
    twin: Mapping[str, str]
    home: Path

    def run(self, line: str, *, within_s: float = 120) -> subprocess.CompletedProcess[bytes]:
        """Run a line as a person's shell does, in a folder with the node's certificate."""
        here = Path(sys.executable).parent
        environment = {
            "PATH": f"{self.home / 'names of Windows'}:{here}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LC_ALL": "C.UTF-8",
            **{name: value for name, value in os.environ.items() if name in {"PYTHONPATH", "TMPDIR"}},
        }
        return subprocess.run(
            ["sh", "-c", line], cwd=self.home, env=environment, capture_output=True, timeout=within_s, check=False
        )

    def get(self, tool: str) -> Tree:
        """Run what the page offers for a tool, and return what lies in the folder then."""
        done = self.run(self.twin[tool])
        assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")[-2000:]
        return tree(self.home / "dataset-one")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[System, str]]:
    home = tmp_path_factory.mktemp("node")
    system = System(home)
    settings = NodeSettings(system.data / "node", f"localhost:{system.port}", f"localhost:{system.port + 1}")
    with open_node(settings) as opened:
        world = World(opened, home, _administrator(opened), {})
        owner = world.person()
        dataset = world.dataset(owner, CONTENT)
        publish(dataset, 1, *CONTENT)
        world.rescan(dataset.space)
        share = world.share(owner, dataset, name="dataset one")
    with system:
        system.start_node()
        yield system, share


@pytest.fixture
def site(node: tuple[System, str], tmp_path: Path) -> Site:
    system, share = node
    link = f"{system.facts['zone']}/share/{share}"
    shutil.copy(system.facts["ca"], tmp_path / "fs2od-ca.pem")
    windows = tmp_path / "names of Windows"
    windows.mkdir()
    for name, here in (("curl.exe", "curl"), ("py", f"'{sys.executable}'")):
        (windows / name).write_text(f'#!/bin/sh\nexec {here} "$@"\n')
        (windows / name).chmod(0o755)
    with system.http() as http:
        twin = http.get(f"{link}.json").json()["commands"]
    return Site(link, f"{system.facts['provider']}/share/{share}", twin, tmp_path)


def test_no_command_switches_verification_off_and_all_name_the_certificate(site: Site) -> None:
    assert {"fs2od", "Python", "wget", "rclone", "aria2", "curl", "sha256sum"} <= set(site.twin)
    for line in site.twin.values():
        assert "fs2od-ca.pem" in line
        assert not re.search(r"(^|\s)(-k|--insecure|--no-check-certificate|--check-certificate=false)(\s|$)", line)


@pytest.mark.parametrize("tool", ["wget", "rclone", "aria2", "curl", "sha256sum"])
def test_a_command_without_the_certificate_fails(site: Site, tool: str) -> None:
    line = re.sub(r" --[a-z-]+[ =]fs2od-ca\.pem", "", site.twin[tool])
    assert "fs2od-ca.pem" not in line
    (site.home / "dataset-one").mkdir()
    assert site.run(line).returncode != 0
    assert tree(site.home / "dataset-one") == {}


def test_our_own_command_brings_everything(site: Site) -> None:
    assert site.get("fs2od") == expected(as_they_are)


@pytest.mark.parametrize("tool", ["Python", "Python for Windows"])
def test_one_python_file_brings_everything_with_nothing_installed(site: Site, tool: str) -> None:
    assert site.get(tool) == expected(as_they_are)


def test_rclone_brings_everything(site: Site) -> None:
    assert site.get("rclone") == expected(as_they_are)


def test_rclone_goes_on_where_it_was(site: Site) -> None:
    site.get("rclone")
    (site.home / "dataset-one" / "large.mrc").unlink()
    os.truncate(site.home / "dataset-one" / "sub" / "report.html", 3)
    assert site.get("rclone") == expected(as_they_are)


def test_wget_brings_everything_but_some_names(site: Site) -> None:
    assert site.get("wget") == expected(as_wget)


def test_wget_run_again_mends_what_was_cut_off_and_follows_no_page_of_the_dataset(site: Site) -> None:
    site.get("wget")
    os.truncate(site.home / "dataset-one" / "large.mrc", 1_000_000)
    (site.home / "dataset-one" / "sub" / "empty").unlink()
    assert site.get("wget") == expected(as_wget)


def test_aria2_brings_everything_but_some_names(site: Site) -> None:
    assert site.get("aria2") == expected(as_aria2)


def test_aria2_run_again_mends_what_is_wrong(site: Site) -> None:
    site.get("aria2")
    with (site.home / "dataset-one" / "large.mrc").open("r+b") as large:
        large.seek(9_000_000)
        large.write(bytes([CONTENT["large.mrc"][9_000_000] ^ 1]))
    os.truncate(site.home / "dataset-one" / "sub" / "report.html", 3)
    (site.home / "dataset-one" / "robots.txt").unlink()
    assert site.get("aria2") == expected(as_aria2)


def unpacked(site: Site) -> Tree:
    (archive,) = site.home.glob("*.tar")
    with tarfile.open(archive) as opened:
        # Debian 12 has a Python without filters.
        opened.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
        opened.extractall(site.home / "unpacked")
    (folder,) = (site.home / "unpacked").iterdir()
    return tree(folder)


def test_curl_brings_everything_as_one_tar(site: Site) -> None:
    done = site.run(site.twin["curl"])
    assert done.returncode == 0, done.stderr
    assert unpacked(site) == expected(as_they_are)


def test_curl_goes_on_within_the_archive(site: Site) -> None:
    cut = site.run(f"{site.twin['curl']} --max-filesize 1")
    assert cut.returncode != 0
    stop_early = site.run(site.twin["curl"].replace("curl ", "curl --limit-rate 8M --max-time 1 ", 1))
    assert stop_early.returncode == 28
    (archive,) = site.home.glob("*.tar")
    assert 0 < archive.stat().st_size < len(CONTENT["large.mrc"])
    assert site.run(site.twin["curl"]).returncode == 0
    once_more = site.run(site.twin["curl"])  # curl 7.88 takes a complete file for a failure, and leaves it as it is
    assert once_more.returncode == 0 or b"416" in once_more.stderr
    assert unpacked(site) == expected(as_they_are)


def test_windows_gets_a_whole_zip(site: Site) -> None:
    done = site.run(site.twin["curl for Windows"])
    assert done.returncode == 0, done.stderr
    (archive,) = site.home.glob("*.zip")
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        contents = [
            opened.read(one) for one in opened.infolist() if not one.is_dir() and "fs2od-sidecar" not in one.filename
        ]
    assert sorted(contents) == sorted(CONTENT.values())


def test_a_dataset_that_is_too_large_for_a_look_at_each_view_comes_in_one_go(site: Site) -> None:
    commands = {
        each.tool: each.line for each in dataset_commands(site.link, "dataset one", authority=True, data=site.data)
    }
    done = site.run(commands["curl"])
    assert done.returncode == 0, done.stderr
    assert unpacked(site) == expected(as_they_are)


@pytest.mark.parametrize("name", NAMES)
def test_the_commands_of_a_single_file_bring_it(node: tuple[System, str], site: Site, name: str) -> None:
    with node[0].http() as http:
        page = http.get(f"{site.link}/files/deep/{quote(name, safe='')}/x").text
    lines = [html.unescape(line) for line in re.findall(r"<pre class=\"command\"[^>]*><code>(.*?)</code>", page)]
    assert [line.split()[0] for line in lines] == ["curl", "wget"]
    for line in lines:
        done = site.run(line)
        assert done.returncode == 0, done.stderr
        assert (site.home / "x").read_bytes() == f"in {name}".encode()
        (site.home / "x").unlink()


@pytest.mark.parametrize("tool", ["Python, to check", "Python for Windows, to check"])
def test_python_checks_what_any_tool_brought_and_says_so(site: Site, tool: str) -> None:
    site.get("rclone")
    done = site.run(site.twin[tool])
    assert done.returncode == 0
    assert b"all intact" in done.stdout + done.stderr
    damaged = site.home / "dataset-one" / "a&b"
    before = damaged.stat()
    damaged.write_bytes(b"b&a")
    os.utime(damaged, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert site.run(site.twin[tool]).returncode == 8


@pytest.mark.parametrize("tool", ["sha256sum", "shasum"])
def test_checksums_are_checked_afterwards(site: Site, tool: str) -> None:
    site.get("rclone")
    done = site.run(site.twin[tool])
    assert done.returncode == 0, done.stdout + done.stderr
    (site.home / "dataset-one" / "a&b").write_bytes(b"b&a")
    wrong = site.run(site.twin[tool])
    assert wrong.returncode != 0
    assert b"a&b: FAILED" in wrong.stdout


def test_what_the_facility_hashed_is_what_the_tools_check(system: System, tmp_path: Path) -> None:
    with configured(system).open("a") as configuration:
        configuration.write('[checksums]\nfirst_within = "1 s"\n')
    facts = system.start()
    system.record(microscope.Session.of_files(30), "dataset")
    link = system.wait_for_mail().link
    shutil.copy(facts["ca"], tmp_path / "fs2od-ca.pem")
    with system.http() as http:
        data = f"{facts['provider']}/share/{link.rpartition('/')[2]}"
        wait_for(
            lambda: http.get(f"{data}/SHA256SUMS").text.count("\n") >= 29, within_s=60, what="the checksums of 29 files"
        )
        site = Site(link, data, http.get(f"{link}.json").json()["commands"], tmp_path)
        folder = site.twin["rclone"].split()[3]
        assert site.run(site.twin["rclone"]).returncode == 0
        done = site.run(site.twin["sha256sum"])
        assert done.returncode == 0, done.stdout + done.stderr
        some = next(path for path in (tmp_path / folder).rglob("*.mrc"))
        answer = http.head(f"{data}/files/{some.relative_to(tmp_path / folder)}")
    digest = b64encode(sha256(some.read_bytes()).digest()).decode()
    assert answer.headers["Repr-Digest"] == f"sha-256=:{digest}:"


def test_commands_are_for_somebody_and_told_apart() -> None:
    address = "https://data.example.org:8444/share/8f"
    commands = dataset_commands(
        "https://data.example.org:8443/share/8f", "Grid 2", authority=False, data=address, archive=f"{address}/a/b"
    )
    assert all(command.says and command.platforms for command in commands)
    assert len({command.tool for command in commands}) == len(commands)
    assert not any("fs2od-ca.pem" in command.line for command in commands)
    assert {platform for command in commands for platform in command.platforms} == {"Linux", "macOS", "Windows"}
