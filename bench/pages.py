"""Pages of large datasets: the first view, other orders, the last page, the search. The files exist in the index only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import httpx
from bench.report import Section, median

from fs2od.node.apps import zone_app
from fs2od.node.index import SpaceIndex
from fs2od.node.index.schema import ROOT
from fs2od.portal import Texts, compile_pages
from fs2od.portal.public import public_pages
from fs2od.testing.listings import add_files, add_folder
from fs2od.testing.world import open_world

__all__ = ["measure"]

_ROUNDS = 9
_EACH = 1_000
_BEGAN_NS = 1_767_225_600_000_000_000
_VIEWS = {
    "the dataset's page": "",
    "its twin, as an open page asks for": ".json",
    "the large folder, first page": "/files/Large",
    "by size, largest first": "/files/Large?sort=-size",
    "by time, newest first": "/files/Large?sort=-time",
    "by size, from the middle": "/files/Large?sort=size&after=5000000.{middle}",
    "by name, last page": "/files/Large?end=1",
    "by size, last page": "/files/Large?sort=size&end=1",
    "search, 200 found": "/files?search=fractions",
    "search, one found": "/files?search=_{last}_",
    "search, none found": "/files?search=nothing+like+it",
}


def measure(folder: Path, *, quick: bool) -> list[Section]:
    large = 10_000 if quick else 100_000
    cases = [(large, 0), (large, 9 * large // _EACH)]
    section = Section(
        "pages",
        "Pages of large datasets",
        f"Milliseconds from the request to the whole answer, packed, at the node and without a network; {_ROUNDS} rounds, medians. One folder "
        f"holds {large:,} files; the second dataset has {_EACH:,} files in each of {cases[1][1]:,} others besides. The first line is the very first view "
        "after the node was started. A page lists 200 entries.",
        ("", *(f"{large + others * _EACH:,} files" for large, others in cases)),
    )
    columns = [asyncio.run(_case(folder / str(others), large, others)) for large, others in cases]
    for name in columns[0]:
        section.row(name, *(f"{column[name]:.0f}" for column in columns))
    return [section]


async def _case(folder: Path, large: int, others: int) -> dict[str, float]:
    folder.mkdir()
    with open_world(folder) as world:
        owner = world.person()
        dataset = world.dataset(owner)
        share = world.share(owner, dataset)
        with world.node.provider.indexes.using(dataset.space) as index:
            _fill(index, large, others)
        texts = Texts.of()
        app = zone_app(world.node.zone, pages=public_pages(world.node.zone, world.node.provider, texts=texts))
        compile_pages(texts)
        headers = {"Accept-Encoding": "gzip", "Accept": "text/html"}
        given = {"middle": large // 2, "last": f"{large - 1:06}"}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=world.node.settings.zone_url, headers=headers
        ) as client:
            found = {"the dataset's page, first of all": await _took_ms(client, f"/share/{share}")}
            for name, path in _VIEWS.items():
                url = f"/share/{share}{path.format(**given)}"
                found[name] = median([await _took_ms(client, url) for _ in range(_ROUNDS)])
            return found


async def _took_ms(client: httpx.AsyncClient, url: str) -> float:
    began = time.perf_counter()
    answer = await client.get(url)
    answer.raise_for_status()
    return (time.perf_counter() - began) * 1e3


def _fill(index: SpaceIndex, large: int, others: int) -> None:
    above = add_folder(index, ROOT, "Images-Disc1")
    for number in range(others):
        add_files(index, add_folder(index, above, f"GridSquare_{number:08}"), _files(_EACH, number))
    add_files(index, add_folder(index, ROOT, "Large"), _files(large, others))


def _files(count: int, seed: int) -> Iterator[tuple[str, int, int]]:
    chosen = Random(seed)
    for number in range(count):
        name = f"FoilHole_{seed:08}_Data_2941{number % 17:04}_20260101_{number:06}_fractions.tiff"
        yield name, chosen.randrange(10_000_000), _BEGAN_NS + chosen.randrange(10**15)
