"""What somebody chose: its sums, its commands and lists; and what pages say of checksums and of the ways to get the data."""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.portal.conftest import Pages

from fs2od.manifests import MANIFEST, SEAL, SIDECAR, ManifestEntry, dump_part, dump_seal, parse_part, part_name, seal_of
from fs2od.node.apps import zone_app
from fs2od.portal._selections import _pattern
from fs2od.portal.public import public_pages
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


HOSTILE = ["[a]*?.mrc", "it's", "-rf", "x$(y)", "both\\", "é ü", "plain.mrc", "plain.mrc2", "a!b"]


async def test_the_list_of_a_selection_holds_just_that(pages: Pages) -> None:
    _, share = pages.publish({f"in here/{name}": b"1" for name in HOSTILE} | {"plain.mrc": b"2"})
    for name in HOSTILE:
        document = await chosen(pages, share, f"in here/{name}")
        listed = (await pages.client.get(document["lists"]["chosen.txt"])).text.splitlines()
        selection = Selection(only=listed)
        everything = [("in here", other) for other in HOSTILE] + [("plain.mrc",)]
        assert [path for path in everything if selection.wants(path)] == [("in here", name)]


def test_a_pattern_matches_just_its_path() -> None:
    everything = [("in here", other) for other in HOSTILE] + [("plain.mrc",)]
    for name in HOSTILE:
        selection = Selection([_pattern(f"in here/{name}")])
        assert [path for path in everything if selection.wants(path)] == [("in here", name)]


async def test_a_selection_of_any_length_has_the_same_commands_and_fetches_its_list(pages: Pages) -> None:
    _, share = pages.publish({f"{number}": b"" for number in range(2_100)})
    few = await chosen(pages, share, "1")
    many = await chosen(pages, share, *map(str, range(2_100)))
    assert set(few["commands"]) == set(many["commands"])
    assert {"Python", "Python for Windows", "fs2od", "curl", "wget", "rclone", "aria2", "sha256sum"} < set(
        few["commands"]
    )
    assert max(len(line) for line in many["commands"].values()) < 600
    listed = (await pages.client.get(many["lists"]["chosen.txt"])).text.splitlines()
    assert sorted(listed) == sorted(map(str, range(2_100)))
    names = {re.findall(r"selection-\w+\.txt", each["commands"]["fs2od"])[0] for each in (few, many)}
    assert len(names) == 2


async def test_lists_of_addresses_lead_to_the_files(pages: Pages) -> None:
    _, share = pages.publish({**FILES, "Images/deep/#c?.mrc": b"deep"})
    lists = (await chosen(pages, share, "Images", "Atlas/x y.jpg"))["lists"]
    answer = await pages.client.get(lists["addresses.txt"])
    assert "attachment" in answer.headers["Content-Disposition"]
    found = {}
    for address in answer.text.splitlines():
        got = await pages.client.get(address)
        found[address.rpartition("/files/")[2]] = got.content
    assert found == {
        "Atlas/x%20y.jpg": b"j",
        "Images/a.mrc": b"m" * 2000,
        "Images/b.mrc": b"n" * 3000,
        "Images/deep/%23c%3F.mrc": b"deep",
    }
    files = (await pages.client.get(lists["files.txt"])).text.splitlines()
    assert files == ["Atlas/x y.jpg", "Images/a.mrc", "Images/b.mrc", "Images/deep/#c?.mrc"]
    metalink = (await pages.client.get(lists["files.meta4"])).text
    assert re.findall('<file name="([^"]+)">', metalink) == files
    other = lists["files.txt"].replace("files.txt", "other.txt")
    assert (await pages.client.get(other)).status_code == 404


async def test_an_archive_of_a_selection_stays_that_of_the_first_try_and_the_address_for_a_day(pages: Pages) -> None:
    dataset, share = pages.publish(FILES)
    at = (await chosen(pages, share, "Images"))["lists"]["chosen.txt"].rpartition("/")[0]
    first = await pages.client.get(f"{at}/x.tar")
    write_files(dataset.folder, {"Images/c.mrc": b"later"})
    pages.world.rescan(dataset.space)
    again = await pages.client.get(f"{at}/x.tar", headers={"Range": "bytes=100-"})
    assert (again.status_code, again.content) == (206, first.content[100:])
    assert "c.mrc" in (await pages.client.get(f"{at}/files.txt")).text
    with zipfile.ZipFile(io.BytesIO((await pages.client.get(f"{at}/x.zip")).content)) as archive:
        assert not [name for name in archive.namelist() if name.endswith("c.mrc")]


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
    many = await pages.client.post(f"/share/{share}/selection", data={"path": [f"x{n}" for n in range(20_001)]})
    assert (many.status_code, "too long for a page" in many.text) == (413, True)
    long = await pages.client.post(f"/share/{share}/selection", content=b"path=" + b"x" * (9 << 20))
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
            tar = await client.get(f"/share/{share}/tar")
    assert "provider.test/share" not in html
    assert "which cannot be resumed" in html
    assert document["archive_url"] is document["metalink_url"] is None
    assert "--include /Images" in chosen_there.text
    assert "selection-" not in chosen_there.text
    assert tar.headers["Location"].startswith("https://provider.test/download/")
