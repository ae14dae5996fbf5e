"""What people run, at a service that has Onedata's API and none of ours: everything works, and only what is published is asked for.

What is beyond it is asked for once, at most, and answered with 404, as a real Onedata does.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.mount.desk import Desk

from fs2od.manifests import PIECE_BYTES
from fs2od.testing.descriptions import Description
from fs2od.testing.downloading import BehindProxy, Downloader, behind_proxy, publish
from fs2od.testing.mounting import mounted
from fs2od.testing.network import Exchange, Request
from fs2od.testing.system import tree
from fs2od.testing.world import Dataset, wait_until, write_files

LONGEST_S = 600.0
DESCRIPTIONS = Path(__file__).parents[3] / "shared" / "onedata" / "openapi"
BIG = random.Random(4).randbytes(2 * PIECE_BYTES + 77)
FILES = {"SPA.yml": b"User: {}\n", "big.mrc": BIG, "Grids/empty": b"", "Grids/ü #%41.txt": b"name"}
FILES |= {f"Grids/{number:03}.mrc": bytes([number]) * 3000 for number in range(40)}
STATE = ".fs2od-mirror"
# What a Onedata says to what it has not.
NOT_THERE = {404, 405}


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[BehindProxy]:
    with behind_proxy(tmp_path / "site", plain=True) as found:
        yield found
        if DESCRIPTIONS.exists():
            assert beyond_what_is_published(found) == []


@pytest.fixture
def desk(behind: BehindProxy, tmp_path: Path) -> Desk:
    return Desk(behind.world, tmp_path / "home")


@pytest.fixture
def dataset(desk: Desk) -> Dataset:
    return desk.world.dataset(desk.alex, FILES, name="grid")


def beyond_what_is_published(behind: BehindProxy) -> list[str]:
    described = [Description(DESCRIPTIONS, name) for name in ("onezone", "oneprovider")]
    found = [each.request for each in behind.proxy.exchanges if each.status not in NOT_THERE]
    assert found
    return sorted(
        f"{each.method} {each.target} {each.body[:300]!r}"
        for each in found
        if not is_published(described, each.method, each.target, json_in(each))
    )


def json_in(request: Request) -> object:
    is_json = request.headers.get("content-type", "") == "application/json"
    return json.loads(request.body) if is_json and request.body else None


def is_published(described: list[Description], method: str, target: str, document: object = None) -> bool:
    url = urlsplit(target)
    names = [name for name, _ in parse_qsl(url.query, keep_blank_values=True)]
    # CDMI is a standard of its own, which Onedata has as well; and to /download/ it leads whoever asks for a folder's content.
    if url.path.startswith(("/cdmi/", "/download/")):
        return True
    bases = {f"/api/v3/{each.service}": each for each in described}
    return any(
        each.knows(method, url.path.removeprefix(base), names, document)
        for base, each in bases.items()
        if url.path.startswith(base + "/")
    )


def run(desk: Desk, *words: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "fs2od", *words, "--ca", str(desk.world.ca), *desk.words()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    assert done.returncode == code, done.stderr
    return done.stderr


def shown(folder: Path) -> dict[str, str]:
    return {path: said for path, said in tree(folder).items() if path.split("/")[0] != STATE}


def asked_beyond(behind: BehindProxy) -> list[Exchange]:
    return [each for each in behind.proxy.exchanges if "fs2od" in each.request.path]


def test_a_link_is_mounted_and_every_byte_read(behind: BehindProxy, tmp_path: Path) -> None:
    published = publish(behind.world, FILES)
    with mounted(published.link, tmp_path / "m", behind.world.ca) as mount:
        assert tree(mount.point) == published.files()
        with (mount.point / "big.mrc").open("rb") as movie:
            assert os.pread(movie.fileno(), 1024, PIECE_BYTES) == BIG[PIECE_BYTES : PIECE_BYTES + 1024]


def test_a_space_without_a_manifest_is_mounted_and_what_is_new_appears(desk: Desk, dataset: Dataset) -> None:
    with mounted(dataset.space, desk.home, desk.world.ca, *desk.words(), "--read-only", "--fresh", "1") as mount:
        assert tree(mount.point) == tree(dataset.folder)
        (dataset.folder / "later.mrc").write_bytes(b"later")
        desk.world.rescan(dataset.space)
        wait_until((mount.point / "later.mrc").exists, LONGEST_S)
        assert (mount.point / "later.mrc").read_bytes() == b"later"


def test_what_is_written_through_a_mount_arrives(desk: Desk) -> None:
    with desk.mounted("--fresh", "1") as mount:
        write_files(mount.point, FILES)
        with (mount.point / "big.mrc").open("r+b") as file:
            os.pwrite(file.fileno(), b"changed", PIECE_BYTES - 3)
            file.truncate(len(BIG) - 1000)
        with (mount.point / "SPA.yml").open("ab") as file:
            file.write(b"more: 1\n")
        (mount.point / "Grids/001.mrc").rename(mount.point / "moved.mrc")
        (mount.point / "moved.mrc").replace(mount.point / "Grids/002.mrc")
        (mount.point / "Grids/003.mrc").unlink()
        (mount.point / "made" / "deep").mkdir(parents=True)
        (mount.point / "made" / "deep").rename(mount.point / "made" / "deeper")
        (mount.point / "Grids/004.mrc").chmod(0o640)
        assert mount.end() == 0, mount.said_after
    expected = FILES | {"SPA.yml": b"User: {}\nmore: 1\n", "Grids/002.mrc": FILES["Grids/001.mrc"]}
    changed = bytearray(BIG[:-1000])
    changed[PIECE_BYTES - 3 : PIECE_BYTES + 4] = b"changed"
    expected["big.mrc"] = bytes(changed)
    del expected["Grids/001.mrc"], expected["Grids/003.mrc"]
    written = desk.home / "written"
    write_files(written, expected)
    (written / "made" / "deeper").mkdir(parents=True)
    assert desk.there() == tree(written)
    assert not list(desk.spool.iterdir())


def test_a_job_gets_its_data_and_its_results_go_back(desk: Desk, dataset: Dataset) -> None:
    data = desk.home / "data"
    run(desk, "stage", "in", dataset.space, str(data))
    assert shown(data) == tree(dataset.folder)
    results = desk.home / "results"
    write_files(results, FILES)
    run(desk, "stage", "out", str(results), f"{desk.dataset.space}/run 1", "--clean")
    assert not results.exists()
    assert tree(desk.dataset.folder / "run 1") == tree(dataset.folder)


def test_a_folder_is_put_and_put_again_and_downloaded(desk: Desk) -> None:
    write_files(desk.home / "run", FILES)
    for _ in range(2):
        run(desk, "put", str(desk.home / "run"), f"{desk.dataset.space}/today")
    (desk.home / "run" / "SPA.yml").write_bytes(b"another")
    run(desk, "put", str(desk.home / "run"), f"{desk.dataset.space}/today", code=7)
    run(desk, "put", "--replace", str(desk.home / "run"), f"{desk.dataset.space}/today")
    assert tree(desk.dataset.folder / "today" / "run") == tree(desk.home / "run")
    assert desk.downloaded(desk.home / "downloaded") == desk.there()


def test_a_mirror_is_brought_up_to_date_and_what_is_gone_removed_when_asked(desk: Desk, dataset: Dataset) -> None:
    copy = desk.home / "copy"
    run(desk, "mirror", dataset.space, str(copy))
    assert shown(copy) == tree(dataset.folder)
    (dataset.folder / "later.mrc").write_bytes(b"later")
    (dataset.folder / "SPA.yml").write_bytes(b"User: {name: x}\n")
    (dataset.folder / "Grids/007.mrc").unlink()
    desk.world.rescan(dataset.space)
    run(desk, "mirror", dataset.space, str(copy))
    assert (copy / "Grids/007.mrc").exists()
    said = run(desk, "mirror", dataset.space, str(copy), "--delete", "--yes")
    assert "Grids/007.mrc" in said
    assert shown(copy) == tree(dataset.folder)


def test_a_second_mirror_brings_no_byte_again(behind: BehindProxy, desk: Desk, dataset: Dataset) -> None:
    run(desk, "mirror", dataset.space, str(desk.home / "copy"))
    before = behind.proxy.body_bytes()
    run(desk, "mirror", dataset.space, str(desk.home / "copy"))
    assert behind.proxy.body_bytes() == before


def test_two_mirrors_share_one_target(desk: Desk, dataset: Dataset) -> None:
    words = ("--json", "--limit-rate", "8M", *desk.words())
    mirror = Downloader(
        (sys.executable, "-m", "fs2od", "mirror"), dataset.space, desk.home / "copy", desk.world.ca, words
    )
    running = [mirror.start() for _ in range(2)]
    ended = [mirror.wait(process) for process in running]
    assert [each.code for each in ended] == [0, 0], [each.said for each in ended]
    assert shown(mirror.out) == tree(dataset.folder)
    assert sum(each.told["files_fetched"] for each in ended) <= len(FILES) * 1.8


@pytest.mark.skipif(not DESCRIPTIONS.exists(), reason="the published API descriptions are not here")
@pytest.mark.parametrize(
    ("asked", "is_known"),
    [
        ("GET /api/v3/oneprovider/data/a/children?limit=5", True),
        ("PUT /api/v3/oneprovider/data/a/path/b/c?create_parents=true", True),
        ("GET /api/v3/onezone/shares/data/a", True),
        ("PATCH /api/v3/oneprovider/data/a/children", False),
        ("GET /api/v3/oneprovider/data/a/content?ours=1", False),
        ("GET /api/v3/oneprovider/fs2od/data/a/checksum", False),
        ("GET /share/a/SHA256SUMS", False),
    ],
)
def test_the_judge_knows_what_is_published(asked: str, *, is_known: bool) -> None:
    described = [Description(DESCRIPTIONS, name) for name in ("onezone", "oneprovider")]
    assert is_published(described, *asked.split(" ", 1)) is is_known


@pytest.mark.skipif(not DESCRIPTIONS.exists(), reason="the published API descriptions are not here")
@pytest.mark.parametrize(
    ("document", "is_known"),
    [
        ({"limit": 1000, "attributes": ["name"]}, True),
        ({"limit": 1001}, False),
        ({"limit": "7"}, False),
        ({"attributes": ["colour"]}, False),
    ],
)
def test_the_judge_reads_what_is_sent(document: dict[str, object], *, is_known: bool) -> None:
    described = [Description(DESCRIPTIONS, "oneprovider")]
    assert is_published(described, "GET", "/api/v3/oneprovider/data/a/children", document) is is_known


def test_what_is_beyond_the_published_is_not_asked_for_again_and_again(
    behind: BehindProxy, desk: Desk, dataset: Dataset
) -> None:
    run(desk, "mirror", dataset.space, str(desk.home / "copy"))
    assert len(asked_beyond(behind)) <= 3
