"""What somebody chose: its sums, its commands and lists; and what pages say of checksums and of the ways to get the data."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shlex
import tarfile
import zipfile
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.portal.conftest import Pages

from fs2od.manifests import MANIFEST, SEAL, SIDECAR, ManifestEntry, dump_part, dump_seal, parse_part, part_name, seal_of
from fs2od.node.apps import zone_app
from fs2od.portal import public_pages
from fs2od.testing.world import open_world, write_files
from fs2od.transfer._selection import Selection

FILES = {"EpuSession.dm": b"session", "Images/a.mrc": b"m" * 2000, "Images/b.mrc": b"n" * 3000, "Atlas/x y.jpg": b"j"}


async def chosen(pages: Pages, share: str, *paths: str, status: int = 200) -> dict[str, Any]:
    answer = await pages.client.post(
        f"/share/{share}/selection", data={"path": list(paths)}, headers={"Accept": "application/json"}
    )
    assert answer.status_code == status, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_a_selection_adds_up_and_counts_nothing_twice(pages: Pages) -> None:
    _, share = pages.publish(FILES)
    document = await chosen(pages, share, "Images", "Images/a.mrc", "EpuSession.dm")
    assert (document["files"], document["size_bytes"]) == (3, 5007)
    assert [entry["path"] for entry in document["entries"]] == ["EpuSession.dm", "Images"]


async def test_the_command_for_a_selection_brings_just_that(pages: Pages) -> None:
    hostile = ["[a]*?.mrc", "it's", "-rf", "x$(y)", "both\\", "é ü", "plain.mrc", "plain.mrc2", "a!b"]
    _, share = pages.publish({f"in here/{name}": b"1" for name in hostile} | {"plain.mrc": b"2"})
    for name in hostile:
        document = await chosen(pages, share, f"in here/{name}")
        words = shlex.split(document["commands"]["fs2od"])
        patterns = [word for before, word in pairwise(words) if before == "--include"]
        selection = Selection(patterns)
        everything = [("in here", other) for other in hostile] + [("plain.mrc",)]
        assert [path for path in everything if selection.wants(path)] == [("in here", name)]
        if "Windows" in document["platforms"]["fs2od"]:
            assert re.fullmatch(
                r'fs2od download [\w./:-]+ [\w-]+ --include "?[\w./ -]+"?', document["commands"]["fs2od"]
            )


async def test_a_selection_too_long_for_a_line_is_offered_as_lists(pages: Pages) -> None:
    _, share = pages.publish({f"{number}": b"" for number in range(60)})
    document = await chosen(pages, share, *map(str, range(60)))
    assert set(document["commands"]) == {"aria2", "wget"}


@pytest.mark.parametrize("name", ["addresses.txt", "aria2.txt"])
async def test_lists_of_addresses_lead_to_the_files(pages: Pages, name: str) -> None:
    _, share = pages.publish({**FILES, "Images/deep/#c?.mrc": b"deep"})
    answer = await pages.client.post(f"/share/{share}/selection/{name}", data={"path": ["Images", "Atlas/x y.jpg"]})
    assert "attachment" in answer.headers["Content-Disposition"]
    lines = answer.text.splitlines()
    found = {}
    for address in (line for line in lines if not line.startswith(" ")):
        got = await pages.client.get(address)
        found[address.rpartition("/files/")[2]] = got.content
    assert found == {
        "Atlas/x%20y.jpg": b"j",
        "Images/a.mrc": b"m" * 2000,
        "Images/b.mrc": b"n" * 3000,
        "Images/deep/%23c%3F.mrc": b"deep",
    }
    assert ("  out=Images/deep/#c?.mrc" in lines) == (name == "aria2.txt")
    assert (await pages.client.post(f"/share/{share}/selection/other.txt", data={"path": "Images"})).status_code == 404


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "", "Images//a.mrc", "a\0b"])
async def test_a_path_that_leads_out_is_no_selection(pages: Pages, path: str) -> None:
    _, share = pages.publish(FILES)
    await chosen(pages, share, path, status=400 if path else 200)


async def test_what_is_gone_or_closed_cannot_be_chosen(pages: Pages) -> None:
    dataset, share = pages.publish(FILES)
    await chosen(pages, share, "Images/gone", status=404)
    closed = pages.world.id_of(dataset, "EpuSession.dm")
    pages.world.node.provider.files.set_mode(pages.owner.caller, closed, 0o660)
    await chosen(pages, share, "EpuSession.dm", status=403)
    html = await pages.get(f"/share/{share}")
    assert 'value="EpuSession.dm"' not in html
    assert 'value="Images"' in html


async def test_nothing_chosen_and_too_much_chosen_are_answered_in_words(pages: Pages) -> None:
    _, share = pages.publish(FILES)
    empty = await pages.client.post(f"/share/{share}/selection", data={})
    assert "Nothing was selected" in empty.text
    many = await pages.client.post(f"/share/{share}/selection", data={"path": [f"x{n}" for n in range(2_001)]})
    assert (many.status_code, "too long for a page" in many.text) == (413, True)
    long = await pages.client.post(f"/share/{share}/selection", content=b"path=" + b"x" * (5 << 20))
    assert long.status_code == 413
    broken = await pages.client.post(f"/share/{share}/selection", content=b"path=%ff")
    assert broken.status_code == 400
    assert (await pages.client.post("/share/none/selection", data={"path": "a"})).status_code == 404


async def test_a_name_with_a_line_break_is_not_offered_to_a_form_that_would_change_it(pages: Pages) -> None:
    _, share = pages.publish({"line\nbreak": b"1", "plain": b"2"})
    html = await pages.get(f"/share/{share}")
    assert html.count('type="checkbox"') == 1
    document = json.loads(await pages.get(f"/share/{share}/files?format=json"))
    assert [entry["selectable"] for entry in document["entries"]] == [False, True]


async def test_the_forms_of_a_page_lead_to_archives_and_its_policy_lets_them(pages: Pages) -> None:
    _, share = pages.publish(FILES)
    answer = await pages.client.get(f"/share/{share}")
    action = re.search(r'action="(https://provider.test/share/[^"]+)"', answer.text)
    assert action is not None
    assert "form-action 'self' https://provider.test;" in answer.headers["Content-Security-Policy"]
    got = await pages.client.post(action[1], data={"format": "zip", "path": ["Images/a.mrc"]}, follow_redirects=True)
    with zipfile.ZipFile(io.BytesIO(got.content)) as archive:
        assert [name.partition("/")[2] for name in archive.namelist() if not name.endswith("/")] == ["Images/a.mrc"]


@pytest.mark.parametrize("kind", ["zip", "tar"])
async def test_a_folder_has_an_address_as_an_archive_of_either_kind(pages: Pages, kind: str) -> None:
    _, share = pages.publish(FILES)
    got = await pages.client.get(f"/share/{share}/{kind}/Images", follow_redirects=True)
    content = io.BytesIO(got.content)
    assert (zipfile.is_zipfile if kind == "zip" else tarfile.is_tarfile)(content)
    assert f"Images.{kind}" in got.headers["Content-Disposition"]


async def test_the_page_and_its_twin_name_the_plain_addresses(pages: Pages) -> None:
    _, share = pages.publish(FILES)
    html, document = await pages.get(f"/share/{share}"), json.loads(await pages.get(f"/share/{share}.json"))
    for key in ("index_url", "sha256sums_url", "metalink_url"):
        assert f'href="{document[key]}"' in html
        assert (await pages.client.get(document[key])).status_code == 200
    assert "Cluster" in html


def seal(folder: Path, files: dict[str, bytes], *, is_sealed: bool) -> None:
    """Write the sidecar of a dataset as its facility does."""
    entries = [
        ManifestEntry(
            path,
            len(content),
            (folder / path).stat().st_mtime_ns,
            hashlib.sha256(content).hexdigest(),
            zlib.crc32(content),
        )
        for path, content in files.items()
    ]
    part = dump_part(1, entries)
    write_files(folder, {f"{SIDECAR}/{MANIFEST}/{part_name(1)}": part})
    if is_sealed:
        write_files(folder, {f"{SIDECAR}/{SEAL}": dump_seal(seal_of([parse_part(part)]))})


async def test_the_page_says_of_how_many_files_the_checksums_are_known(pages: Pages) -> None:
    dataset, share = pages.publish(FILES)
    assert "No checksums are known yet" in await pages.get(f"/share/{share}")
    seal(dataset.folder, dict(list(FILES.items())[:3]), is_sealed=False)
    pages.world.rescan(dataset.space)
    pages.world.node.provider.checksums.load(dataset.space)
    document = await settled(pages, share)
    assert document["checksums"]["known"] == 3
    assert document["words"]["checksums"] == "Checksums of 3 of 4 files are known. The others follow."
    assert (document["files"], document["sidecar"]["files"], document["sealed"]) == (4, 1, False)
    assert "Checksums of 3 of 4 files are known" in await pages.get(f"/share/{share}")


async def test_a_sealed_dataset_says_so(pages: Pages) -> None:
    dataset, share = pages.publish(FILES)
    seal(dataset.folder, FILES, is_sealed=True)
    pages.world.rescan(dataset.space)
    pages.world.node.provider.checksums.load(dataset.space)
    document = await settled(pages, share)
    assert document["words"]["checksums"] == "The checksums of all 4 files are known. The dataset is sealed."
    assert document["sealed"]


async def test_where_the_facility_allows_no_sidecar_the_page_says_so(pages: Pages) -> None:
    dataset, share = pages.publish(FILES)
    pages.describe(dataset, {"fs2od": {"checksums": "none"}})
    assert "The facility writes no checksums beside this data" in await pages.get(f"/share/{share}")


async def settled(pages: Pages, share: str) -> dict[str, Any]:
    """Return the twin once what is counted in the background has been."""
    document: dict[str, Any] = {"checksums": {"known": None}}
    for _ in range(100):
        if not document["checksums"]["known"]:
            document = json.loads(await pages.get(f"/share/{share}.json"))
    return document


async def test_a_plain_node_offers_what_onedata_has(tmp_path: Path) -> None:
    with open_world(tmp_path, plain=True) as world:
        owner, node = world.person(), world.node
        share = world.share(owner, world.dataset(owner, FILES))
        app = zone_app(node.zone, pages=public_pages(node.zone, node.provider))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=node.settings.zone_url) as client:
            html = (await client.get(f"/share/{share}")).text
            document = (await client.get(f"/share/{share}.json")).json()
            chosen_there = await client.post(f"/share/{share}/selection", data={"path": "Images"})
            lists = await client.post(f"/share/{share}/selection/addresses.txt", data={"path": "Images"})
            tar = await client.get(f"/share/{share}/tar")
    assert "provider.test/share" not in html
    assert "which cannot be resumed" in html
    assert document["archive_url"] is document["metalink_url"] is None
    assert "--include /Images" in chosen_there.text
    assert lists.status_code == 404
    assert tar.headers["Location"].startswith("https://provider.test/download/")
