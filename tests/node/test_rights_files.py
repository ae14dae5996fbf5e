"""What confined tokens and shares leave of a tree of files."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from fs2od.onedata import privileges
from fs2od.onedata.ids import FileId
from fs2od.onedata.tokens import Caveat, DataObjectId, DataPath, DataReadonly, Service
from fs2od.testing.descriptions import judge_error
from fs2od.testing.world import Dataset, Person, World

FILES = {"a/in.txt": b"in", "a/deep/x.txt": b"x", "a2/not.txt": b"not", "top.txt": b"top"}


@pytest.fixture
def alex(world: World) -> Person:
    return world.person()


@pytest.fixture
def dataset(world: World, alex: Person) -> Dataset:
    return world.dataset(alex, FILES)


class Reader:
    """Reads as somebody with one token."""

    def __init__(self, world: World, person: Person | None, *caveats: Caveat) -> None:
        self.world = world
        self.headers = {"X-Auth-Token": world.token(person, *caveats).reveal()} if person else {}

    async def get(self, file_id: str, noun: str = "", params: Mapping[str, Any] | None = None) -> httpx.Response:
        return await self.world.provider.get(f"/data/{file_id}{noun}", headers=self.headers, params=params)

    async def names(self, file_id: str, **params: str | int) -> list[str]:
        answer = await self.get(file_id, "/children", params=params)
        assert answer.status_code == 200, answer.text
        return [child["name"] for child in answer.json()["children"]]

    async def paths(self, file_id: str) -> list[str]:
        answer = await self.get(file_id, "/files")
        return [file["path"] for file in answer.json()["files"]]

    async def archived(self, file_id: str) -> list[str]:
        moved = await self.get(file_id, "/content")
        assert moved.status_code == 302, moved.text
        answer = await self.world.provider.get(moved.headers["Location"])
        with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
            return [member.name for member in archive if member.isfile()]


async def refused(answer: httpx.Response, errno: str = "eacces") -> None:
    judge_error(answer, "posix", errno=errno)


@pytest.mark.parametrize("by", ["path", "object id"])
async def test_a_token_for_a_folder_shows_the_way_there_and_what_lies_below(
    world: World, alex: Person, dataset: Dataset, by: str
) -> None:
    def at(path: str) -> FileId:
        return world.id_of(dataset, path)

    caveat = DataPath((f"/{dataset.space}/a",)) if by == "path" else DataObjectId((at("a"),))
    reader = Reader(world, alex, caveat)
    assert await reader.names(dataset.root) == ["a"]
    assert await reader.names(dataset.space) == ["a"]
    assert await reader.names(at("a")) == ["deep", "in.txt"]
    assert await reader.paths(dataset.root) == ["a/deep/x.txt", "a/in.txt"]
    assert (await reader.get(at("a/in.txt"), "/content")).content == b"in"
    assert (await reader.get(dataset.root)).json()["type"] == "DIR"
    assert await reader.archived(at("a")) == ["a/deep/x.txt", "a/in.txt"]
    for path in ("a2", "a2/not.txt", "top.txt"):
        await refused(await reader.get(at(path)))
        await refused(await reader.get(at(path), "/content"))
    # On the way, but not below: nothing but the way itself.
    for noun in ("/content", "/metadata/json", "/metadata/xattrs", "/distribution", "/qos/summary"):
        await refused(await reader.get(dataset.root, noun))


async def test_the_narrower_of_two_caveats_counts(world: World, alex: Person, dataset: Dataset) -> None:
    folder, deep = world.id_of(dataset, "a"), world.id_of(dataset, "a/deep")
    reader = Reader(world, alex, DataPath((f"/{dataset.space}/a", f"/{dataset.space}/a2")), DataObjectId((deep,)))
    assert await reader.names(folder) == ["deep"]
    assert await reader.paths(dataset.root) == ["a/deep/x.txt"]
    apart = Reader(world, alex, DataPath((f"/{dataset.space}/a2",)), DataObjectId((folder,)))
    await refused(await apart.get(folder))
    await refused(await apart.get(world.id_of(dataset, "a2/not.txt"), "/content"))


async def test_pages_of_a_confined_listing_are_counted_in_what_is_left(world: World, alex: Person) -> None:
    dataset = world.dataset(alex, {f"{number}.txt": b"" for number in range(8)})
    left = [f"/{dataset.space}/{number}.txt" for number in (1, 3, 4, 7)] + [f"/{dataset.space}/none"]
    reader = Reader(world, alex, DataPath(tuple(left)))
    first = (await reader.get(dataset.root, "/children", params={"limit": 3})).json()
    assert [child["name"] for child in first["children"]] == ["1.txt", "3.txt", "4.txt"]
    assert first["isLast"] is False
    rest = (await reader.get(dataset.root, "/children", params={"limit": 3, "token": first["nextPageToken"]})).json()
    assert ([child["name"] for child in rest["children"]], rest["isLast"]) == (["7.txt"], True)
    assert await reader.names(dataset.root, index="4.txt", inclusive="true", offset=-1) == ["3.txt", "4.txt", "7.txt"]


async def test_a_read_only_token_writes_nothing(world: World, alex: Person, dataset: Dataset) -> None:
    reader = Reader(world, alex, DataReadonly())
    answer = await world.provider.put(f"/data/{dataset.root}", json={"mode": "0700"}, headers=reader.headers)
    await refused(answer)
    assert await reader.names(dataset.root) == ["a", "a2", "top.txt"]


async def test_the_scope_of_a_token_is_what_its_caveats_leave(world: World, alex: Person, dataset: Dataset) -> None:
    other = world.dataset(alex, name="other")
    here = world.node.provider.record.id

    async def scope(*caveats: Caveat) -> tuple[dict[str, list[str]], list[str], bool]:
        body = {"token": world.token(alex, *caveats).reveal()}
        found = (await world.zone.post("/tokens/infer_access_token_scope", json=body)).json()["dataAccessScope"]
        spaces = {space: sorted(said["supports"]) for space, said in found["spaces"].items()}
        return spaces, sorted(found["providers"]), found["readonly"]

    both = {dataset.space: [here], other.space: [here]}
    assert await scope() == (both, [here], False)
    assert await scope(DataReadonly()) == (both, [here], True)
    assert await scope(DataPath((f"/{dataset.space}/a",))) == ({dataset.space: [here]}, [here], False)
    file_id = world.id_of(other)
    assert await scope(DataObjectId((file_id,))) == ({other.space: [here]}, [here], False)
    assert await scope(Service((f"opw-{here}",))) == (both, [here], False)
    nowhere: dict[str, list[str]] = {space: [] for space in both}
    assert await scope(Service(("opw-abc",))) == (nowhere, [], False)
    assert await scope(Service(("ozw-onezone",))) == (nowhere, [], False)


async def test_a_share_of_a_folder_shows_nothing_above_or_beside_it(
    world: World, alex: Person, dataset: Dataset
) -> None:
    share = world.share(alex, dataset, "a")
    guest = Reader(world, None)

    def at(path: str) -> FileId:
        return world.id_of(dataset, path, share=share)

    root = (await guest.get(at("a"))).json()
    assert (root["parentFileId"], root["shares"], root["name"]) == (None, [share], "a")
    assert await guest.names(at("a")) == ["deep", "in.txt"]
    child = (await guest.get(at("a/in.txt"))).json()
    assert (child["parentFileId"], child["shares"]) == (at("a"), [])
    assert await guest.archived(at("a")) == ["share/deep/x.txt", "share/in.txt"]
    for path in ("", "a2", "a2/not.txt", "top.txt"):
        for noun in ("", "/children", "/content"):
            await refused(await guest.get(at(path), noun), "enoent")
    judge_error(await guest.get(world.id_of(dataset, "a")), "unauthorized")


async def test_a_share_is_looked_at_as_a_guest_by_everybody(world: World, alex: Person, dataset: Dataset) -> None:
    share = world.share(alex, dataset)
    file_id = world.id_of(dataset, "top.txt", share=share)
    for reader in (Reader(world, alex), Reader(world, world.person("Blair Example")), Reader(world, None)):
        attributes = (await reader.get(file_id)).json()
        assert attributes["mode"] == "004"
        assert "owner_id" not in attributes
    world.node.provider.files.set_mode(alex.caller, world.id_of(dataset, "top.txt"), 0o660)
    await refused(await Reader(world, alex).get(file_id, "/content"))
    assert (await Reader(world, alex).get(world.id_of(dataset, "top.txt"), "/content")).content == b"top"


async def test_modes_are_obeyed_in_listings_archives_and_on_the_way(
    world: World, alex: Person, dataset: Dataset
) -> None:
    set_mode = world.node.provider.files.set_mode
    set_mode(alex.caller, world.id_of(dataset, "a/deep"), 0o770)
    set_mode(alex.caller, world.id_of(dataset, "a/in.txt"), 0o640)
    share = world.share(alex, dataset)
    guest, member = Reader(world, None), Reader(world, alex)
    assert await guest.archived(world.id_of(dataset, share=share)) == ["share/a2/not.txt", "share/top.txt"]
    assert await member.archived(dataset.root) == [f"dataset/{path}" for path in sorted(FILES)]
    hidden = world.id_of(dataset, "a/deep/x.txt", share=share)
    for noun in ("", "/content", "/metadata/xattrs"):
        await refused(await guest.get(hidden, noun))
    # Its attributes may be seen, as in any file system: the directories above it are open.
    assert (await guest.get(world.id_of(dataset, "a/in.txt", share=share))).json()["mode"] == "000"
    set_mode(alex.caller, world.id_of(dataset, "a/deep"), 0o000)
    listed = (await member.get(dataset.root, "/files")).json()
    assert listed["inaccessiblePaths"] == ["a/deep"]
    listed = (await member.get(world.id_of(dataset, "a/deep"), "/files")).json()
    assert (listed["files"], listed["inaccessiblePaths"]) == ([], ["."])
    # Whoever may write can open again what they closed.
    set_mode(alex.caller, world.id_of(dataset, "a/deep"), 0o775)
    assert await member.names(world.id_of(dataset, "a/deep")) == ["x.txt"]


async def test_links_lead_nowhere_that_their_reader_could_not_go(world: World, alex: Person, dataset: Dataset) -> None:
    (dataset.folder / "a" / "out").symlink_to("../top.txt")
    (dataset.folder / "a" / "in").symlink_to("deep/x.txt")
    (dataset.folder / "a" / "round").symlink_to("round")
    world.rescan(dataset.space)
    share = world.share(alex, dataset, "a")
    guest = Reader(world, None)

    async def content(path: str) -> bytes:
        return (await guest.get(world.id_of(dataset, path, share=share), "/content")).content

    assert await content("a/in") == b"x"
    assert await content("a/out") == b"../top.txt"
    assert await content("a/round") == b"round"
    assert (await Reader(world, alex).get(world.id_of(dataset, "a/out"), "/content")).content == b"top"
    confined = Reader(world, alex, DataPath((f"/{dataset.space}/a",)))
    await refused(await confined.get(world.id_of(dataset, "a/out"), "/content"))


async def test_membership_through_nested_groups_ends_anywhere_in_the_chain(world: World, dataset: Dataset) -> None:
    blair = world.person("Blair Example")
    outer = world.group(world.administrator, "outer")
    middle = world.group(world.administrator, "middle", parent=outer)
    inner = world.group(world.administrator, "inner", parent=middle)
    world.join_group(inner, blair)
    reader = Reader(world, blair)
    judge_error(await reader.get(dataset.root), "forbidden")
    world.join_space(dataset.space, outer, {"space_view"})
    await refused(await reader.get(dataset.root))
    world.join_space(dataset.space, middle, {"space_read_data"})
    assert await reader.names(dataset.root) == ["a", "a2", "top.txt"]
    held = world.node.zone.rights.space_privileges(blair.id, dataset.space)
    assert held == frozenset({"space_view", "space_read_data"})
    world.node.zone.groups.remove(world.administrator.caller, inner)
    judge_error(await reader.get(dataset.root), "forbidden")


async def test_groups_in_a_circle_are_no_trouble(world: World, dataset: Dataset) -> None:
    admin = world.administrator
    one, two = world.group(admin, "one"), world.group(admin, "two")
    blair = world.person("Blair Example")
    world.join_group(one, blair, privileges.GROUP_MEMBER)
    for parent, child in ((one, two), (two, one)):
        answer = await world.zone.put(f"/groups/{parent}/children/{child}", headers=admin.headers)
        assert answer.status_code == 201
    world.join_space(dataset.space, two, {"space_view", "space_read_data"})
    assert await Reader(world, blair).names(dataset.root) == ["a", "a2", "top.txt"]
    users = (await world.zone.get(f"/groups/{two}/effective_users", headers=admin.headers)).json()["users"]
    assert users == sorted([admin.id, blair.id])
