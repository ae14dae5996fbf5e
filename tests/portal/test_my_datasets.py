"""My datasets: what is listed, found, sorted and turned over, and that a list of thousands costs no look into each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from unicodedata import normalize
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.portal.conftest import describe
from tests.portal.signing_in import Hall, Person, open_hall

from fs2od.node.zone.accounts import Proof
from fs2od.node.zone.catalogue import Summary
from fs2od.node.zone.link_rules import Rule
from fs2od.onedata.ids import SpaceId, space_root_uuid
from fs2od.portal.mine._datasets import choice_of, query_of
from fs2od.testing import world as worlds


class Shelf:
    """Somebody who is signed in, and what they are in."""

    def __init__(self, hall: Hall, person: Person) -> None:
        self.hall, self.person, self.world = hall, person, hall.world
        self.zone = hall.node.zone
        self.facility = self.world.person("Facility Example")
        user = self.zone.accounts.sign_in(Proof.of_address("alex@example.org"), sign_up="invited")
        self.alex = worlds.Person(user, self.zone.tokens.issue_named(user, "access").token)

    def put(self, name: str, files: dict[str, bytes], *, owner: bool = False, **facts: str) -> worlds.Dataset:
        dataset = self.world.dataset(self.facility, files, name=name)
        self.world.share(self.facility, dataset, name=name)
        if facts:
            describe(self.world, self.facility, dataset, {"fs2od": facts})
        held = {"space_view", "space_read_data", *(["space_manage_shares"] if owner else [])}
        self.world.join_space(dataset.space, self.alex, held)
        return dataset

    async def titles(self, **query: str) -> list[str]:
        document = json.loads(await self.person.open(f"/datasets.json?{urlencode(query)}"))
        return [each["title"] for each in document["datasets"]]


@pytest.fixture
async def shelf(hall: Hall) -> Shelf:
    return Shelf(hall, await hall.signed_in("alex@example.org"))


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    with open_hall(tmp_path) as opened:
        yield opened


def put_three(shelf: Shelf) -> None:
    shelf.put("2026_P1", {"a": b"1" * 300}, title="Ribosome", state="complete", facility="CEITEC", instrument="Krios")
    shelf.put("2026_P2", {"a": b"1", "b": b"2"}, owner=True, title="Äpfel", state="acquiring", facility="Elsewhere")
    shelf.put("2026_P3", {})
    shelf.world.dataset(shelf.facility, {"a": b"1"}, name="somebody else")


async def test_each_dataset_is_listed_with_its_state_size_files_role_and_link(shelf: Shelf) -> None:
    put_three(shelf)
    page = await shelf.person.open("/datasets")
    for words in (
        "Ribosome",
        "CEITEC · Krios",
        "complete",
        "300 B",
        "Äpfel",
        "acquiring",
        "owner",
        "member",
        "3 datasets",
    ):
        assert words in page
    assert "somebody else" not in page
    assert len(re.findall(r'<a href="/share/[0-9a-h]+">', page)) == 3
    (one,) = json.loads(await shelf.person.open("/datasets.json?search=ribosome"))["datasets"]
    assert one.items() >= {
        "name": "2026_P1", "title": "Ribosome", "role": "member", "state": "complete", "facility": "CEITEC", "files": 1, "size_bytes": 300,
    }.items()  # fmt: skip
    assert one["url"] == f"https://zone.test/share/{one['share_id']}"


async def test_datasets_are_found_by_their_words_state_role_and_facility(shelf: Shelf) -> None:
    put_three(shelf)
    assert await shelf.titles(search="äPF") == ["Äpfel"]
    assert await shelf.titles(search="krios") == ["Ribosome"]
    assert await shelf.titles(search="p3") == ["2026_P3"]
    assert await shelf.titles(state="acquiring") == ["Äpfel"]
    assert await shelf.titles(role="owner") == ["Äpfel"]
    assert sorted(await shelf.titles(role="member")) == ["2026_P3", "Ribosome"]
    assert await shelf.titles(facility="CEITEC", role="owner") == []
    assert "None of your datasets is like that" in await shelf.person.open("/datasets?search=nothing")


@pytest.mark.parametrize("typed", ["NFC", "NFD"])
@pytest.mark.parametrize("named", ["NFC", "NFD"])
async def test_a_name_and_a_title_are_found_in_every_form_of_their_letters(
    shelf: Shelf, named: Literal["NFC", "NFD"], typed: Literal["NFC", "NFD"]
) -> None:
    shelf.put("2026_Žížala", {}, title=normalize(named, "Pražský vzorek"))
    for typed_in in ("ŽÍŽ", "žíž", "ský V"):
        assert len(await shelf.titles(search=normalize(typed, typed_in))) == 1


async def test_datasets_are_sorted_by_each_column_both_ways(shelf: Shelf) -> None:
    put_three(shelf)
    assert await shelf.titles(sort="size") == ["Ribosome", "Äpfel", "2026_P3"]
    assert await shelf.titles(sort="files", order="up") == ["2026_P3", "Ribosome", "Äpfel"]
    assert (await shelf.titles(sort="name"))[:2] == ["2026_P3", "Ribosome"]
    assert (await shelf.titles(sort="state"))[0] == "Äpfel"
    page = await shelf.person.open("/datasets?sort=size")
    assert 'aria-sort="descending"><a href="/datasets?sort=size&amp;order=up"' in page


async def test_what_has_moved_is_looked_at_again_and_nothing_else_is(shelf: Shelf) -> None:
    dataset = shelf.put("2026_P1", {"a": b"1"}, title="Ribosome", state="acquiring")
    other = shelf.put("2026_P2", {"a": b"1"})
    await shelf.titles()
    shelf.zone.catalogue.note(other.space, Summary(title="Kept"))
    (dataset.folder / "b").write_bytes(b"22")
    shelf.world.rescan(dataset.space)
    describe(shelf.world, shelf.facility, dataset, {"fs2od": {"title": "Ribosome 2", "state": "complete"}})
    listed = json.loads(await shelf.person.open("/datasets.json?sort=name"))["datasets"]
    assert [(each["title"], each["files"], each["state"]) for each in listed] == [
        ("Kept", 0, None),
        ("Ribosome 2", 2, "complete"),
    ]


async def test_a_dataset_without_a_title_is_called_as_its_link_is_also_after_that_was_renamed(shelf: Shelf) -> None:
    dataset = shelf.put("2026_P1", {"a": b"1"})
    (share,) = shelf.zone.shares.rooted_at(dataset.space, space_root_uuid(dataset.space))
    assert await shelf.titles() == ["2026_P1"]
    shelf.zone.shares.change(shelf.facility.caller, share, name="Apo form", description=None)
    assert await shelf.titles(search="apo") == ["Apo form"]


async def test_whoever_may_bring_others_in_is_an_owner(shelf: Shelf) -> None:
    dataset = shelf.world.dataset(shelf.facility, {}, name="2026_P1")
    shelf.world.join_space(dataset.space, shelf.alex, {"space_view", "space_add_user"})
    assert await shelf.titles(role="owner") == ["2026_P1"]


async def test_an_ended_link_is_offered_no_more(shelf: Shelf) -> None:
    dataset = shelf.put("2026_P1", {"a": b"1"})
    shelf.zone.link_rules.set_for_space(
        shelf.facility.caller, dataset.space, Rule(until_s=shelf.hall.clock.now_s() + 60)
    )
    assert "/share/" in await shelf.person.open("/datasets")
    shelf.hall.clock.moment = shelf.hall.clock.moment.replace(hour=13)
    page = await shelf.person.open("/datasets")
    assert "/share/" not in page
    assert 'href="/space/' in page


async def test_who_is_in_nothing_is_told_what_will_appear(shelf: Shelf) -> None:
    page = await shelf.person.open("/datasets")
    assert "No datasets yet" in page
    assert 'href="/join"' in page
    assert json.loads(await shelf.person.open("/datasets.json"))["total"] == 0


async def test_the_front_page_leads_whoever_is_signed_in_to_their_datasets(shelf: Shelf) -> None:
    await shelf.person.open("/")
    assert (shelf.person.status, shelf.person.place) == (302, "/datasets")
    guest = shelf.hall.person()
    assert "Datasets from the microscope" in await guest.open("/")
    await guest.open("/datasets?search=a%26b")
    assert guest.place == "/sign-in?next=%2Fdatasets%3Fsearch%3Da%2526b"
    assert json.loads(await guest.open("/datasets.json"))["problem"]["status"] == 401


async def test_names_in_the_list_are_text_and_nothing_else(shelf: Shelf) -> None:
    evil = "<script>alert(1)</script>"
    shelf.put("2026_P1", {"a": b"1"}, title=evil, facility=evil, instrument=evil)
    page = await shelf.person.open(f"/datasets?{urlencode({'search': evil})}")
    assert evil not in page
    assert page.count("&lt;script&gt;") >= 3


async def test_a_list_of_thousands_is_turned_over_without_a_look_into_each(shelf: Shelf) -> None:
    put_many(shelf, 2_000)
    page = await shelf.person.open("/datasets?sort=name&page=3")
    assert "101 \u2013 150 of 2,000" in page
    assert 'rel="next">Next →' in page
    assert len(await shelf.titles(search="dataset 019")) == 50
    twin = json.loads(await shelf.person.open("/datasets.json?page=40"))
    assert (twin["total"], len(twin["datasets"]), twin["next_url"]) == (2_000, 50, None)
    assert not list((shelf.hall.node.settings.data / "spaces").glob("*.db"))


def put_many(shelf: Shelf, count: int) -> None:
    """Put Alex into many spaces through a group of each, as a facility does, with what was known of them last."""
    with shelf.zone.database.writing() as db:
        for number in range(count):
            space, group = f"{number:032x}", f"{number:031x}a"
            title = f"Dataset {number:05}"
            known = (space, title, "complete", "Example", "Krios", number, number * 1000, number, title.casefold())
            db.execute("INSERT INTO space (id, name, created) VALUES (?, ?, 0)", (space, f"2026_{number:05}"))
            db.execute("INSERT INTO user_group (id, name, type, created) VALUES (?, 'members', 'team', 0)", (group,))
            db.execute("INSERT INTO group_user VALUES (?, ?, '[\"group_view\"]')", (group, shelf.alex.id))
            db.execute("INSERT INTO space_group VALUES (?, ?, '[\"space_view\"]')", (space, group))
            db.execute("INSERT INTO space_summary VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", known)
            share = (SpaceId(space), space, title)
            db.execute(
                "INSERT INTO share (id, space, name, root_uuid, root_type, created) VALUES (?, ?, ?, '', 'dir', 0)",
                share,
            )


@given(
    st.dictionaries(
        st.sampled_from(["search", "state", "role", "facility", "sort", "order", "page"]), st.text(max_size=12)
    )
)
def test_whatever_an_address_asks_for_is_understood_or_passed_over(query: dict[str, str]) -> None:
    choice = choice_of(query)
    assert choice_of(query_of(choice)) == choice
    assert choice.offset >= 0
