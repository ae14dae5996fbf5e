"""What happened to a dataset: in order, in pages, in bounded memory, and to each only what they may know."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.portal.members_scene import Scene, open_members_scene
from tests.portal.signing_in import Person

from fs2od.node.zone.activity import Taker
from fs2od.node.zone.link_rules import Rule


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with open_members_scene(tmp_path) as opened:
        yield opened


def shown(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", "", page)))


async def events(browser: Person, scene: Scene) -> list[dict[str, Any]]:
    twin = json.loads(await browser.open(f"{scene.base}/activity.json"))
    return list(twin["events"])


async def test_what_people_do_is_listed_newest_first_with_who_did_it(scene: Scene) -> None:
    blair = scene.joins("Blair Example", label="Group of Novák")
    share = scene.world.share(scene.olive, scene.dataset, name="70S ribosome")
    scene.zone.people.change_role(scene.olive.caller, scene.space, blair, "owner")
    scene.zone.people.change_role(scene.olive.caller, scene.space, blair, "member")
    scene.zone.people.remove(scene.olive.caller, scene.space, blair)
    scene.zone.shares.end(scene.olive.caller, share)
    olive = scene.browser(scene.olive)
    found = [(each["what"], each["by_name"], each["subject"]) for each in await events(olive, scene)]
    assert found[:7] == [
        ("link_ended", "Olive Owner", "70S ribosome"),
        ("removed", "Olive Owner", "Blair Example"),
        ("made_member", "Olive Owner", "Blair Example"),
        ("made_owner", "Olive Owner", "Blair Example"),
        ("link_made", "Olive Owner", "70S ribosome"),
        ("joined", "Blair Example", "Blair Example"),
        ("invited", "Olive Owner", "Group of Novák"),
    ]
    page = shown(await olive.open(f"{scene.base}/activity"))
    assert "Blair Example was taken out 5 November 2026, 12:00 UTC · Olive Owner" in page


async def test_what_is_downloaded_is_added_up_by_day_for_members_by_name_and_links_by_link(scene: Scene) -> None:
    share = scene.world.share(scene.olive, scene.dataset, name="70S ribosome")
    file = scene.world.id_of(scene.dataset, "a.txt")
    for _ in range(3):
        await scene.world.provider.get(f"/data/{file}/content", headers=scene.mary.headers)
    await scene.world.provider.get(f"/data/{file}/content", headers=scene.olive.headers)
    shared = scene.world.id_of(scene.dataset, "a.txt", share=share)
    await scene.world.provider.get(f"/data/{shared}/content")
    await scene.world.provider.get(f"/data/{shared}/content", headers=scene.mary.headers)
    olive, mary = scene.browser(scene.olive), scene.browser(scene.mary)
    taken = [
        (each["by_name"], each["subject"], each["bytes"])
        for each in await events(olive, scene)
        if each["what"] == "downloaded"
    ]
    assert sorted(taken, key=str) == [
        ("Mary Member", None, 15), ("Olive Owner", None, 5), (None, "70S ribosome", 10),
    ]  # fmt: skip
    seen_by_mary = await events(mary, scene)
    assert {each["by_name"] for each in seen_by_mary if each["what"] == "downloaded"} == {"Mary Member", None}
    assert "10 B downloaded that day by the link “70S ribosome”" in shown(await mary.open(f"{scene.base}/activity"))


async def test_members_are_named_by_whatever_address_they_take(scene: Scene) -> None:
    share = scene.world.share(scene.olive, scene.dataset, name="for members")
    scene.zone.link_rules.set_for_share(scene.olive.caller, share, Rule("members"), label="")
    origin = scene.world.node.settings.provider_url
    headers, olive = scene.mary.headers, scene.browser(scene.olive)

    async def taken() -> list[tuple[str | None, int]]:
        found = await events(olive, scene)
        return [(each["by_name"], each["bytes"]) for each in found if each["what"] == "downloaded"]

    assert (await scene.world.provider.get(f"{origin}/share/{share}/files/a.txt", headers=headers)).content == b"hello"
    assert await taken() == [("Mary Member", 5)]
    answers = [
        await scene.world.provider.post(f"{origin}/data/{scene.dataset.root}/bulk", json={"paths": ["a.txt"]}, headers=headers),
        await scene.world.provider.post(f"{origin}/share/{share}/bulk", json={"paths": ["a.txt"]}, headers=headers),
        await scene.world.provider.get(f"{origin}/share/{share}/archive.tar", headers=headers),
    ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert await taken() == [("Mary Member", 5 + sum(len(answer.content) for answer in answers))]
    # The link's own counter has what went through it.
    through = 5 + sum(len(answer.content) for answer in answers[1:])
    assert scene.zone.link_rules.of_share(scene.olive.caller, share).sent_bytes == through


async def test_a_member_hears_nothing_of_invites(scene: Scene) -> None:
    scene.joins("Blair Example", label="secret plans")
    mary = scene.browser(scene.mary)
    assert {each["what"] for each in await events(mary, scene)} == {"joined"}
    assert "secret plans" not in await mary.open(f"{scene.base}/activity")


async def test_thousands_of_events_are_turned_over_page_by_page_both_ways(scene: Scene) -> None:
    with scene.zone.database.writing() as db:
        for number in range(2500):
            scene.zone.activity.note(db, scene.space, "joined", actor=None, subject=f"number {number}")
    olive = scene.browser(scene.olive)
    path: str | None = f"{scene.base}/activity.json"
    seen: list[str] = []
    while path is not None:
        twin = json.loads(await olive.open(path))
        assert len(twin["events"]) <= 100
        seen += [each["subject"] for each in twin["events"]]
        path = twin["next_url"]
    assert seen == [f"number {number}" for number in reversed(range(2500))]
    page = await olive.open(f"{scene.base}/activity")
    following = html.unescape(re.findall(r'href="([^"]*)" rel="next"', page)[0])
    page = await olive.open(following)
    before = html.unescape(re.findall(r'href="([^"]*)" rel="prev"', page)[0])
    assert "number 2499" in await olive.open(before)


def test_of_each_dataset_so_many_events_are_kept(scene: Scene) -> None:
    with scene.zone.database.writing() as db:
        for number in range(20_300):
            scene.zone.activity.note(db, scene.space, "joined", actor=None, subject=str(number))
    with scene.zone.database.reading() as db:
        (kept,) = db.execute("SELECT count(*) FROM activity WHERE space = ?", (scene.space,)).fetchone()
    assert 20_000 <= kept <= 20_100


def test_what_belongs_to_nothing_any_more_is_counted_nowhere(scene: Scene) -> None:
    scene.zone.activity.count_taken(Taker(space=scene.space, user=scene.mary.id), 5)
    scene.zone.activity.count_taken(Taker(share=scene.world.share(scene.olive, scene.dataset)), 5)
    scene.zone.spaces.remove(scene.facility.caller, scene.space)
    scene.zone.activity.write_down()
    with scene.zone.database.reading() as db:
        assert db.execute("SELECT count(*) FROM activity").fetchone()[0] == 0
