"""Folders with very many files: what their pages read, show and weigh. The files exist in the index only."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.portal.conftest import Pages

from fs2od.node.index import SpaceIndex
from fs2od.node.index.schema import ROOT
from fs2od.onedata.ids import ShareId
from fs2od.sqlite import Database
from fs2od.testing.listings import add_files, add_folder

MANY = 100_000
PAGE = 200
MOST_STEPS = 5_000
"""In hundreds: what one view may cost SQLite. A look at each of a hundred thousand entries costs more."""

BEHIND = "pages"
"""What the threads are called that find behind the pages what takes long: the state of an archive looks at each entry."""


class Steps:
    """Counts statements, and the steps of SQLite's machine in hundreds, over all connections that requests read by."""

    def __init__(self) -> None:
        self.count = 0
        self.statements: Counter[str] = Counter()

    def step(self) -> None:
        self.count += 1

    def statement(self, text: str) -> None:
        self.statements[text.split("\n", maxsplit=1)[0][:40]] += 1


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Steps]:
    steps = Steps()
    reading = Database.reading

    @contextmanager
    def watched(self: Database) -> Iterator[Any]:
        with reading(self) as db:
            if threading.current_thread().name.startswith(BEHIND):
                yield db
                return
            db.set_progress_handler(steps.step, 100)
            db.set_trace_callback(steps.statement)
            try:
                yield db
            finally:
                db.set_progress_handler(None, 0)
                db.set_trace_callback(None)

    with monkeypatch.context() as patched:
        patched.setattr(Database, "reading", watched)
        yield steps


def fill(index: SpaceIndex, count: int = MANY) -> None:
    folder = add_folder(index, ROOT, "Movies")
    names = (f"FoilHole_{number:06}_Fractions.mrc" for number in range(count))
    add_files(index, folder, ((name, number * 7919 % count, number) for number, name in enumerate(names)))


@pytest.fixture
def share(pages: Pages) -> ShareId:
    dataset, share = pages.publish({"EpuSession.dm": b"session"})
    with pages.world.node.provider.indexes.using(dataset.space) as index:
        fill(index)
    return share


async def twin(pages: Pages, path: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(await pages.get(path, accept="application/json"))
    return document


async def test_no_view_of_a_hundred_thousand_files_looks_at_each(
    pages: Pages, share: ShareId, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = f"/share/{share}/files/Movies"
    for query in (
        "",
        "?sort=-size",
        "?sort=time",
        "?end=1",
        "?sort=size&end=1",
        "?after=FoilHole_050000_Fractions.mrc",
    ):
        with counted(monkeypatch) as steps:
            html = await pages.get(here + query)
        assert html.count('class="name file"') == PAGE
        assert steps.count < MOST_STEPS
        assert sum(steps.statements.values()) < 40
    with counted(monkeypatch) as steps:
        await pages.get(f"/share/{share}")
    assert steps.count < MOST_STEPS


async def test_a_dataset_of_many_files_knows_its_newest(pages: Pages, share: ShareId) -> None:
    document = await twin(pages, f"/share/{share}.json")
    assert document["files"] == MANY + 1
    assert document["newest"] is not None


async def test_orders_begin_with_the_largest_and_the_newest_and_turn(pages: Pages, share: ShareId) -> None:
    here = f"/share/{share}/files/Movies"
    html = await pages.get(here)
    found = {}
    for by in ("size", "time"):
        assert f'href="{here}?sort=-{by}#files"' in html
        assert f'href="{here}?sort={by}#files"' in await pages.get(f"{here}?sort=-{by}")
        document = await twin(pages, f"{here}?sort=-{by}&format=json")
        assert (document["sorted_by"], document["descending"]) == (by, True)
        found[by] = document["entries"]
    assert [entry["size_bytes"] for entry in found["size"]] == list(range(MANY - 1, MANY - 1 - PAGE, -1))
    assert found["time"][0]["name"] == f"FoilHole_{MANY - 1:06}_Fractions.mrc"


async def test_the_last_page_is_a_click_away_and_counts_from_the_end(pages: Pages, share: ShareId) -> None:
    document = await twin(pages, f"/share/{share}/files/Movies?sort=size&format=json")
    last = await twin(pages, document["last_url"])
    assert [entry["size_bytes"] for entry in last["entries"]] == list(range(MANY - PAGE, MANY))
    assert (last["skipped"], last["skipped_from_end"], last["next_url"]) == (0, True, None)
    before = await twin(pages, last["previous_url"])
    assert before["entries"][-1]["size_bytes"] == MANY - PAGE - 1
    html = await pages.get(f"/share/{share}/files/Movies?end=1")
    assert f"1 \N{EN DASH} {PAGE} from the end" in html


async def test_a_search_says_what_it_found_and_that_there_is_more(pages: Pages, share: ShareId) -> None:
    document = await twin(pages, f"/share/{share}/files?search=_0999&format=json")
    assert (len(document["entries"]), document["search_ended"]) == (100, "all")
    assert document["entries"][0]["path"] == "Movies/FoilHole_099900_Fractions.mrc"
    html = await pages.get(f"/share/{share}/files?search=foilhole")
    assert "200 results" in html
    assert "there are more" in html
    nothing = await pages.get(f"/share/{share}/files/Movies?search=%3Cb%3E")
    assert "No name holds that" in nothing
    assert "<b>" not in nothing


async def test_a_page_of_two_hundred_long_names_is_small(pages: Pages) -> None:
    dataset, share = pages.publish({})
    names = (
        f"FoilHole_{number:08}_Data_2941{number % 17:04}_20260101_{number:06}_fractions.tiff" for number in range(PAGE)
    )
    with pages.world.node.provider.indexes.using(dataset.space) as index:
        add_files(
            index, ROOT, ((name, 300_000_000 + number * 977, number * 10**12) for number, name in enumerate(names))
        )
    answer = await pages.client.get(f"/share/{share}", headers={"Accept-Encoding": "gzip"})
    sizes = [int(answer.headers["Content-Length"])]
    for url in set(re.findall(r'(?:href|src)="(/assets/[^"]+)"', answer.text)):
        asset = await pages.client.get(url, headers={"Accept-Encoding": "gzip"})
        sizes.append(int(asset.headers["Content-Length"]))
    assert sum(sizes) < 50_000


@pytest.mark.parametrize(
    "query",
    ["sort=weight", "sort=-", "sort=size&after=x", "sort=size&after=1", "sort=size&after=99999999999999999999.1",
     "sort=time&before=9223372036854775808.1", "end=2", "end=1&before=", "search=%20", "search=%", "search=" + "x" * 999],
)  # fmt: skip
async def test_an_address_that_makes_no_sense_is_no_error(pages: Pages, query: str) -> None:
    _, share = pages.publish({"Images/a.mrc": b"1"})
    await pages.get(f"/share/{share}/files/Images?{query}")
    assert "entries" in await twin(pages, f"/share/{share}/files/Images?{query}&format=json")


def test_the_style_of_the_list_needs_no_script() -> None:
    style = (Path(__file__).parents[2] / "src" / "fs2od" / "portal" / "assets" / "style.css").read_text()
    assert "#on-windows:checked" in style
