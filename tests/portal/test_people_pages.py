"""Who is in a dataset, and the invites that bring people in; without a browser."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.portal.members_scene import Scene, open_members_scene

from fs2od.node.zone.callers import Caller
from fs2od.onedata.tokens import InviteType, Token


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with open_members_scene(tmp_path) as opened:
        yield opened


def shown(page: str) -> str:
    """Return the words of a page as they are read."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", "", page)))


async def test_an_owner_invites_sees_who_came_in_and_ends_it_with_their_memberships(scene: Scene) -> None:
    olive = scene.browser(scene.olive)
    await olive.open(f"{scene.base}/people")
    assert olive.status == 200, olive.page
    assert "Mary Member" in olive.page
    form = {"label": "Group of Novák", "choice": f"member@{scene.members}", "uses": "3", "days": "7"}
    page = await olive.press(f"{scene.base}/people/invites", form)
    assert olive.status == 200, page
    (text,) = re.findall(r"https://zone\.test/join#([A-Za-z0-9]+)", page)
    assert "becomes a member of the dataset. It works for 3 people, until 12 November 2026, 12:00 UTC." in shown(page)
    blair = scene.zone.users.add("Blair Example")
    scene.zone.invites.join(Caller(blair), Token(text), InviteType.USER_JOIN_GROUP, peer_ip=None)
    page = shown(await olive.open(f"{scene.base}/people"))
    assert "Blair Example member May see it, download it. Came in just now by the invite “Group of Novák”." in page
    assert "2 uses of 3 left. Until 12 November 2026, 12:00 UTC. Made by you." in page
    assert text not in olive.page
    (link,) = re.findall(r'href="([^"]*/end)"', olive.page)
    page = await olive.open(link)
    assert "1 person came in by it and is still here: Blair Example" in shown(page)
    assert scene.is_in(blair)
    await olive.press(link, {"memberships": "1"})
    assert olive.status == 303, olive.page
    assert not scene.is_in(blair)
    assert scene.is_in(scene.mary.id)
    page = shown(await olive.open(f"{scene.base}/people"))
    assert "Blair Example" not in page.split("Invites")[0]


async def test_a_member_sees_the_people_and_no_invites(scene: Scene) -> None:
    scene.joins("Blair Example")
    mary = scene.browser(scene.mary)
    page = await mary.open(f"{scene.base}/people")
    assert "Olive Owner" in page
    assert "Blair Example" in page
    assert "Invite somebody" not in page
    assert "Take out" not in page
    twin = json.loads(await mary.open(f"{scene.base}/people.json"))
    assert (twin["you"], twin["count"], twin["invites"]) == ("member", 4, [])
    assert {each["name"]: each["role"] for each in twin["people"]} == {
        "Blair Example": "member", "Facility Example": "manager", "Mary Member": "member", "Olive Owner": "owner",
    }  # fmt: skip


async def test_an_owner_makes_an_owner_and_takes_it_back(scene: Scene) -> None:
    blair, olive = scene.joins("Blair Example"), scene.browser(scene.olive)
    role = f"{scene.base}/people/{blair}/role"
    await olive.open(f"{scene.base}/people")
    await olive.press(role, {"role": "owner"})
    assert olive.status == 303, olive.page
    assert "space_manage_shares" in (scene.zone.rights.space_privileges(blair, scene.space) or ())
    twin = json.loads(await olive.open(f"{scene.base}/people.json"))
    (found,) = [each for each in twin["people"] if each["user"] == blair]
    assert found["role"] == "owner"
    assert "my group" in {way["invite"] for way in found["came_in"]}
    await olive.open(f"{scene.base}/people")
    await olive.press(role, {"role": "member"})
    assert scene.zone.rights.space_privileges(blair, scene.space) == frozenset({"space_view", "space_read_data"})


async def test_the_pages_speak_czech(scene: Scene) -> None:
    scene.joins("Blair Example", label="Group of Novák")
    olive = scene.browser(scene.olive)
    olive.client.headers["Accept-Language"] = "cs"
    page = shown(await olive.open(f"{scene.base}/people"))
    assert "4 lidé" in page
    assert "přes pozvánku „Group of Novák“" in page
    assert "Zbývá 19 použití z 20." in page
    for path, heading in (("links", "Odkazy"), ("activity", "Dění"), ("leave", "Opustit tuto datovou sadu?")):
        assert f"<h1>{heading}</h1>" in await olive.open(f"{scene.base}/{path}")


async def test_somebody_is_taken_out_and_another_leaves(scene: Scene) -> None:
    blair, olive = scene.joins("Blair Example"), scene.browser(scene.olive)
    await olive.open(f"{scene.base}/people/{blair}/remove")
    assert "They are out at once" in olive.page
    await olive.press(f"{scene.base}/people/{blair}/remove")
    assert not scene.is_in(blair)
    mary = scene.browser(scene.mary)
    await mary.open(f"{scene.base}/leave")
    await mary.press(f"{scene.base}/leave")
    assert not scene.is_in(scene.mary.id)
    await mary.open(f"{scene.base}/people")
    assert mary.status == 403
