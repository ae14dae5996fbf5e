"""The page of a site's people: who belongs to it as what, invites made and ended, people taken out, leaving."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.portal.signing_in import Person
from tests.portal.sites_scene import Centre, open_centre

from fs2od.onedata import privileges
from fs2od.onedata.errors import ServiceError
from fs2od.onedata.tokens import InviteType, Token
from fs2od.testing.world import Person as Account

TOKEN = re.compile(r'aria-label="Token of the invite" data-copy><code>([A-Za-z0-9]+)</code>')


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    with open_centre(tmp_path) as opened:
        yield opened


@pytest.fixture
def ada(centre: Centre) -> Person:
    return centre.browser(centre.ada)


def held(centre: Centre, who: Account) -> frozenset[str] | None:
    return centre.scene.zone.rights.cluster_privileges(who.id, centre.provider.record.cluster)


def people(centre: Centre) -> str:
    return f"{centre.base}/people"


async def invited(centre: Centre, ada: Person, role: str) -> Token:
    await ada.open(people(centre))
    page = await ada.press(f"{people(centre)}/invites", {"role": role, "days": "7"})
    assert ada.status == 200, page
    (token,) = TOKEN.findall(page)
    return Token(token)


def join(centre: Centre, who: Account, token: Token) -> None:
    centre.scene.zone.invites.join(who.caller, token, InviteType.USER_JOIN_CLUSTER, peer_ip=None)


async def test_the_page_says_who_belongs_to_the_site_and_what_they_may(centre: Centre, ada: Person) -> None:
    page = html.unescape(await ada.open(people(centre)))
    assert ("3 people" in page, "Ada Administrator" in page, "Vic Viewer" in page) == (True, True, True)
    assert "May answer requests, grant storage" in page
    assert "May look at everything here, and change nothing." in page
    twin = json.loads(await ada.open(f"{people(centre)}.json"))
    assert [(each["name"], each["role"]) for each in twin["people"]] == [
        ("Ada Administrator", "administrator"),
        ("Administrator", "administrator"),  # who added the site
        ("Vic Viewer", "viewer"),
    ]
    ada.client.headers["Accept-Language"] = "cs"
    assert "smí tu vše" in await ada.open(people(centre))


async def test_who_only_looks_is_not_told_who_is_what_and_has_no_buttons(centre: Centre) -> None:
    vic = centre.browser(centre.vic)
    page = html.unescape(await vic.open(people(centre)))
    assert "Ada Administrator" in page
    assert ("May answer requests" in page, "Invite somebody" in page, "Take out" in page) == (False, False, False)
    assert {each["role"] for each in json.loads(await vic.open(f"{people(centre)}.json"))["people"]} == {None}


@pytest.mark.parametrize(
    ("role", "given"), [("administrator", privileges.CLUSTER_ADMIN), ("viewer", privileges.CLUSTER_MEMBER)]
)
async def test_an_invite_lets_one_person_in(centre: Centre, ada: Person, role: str, given: frozenset[str]) -> None:
    lee, other = centre.scene.world.person("Lee Local"), centre.scene.world.person("Other")
    token = await invited(centre, ada, role)
    assert token.reveal() not in await ada.open(people(centre))
    twin = json.loads(await ada.open(f"{people(centre)}.json"))
    assert [(each["role"], each["inviter"]) for each in twin["invites"]] == [(role, "Ada Administrator")]
    assert token.reveal() not in json.dumps(twin)
    join(centre, lee, token)
    assert held(centre, lee) == given
    with pytest.raises(ServiceError):
        join(centre, other, token)
    assert "No invite is open." in await ada.open(people(centre))


@pytest.mark.parametrize("days", ["", "0", "366", "-1", "much", "99999"])
async def test_an_invite_without_sense_is_refused_in_one_sentence(centre: Centre, ada: Person, days: str) -> None:
    await ada.open(people(centre))
    page = await ada.press(f"{people(centre)}/invites", {"role": "administrator", "days": days})
    assert (ada.status, "An invite works for 1 to 365 days." in page) == (400, True)
    assert "No invite is open." in page


async def test_an_unknown_role_only_looks(centre: Centre, ada: Person) -> None:
    lee = centre.scene.world.person("Lee Local")
    join(centre, lee, await invited(centre, ada, "owner of all"))
    assert held(centre, lee) == privileges.CLUSTER_MEMBER


async def test_an_ended_invite_lets_nobody_in(centre: Centre, ada: Person) -> None:
    token = await invited(centre, ada, "administrator")
    (open_one,) = json.loads(await ada.open(f"{people(centre)}.json"))["invites"]
    await ada.open(people(centre))
    await ada.press(f"{people(centre)}/invites/{open_one['id']}/end")
    assert ada.status == 303
    with pytest.raises(ServiceError):
        join(centre, centre.scene.world.person("Late"), token)
    assert "No invite is open." in await ada.follow()


async def test_an_invite_of_who_was_taken_out_stands_there_no_more(centre: Centre, ada: Person) -> None:
    lee = centre.scene.world.person("Lee Local")
    join(centre, lee, await invited(centre, ada, "administrator"))
    theirs = await invited(centre, centre.browser(lee), "administrator")
    await ada.open(f"{people(centre)}/{lee.id}/remove")
    await ada.press(f"{people(centre)}/{lee.id}/remove")
    assert (ada.status, held(centre, lee)) == (303, None)
    page = await ada.follow()
    assert ("Lee Local" in page, "No invite is open." in page) == (False, True)
    with pytest.raises(ServiceError):
        join(centre, centre.scene.world.person("Late"), theirs)


async def test_the_last_administrator_stays(centre: Centre, ada: Person) -> None:
    founder = centre.scene.world.administrator
    await ada.open(f"{people(centre)}/{founder.id}/remove")
    await ada.press(f"{people(centre)}/{founder.id}/remove")
    assert held(centre, founder) is None
    await ada.open(f"{people(centre)}/{centre.ada.id}/remove")
    page = await ada.press(f"{people(centre)}/{centre.ada.id}/remove")
    assert (ada.status, "The last administrator stays: invite another one first." in page) == (400, True)
    assert held(centre, centre.ada) == privileges.CLUSTER_ADMIN
    lee = centre.scene.world.person("Lee Local")
    join(centre, lee, await invited(centre, ada, "administrator"))
    await ada.open(f"{people(centre)}/{centre.ada.id}/remove")
    await ada.press(f"{people(centre)}/{centre.ada.id}/remove")
    assert (ada.place, held(centre, centre.ada)) == ("/sites", None)


async def test_who_only_looks_may_leave_and_take_nobody_out(centre: Centre) -> None:
    vic = centre.browser(centre.vic)
    await vic.open(f"{people(centre)}/{centre.ada.id}/remove")
    assert vic.status == 403
    await vic.open(f"{people(centre)}/{centre.vic.id}/remove")
    await vic.press(f"{people(centre)}/{centre.vic.id}/remove")
    assert (vic.status, vic.place, held(centre, centre.vic)) == (303, "/sites", None)


async def test_nobody_is_taken_out_who_is_not_in(centre: Centre, ada: Person) -> None:
    await ada.open(f"{people(centre)}/{centre.scene.olive.id}/remove")
    assert ada.status == 404
