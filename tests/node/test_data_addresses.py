"""The data's plain addresses: folders, files, conditions, checksums; and what they refuse."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import tracemalloc
import xml.etree.ElementTree as ET
from base64 import b64encode
from collections.abc import Callable, Generator
from hashlib import sha256
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urljoin

import httpx
import pytest
from tests.node.test_data_checksums import publish

from fs2od.names import shown_name
from fs2od.node.cut_off import AccessEnded
from fs2od.node.index import Entry, SpaceIndex
from fs2od.node.provider.data.finding import find, given_in
from fs2od.node.provider.data.folder_index import folder_page, link_to, short_size
from fs2od.node.provider.data.listings import everything, metalink, sha256sums
from fs2od.onedata.ids import ShareId
from fs2od.storage import Kind
from fs2od.testing.world import Dataset, Person, World, open_world

HOSTILE = (
    "new\nline",
    "end\n",
    "tab\there",
    "quo\"te's",
    "#?%;&+=",
    "%41",
    "-rf",
    "javascript:alert(1)",
    "http:",
    "<b>bold<!--",
    "back\\slash",
    "caf\u00e9",
    "cafe\u0301",
    " blanks  in  it ",
    "index.html",
    "\u202egpj.exe",
    "\x01\x7f",
    "~",
    "...",
    "n" * 255,
    "\u6587" * 85,
)


class Site:
    """One share of one dataset, asked as any program does."""

    def __init__(self, world: World, dataset: Dataset, share: ShareId, owner: Person) -> None:
        self.world, self.dataset, self.share, self.owner = world, dataset, share, owner
        self.top = f"{world.node.settings.provider_url}/share/{share}"

    async def ask(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        async with self.world.provider as client:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return await client.request(method, self.top + path, headers=named)

    async def links(self, path: str = "/files/") -> list[str]:
        answer = await self.ask(path)
        assert answer.status_code == 200
        found = [unescape(link) for link in re.findall(r'<a href="([^"]*)"', answer.text)]
        return [link for link in found if link != "../"]


def site(world: World, files: dict[str, bytes], *, path: str = "", name: str = "share") -> Site:
    owner = world.person()
    dataset = world.dataset(owner, files)
    return Site(world, dataset, world.share(owner, dataset, path, name=name), owner)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_another_method_than_get_and_head_is_refused_in_a_line_of_text(world: World, method: str) -> None:
    here = site(world, {"a/b.mrc": b"data"})
    for path in ("files", "files/", "files/a/b.mrc", "files/nothing", "SHA256SUMS", "files.meta4", "archive.tar"):
        answer = await here.ask(f"/{path}", method)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.text == "This address takes GET and HEAD only.\n"


async def test_a_folder_lists_what_is_in_it_with_relative_links(world: World) -> None:
    where = site(world, {"a/b.mrc": b"movie", "z": b""})
    assert await where.links() == ["./a/", "./z"]
    assert await where.links("/files/a/") == ["./b.mrc"]
    answer = await where.ask("/files/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "script" not in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "<style" not in answer.text


async def test_every_name_is_reached_by_its_link(world: World) -> None:
    files = {name: os.urandom(20) for name in HOSTILE} | {f"deep/{name}/x": os.urandom(20) for name in HOSTILE}
    where = site(world, files)
    links = await where.links()
    assert all(re.fullmatch(r"\./[A-Za-z0-9_.~%-]+/?", link) for link in links)
    assert sorted(unquote(link[2:]) for link in links) == sorted((*HOSTILE, "deep/"))
    # No name poses as another one by a turned reading direction.
    assert "<bdi>[U+202E]gpj.exe</bdi>" in (await where.ask("/files/")).text
    base = f"{where.top}/files/"
    async with world.provider as client:
        for name in HOSTILE:
            answer = await client.get(urljoin(base, link_to(name, is_folder=False)))
            assert (answer.status_code, answer.content) == (200, files[name])
            folder = urljoin(base, f"deep/{link_to(name, is_folder=True)}")
            assert (await client.get(urljoin(folder, "./x"))).content == files[f"deep/{name}/x"]
            assert f"<h1>Index of <bdi>share/deep/{shown_name(name[:3])}" in unescape((await client.get(folder)).text)


async def test_a_folder_without_its_slash_leads_to_the_one_with_it(world: World) -> None:
    where = site(world, {"a b#/c": b""})
    for path in ("/files", "/files/a%20b%23"):
        answer = await where.ask(path)
        assert answer.status_code == 302
        assert urljoin(where.top, answer.headers["location"]) == f"{where.top}{path}/"
    assert (await where.ask("/files/a%20b%23/c/")).status_code == 404


async def test_a_file_is_sent_with_all_that_http_can_say_of_it(world: World) -> None:
    where = site(world, {"a/m\u00f6.mrc": b"0123456789"})
    answer = await where.ask("/files/a/m%C3%B6.mrc")
    assert answer.content == b"0123456789"
    assert answer.headers["content-length"] == "10"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-disposition"] == "attachment; filename=\"m_.mrc\"; filename*=UTF-8''m%C3%B6.mrc"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    etag, modified = answer.headers["etag"], answer.headers["last-modified"]
    part = await where.ask("/files/a/m%C3%B6.mrc", Range="bytes=2-4", If_Range=etag)
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
    whole = await where.ask("/files/a/m%C3%B6.mrc", Range="bytes=2-4", If_Range='"other"')
    assert (whole.status_code, whole.content) == (200, b"0123456789")
    assert (await where.ask("/files/a/m%C3%B6.mrc", If_None_Match=etag)).status_code == 304
    assert (await where.ask("/files/a/m%C3%B6.mrc", If_Modified_Since=modified)).status_code == 304
    assert (await where.ask("/files/a/m%C3%B6.mrc", If_Match='"other"')).status_code == 412
    assert (await where.ask("/files/a/m%C3%B6.mrc", Range="bytes=10-")).status_code == 416
    several = await where.ask("/files/a/m%C3%B6.mrc", Range="bytes=0-1,8-9")
    assert several.status_code == 206
    assert several.headers["content-type"].startswith("multipart/byteranges")


async def test_head_says_the_same_and_reads_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    where = site(world, {"a": b"0123456789"})
    paths = ("/files/", "/files/a", "/SHA256SUMS", "/files.meta4")
    got = {path: await where.ask(path) for path in paths}

    def refuse(*_: object, **__: object) -> object:
        raise AssertionError("HEAD must not read")

    monkeypatch.setattr("fs2od.node.provider.content._file_chunks", refuse)
    monkeypatch.setattr("fs2od.node.provider.data.finding._given", refuse)
    for path in paths:
        answer = await where.ask(path, "HEAD")
        assert answer.status_code == 200
        assert answer.content == b""
        for name in ("content-type", "etag", "last-modified", "content-disposition", "accept-ranges"):
            assert answer.headers.get(name) == got[path].headers.get(name)
    assert (await where.ask("/files/a", "HEAD")).headers["content-length"] == "10"


async def test_the_digest_stands_where_it_is_known_and_true(world: World) -> None:
    where = site(world, {"a": b"0123456789", "unknown": b"x"})
    publish(where.dataset, 1, "a")
    world.rescan(where.dataset.space)
    digest = f"sha-256=:{b64encode(sha256(b'0123456789').digest()).decode()}:"
    assert (await where.ask("/files/a")).headers["repr-digest"] == digest
    assert (await where.ask("/files/a", "HEAD")).headers["repr-digest"] == digest
    assert (await where.ask("/files/a", Range="bytes=1-2")).headers["repr-digest"] == digest
    assert (await where.ask("/files/a", Range="bytes=1-2,5-6")).headers["repr-digest"] == digest
    assert "repr-digest" not in (await where.ask("/files/unknown")).headers
    (where.dataset.folder / "a").write_bytes(b"abcdefghij")  # and no scan has seen it yet
    answer = await where.ask("/files/a")
    assert answer.content == b"abcdefghij"
    assert "repr-digest" not in answer.headers


async def test_pages_of_a_dataset_are_sent_as_bytes_that_no_program_follows(world: World) -> None:
    where = site(world, {"report.html": b"<a href=missing>", "x.css": b"@import 'y'", "t.txt": b"", "p.svg": b"<svg/>"})
    kinds = {name: (await where.ask(f"/files/{name}")).headers["content-type"] for name in ("report.html", "x.css")}
    assert set(kinds.values()) == {"application/octet-stream"}
    assert (await where.ask("/files/t.txt")).headers["content-type"] == "text/plain"
    for name in ("report.html", "p.svg"):
        answer = await where.ask(f"/files/{name}")
        assert answer.headers["content-disposition"].startswith("attachment")
        assert "sandbox" in answer.headers["content-security-policy"]


async def test_only_what_the_share_gives_is_listed_and_sent(world: World) -> None:
    where = site(world, {"open/a": b"1", "closed/b": b"2", "secret": b"3", "fs2od-access.yml": b"4", "out/side": b"5"})
    provider = world.node.provider
    with provider.indexes.using(where.dataset.space) as index:
        for path, mode in (("closed", 0o770), ("secret", 0o660)):
            entry = index.lookup([path])
            assert entry is not None
            index.set_mode(entry.row, mode)
    assert await where.links() == ["./open/", "./out/"]
    for path, status in (("secret", 403), ("closed/", 403), ("closed/b", 403), ("fs2od-access.yml", 404), ("no", 404)):
        answer = await where.ask(f"/files/{path}")
        assert answer.status_code == status
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.text.count("\n") == 1
    assert (await where.ask("/files/%2e/open/%2e/a")).content == b"1"
    for path in ("%2e%2e/", "a/%2e%2e/%2e%2e/x", "%2e%2e/open/a", "open//a", "open/a%00", "open/a%F1", "open%2f%2fa"):
        # An address is taken as it stands, as a program that does not tidy it up sends it.
        request = httpx.Request("GET", f"{where.top}/files/")
        request.url = request.url.copy_with(raw_path=f"/share/{where.share}/files/{path}".encode())
        async with world.provider as client:
            assert (await client.send(request)).status_code == 404


async def children(where: Site, folder: str) -> list[dict[str, Any]]:
    """Return what Onedata's own requests list in a folder and below it."""
    wanted = {"attributes": ["fileId", "name", "type", "size", "mtime", "symlinkValue", "posixPermissions"]}
    address = f"{where.world.node.settings.provider_url}/api/v3/oneprovider/data/{folder}/children"
    async with where.world.provider as client:
        found: list[dict[str, Any]] = (await client.request("GET", address, json=wanted)).json()["children"]
    return found + [below for each in found if each["type"] == "DIR" for below in await children(where, each["fileId"])]


async def test_a_small_folder_is_listed_at_once_with_all_below_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = site(world, {"a/b/c": b"1", "a/d": b"22", "e": b"333"})
    (where.dataset.folder / "a" / "link").symlink_to("d")
    (where.dataset.folder / "empty").mkdir()
    world.rescan(where.dataset.space)
    answer = await where.ask("/tree.json.gz")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/gzip")
    entries = json.loads(gzip.decompress(answer.content))["entries"]
    assert [each.pop("path") for each in entries] == ["a", "a/b", "a/b/c", "a/d", "a/link", "e", "empty"]
    listed = await children(where, world.id_of(where.dataset, share=where.share))
    assert sorted(entries, key=str) == sorted(listed, key=str)

    async with world.provider as client:
        address = f"{world.node.settings.provider_url}/data/{world.id_of(where.dataset, 'a')}/tree.json.gz"
        assert (await client.get(address)).status_code == 404
        token = {"X-Auth-Token": world.token(where.owner).reveal()}
        entries = json.loads(gzip.decompress((await client.get(address, headers=token)).content))["entries"]
    assert [each["path"] for each in entries] == ["b", "b/c", "d", "link"]

    monkeypatch.setattr("fs2od.node.provider.data.tree.MOST_ENTRIES", 6)
    assert (await where.ask("/tree.json.gz")).status_code == 404
    monkeypatch.undo()
    with world.node.provider.indexes.using(where.dataset.space) as index:
        closed = index.lookup(["a", "b"])
        assert closed is not None
        index.set_mode(closed.row, 0o770)
    assert (await where.ask("/tree.json.gz")).status_code == 404


async def test_each_folder_of_a_tree_is_read_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    where = site(world, {f"{number}/file": b"1" for number in range(20)})
    read: list[int] = []
    children = SpaceIndex.children

    def counted(
        index: SpaceIndex,
        parent: int,
        *,
        after: str | None = None,
        limit: int,
        offset: int = 0,
        inclusive: bool = False,
    ) -> list[Entry]:
        read.append(parent)
        return children(index, parent, after=after, limit=limit, offset=offset, inclusive=inclusive)

    monkeypatch.setattr(SpaceIndex, "children", counted)
    assert (await where.ask("/tree.json.gz")).status_code == 200
    assert len(read) == len(set(read)) == 21


async def test_a_shared_folder_gives_nothing_from_beside_it(world: World) -> None:
    where = site(world, {"in/a": b"1", "out/b": b"2"}, path="in")
    assert await where.links() == ["./a"]
    assert (await where.ask("/files/a")).content == b"1"
    assert (await where.ask("/files/in/a")).status_code == 404
    assert (await where.ask("/files/out/b")).status_code == 404


async def test_a_single_shared_file_has_the_same_addresses(world: World) -> None:
    where = site(world, {"in/only one.mrc": b"1", "in/other": b"2"}, path="in/only one.mrc")
    assert await where.links() == ["./only%20one.mrc"]
    assert (await where.ask("/files/only%20one.mrc")).content == b"1"
    assert (await where.ask("/files/other")).status_code == 404
    assert f"{where.top}/files/only%20one.mrc" in (await where.ask("/files.meta4")).text


async def test_links_to_files_are_files_and_links_to_folders_are_not_walked(world: World) -> None:
    owner = world.person()
    dataset = world.dataset(owner, {"real/a": b"bytes of a"})
    (dataset.folder / "link").symlink_to("real/a")
    (dataset.folder / "circle").symlink_to("real")
    (dataset.folder / "real" / "up").symlink_to("..")
    (dataset.folder / "dangling").symlink_to("nothing")
    world.rescan(dataset.space)
    where = Site(world, dataset, world.share(owner, dataset), owner)
    assert await where.links() == ["./link", "./real/"]
    assert await where.links("/files/real/") == ["./a"]
    answer = await where.ask("/files/link")
    assert answer.content == b"bytes of a"
    assert 'filename="link"' in answer.headers["content-disposition"]
    for path in ("circle", "circle/", "circle/a", "real/up/real/a", "dangling"):
        assert (await where.ask(f"/files/{path}")).status_code == 404


async def test_an_ended_share_and_one_that_never_was_are_gone(world: World) -> None:
    where = site(world, {"a": b"1"})
    world.node.zone.shares.end(where.owner.caller, where.share)
    for path in ("/files/", "/files/a", "/SHA256SUMS", "/files.meta4", "/tree.json.gz"):
        assert (await where.ask(path)).status_code == 404
        assert (await where.ask(path, "HEAD")).status_code == 404


async def test_a_file_that_left_the_disk_is_not_there(world: World) -> None:
    where = site(world, {"a": b"1"})
    (where.dataset.folder / "a").unlink()
    assert (await where.ask("/files/a")).status_code == 404
    where.dataset.folder.rename(where.dataset.folder.with_name("unmounted"))
    assert (await where.ask("/files/a")).status_code == 503


async def test_plain_switches_all_of_it_off(tmp_path: Path) -> None:
    with open_world(tmp_path, plain=True) as world:
        where = site(world, {"a": b"1"})
        for path in ("/files", "/files/", "/files/a", "/SHA256SUMS", "/files.meta4", "/tree.json.gz"):
            assert (await where.ask(path)).status_code == 404
        async with world.zone as client:
            settings = world.node.settings
            assert (await client.get(f"{settings.zone_url}/.well-known/fs2od.json")).status_code == 404


async def test_the_zone_says_where_the_data_s_addresses_are(world: World) -> None:
    where = site(world, {"a": b"1"})
    async with world.zone as client:
        found = (await client.get(f"{world.node.settings.zone_url}/.well-known/fs2od.json")).json()
        assert found["version"] == 1
        assert found["bulk_paths"] == 20_000
        assert found["data"].format(id=where.share) == where.top


@pytest.fixture
def large(world: World) -> Site:
    return site(world, {f"movie_{number:05}.mrc": b"" for number in range(5_000)})


async def test_a_large_folder_starts_at_once_and_comes_in_pieces(large: Site) -> None:
    pieces: list[int] = []
    names: list[str] = []
    scope_path = f"/share/{large.share}/files/"
    transport = large.world.transports[large.world.node.settings.provider_url]
    assert isinstance(transport, httpx.ASGITransport)
    text = b""

    async def receive() -> dict[str, object]:
        await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        nonlocal text
        if message["type"] == "http.response.body":
            body = message.get("body", b"")
            assert isinstance(body, bytes)
            pieces.append(len(body))
            text += body

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "https",
        "path": scope_path, "raw_path": scope_path.encode(), "query_string": b"", "headers": [], "root_path": "",
        "client": ("127.0.0.1", 1), "server": ("provider.test", 443),
    }  # fmt: skip
    await transport.app(scope, receive, send)  # type: ignore[arg-type]  # the types are looser than what is used
    names = re.findall(r'href="\./([^"]+)"', text.decode())
    assert len(names) == len(set(names)) == 5_000
    assert pieces[0] < 2_000
    assert max(pieces) < 300_000


async def test_a_share_that_ends_cuts_the_page_of_a_large_folder() -> None:
    entry = Entry(1, 1, "a", Kind.FILE, 0, 0, 0o664, 0, 0, None, 0)
    standing = iter([True, False])
    pieces = folder_page("t", [[("a", entry)], [("b", entry)]], is_top=True, stands=lambda: next(standing))
    assert next(pieces)
    assert b"./a" in next(pieces)
    with pytest.raises(AccessEnded):
        next(pieces)


async def test_memory_stays_flat_whatever_is_listed(world: World) -> None:
    where = site(world, {f"f/movie_{number:05}_fractions.mrc": b"" for number in range(12_000)})
    provider = world.node.provider
    top = find(provider, where.share, "")
    lists: dict[str, Callable[[], Generator[bytes]]] = {
        "folder": lambda: folder_page(
            "f", given_in(provider, find(provider, where.share, "f")), is_top=False, stands=lambda: True
        ),
        "sums": lambda: sha256sums(everything(provider, top, stands=lambda: True)),
        "metalink": lambda: metalink(everything(provider, top, stands=lambda: True), base="https://x/"),
    }
    tracemalloc.start()
    try:
        for make in lists.values():
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            for _ in make():
                pass
            assert tracemalloc.get_traced_memory()[1] - before < 4_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0"),
        (1023, "1023"),
        (1024, "1.0K"),
        (10_239, "10K"),
        (1536, "1.5K"),
        (1 << 40, "1.0T"),
        ((1 << 20) - 1, "1.0M"),
    ],
)
def test_sizes_are_short(size: int, shown: str) -> None:
    assert short_size(size) == shown


async def test_checksums_are_listed_for_sha256sum(world: World) -> None:
    files = {name: os.urandom(9) for name in (*HOSTILE, "-", "sub/file", "not yet")}
    where = site(world, files)
    publish(where.dataset, 1, *(name for name in files if name != "not yet"))
    world.rescan(where.dataset.space)
    answer = await where.ask("/SHA256SUMS")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    lines = answer.content.decode().split("\n")[:-1]
    found: dict[str, str] = {}
    for line in lines:
        digest, _, name = line.removeprefix("\\").partition("  ")
        if line.startswith("\\"):
            name = re.sub(r"\\(.)", lambda match: {"n": "\n", "\\": "\\", "r": "\r"}[match[1]], name)
        found["-" if name == "./-" else name] = digest
    assert found == {name: sha256(content).hexdigest() for name, content in files.items() if name != "not yet"}


async def test_checksums_of_a_shared_folder_are_relative_to_it(world: World) -> None:
    where = site(world, {"in/a": b"1", "out/b": b"2"}, path="in")
    publish(where.dataset, 1, "in/a", "out/b")
    world.rescan(where.dataset.space)
    assert (await where.ask("/SHA256SUMS")).text == f"{sha256(b'1').hexdigest()}  a\n"


async def test_the_metalink_lists_every_file_whose_name_it_can_hold(world: World) -> None:
    content = os.urandom(8 << 20) + b"rest"
    files = dict.fromkeys(HOSTILE, b"x") | {"large": content, "unknown/y": b"yy"}
    where = site(world, files)
    publish(where.dataset, 1, *(name for name in files if name != "unknown/y"))
    world.rescan(where.dataset.space)
    answer = await where.ask("/files.meta4")
    assert answer.headers["content-type"] == "application/metalink4+xml"
    assert "left out, because of control characters in their names: 4 " in answer.text
    found = metalink_of(answer.text)
    expected = {name for name in files if not re.search("[\x00-\x1f\x7f]", name)}
    assert {name for name in found if not name.startswith("fs2od-sidecar/")} == expected
    large, unknown = found["large"], found["unknown/y"]
    assert large == {
        "size": str(len(content)),
        "hash": sha256(content).hexdigest(),
        "pieces": [sha256(content[: 8 << 20]).hexdigest(), sha256(b"rest").hexdigest()],
        "length": str(8 << 20),
        "url": f"{where.top}/files/large",
    }
    assert unknown == {"size": "2", "hash": None, "pieces": [], "length": None, "url": f"{where.top}/files/unknown/y"}
    assert all(each["url"] == f"{where.top}/files/{quote(name)}" for name, each in found.items())


def metalink_of(text: str) -> dict[str, dict[str, object]]:
    space = "{urn:ietf:params:xml:ns:metalink}"
    found: dict[str, dict[str, object]] = {}
    for file in ET.fromstring(text).iter(f"{space}file"):
        pieces = file.find(f"{space}pieces")
        found[file.attrib["name"]] = {
            "size": file.findtext(f"{space}size"),
            "hash": file.findtext(f"{space}hash"),
            "pieces": [] if pieces is None else [str(each.text) for each in pieces],
            "length": None if pieces is None else pieces.attrib["length"],
            "url": file.findtext(f"{space}url"),
        }
    return found
