"""Links to a dataset or a part of it, in pages: made, narrowed, ended; without a browser."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.portal.members_scene import Scene, open_members_scene

from fs2od.node.zone.link_rules import Rule
from fs2od.onedata.errors import ServiceError
from fs2od.onedata.ids import ShareId
from fs2od.portal.members._days import day_shown, last_day_shown, rule_given


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with open_members_scene(tmp_path) as opened:
        yield opened


def shown(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", "", page)))


def main_link(scene: Scene) -> ShareId:
    return scene.world.share(scene.olive, scene.dataset, name="70S ribosome")


async def test_a_link_to_a_folder_is_made_from_its_page_and_narrowed_from_the_first_moment(scene: Scene) -> None:
    share, olive = main_link(scene), scene.browser(scene.olive)
    page = await olive.open(f"/share/{share}/files/sub")
    (form,) = re.findall(r'href="([^"]*links/new[^"]*)"', page)
    page = await olive.open(html.unescape(form))
    assert "To sub" in shown(page)
    told = {"name": "for the reviewers", "audience": "public", "from": "2026-12-01", "until": "2026-12-31"}
    await olive.press(f"{scene.base}/links/new", told)
    assert (olive.status, olive.place) == (303, f"{scene.base}/links")
    page = shown(await olive.follow())
    assert "for the reviewers not yet open" in page
    assert "Shows sub. Opens 1 December 2026, 00:00 UTC. Ends 1 January 2027, 00:00 UTC." in page
    twin = json.loads(await olive.open(f"{scene.base}/links.json"))
    made = next(each for each in twin["links"] if each["name"] == "for the reviewers")
    assert (made["path"], made["state"], made["is_main"]) == ("sub", "embargo", False)
    guest = scene.browser(None)
    await guest.open(f"/share/{made['id']}")
    assert guest.status in (401, 403)


async def test_a_link_is_changed_and_days_that_stay_keep_their_moment(scene: Scene) -> None:
    share, olive = main_link(scene), scene.browser(scene.olive)
    rule = Rule("public", None, int(datetime(2026, 12, 24, 17, 30, tzinfo=UTC).timestamp()))
    scene.zone.link_rules.set_for_share(scene.olive.caller, share, rule, label="mine")
    page = await olive.open(f"{scene.base}/links/{share}")
    assert 'value="2026-12-24"' in page
    changed = {"name": "70S again", "audience": "members", "from": "", "until": "2026-12-24"}
    await olive.press(f"{scene.base}/links/{share}", changed)
    assert olive.status == 303, olive.page
    found = scene.zone.link_rules.of_share(scene.olive.caller, share)
    assert (found.own, found.label) == (Rule("members", None, rule.until_s), "mine")
    assert scene.zone.shares.known(share).name == "70S again"


async def test_a_link_that_makes_no_sense_is_refused_with_what_was_typed_still_there(scene: Scene) -> None:
    olive = scene.browser(scene.olive)
    for wrong, said in (
        ({"name": "<script>"}, "letters, digits"),
        ({"from": "2026-12-02", "until": "2026-11-30"}, "lies before the day"),
        ({"from": "tomorrow"}, "is no day"),
        ({"until": "9999-12-31"}, "is no day"),
    ):
        await olive.open(f"{scene.base}/links/new?path=")
        page = await olive.press(f"{scene.base}/links/new", {"name": "good name", "audience": "public", **wrong})
        assert olive.status == 400, wrong
        assert said in shown(page)
        assert f'value="{html.escape(wrong.get("name", "good name"))}"' in page
    assert scene.zone.shares.of_space(scene.olive.caller, scene.space) == []


async def test_a_link_to_nothing_is_not_made(scene: Scene) -> None:
    olive = scene.browser(scene.olive)
    for path in ("nowhere", "../..", "/", "sub//b.txt", "sub/../a.txt"):
        await olive.open(f"{scene.base}/links/new?path={path}")
        assert olive.status == 404, path


async def test_a_link_counts_how_often_its_page_was_opened(scene: Scene) -> None:
    share, olive, guest = main_link(scene), scene.browser(scene.olive), scene.browser(None)
    for _ in range(3):
        await guest.open(f"/share/{share}")
    await guest.open(f"/share/{share}.json")
    assert "Opened 3 times; 0 B downloaded." in shown(await olive.open(f"{scene.base}/links"))


async def test_an_ended_link_is_gone_at_once_for_everybody(scene: Scene) -> None:
    share, olive, guest = main_link(scene), scene.browser(scene.olive), scene.browser(None)
    await guest.open(f"/share/{share}")
    assert guest.status == 200
    page = await olive.open(f"{scene.base}/links/{share}/end")
    assert "the dataset's own link" in shown(page)
    await olive.press(f"{scene.base}/links/{share}/end")
    assert olive.status == 303
    await guest.open(f"/share/{share}")
    assert guest.status == 404
    assert "There are no links" in await olive.follow()


async def test_an_owner_reads_the_rule_of_all_links_and_who_may_changes_it(scene: Scene) -> None:
    share, olive = main_link(scene), scene.browser(scene.olive)
    page = await olive.open(f"{scene.base}/links")
    assert "The facility decides on that" in page
    facility, guest = scene.browser(scene.facility), scene.browser(None)
    await facility.open(f"{scene.base}/links")
    await facility.press(f"{scene.base}/link-rule", {"audience": "members", "from": "", "until": ""})
    assert facility.status == 303, facility.page
    await guest.open(f"/share/{share}")
    assert guest.status in (401, 403)
    assert "All links are for members only." in await olive.open(f"{scene.base}/links")
    with pytest.raises(ServiceError):
        scene.zone.shares.public(share)


async def test_the_dataset_s_own_address_leads_to_its_link_or_shows_what_there_is(scene: Scene) -> None:
    mary = scene.browser(scene.mary)
    page = await mary.open(scene.base)
    assert "There is no link that shows all of it" in page
    share = main_link(scene)
    await mary.open(scene.base)
    assert mary.place == f"/share/{share}"
    page = await mary.follow()
    assert f'href="{scene.base}/people"' in page
    twin = json.loads(await mary.open(f"{scene.base}.json"))
    assert (twin["share"], twin["people"], twin["files"]) == (share, 3, 2)
    guest = scene.browser(None)
    assert "/people" not in await guest.open(f"/share/{share}")


@given(st.none() | st.integers(0, 4_000_000_000), st.none() | st.integers(0, 4_000_000_000))
def test_a_rule_shown_and_sent_back_unchanged_is_the_same_rule(from_s: int | None, until_s: int | None) -> None:
    rule = Rule("members", from_s, until_s)
    assert rule_given("members", day_shown(from_s), last_day_shown(until_s), before=rule) == rule
