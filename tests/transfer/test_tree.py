"""What lies in all folders of a complete dataset is asked for at once, and counts only where it shows what was promised."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.transfer.test_early_sidecar import PART_PATH, SEAL_PATH, gives, in_folder

from fs2od.manifests import MANIFEST, SEAL, SIDECAR
from fs2od.testing.network import HostileShare, Reply, listed, reply_of
from fs2od.testing.sidecars import extend_sidecar
from fs2od.transfer import Download, parse_link

PATHS = ("in", "in/a", SIDECAR, f"{SIDECAR}/{MANIFEST}", PART_PATH, SEAL_PATH)
FOLDERS = ("in", SIDECAR, MANIFEST)
Entries = list[dict[str, Any]]


@pytest.fixture
def share(tmp_path: Path) -> Iterator[HostileShare]:
    """A complete dataset with one file in a folder, whose node gives files in bulk."""
    file = tmp_path / "one/in/a"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"aaa")
    extend_sidecar(tmp_path / "one", seal=True)
    files = {path: (tmp_path / "one" / path).read_bytes() for path in ("in/a", PART_PATH, SEAL_PATH)}
    with HostileShare([listed("in", kind="DIR"), listed(SIDECAR, kind="DIR")]) as running:
        where = {"version": 1, "data": f"{running.url}/share/{{id}}", "bulk_paths": 1000}
        seal, part = (listed(path.rpartition("/")[2], len(files[path])) for path in (SEAL_PATH, PART_PATH))
        running.answers = {
            "/.well-known/fs2od.json": lambda _: reply_of(where),
            "children of id-in": in_folder(listed("a", 3, mtime=int(file.stat().st_mtime))),
            f"children of id-{SIDECAR}": in_folder(listed(MANIFEST, kind="DIR"), seal),
            f"children of id-{MANIFEST}": in_folder(part),
        }
        gives(running, files)
        yield running


def entries(folder: Path) -> Entries:
    """Return what a node says of everything."""
    return [
        {
            **listed(path.rpartition("/")[2], kind="DIR" if (folder / path).is_dir() else "REG"),
            "size": (folder / path).stat().st_size,
            "mtime": int((folder / path).stat().st_mtime),
            "path": path,
        }
        for path in PATHS
    ]


def answer(share: HostileShare, reply: Reply) -> None:
    share.answers[f"/share/{share.link.rpartition('/')[2]}/tree.json.gz"] = lambda _: reply


def folders_asked(share: HostileShare) -> list[str]:
    return [name for name in FOLDERS for each in share.asked if each.path.endswith(f"/id-{name}/children")]


def test_no_folder_is_listed_that_was_told_at_once(share: HostileShare, tmp_path: Path) -> None:
    answer(share, reply_of(gzip.compress(json.dumps({"entries": entries(tmp_path / "one")}).encode())))
    report = Download(parse_link(share.link), tmp_path / "out").run()
    assert (report.exit_code, report.sealed, report.files_intact) == (0, True, 1), report.summary()
    assert (tmp_path / "out/in/a").read_bytes() == b"aaa"
    assert folders_asked(share) == []


def without(name: str) -> Callable[[Entries], Entries]:
    return lambda found: [each for each in found if each["name"] != name]


@pytest.mark.parametrize(
    "spoiled",
    [
        without("a"),
        without(SEAL),
        lambda found: [{**each, "size": 4} if each["name"] == "a" else each for each in found],
        lambda found: [{**each, "mtime": 4} if each["name"] == "a" else each for each in found],
        lambda found: [*found, {**found[0], "path": "elsewhere"}],
        lambda found: [*found, {"path": "nameless"}],
        lambda found: [*found, {**found[0], "path": ["in"]}],
    ],
    ids=["no file", "no seal", "another size", "another time", "another name", "no name", "no path"],
)
def test_what_is_told_at_once_and_does_not_fit_is_listed_anew(
    share: HostileShare, tmp_path: Path, spoiled: Callable[[Entries], Entries]
) -> None:
    answer(share, reply_of(gzip.compress(json.dumps({"entries": spoiled(entries(tmp_path / "one"))}).encode())))
    report = Download(parse_link(share.link), tmp_path / "out").run()
    assert (report.exit_code, report.sealed, report.files_intact) == (0, True, 1), report.summary()
    assert folders_asked(share) == [*FOLDERS]


@pytest.mark.parametrize(
    "reply",
    [reply_of(b"", status=404), reply_of(b"{}"), reply_of(gzip.compress(b"{}")), reply_of(gzip.compress(b"[" * 9000))],
    ids=["404", "not compressed", "nothing", "nested"],
)
def test_an_answer_that_tells_nothing_is_done_without(share: HostileShare, tmp_path: Path, reply: Reply) -> None:
    answer(share, reply)
    report = Download(parse_link(share.link), tmp_path / "out").run()
    assert (report.exit_code, report.files_intact, folders_asked(share)) == (0, 1, [*FOLDERS]), report.summary()
