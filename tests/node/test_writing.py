"""Writing through the provider: files made, written at any place, moved and removed; and what the index and the disk then say."""

from __future__ import annotations

import hashlib
import json
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote

import httpx
import pytest

from fs2od.onedata.tokens import DataObjectId, DataPath, DataReadonly
from fs2od.testing.world import Person, World

CDMI = {"X-CDMI-Specification-Version": "1.1.1", "Content-Type": "application/cdmi-object"}


class Space:
    """A writable space, and a member who speaks to it."""

    def __init__(self, world: World, *, size_bytes: int = 1 << 30) -> None:
        self.world = world
        self.alex = world.person()
        self.dataset = world.results(self.alex, size_bytes=size_bytes)

    async def ask(
        self,
        method: str,
        path: str,
        who: Person | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | AsyncIterator[bytes] | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> httpx.Response:
        shown = {**(who or self.alex).headers, **(headers or {})}
        return await self.world.provider.request(method, path, headers=shown, content=content, params=params)

    async def make(self, path: str, content: bytes | AsyncIterator[bytes] = b"", **params: str | int) -> httpx.Response:
        return await self.ask("PUT", f"/data/{self.dataset.space}/path/{path}", content=content, params=params)

    async def move(self, source: str, target: str, **more: str) -> httpx.Response:
        url = f"{self.world.node.settings.provider_url}/cdmi/results@{self.dataset.space}/{target}"
        return await self.world.provider.put(
            url, headers=self.alex.headers | CDMI | more, json={"move": f"results@{self.dataset.space}/{source}"}
        )

    async def read(self, path: str) -> bytes:
        answer = await self.ask("GET", f"/data/{self.dataset.space}/path/{path}")
        assert answer.status_code == 200, answer.text
        return answer.content

    def id_of(self, path: str) -> str:
        return self.world.id_of(self.dataset, path)

    def on_disk(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.dataset.folder)): path.read_bytes()
            for path in self.dataset.folder.rglob("*")
            if path.is_file()
        }

    def sums(self, path: str = "") -> tuple[int, int]:
        with self.world.node.provider.indexes.using(self.dataset.space) as index:
            entry = index.lookup(path.split("/") if path else [])
            assert entry is not None
            return entry.files, entry.size_bytes

    def notes(self) -> int:
        with self.world.node.provider.indexes.using(self.dataset.space) as index, index.database.reading() as db:
            return int(db.execute("SELECT count(*) FROM note").fetchone()[0])


def errno(answer: httpx.Response) -> str:
    assert answer.status_code == 400, (answer.status_code, answer.text)
    return str(answer.json()["error"]["details"]["errno"])


@pytest.fixture
def space(world: World) -> Space:
    return Space(world)


async def test_a_file_is_made_at_a_path_and_read_again(space: Space) -> None:
    made = await space.make("a/b/c.txt", b"hello", create_parents="true")
    assert made.status_code == 201
    assert made.json() == {"fileId": space.id_of("a/b/c.txt")}
    assert made.headers["Location"].endswith(f"/api/v3/oneprovider/data/{made.json()['fileId']}")
    assert await space.read("a/b/c.txt") == b"hello"
    assert space.on_disk() == {"a/b/c.txt": b"hello"}
    assert (space.sums(), space.sums("a"), space.sums("a/b")) == ((1, 5), (1, 5), (1, 5))
    attributes = (await space.ask("GET", f"/data/{space.id_of('a/b/c.txt')}")).json()
    assert (attributes["mode"], attributes["size"], attributes["type"]) == ("664", 5, "REG")
    assert space.notes() == 0


async def test_files_and_directories_are_made_in_a_directory(space: Space) -> None:
    root = space.dataset.root
    made = await space.ask("POST", f"/data/{root}/children", params={"name": "d", "type": "DIR", "mode": "0770"})
    assert made.status_code == 201
    directory = made.json()["fileId"]
    assert (await space.ask("GET", f"/data/{directory}")).json()["mode"] == "770"
    made = await space.ask("POST", f"/data/{directory}/children", params={"name": "f ?#", "offset": 3}, content=b"abc")
    assert made.status_code == 201
    assert space.on_disk() == {"d/f ?#": b"\0\0\0abc"}
    assert (space.dataset.folder / "d").is_dir()


async def test_bytes_are_replaced_whole_or_written_from_an_offset_on(space: Space) -> None:
    file = (await space.make("f", b"abcdefghij")).json()["fileId"]
    url = f"/data/{file}/content"
    assert (await space.ask("PUT", url, content=b"WXYZ", params={"offset": 4})).status_code == 204
    assert await space.read("f") == b"abcdWXYZij"
    assert (await space.ask("PUT", url, content=b"!", params={"offset": 12})).status_code == 204
    assert await space.read("f") == b"abcdWXYZij\0\0!"
    assert space.sums() == (1, 13)
    assert (await space.ask("PUT", url, content=b"new")).status_code == 204
    assert (await space.read("f"), space.sums()) == (b"new", (1, 3))
    assert (await space.ask("PUT", url)).status_code == 204
    assert (await space.read("f"), space.sums()) == (b"", (1, 0))
    assert space.id_of("f") == file


async def test_what_is_there_already_is_said(space: Space) -> None:
    await space.make("f", b"1")
    await space.make("d", type="DIR")
    assert errno(await space.make("f", b"2")) == "eexist"
    assert errno(await space.make("d", type="DIR")) == "eexist"
    assert errno(await space.make("f/x", b"2")) == "enotdir"
    assert errno(await space.make("f/x/y", b"2", create_parents="true")) == "enotdir"
    assert errno(await space.make("no/x", b"2")) == "enoent"
    assert (await space.make("f", b"2", update_existing="true")).status_code == 201
    assert space.on_disk() == {"f": b"2"}
    assert errno(await space.ask("PUT", f"/data/{space.id_of('d')}/content", content=b"x")) == "eisdir"


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"type": "FIFO"}, "badValueNotAllowed"),
        ({"type": "SYMLNK"}, "notSupported"),
        ({"mode": "999"}, "badValueInteger"),
        ({"mode": "7777"}, "badValueNotInRange"),
        ({"offset": "-1"}, "badValueTooLow"),
        ({"offset": "x"}, "badValueInteger"),
        ({"create_parents": "maybe"}, "badValueBoolean"),
    ],
)
async def test_what_cannot_be_meant_is_refused(space: Space, params: dict[str, str], error: str) -> None:
    answer = await space.make("f", b"x", **params)
    assert (answer.status_code, answer.json()["error"]["id"]) == (400, error)
    assert space.on_disk() == {}


@pytest.mark.parametrize("path", ["..%2Fx", "a%2F..%2F..%2Fx", "%00", "a%00b"])
async def test_no_name_leads_out_of_the_space(space: Space, path: str) -> None:
    answer = await space.make(path, b"x", create_parents="true")
    assert answer.json()["error"]["id"] == "badValueFilePath"
    assert list(space.dataset.folder.parent.glob("**/x")) == []


@pytest.mark.parametrize(
    ("name", "error"),
    [(".fs2od", "eperm"), ("fs2od-access.yml", "eperm"), (".fs2od-partial", "enoent"), ("n" * 256, "enametoolong")],
)
async def test_names_of_our_own_and_endless_ones_are_refused(space: Space, name: str, error: str) -> None:
    assert errno(await space.make(name, b"x")) == error


@pytest.mark.parametrize("name", ["two\nlines", 'quo"ted', "-dash", " ", "#hash?query&", "%2e", "\\back", "名前", "~"])
async def test_awkward_names_are_names(space: Space, name: str) -> None:
    made = await space.ask("POST", f"/data/{space.dataset.root}/children", params={"name": name}, content=b"1")
    assert made.status_code == 201
    assert space.on_disk() == {name: b"1"}
    assert (await space.ask("DELETE", f"/data/{made.json()['fileId']}")).status_code == 204
    assert space.on_disk() == {}


@pytest.mark.parametrize("name", ["victim\n", "vic\ntim", "victim\r\n"])
async def test_a_line_break_belongs_to_the_name(space: Space, name: str) -> None:
    asked = quote(name)
    await space.make("victim", b"1")
    assert errno(await space.ask("DELETE", f"/data/{space.dataset.space}/path/{asked}")) == "enoent"
    looked = await space.ask("POST", f"/lookup-file-id/results@{space.dataset.space}/{asked}")
    assert errno(looked) == "enoent"
    assert (await space.make(asked, b"2")).status_code == 201
    await space.make("moved", b"3")
    moved = await space.move("moved", f"{asked}{asked}")
    assert moved.json()["objectName"] == name * 2
    assert space.on_disk() == {"victim": b"1", name: b"2", name * 2: b"3"}
    assert await space.read(asked) == b"2"


async def test_what_is_not_utf_8_names_no_file(space: Space) -> None:
    path, odd = f"/data/{space.dataset.space}/path", "u%F1.txt"
    await space.make("u\ufffd.txt", b"another")
    for answer in (
        await space.make(odd, b"1"),
        await space.ask("GET", f"{path}/{odd}"),
        await space.ask("DELETE", f"{path}/{odd}"),
        await space.ask("POST", f"/lookup-file-id/results@{space.dataset.space}/{odd}"),
        await space.ask("POST", f"/data/{space.dataset.root}/children?name={odd}"),
        await space.move("u\ufffd.txt", odd),
    ):
        assert (answer.status_code, answer.json()["error"]["id"]) == (400, "badValueFilePath")
    assert space.on_disk() == {"u\ufffd.txt": b"another"}


async def test_removing_takes_everything_below(space: Space) -> None:
    for path in ("d/e/1", "d/e/2", "d/3", "4"):
        await space.make(path, b"12", create_parents="true")
    assert (await space.ask("DELETE", f"/data/{space.dataset.space}/path/d")).status_code == 204
    assert (space.on_disk(), space.sums()) == ({"4": b"12"}, (1, 2))
    assert not (space.dataset.folder / "d").exists()
    assert errno(await space.ask("DELETE", f"/data/{space.dataset.space}/path/d")) == "enoent"
    assert errno(await space.ask("DELETE", f"/data/{space.dataset.space}")) == "eperm"
    assert space.notes() == 0


async def test_a_directory_with_something_unknown_in_it_is_not_removed(space: Space) -> None:
    await space.make("d/f", b"1", create_parents="true")
    (space.dataset.folder / "d" / "foreign").write_bytes(b"not ours")
    assert errno(await space.ask("DELETE", f"/data/{space.id_of('d')}")) == "enotempty"
    assert space.on_disk() == {"d/foreign": b"not ours"}
    assert space.sums() == (0, 0)


async def test_files_and_directories_move_and_keep_their_ids(space: Space) -> None:
    await space.make("a/f", b"123", create_parents="true")
    await space.make("b", type="DIR")
    file, directory = space.id_of("a/f"), space.id_of("a")
    moved = await space.move("a/f", "b/g")
    assert (moved.status_code, moved.json()["objectID"], moved.json()["objectName"]) == (201, file, "g")
    assert (space.id_of("b/g"), space.sums("a"), space.sums("b"), space.sums()) == (file, (0, 0), (1, 3), (1, 3))
    await space.make("a/h", b"4567")
    assert (await space.move("a", "b/c")).json()["objectID"] == directory
    assert space.on_disk() == {"b/g": b"123", "b/c/h": b"4567"}
    assert (space.sums("b"), space.sums("b/c"), space.sums()) == ((2, 7), (1, 4), (2, 7))
    assert await space.read("b/c/h") == b"4567"
    assert space.notes() == 0


async def test_a_move_says_what_is_in_its_way(space: Space) -> None:
    for path in ("f", "g", "d/x", "e/y"):
        await space.make(path, path.encode(), create_parents="true")
    assert errno(await space.move("none", "z")) == "enoent"
    assert errno(await space.move("f", "no/z")) == "enoent"
    assert errno(await space.move("f", "g/z")) == "enotdir"
    assert errno(await space.move("f", "d")) == "eisdir"
    assert errno(await space.move("d", "f")) == "enotdir"
    assert errno(await space.move("d", "e")) == "eexist"
    assert errno(await space.move("d", "d/inside")) == "einval"
    assert errno(await space.move("f", "g", **{"If-None-Match": "*"})) == "eexist"
    assert (await space.move("f", "f")).status_code == 201
    assert (await space.move("f", "g")).status_code == 201
    assert space.on_disk() == {"g": b"f", "d/x": b"d/x", "e/y": b"e/y"}
    assert space.sums() == (3, 7)


async def test_cdmi_offers_nothing_but_moves(space: Space) -> None:
    await space.make("f", b"1")
    url = f"{space.world.node.settings.provider_url}/cdmi"
    client, path = space.world.provider, f"{url}/results/g"
    for headers, body, error in (
        ({"Content-Type": "application/cdmi-object"}, {"move": "results/f"}, "missingRequiredValue"),
        (CDMI | {"X-CDMI-Specification-Version": "2"}, {"move": "results/f"}, "badValueNotAllowed"),
        (CDMI, {"copy": "results/f"}, "notImplemented"),
        (CDMI, {"move": 1}, "badValueString"),
        ({}, {"move": "results/f"}, "notImplemented"),
    ):
        answer = await client.put(path, headers=space.alex.headers | headers, json=body)
        assert answer.json()["error"]["id"] == error
    answer = await client.put(
        path, headers=space.alex.headers | CDMI, json={"move": f"/cdmi_objectid/{space.id_of('f')}"}
    )
    assert answer.status_code == 201
    for name, key in (
        ("", "cdmi_object_move_from_local"),
        ("/container", "cdmi_move_container"),
        ("/dataobject", "cdmi_move_dataobject"),
    ):
        told = await client.get(f"{url}/cdmi_capabilities{name}/")
        assert told.json()["capabilities"][key] == "true"
    assert (await client.get(f"{url}/cdmi_capabilities/none")).status_code == 404
    assert (await client.put(path, headers=CDMI, json={"move": "results/g"})).status_code == 401


async def test_the_checksum_of_what_is_written_is_known(space: Space) -> None:
    one, two = b"a" * 3_000_000, b"b" * 10
    file = (await space.make("f", one)).json()["fileId"]
    assert known(space, "f") == (hashlib.sha256(one).digest(), zlib.crc32(one))
    assert (
        await space.ask("PUT", f"/data/{file}/content", content=two, params={"offset": len(one)})
    ).status_code == 204
    assert known(space, "f") == (hashlib.sha256(one + two).digest(), zlib.crc32(one + two))
    assert (await space.move("f", "g")).status_code == 201
    assert known(space, "g") == (hashlib.sha256(one + two).digest(), zlib.crc32(one + two))
    assert (await space.ask("PUT", f"/data/{file}/content", content=two, params={"offset": 5})).status_code == 204
    assert known(space, "g") is None


def known(space: Space, path: str) -> tuple[bytes, int] | None:
    provider = space.world.node.provider
    with provider.indexes.using(space.dataset.space) as index:
        entry = index.lookup(path.split("/"))
        assert entry is not None
    found = provider.checksums.of(space.dataset.space, entry)
    return None if found is None else (found.sha256, found.crc32)


async def test_an_answer_says_the_checksum_and_one_that_is_not_known_is_computed(space: Space) -> None:
    made = await space.make("f", b"abcdef")
    file = made.json()["fileId"]
    assert made.headers["Repr-Digest"] == digest(b"abcdef")
    written = await space.ask("PUT", f"/data/{file}/content", content=b"gh", params={"offset": 6})
    assert written.headers["Repr-Digest"] == digest(b"abcdefgh")
    told = await space.ask("GET", f"/fs2od/data/{file}/checksum")
    assert told.json() == {"status": "known", "sizeBytes": 8, "sha256": hashlib.sha256(b"abcdefgh").hexdigest()}
    written = await space.ask("PUT", f"/data/{file}/content", content=b"X", params={"offset": 0})
    assert "Repr-Digest" not in written.headers
    assert known(space, "f") is None
    told = await space.ask("GET", f"/fs2od/data/{file}/checksum")
    assert told.json()["sha256"] == hashlib.sha256(b"Xbcdefgh").hexdigest()
    assert known(space, "f") == (hashlib.sha256(b"Xbcdefgh").digest(), zlib.crc32(b"Xbcdefgh"))
    written = await space.ask("PUT", f"/data/{file}/content", content=b"!", params={"offset": 8})
    assert written.headers["Repr-Digest"] == digest(b"Xbcdefgh!")
    assert errno(await space.ask("GET", f"/fs2od/data/{space.dataset.root}/checksum")) == "eisdir"


def digest(content: bytes) -> str:
    return f"sha-256=:{b64encode(hashlib.sha256(content).digest()).decode()}:"


async def test_no_more_is_written_than_the_support_grants(world: World) -> None:
    space = Space(world, size_bytes=1_000_000)
    file = (await space.make("f", bytes(900_000))).json()["fileId"]
    assert errno(await space.make("g", bytes(200_000))) == "enospc"
    url = f"/data/{file}/content"
    assert errno(await space.ask("PUT", url, content=b"12", params={"offset": 999_999})) == "enospc"
    assert errno(await space.ask("PUT", url, content=bytes(1_000_001))) == "enospc"
    assert (await space.ask("PUT", url, content=bytes(1_000_000))).status_code == 204
    assert (space.sums(), list(space.on_disk())) == ((1, 1_000_000), ["f"])
    assert (await space.ask("DELETE", f"/data/{file}")).status_code == 204
    assert (await space.make("g", bytes(1_000_000))).status_code == 201


async def test_imported_spaces_are_not_written_to(world: World) -> None:
    alex = world.person()
    dataset = world.dataset(alex, {"f": b"raw", "d/g": b"raw"}, readonly=False)
    client, file = world.provider, world.id_of(dataset, "f")
    cdmi = f"{world.node.settings.provider_url}/cdmi/dataset@{dataset.space}"
    for answer in (
        await client.put(f"/data/{file}/content", headers=alex.headers, content=b"x"),
        await client.put(f"/data/{file}/content?offset=1", headers=alex.headers, content=b"x"),
        await client.put(f"/data/{dataset.root}/path/new", headers=alex.headers),
        await client.post(f"/data/{dataset.root}/children?name=new&type=DIR", headers=alex.headers),
        await client.delete(f"/data/{file}", headers=alex.headers),
        await client.delete(f"/data/{dataset.root}/path/d", headers=alex.headers),
        await client.put(f"{cdmi}/h", headers=alex.headers | CDMI, json={"move": f"dataset@{dataset.space}/f"}),
    ):
        assert errno(answer) == "erofs"
    assert (dataset.folder / "f").read_bytes() == b"raw"
    assert (dataset.folder / "d" / "g").read_bytes() == b"raw"


async def test_a_file_that_is_longer_than_bodies_may_be_is_refused(space: Space) -> None:
    limit = space.world.node.settings.limits.upload_bytes
    answer = await space.ask(
        "PUT", f"/data/{space.dataset.space}/path/f", content=b"", headers={"Content-Length": str(limit + 1)}
    )
    assert errno(answer) == "efbig"


async def test_metadata_is_inherited_the_nearest_first(space: Space) -> None:
    await space.make("a/b/f", b"1", create_parents="true")
    metadata = {"": {"x": 1, "deep": {"p": 1, "q": 1}}, "a": {"deep": {"q": 2}}, "a/b/f": {"y": 3}}
    for path, document in metadata.items():
        url = f"/data/{space.id_of(path)}/metadata"
        content = json.dumps(document).encode()
        assert (await space.ask("PUT", f"{url}/json", content=content)).status_code == 204
        xattrs = json.dumps({"k": path, f"only {path}": "1"}).encode()
        assert (await space.ask("PUT", f"{url}/xattrs", content=xattrs)).status_code == 204
    url = f"/data/{space.id_of('a/b/f')}/metadata"
    assert (await space.ask("GET", f"{url}/json")).json() == {"y": 3}
    read = await space.ask("GET", f"{url}/json", params={"inherited": "true"})
    assert read.json() == {"x": 1, "y": 3, "deep": {"p": 1, "q": 2}}
    read = await space.ask("GET", f"{url}/json", params={"inherited": "true", "filter": "deep.q"})
    assert read.json() == 2
    read = await space.ask("GET", f"{url}/xattrs", params={"inherited": "true"})
    assert read.json() == {"k": "a/b/f", "only a/b/f": "1", "only a": "1", "only ": "1"}
    read = await space.ask("GET", f"{url}/xattrs", params={"show_internal": "true", "attribute": "onedata_json"})
    assert read.json() == {"onedata_json": {"y": 3}}
    empty = f"/data/{space.id_of('a/b')}/metadata/json"
    assert errno(await space.ask("GET", empty)) == "enodata"
    assert (await space.ask("GET", empty, params={"inherited": "true"})).json()["deep"] == {"p": 1, "q": 2}
    token = space.world.token(space.alex, DataPath((f"/{space.dataset.space}/a/b",)))
    headers = {"X-Auth-Token": token.reveal()}
    read = await space.world.provider.get(f"{url}/json?inherited=true", headers=headers)
    assert read.json() == {"y": 3}
    assert (await space.ask("GET", f"{url}/json", params={"inherited": "x"})).status_code == 400


async def test_modes_of_files_and_directories_say_who_may_write(space: Space) -> None:
    await space.make("d/f", b"1", create_parents="true")
    file = space.id_of("d/f")
    await space.ask("PUT", f"/data/{file}", content=b'{"mode": "0444"}')
    assert errno(await space.ask("PUT", f"/data/{file}/content", content=b"2")) == "eacces"
    assert errno(await space.ask("PUT", f"/data/{file}/content", content=b"2", params={"offset": 0})) == "eacces"
    await space.ask("PUT", f"/data/{space.id_of('d')}", content=b'{"mode": "0555"}')
    assert errno(await space.make("d/g", b"1")) == "eacces"
    assert errno(await space.ask("DELETE", f"/data/{file}")) == "eacces"
    assert errno(await space.move("d/f", "f")) == "eacces"
    assert errno(await space.ask("DELETE", f"/data/{space.id_of('d')}")) == "eacces"
    assert space.on_disk() == {"d/f": b"1"}


@pytest.mark.parametrize("kind", ["path", "object id"])
async def test_a_confined_token_writes_where_it_says_and_nowhere_else(space: Space, kind: str) -> None:
    for path in ("a/in/f", "a/out/f"):
        await space.make(path, b"1", create_parents="true")
    inside = DataPath((f"/{space.dataset.space}/a/in",)) if kind == "path" else DataObjectId((space.id_of("a/in"),))
    confined = {"X-Auth-Token": space.world.token(space.alex, inside).reveal()}
    base = f"/data/{space.dataset.space}/path"
    for method, path in (
        ("PUT", f"{base}/a/out/g"), ("PUT", f"{base}/a/g"), ("PUT", f"{base}/g"), ("DELETE", f"{base}/a/out/f"),
        ("DELETE", f"{base}/a"), ("PUT", f"/data/{space.id_of('a/out/f')}/content"), ("DELETE", f"/data/{space.id_of('a/out')}"),
    ):  # fmt: skip
        assert errno(await space.ask(method, path, headers=confined)) == "eacces", path
    assert errno(await space.move("a/in/f", "a/out/g", **confined)) == "eacces"
    assert errno(await space.move("a/out/f", "a/in/g", **confined)) == "eacces"
    assert (await space.ask("PUT", f"{base}/a/in/new/g?create_parents=true", headers=confined)).status_code == 201
    assert (await space.move("a/in/f", "a/in/new/h", **confined)).status_code == 201
    assert (await space.ask("DELETE", f"{base}/a/in/new/g", headers=confined)).status_code == 204
    assert space.on_disk() == {"a/in/new/h": b"1", "a/out/f": b"1"}
    readonly = {"X-Auth-Token": space.world.token(space.alex, DataReadonly()).reveal()}
    assert errno(await space.ask("PUT", f"{base}/g", headers=readonly)) == "eacces"


async def test_who_wrote_what_is_in_the_record(space: Space) -> None:
    file = (await space.make("f", b"1")).json()["fileId"]
    await space.ask("PUT", f"/data/{file}/content", content=b"2")
    await space.ask("DELETE", f"/data/{file}")
    with space.world.node.zone.database.reading() as db:
        rows = db.execute("SELECT user, action FROM audit ORDER BY id DESC LIMIT 3").fetchall()
    assert [tuple(row) for row in rows] == [
        (space.alex.id, "remove_file"), (space.alex.id, "update_file_content"), (space.alex.id, "create_file_at_path"),
    ]  # fmt: skip


async def test_nobody_puts_a_sidecar_where_it_would_speak_for_everything(world: World) -> None:
    alex = world.person()
    dataset = world.results(alex)

    async def put(path: str) -> int:
        params = {"create_parents": "true"}
        answer = await world.provider.put(
            f"/data/{dataset.space}/path/{path}", headers=alex.headers, params=params, content=b"x"
        )
        if answer.status_code != 201:
            assert answer.json()["error"]["details"] == {"errno": "eperm"}
        return answer.status_code

    assert await put("fs2od-sidecar/manifest/000001.jsonl") == 400
    assert await put("fs2od-sidecar") == 400
    assert await put("copied/fs2od-sidecar/manifest/000001.jsonl") == 201
    assert not (dataset.folder / "fs2od-sidecar").exists()
    # One that an older node took can be moved away.
    with world.node.provider.indexes.using(dataset.space) as index, index.database.writing() as db:
        db.execute("UPDATE entry SET name = 'fs2od-sidecar' WHERE name = 'copied'")
    (dataset.folder / "copied").rename(dataset.folder / "fs2od-sidecar")
    assert await put("fs2od-sidecar/other") == 201
    known = world.id_of(dataset, "fs2od-sidecar")
    assert (await world.provider.delete(f"/data/{known}", headers=alex.headers)).status_code == 204
