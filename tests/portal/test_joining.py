"""Joining with an invite in the pages: pasted, shown, signed in, accepted; and each way in which that ends otherwise."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from tests.clubs import Club, forged, of_one_who_left, revoked, to_what_is_gone, used_up
from tests.portal.conftest import describe
from tests.portal.signing_in import Hall, Person, open_hall

from fs2od.node.zone.accounts import Proof
from fs2od.node.zone.refusals import SENTENCES, Refusal
from fs2od.onedata.ids import ShareId, UserId
from fs2od.onedata.tokens import Consumer, InviteType, Ip, Time
from fs2od.portal.signin import SignInSettings

INVITE_COOKIE = "__Host-fs2od-invite"


class OpenClub(Club):
    """A club whose dataset has a link, in a hall that people come into."""

    def __init__(self, hall: Hall) -> None:
        super().__init__(hall.world)
        self.hall = hall
        self.share: ShareId = self.world.share(self.facility, self.dataset, name="70S ribosome")

    def user(self, address: str) -> UserId:
        return self.zone.accounts.sign_in(Proof.of_address(address), sign_up="invited")

    def is_in(self, user: UserId) -> bool:
        return self.zone.rights.group_privileges(user, self.members) is not None


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    with open_hall(tmp_path) as opened:
        yield opened


@pytest.fixture
def club(hall: Hall) -> OpenClub:
    return OpenClub(hall)


async def show(person: Person, text: str) -> str:
    """Paste a text into the page and look at what it leads to."""
    await person.open("/join")
    await person.press("/join", {"token": text})
    return await person.follow() if person.status == 303 else person.page


async def sign_in_from(person: Person, club: OpenClub, address: str = "blair@example.org") -> None:
    await person.open("/sign-in?next=%2Fjoin")
    await person.press("/sign-in/mail", {"address": address})
    link = club.hall.link()
    await person.open(link)
    await person.press(link)
    assert (person.status, person.place) == (303, "/join"), person.page


async def test_an_invite_is_shown_before_it_is_accepted_and_the_dataset_is_then_among_ones_own(club: OpenClub) -> None:
    token = club.issue(Time(club.hall.clock.now_s() + 86400))
    blair = club.hall.person()
    card = await show(blair, token.reveal())
    for words in (
        "70S ribosome",
        "Olive Owner",
        "fs2od node",
        "read and download its files",
        "6 November 2026, 12:00 UTC",
        "<dd>5</dd>",
    ):
        assert words in card
    assert 'href="/sign-in?next=%2Fjoin"' in card
    await sign_in_from(blair, club)
    assert "Accept as blair" in await blair.follow()
    await blair.press("/join/accept")
    assert (blair.status, blair.place) == (303, f"/joined/{club.members}")
    assert INVITE_COOKIE not in blair.client.cookies
    page = await blair.follow()
    assert "It is among your datasets now" in page
    assert f'href="/share/{club.share}"' in page
    assert club.is_in(club.user("blair@example.org"))
    twin = json.loads(await blair.open(f"/joined/{club.members}.json"))
    assert [each["name"] for each in twin["datasets"]] == ["20261105 Krios"]
    assert twin["datasets"][0]["files"] == 1


async def test_a_card_says_the_title_and_the_facility_that_the_dataset_itself_says(club: OpenClub) -> None:
    describe(club.world, club.facility, club.dataset, {"fs2od": {"title": "Apo form", "facility": "Example Facility"}})
    card = await show(club.hall.person(), club.issue().reveal())
    assert "Example Facility" in card
    assert "Apo form" in card
    assert "70S ribosome" not in card


async def test_the_token_stands_in_no_page_address_letter_or_cookie_in_clear(club: OpenClub) -> None:
    text = club.issue().reveal()
    blair = club.hall.person()
    card = await show(blair, text)
    await sign_in_from(blair, club)
    seen = [card, blair.place, *blair.client.cookies.values()]
    seen += [path.read_text() for path in (club.hall.node.settings.data / "outbox").glob("*.eml")]
    assert not any(text in each for each in seen)
    said = next(each for each in (await held(blair, text)) if each.startswith(f"{INVITE_COOKIE}="))
    for word in ("HttpOnly", "Secure", "SameSite=lax", "Path=/", "Max-Age=3600"):
        assert word in said


async def held(person: Person, text: str) -> list[str]:
    await person.open("/join")
    await person.press("/join", {"token": text})
    return person.headers.get_list("set-cookie")


@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "  {}\n",
        '"{}"',
        "'{}',",
        "<{}>",
        "https://zone.test/join#{}",
        "> {}",
        "{}.",
        "\u201e{}\u201c",
        "\u200b{}\ufeff",
    ],
)
async def test_what_sticks_to_a_pasted_token_does_no_harm(club: OpenClub, around: str) -> None:
    token = club.issue().reveal()
    broken = f"{token[:40]}\r\n   {token[40:60]} {token[60:]}"
    for text in (token, broken):
        assert "Olive Owner" in await show(club.hall.person(), around.format(text))


REFUSED: Mapping[Refusal, Callable[[OpenClub], str]] = {
    Refusal.MISTYPED: lambda club: club.issue().reveal()[:-7],
    Refusal.WRONG: lambda club: forged(club).reveal(),
    Refusal.FOREIGN: lambda club: forged(club, zone="other.test").reveal(),
    Refusal.EXPIRED: lambda club: club.issue(Time(club.hall.clock.now_s() - 1)).reveal(),
    Refusal.REVOKED: lambda club: revoked(club).reveal(),
    Refusal.USED_UP: lambda club: used_up(club).reveal(),
    Refusal.NO_INVITE: lambda club: club.owner.token.reveal(),
    Refusal.INVITER: lambda club: of_one_who_left(club).reveal(),
    Refusal.GONE: lambda club: to_what_is_gone(club).reveal(),
    Refusal.NOT_HERE: lambda club: club.issue(Ip(("192.0.2.0/24",))).reveal(),
}


@pytest.mark.parametrize("reason", REFUSED)
async def test_a_token_that_is_refused_gets_the_one_sentence_that_says_why(club: OpenClub, reason: Refusal) -> None:
    text = REFUSED[reason](club)
    blair = club.hall.person()
    page = await show(blair, text)
    assert blair.status == 400
    assert re.findall(r'role="alert">([^<]*)<', page) == [SENTENCES[reason]]
    assert "20261105" not in page
    assert text not in page
    twin = json.loads(await blair.open("/join.json"))
    assert twin == {"invite": None}


async def test_an_invite_for_somebody_is_shown_to_them_once_they_have_signed_in(club: OpenClub) -> None:
    await club.hall.signed_in("blair@example.org")
    token = club.issue(Consumer((f"usr-{club.user('blair@example.org')}",)))
    guest = club.hall.person()
    assert SENTENCES[Refusal.NOT_FOR_YOU] in await show(guest, token.reveal())
    assert guest.status == 403
    club.hall.clock.moment += timedelta(minutes=20)
    await sign_in_from(guest, club)
    assert "Olive Owner" in await guest.follow()
    stranger = await club.hall.signed_in("casey@example.org")
    assert SENTENCES[Refusal.NOT_FOR_YOU] in await show(stranger, token.reveal())


async def test_two_at_the_last_use_and_one_gets_in(club: OpenClub) -> None:
    token = club.issue(usage_limit=1).reveal()
    people = {name: await club.hall.signed_in(f"{name}@example.org") for name in ("blair", "casey")}
    for person in people.values():
        assert "Accept as" in await show(person, token)
    await asyncio.gather(*(person.press("/join/accept") for person in people.values()))
    inside = [name for name in people if club.is_in(club.user(f"{name}@example.org"))]
    assert len(inside) == 1
    (outside,) = people.keys() - inside
    assert people[inside[0]].place == f"/joined/{club.members}"
    assert SENTENCES[Refusal.USED_UP] in people[outside].page


async def test_who_is_in_already_uses_nothing_up(club: OpenClub) -> None:
    token = club.issue(usage_limit=2)
    blair = await club.hall.signed_in("blair@example.org")
    await show(blair, token.reveal())
    await blair.press("/join/accept")
    assert "You are in already" in await show(blair, token.reveal())
    assert json.loads(await blair.open("/join.json"))["invite"]["is_member"] is True
    (named,) = club.zone.tokens.invites_to(club.members)
    assert named.usage_count == 1


async def test_what_is_accepted_is_what_was_shown(club: OpenClub) -> None:
    blair = await club.hall.signed_in("blair@example.org")
    await show(blair, club.issue().reveal())
    shown = blair.page
    await show(blair, club.issue().reveal())
    blair.page = shown
    await blair.press("/join/accept")
    assert (blair.status, blair.place) == (303, "/join")
    assert not club.is_in(club.user("blair@example.org"))


async def test_the_browser_keeps_a_token_for_an_hour_and_no_longer(club: OpenClub) -> None:
    blair = club.hall.person()
    await show(blair, club.issue().reveal())
    club.hall.clock.moment += timedelta(minutes=59)
    assert "Olive Owner" in await blair.open("/join")
    club.hall.clock.moment += timedelta(minutes=2)
    assert "Olive Owner" not in await blair.open("/join")


async def test_a_cookie_that_is_not_ours_is_no_token(club: OpenClub) -> None:
    for value in ("", "a", "A" * 200, "%00~!", "x" * 5000):
        blair = club.hall.person()
        blair.client.headers["Cookie"] = f"{INVITE_COOKIE}={value}"
        assert "Olive Owner" not in await blair.open("/join")
        assert blair.status == 200


async def test_a_form_of_another_site_accepts_nothing(club: OpenClub) -> None:
    blair = await club.hall.signed_in("blair@example.org")
    await show(blair, club.issue().reveal())
    fields = dict(re.findall(r'<input type="hidden" name="(invite)" value="([^"]*)"', blair.page))
    await blair.send("/join/accept", fields)
    assert blair.status == 403
    await show(blair, club.issue().reveal())
    await blair.press("/join/accept", origin="https://evil.example")
    assert blair.status == 403
    await blair.send("/join", {"token": "a"}, site="cross-site")
    assert blair.status == 403
    assert not club.is_in(club.user("blair@example.org"))


async def test_where_only_invited_people_may_come_a_token_that_holds_vouches_for_its_bearer(tmp_path: Path) -> None:
    with open_hall(tmp_path, SignInSettings(sign_up="invited")) as hall:
        club, blair = OpenClub(hall), hall.person()
        await show(blair, club.issue().reveal())
        await sign_in_from(blair, club)
        assert "Accept as blair" in await blair.follow()


async def test_many_wrong_tokens_are_slowed_for_their_address_and_nobody_else(club: OpenClub) -> None:
    bad, blair = club.hall.person("192.0.2.66"), club.hall.person("192.0.2.7")
    await bad.open("/join")
    page, wrong = bad.page, forged(club).reveal()
    statuses = []
    for _ in range(100):
        bad.page = page
        await bad.press("/join", {"token": wrong})
        statuses.append(bad.status)
    assert (statuses.count(400), statuses.count(429)) == (30, 70)
    assert SENTENCES[Refusal.TOO_MANY] in bad.page
    assert int(bad.headers["Retry-After"]) > 0
    assert SENTENCES[Refusal.WRONG] in await show(blair, wrong)
    # A right token is heard from there all the same.
    assert "Olive Owner" in await show(bad, club.issue().reveal())


async def test_the_names_in_a_card_are_text_and_nothing_else(club: OpenClub) -> None:
    evil = "<script>alert(1)</script>"
    with club.zone.database.writing() as db:
        db.execute("UPDATE share SET name = ?", (evil,))
        db.execute("UPDATE user SET full_name = ?", (evil,))
    blair = club.hall.person()
    page = await show(blair, club.issue().reveal())
    assert evil not in page
    assert page.count("&lt;script&gt;") == 2
    assert "frame-ancestors 'none'" in blair.headers["Content-Security-Policy"]


async def test_what_one_is_not_in_is_not_shown_as_joined(club: OpenClub) -> None:
    guest, stranger = club.hall.person(), await club.hall.signed_in("stranger@example.org")
    await guest.open(f"/joined/{club.members}")
    assert guest.place == f"/sign-in?next=%2Fjoined%2F{club.members}"
    await stranger.open(f"/joined/{club.members}")
    assert stranger.status == 404
    await stranger.open("/joined/nothing")
    assert stranger.status == 404


async def test_an_invite_for_a_space_works_and_one_for_groups_says_that_it_is_for_groups(club: OpenClub) -> None:
    blair = await club.hall.signed_in("blair@example.org")
    assert "lets a whole group in" in await show(blair, club.issue(kind=InviteType.GROUP_JOIN_SPACE).reveal())
    await show(blair, club.issue(kind=InviteType.USER_JOIN_SPACE).reveal())
    await blair.press("/join/accept")
    assert blair.place == f"/joined/{club.dataset.space}"
    assert "It is among your datasets now" in await blair.follow()
