"""Who is in a dataset, and the invites that bring people in; without a browser."""

from __future__ import annotations

import html
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.portal.members_scene import Scene, open_members_scene

from fs2od.node.zone.callers import Caller
from fs2od.node.zone.memberships import GROUP_USER
from fs2od.onedata import privileges, roles
from fs2od.onedata.errors import Rejected
from fs2od.onedata.tokens import InviteToken, InviteType, Time, Token


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


async def test_the_invite_from_the_facility_s_mail_is_listed_and_renewed_by_the_owner(scene: Scene) -> None:
    scene.world.join_group(scene.members, scene.facility, roles.OWNER_IN_GROUP)
    kind = InviteToken(InviteType.USER_JOIN_GROUP, scene.members)
    until = Time(scene.clock.now_s() + 7 * 86_400)
    made = scene.zone.tokens.issue_named(
        scene.facility.id, "20261105_Krios members", kind=kind, caveats=[until], usage_limit=5
    )
    blair = scene.zone.users.add("Blair Example")
    scene.zone.invites.join(Caller(blair), made.token, InviteType.USER_JOIN_GROUP, peer_ip=None)
    olive = scene.browser(scene.olive)
    page = shown(await olive.open(f"{scene.base}/people"))
    assert (
        "The facility's invite open member 4 uses of 5 left. Until 12 November 2026, 12:00 UTC. 1 person came in"
        in page
    )
    # Its name is for programs, and said nowhere.
    assert "Blair Example member May see it, download it. Came in just now by the facility's invite." in page
    assert "20261105_Krios members" not in page.replace("Is in through the group 20261105_Krios members", "")
    assert made.token.reveal() not in olive.page
    page = shown(await olive.press(f"{scene.base}/people/invites/{made.id}/renew"))
    assert "It works for 5 people, until 12 November 2026, 12:00 UTC." in page
    invites = scene.zone.invite_book.of_target(scene.olive.caller, "group", scene.members)
    assert {(each.inviter, each.usage_limit) for each in invites} == {(scene.facility.id, 5), (scene.olive.id, 5)}


async def test_an_invite_whose_maker_may_invite_no_more_is_said_to_let_nobody_in(scene: Scene) -> None:
    blair = scene.joins("Blair Example")
    scene.zone.people.change_role(scene.olive.caller, scene.space, blair, "owner")
    kind = InviteToken(InviteType.USER_JOIN_GROUP, scene.members)
    scene.zone.invite_book.make(Caller(blair), kind, label="of Blair's")
    olive = scene.browser(scene.olive)
    assert "of Blair's open member" in shown(await olive.open(f"{scene.base}/people"))
    scene.zone.people.change_role(scene.olive.caller, scene.space, blair, "member")
    page = shown(await olive.open(f"{scene.base}/people"))
    assert "of Blair's works no more member" in page
    assert "it lets nobody in. Made by Blair Example." in page


async def test_who_was_made_an_owner_stays_when_their_invite_ends_with_its_memberships(scene: Scene) -> None:
    blair, casey = scene.joins("Blair Example", label="one"), scene.joins("Casey Example", label="two")
    scene.zone.people.change_role(scene.olive.caller, scene.space, blair, "owner")
    for invite in scene.zone.invite_book.of_target(scene.olive.caller, "group", scene.members):
        scene.zone.invite_book.end(scene.olive.caller, invite.id, with_members=True)
    assert scene.is_in(blair)
    assert not scene.is_in(casey)


async def test_people_of_a_space_without_groups_get_what_they_are_invited_to(scene: Scene) -> None:
    space = scene.own_space(scene.olive)
    olive, base, user = scene.browser(scene.olive), f"/space/{space}", scene.olive.id
    for number, (key, held) in enumerate(
        (
            ("reader@space", {"space_view", "space_read_data"}),
            ("member@space", set(map(str, privileges.SPACE_MEMBER))),
            ("owner@space", set(map(str, roles.OWNER_WITHOUT_GROUP))),
        )
    ):
        await olive.open(f"{base}/people")
        page = await olive.press(f"{base}/people/invites", {"choice": key, "uses": "1", "days": "1"})
        (text,) = re.findall(r"https://zone\.test/join#([A-Za-z0-9]+)", page)
        user = scene.zone.users.add(f"Person {number}")
        scene.zone.invites.join(Caller(user), Token(text), InviteType.USER_JOIN_SPACE, peer_ip=None)
        assert set(scene.zone.rights.space_privileges(user, space) or ()) == held
    await olive.open(f"{base}/people")
    await olive.press(f"{base}/people/{user}/role", {"role": "member"})
    assert set(scene.zone.rights.space_privileges(user, space) or ()) == set(map(str, privileges.SPACE_MEMBER))
    # Nobody else may bring others in now.
    await olive.open(f"{base}/leave")
    page = await olive.press(f"{base}/leave")
    assert olive.status == 400
    assert "You are the last owner" in page


def test_of_two_last_owners_who_leave_at_the_same_moment_one_stays(scene: Scene) -> None:
    space = scene.own_space(scene.olive)
    scene.world.join_space(space, scene.mary, roles.OWNER_WITHOUT_GROUP)
    start, outcomes = threading.Barrier(2), []

    def leave(caller: Caller) -> None:
        start.wait()
        try:
            scene.zone.people.leave(caller, space)
            outcomes.append("left")
        except Rejected as error:
            outcomes.append(error.error_id)

    threads = [threading.Thread(target=leave, args=(who.caller,)) for who in (scene.olive, scene.mary)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["cannotRemoveLastOwner", "left"]


async def test_a_letter_brings_an_invite_if_its_maker_wants_that(scene: Scene) -> None:
    olive, path = scene.browser(scene.olive), f"{scene.base}/people/invites"
    form = {"choice": f"member@{scene.members}", "uses": "1", "days": "7", "label": "for Blair"}
    await olive.open(f"{scene.base}/people")
    page = shown(await olive.press(path, {**form, "address": "blair@example.org"}))
    assert "A letter with it is on its way to blair@example.org." in page
    assert [letter.recipients for letter in scene.zone.outbox.list_letters(limit=5)]
    await olive.open(f"{scene.base}/people")
    page = shown(await olive.press(path, {**form, "address": "Blair at Example"}))
    assert olive.status == 400
    assert "That is no mail address" in page
    assert 'value="for Blair"' in olive.page
    for wrong in ({"uses": "0"}, {"uses": "99999"}, {"days": "0"}, {"days": "x"}, {"label": "x" * 101}, {"uses": "²"}):
        await olive.open(f"{scene.base}/people")
        await olive.press(path, {**form, **wrong})
        assert olive.status == 400, wrong


async def test_many_people_are_turned_over_page_by_page(scene: Scene) -> None:
    with scene.zone.database.writing() as db:
        for number in range(250):
            user = scene.zone.users.insert(db, f"person {number:03}")
            scene.zone.memberships.insert(db, GROUP_USER, scene.members, user, {"group_view"})
    olive, seen, count = scene.browser(scene.olive), [], 0
    path: str | None = f"{scene.base}/people.json"
    while path is not None:
        twin = json.loads(await olive.open(path))
        assert len(twin["people"]) <= 100
        seen += [each["name"] for each in twin["people"]]
        path, count = twin["next_url"], twin["count"]
    assert len(seen) == len(set(seen)) == count == 253
    assert seen == sorted(seen, key=str.casefold)


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
