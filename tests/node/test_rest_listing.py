"""Listings, page by page: every name once and in order, whatever the page's size, and while entries come and go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fs2od.testing.world import Dataset, World, open_world

NAMES = [f"{number:02}.txt" for number in range(10)]
TREE = ["a/1", "a/2/x", "a/2/y", "a.b", "a/b", "b", "c/d/e/f", "c/g", "ä/z", "~"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Dataset, Dataset]]:
    with open_world(tmp_path_factory.mktemp("listing")) as world:
        admin = world.administrator
        flat = world.dataset(admin, dict.fromkeys(NAMES, b""))
        yield world, flat, world.dataset(admin, dict.fromkeys(TREE, b"x"))


async def page(world: World, file_id: str, noun: str = "children", **params: str | int) -> dict[str, Any]:
    answer = await world.provider.get(f"/data/{file_id}/{noun}", params=params, headers=world.administrator.headers)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def names(found: dict[str, Any]) -> list[str]:
    return [child["name"] for child in found["children"]]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 9, 10, 11, 10_000])
async def test_pages_of_any_size_give_every_name_once(shared: tuple[World, Dataset, Dataset], limit: int) -> None:
    world, flat, _ = shared
    seen: list[str] = []
    found = await page(world, flat.root, limit=limit)
    while not found["isLast"]:
        assert len(found["children"]) == limit
        seen += names(found)
        found = await page(world, flat.root, limit=limit, token=found["nextPageToken"])
    assert len(found["children"]) < limit
    assert seen + names(found) == NAMES


async def test_an_empty_directory_has_one_empty_last_page_with_a_token(world: World) -> None:
    empty = world.dataset(world.administrator)
    found = await page(world, empty.root)
    assert (found["children"], found["isLast"]) == ([], True)
    assert await page(world, empty.root, token=found["nextPageToken"]) == found


@pytest.mark.parametrize(
    ("params", "first"),
    [
        ({"index": "03.txt"}, 4),
        ({"index": "03.txt", "inclusive": "true"}, 3),
        ({"index": "03.txt", "offset": 2}, 6),
        ({"index": "03.txt", "inclusive": "true", "offset": -2}, 1),
        ({"index": "03.txt", "offset": -2}, 2),
        ({"index": "03.txt", "offset": -500}, 0),
        ({"index": "03x", "offset": -1}, 3),
        ({"index": "zz"}, 10),
        ({"index": "zz", "offset": -1}, 9),
        ({"offset": 4}, 4),
        ({"offset": -4}, 0),
        ({"offset": 500}, 10),
        ({"index": ""}, 0),
    ],
)
async def test_a_page_begins_where_index_and_offset_say(
    shared: tuple[World, Dataset, Dataset], params: dict[str, Any], first: int
) -> None:
    world, flat, _ = shared
    assert names(await page(world, flat.root, limit=3, **params)) == NAMES[first : first + 3]


async def test_entries_that_come_and_go_between_pages_move_no_others(world: World) -> None:
    dataset = world.dataset(world.administrator, dict.fromkeys(NAMES, b""))
    found = await page(world, dataset.root, limit=5)
    (dataset.folder / "04.txt").unlink()
    (dataset.folder / "00.txt").unlink()
    (dataset.folder / "01x.txt").write_bytes(b"")
    (dataset.folder / "07x.txt").write_bytes(b"")
    world.rescan(dataset.space)
    found = await page(world, dataset.root, token=found["nextPageToken"])
    assert names(found) == ["05.txt", "06.txt", "07.txt", "07x.txt", "08.txt", "09.txt"]


async def test_a_file_lists_itself(shared: tuple[World, Dataset, Dataset]) -> None:
    world, flat, _ = shared
    found = await page(world, world.id_of(flat, "03.txt"))
    assert (names(found), found["isLast"]) == (["03.txt"], True)


def below(prefix: str = "", after: str = "") -> list[str]:
    """Return what a listing of all files has to hold: in the order of the paths' names, one after the other."""
    ordered = sorted(TREE, key=lambda path: path.split("/"))
    return [path for path in ordered if path.startswith(prefix) and path.split("/") > after.split("/")]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limit=st.integers(1, 12),
    prefix=st.sampled_from(["", "a", "a/", "a/2", "a/2/", "a.b", "c/d/e", "c/g", "no", "ä", "~", "a/2/x/y"]),
)
async def test_all_files_below_come_once_in_order_in_pages_of_any_size(
    shared: tuple[World, Dataset, Dataset], limit: int, prefix: str
) -> None:
    world, _, tree = shared
    seen: list[str] = []
    params: dict[str, Any] = {"limit": limit, "prefix": prefix}
    found = await page(world, tree.root, "files", **params)
    while True:
        seen += [file["path"] for file in found["files"]]
        if found["isLast"]:
            break
        assert len(found["files"]) == limit
        found = await page(world, tree.root, "files", **params, token=found["nextPageToken"])
    assert seen == below(prefix)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(after=st.sampled_from([*TREE, "a", "a/2", "a/0", "b/none", "zz", "a/2/x/y", "c/d"]))
async def test_a_listing_of_all_files_begins_after_any_path(shared: tuple[World, Dataset, Dataset], after: str) -> None:
    world, _, tree = shared
    found = await page(world, tree.root, "files", start_after=after)
    assert [file["path"] for file in found["files"]] == below(after=after)


async def test_directories_are_listed_too_on_request(shared: tuple[World, Dataset, Dataset]) -> None:
    world, _, tree = shared
    found = await page(world, world.id_of(tree, "c"), "files", include_directories="true")
    assert [file["path"] for file in found["files"]] == ["d", "d/e", "d/e/f", "g"]
