"""Onedata's own Python clients read from the node, over TLS that they verify."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from fs2od.onedata import wire
from fs2od.onedata.tokens import DataReadonly
from fs2od.testing.world import Dataset, Person, ServedWorld

pytestmark = pytest.mark.witness
Witness = Callable[[str, dict[str, Any]], dict[str, Any]]
CONTENT = b"line one\nline two\nlast"
PATH = "a folder/données (1).txt"
MANY = [f"{number}.txt" for number in range(5)]


def told(world: ServedWorld) -> tuple[dict[str, Any], Person, Dataset]:
    """Return what a program has to know, and what it looks at."""
    alex = world.person()
    files = {PATH: CONTENT, "hidden.txt": b"x", **{f"many/{name}": b"1" for name in MANY}}
    dataset = world.dataset(alex, files, name="data")
    (dataset.folder / "link").symlink_to("many/0.txt")
    world.rescan(dataset.space)
    located = world.node.provider.access.locate(alex.caller, world.id_of(dataset, PATH))
    for kind, values in (("xattr", {"k": "v"}), ("json", {"": {"a": [1]}}), ("rdf", {"": "<rdf>é</rdf>"})):
        world.node.provider.files.put_metadata(located, kind, values)
    world.node.provider.files.set_mode(alex.caller, world.id_of(dataset, "hidden.txt"), 0o000)
    said = {
        "zone": world.node.settings.zone_domain,
        "ca": str(world.ca),
        "token": alex.token.reveal(),
        "readonly": world.token(alex, DataReadonly()).reveal(),
        "space": "data",
        "path": PATH,
        "attributes": [*wire.ATTRIBUTES, "xattr.k", "xattr.none"],
    }
    return said, alex, dataset


def test_every_reading_method_of_the_file_client_works(served: ServedWorld, witness: Witness) -> None:
    said, _, dataset = told(served)
    saw = witness("file_rest_client", said)
    provider = served.node.provider.record
    assert saw["scope"]["dataAccessScope"]["spaces"] == {
        dataset.space: {"name": "data", "supports": {provider.id: {"readonly": True}}}
    }
    assert saw["spaces"] == ["data"]
    assert saw["space_id"] == saw["by_full_name"] == dataset.space
    assert saw["root_id"] == dataset.root
    assert saw["file_id"] == served.id_of(dataset, PATH)
    assert saw["root"]["type"] == "DIR"
    assert set(saw["every"]) == {*wire.ATTRIBUTES, "xattr.k", "xattr.none"}
    assert (saw["every"]["xattr.k"], saw["every"]["xattr.none"], saw["every"]["size"]) == ("v", None, len(CONTENT))
    assert saw["default"]["fileId"] == saw["file_id"]
    assert (saw["xattrs"], saw["json"], saw["rdf"]) == ({"k": "v"}, {"a": [1]}, "<rdf>é</rdf>")
    assert saw["whole"] == "".join(saw["chunks"]) == CONTENT.decode()
    assert saw["part"] == CONTENT[2:5].decode()
    assert {child["name"]: child["type"] for child in saw["children"]["children"]} == {
        "a folder": "DIR", "hidden.txt": "REG", "link": "SYMLNK", "many": "DIR",
    }  # fmt: skip
    assert saw["pages"] == [MANY] * 4
    assert saw["is_equal"] is True


def test_the_file_client_understands_every_refusal(served: ServedWorld, witness: Witness) -> None:
    saw = witness("file_rest_client", told(served)[0])
    assert "enoent" in saw["missing"][1]
    assert "enotdir" in saw["not_a_directory"][1]
    assert "416" in saw["past_the_end"][1]
    assert "eacces" in saw["hidden"][1]
    assert saw["unknown_space"][0] == "SpaceNotFoundError"
    assert saw["write"][0] == "NoAvailableProviderForSpaceError"
    assert saw["readonly_token"][0] == "ReadonlyTokenError"
    assert "400" in saw["bad_token"][1]


def test_every_reading_method_of_the_file_system_works(served: ServedWorld, witness: Witness) -> None:
    said, _, dataset = told(served)
    saw = witness("rest_fs", said)
    entry = (dataset.folder / PATH).stat()
    assert saw["spaces"] == ["data"]
    assert saw["space_infos"][0]["basic"] == {"name": "data", "is_dir": True}
    assert saw["through_root"] == saw["text"] == CONTENT.decode()
    assert saw["root"] == ["a folder", "hidden.txt", "link", "many"]
    assert saw["info"]["details"].items() >= {"size": len(CONTENT), "modified": int(entry.st_mtime), "type": 2}.items()
    assert saw["directory"]["details"]["size"] == 5
    assert saw["many"] == [MANY, MANY[:2], MANY[2:4], MANY[4:], []]
    assert saw["exists"] == [True, False, False]
    assert saw["kinds"] == [True, True, False]
    assert (saw["size"], saw["types"]) == (len(CONTENT), [1, 2, 7])
    assert saw["hash"] == hashlib.sha256(CONTENT).hexdigest()
    assert saw["walk"] == sorted([f"/{PATH}", "/hidden.txt", "/link", *(f"/many/{name}" for name in MANY)])
    assert saw["tree"] == saw["sub"] == MANY
    assert saw["glob"] == [f"/many/{name}" for name in MANY]
    lines = CONTENT.decode().splitlines(keepends=True)
    assert saw["reading"] == {
        "readable": True, "writable": False, "seekable": True, "line": lines[0], "tell": len(lines[0]), "into": 3,
        "buffer": "lin", "at_start": 0, "lines": lines, "near_the_end": len(CONTENT) - 2, "tail": "st", "past": "",
        "three_on": "e",
    }  # fmt: skip
    assert saw["missing"] == "ResourceNotFound"
    assert saw["directory_expected"] == "DirectoryExpected"
    assert saw["file_expected"] == "FileExpected"
    assert saw["hidden"] == "PermissionDenied"
