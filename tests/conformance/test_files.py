"""Files: found, described, listed, read, and their metadata."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx

from fs2od.onedata.ids import parse_file_id
from fs2od.testing.descriptions import judge_keys
from fs2od.testing.world import World

Ask = Callable[..., Awaitable[httpx.Response]]

_PUBLIC = {
    "file_id": "str", "fileId": "str", "parent_id": "str?", "parentFileId": "str?", "name": "str", "mode": "str",
    "posixPermissions": "str", "atime": "int", "mtime": "int", "ctime": "int", "type": "str", "size": "int?",
    "shares": "list", "directShareIds": "list", "index": "str",
}  # fmt: skip
_PRIVATE = _PUBLIC | {
    "storage_user_id": "int", "displayUid": "int", "storage_group_id": "int", "displayGid": "int", "owner_id": "str",
    "ownerUserId": "str", "provider_id": "str", "originProviderId": "str", "hardlinks_count": "int",
    "hardlinkCount": "int",
}  # fmt: skip


async def test_a_provider_shows_spaces_and_finds_paths(world: World, ask: Ask) -> None:
    alex = world.person()
    dataset = world.dataset(alex, {"a b/c?#.txt": b"x"}, name="data")
    provider = world.node.provider.record
    seen = (await ask("oneprovider/get_space", alex, sid=dataset.space)).json()
    assert (seen["fileId"], seen["dirId"]) == (dataset.root, dataset.root)
    assert seen["providers"] == [{"providerId": provider.id, "providerName": provider.name}]
    assert (await ask("oneprovider/get_all_spaces", alex)).json() == [seen]
    for path in ("data", f"data@{dataset.space}", f"data@{dataset.space}/x/../a%20b/.."):
        found = await ask("oneprovider/lookup_file_id", alex, path=path)
        assert found.json()["fileId"] == dataset.root
    file = world.id_of(dataset, "a b/c?#.txt")
    found = await ask("oneprovider/lookup_file_id", alex, path="data/a%20b/c%3F%23.txt")
    assert found.json()["fileId"] == file
    found = await world.provider.post("/lookup-file-id//data/a%20b/c%3F%23.txt", headers=alex.headers)
    assert found.json()["fileId"] == file


async def test_attributes_and_listings_have_both_generations_of_keys(world: World, ask: Ask) -> None:
    alex = world.person()
    dataset = world.dataset(alex, {"a.txt": b"hello", "b/c.txt": b"12"})
    share = world.share(alex, dataset)
    seen = (await ask("oneprovider/get_attrs", alex, id=dataset.root)).json()
    assert set(seen) == set(_PRIVATE)
    judge_keys(seen, _PRIVATE)
    assert (seen["type"], seen["size"], seen["shares"], seen["parent_id"]) == ("DIR", 7, [share], None)
    assert (await ask("oneprovider/get_attrs", alex, id=dataset.space)).json() == seen
    file = world.id_of(dataset, "a.txt")
    seen = (await ask("oneprovider/get_attrs", alex, id=file)).json()
    judge_keys(seen, _PRIVATE)
    assert (seen["type"], seen["size"], seen["mode"], seen["parentFileId"]) == ("REG", 5, "664", dataset.root)
    shared = world.id_of(dataset, "a.txt", share=share)
    public = (await ask("oneprovider/get_attrs", id=shared)).json()
    assert set(public) == set(_PUBLIC)
    judge_keys(public, _PUBLIC)
    assert (public["fileId"], public["mode"], public["shares"]) == (shared, "004", [])
    assert parse_file_id(public["parentFileId"]).share == share
    body = {"attributes": ["name", "path", "xattr.none", "creationTime"]}
    chosen = (await ask("oneprovider/get_attrs", alex, body=body, id=file)).json()
    judge_keys(chosen, {"name": "str", "path": "str", "creationTime": "int"})
    assert chosen["xattr.none"] is None
    assert len(chosen) == 4
    listed = (await ask("oneprovider/list_children", alex, id=dataset.root)).json()
    assert [set(child) for child in listed["children"]] == [{"fileId", "file_id", "name"}] * 2
    assert [child["name"] for child in listed["children"]] == ["a.txt", "b"]
    assert listed["isLast"] is True
    params = {"attribute": ["size", "name", "type", "file_id"], "limit": 1}
    listed = (await ask("oneprovider/list_children", alex, params=params, id=dataset.root)).json()
    assert listed["children"] == [{"size": 5, "name": "a.txt", "type": "REG", "file_id": file}]
    assert listed["isLast"] is False
    body = {"token": listed["nextPageToken"], "attributes": ["name"]}
    listed = (await ask("oneprovider/list_children", alex, body=body, id=dataset.root)).json()
    assert (listed["children"], listed["isLast"]) == ([{"name": "b"}], True)


async def test_all_files_below_a_directory_are_listed(world: World, ask: Ask) -> None:
    alex = world.person()
    dataset = world.dataset(alex, dict.fromkeys(("a.txt", "b/1.txt", "b/2/3.txt", "c.txt"), b"x"))
    listed = (await ask("oneprovider/list_files_recursively", alex, id=dataset.root)).json()
    assert [file["path"] for file in listed["files"]] == ["a.txt", "b/1.txt", "b/2/3.txt", "c.txt"]
    assert listed["files"][1]["fileId"] == world.id_of(dataset, "b/1.txt")
    assert (listed["isLast"], listed["inaccessiblePaths"], listed["nextPageToken"]) == (True, [], None)
    body = {"limit": 2, "attributes": ["path", "size"], "prefix": "b/"}
    first = (await ask("oneprovider/list_files_recursively", alex, body=body, id=dataset.root)).json()
    assert first["files"] == [{"path": "b/1.txt", "size": 1}, {"path": "b/2/3.txt", "size": 1}]


async def test_a_mode_is_changed(world: World, ask: Ask) -> None:
    alex = world.person()
    dataset = world.dataset(alex, {"a.txt": b"hello"})
    file = world.id_of(dataset, "a.txt")
    await ask("oneprovider/set_attr", alex, status=204, body={"mode": "0640"}, id=file)
    assert (await ask("oneprovider/get_attrs", alex, id=file)).json()["mode"] == "640"
    await ask("oneprovider/set_attr", alex, status=204, body={"posixPermissions": "664"}, id=file)
    assert (await ask("oneprovider/get_attrs", alex, id=file)).json()["posixPermissions"] == "664"


async def test_content_is_read_by_id_and_by_path(world: World, ask: Ask) -> None:
    alex = world.person()
    dataset = world.dataset(alex, {"b/a.txt": b"0123456789"})
    (dataset.folder / "link").symlink_to("b/a.txt")
    (dataset.folder / "lost").symlink_to("b/nothing")
    world.rescan(dataset.space)
    file, link = world.id_of(dataset, "b/a.txt"), world.id_of(dataset, "link")
    whole = await ask("oneprovider/download_file_content", alex, id=file)
    assert (whole.content, whole.headers["Content-Length"]) == (b"0123456789", "10")
    assert whole.headers["Content-Disposition"].startswith('attachment; filename="a.txt"')
    whole = await ask("oneprovider/download_file_content_by_path", alex, id=dataset.root, path="b/a.txt")
    assert whole.content == b"0123456789"
    assert (await ask("oneprovider/download_file_content", alex, id=link)).content == b"0123456789"
    kept = await ask("oneprovider/download_file_content", alex, params={"follow_symlinks": "false"}, id=link)
    assert kept.content == b"b/a.txt"
    assert (await ask("oneprovider/get_symlink_value", alex, id=link)).content == b"b/a.txt"
    lost = world.id_of(dataset, "lost")
    assert (await ask("oneprovider/download_file_content", alex, id=lost)).content == b"b/nothing"
    moved = await ask("oneprovider/download_file_content", alex, status=302, id=dataset.root)
    assert moved.headers["Location"].startswith("https://provider.test/download/")


async def test_metadata_of_three_kinds_is_kept(world: World, ask: Ask) -> None:
    alex = world.person()
    dataset = world.dataset(alex)
    at = {"id": dataset.root}
    await ask("oneprovider/get_json_metadata", alex, status=400, error="posix", **at)
    await ask("oneprovider/set_json_metadata", alex, status=204, body={"a": {"b": [1, None]}}, **at)
    assert (await ask("oneprovider/get_json_metadata", alex, **at)).json() == {"a": {"b": [1, None]}}
    params = {"filter_type": "keypath", "filter": "a.b.[0]"}
    assert (await ask("oneprovider/get_json_metadata", alex, params=params, **at)).json() == 1
    await ask("oneprovider/remove_json_metadata", alex, status=204, **at)
    await ask("oneprovider/get_json_metadata", alex, status=400, error="posix", **at)
    assert (await ask("oneprovider/get_xattrs", alex, **at)).json() == {}
    await ask("oneprovider/set_xattr", alex, status=204, body={"k": "v", "l": "w"}, **at)
    await ask("oneprovider/set_xattr", alex, status=204, body={"k": "x"}, **at)
    assert (await ask("oneprovider/get_xattrs", alex, **at)).json() == {"k": "x", "l": "w"}
    assert (await ask("oneprovider/get_xattrs", alex, params={"attribute": "l"}, **at)).json() == {"l": "w"}
    await ask("oneprovider/remove_xattrs", alex, status=204, body={"keys": ["k"]}, **at)
    assert (await ask("oneprovider/get_xattrs", alex, **at)).json() == {"l": "w"}
    text = "<rdf>é</rdf>".encode()
    await ask("oneprovider/set_rdf_metadata", alex, status=204, content=text, **at)
    read = await ask("oneprovider/get_rdf_metadata", alex, **at)
    assert read.content == text
    assert read.headers["content-type"].startswith("application/rdf+xml")
    await ask("oneprovider/remove_rdf_metadata", alex, status=204, **at)
    await ask("oneprovider/get_rdf_metadata", alex, status=400, error="posix", **at)
