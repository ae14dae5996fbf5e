"""Invites beyond Onedata: labels, who came in, previews, renewal, endings; and tokens that are refused, each with its sentence."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from tests.clubs import OWNER, Club, forged, of_one_who_left, revoked, to_what_is_gone, used_up

from fs2od.node.apps import zone_app
from fs2od.node.zone.notices import Accepted, AccessEnded, Invited, Notice
from fs2od.node.zone.refusals import SENTENCES, Refusal, refusal_of
from fs2od.onedata.errors import ServiceError
from fs2od.onedata.ids import TokenId
from fs2od.onedata.tokens import (
    Consumer,
    Identifier,
    InviteToken,
    InviteType,
    Ip,
    Named,
    Subject,
    Time,
    Token,
    confine,
    create,
)
from fs2od.testing.descriptions import judge_error
from fs2od.testing.world import Person, World, open_world


class ToldClub(Club):
    """A club at the zone's REST, with what was told meanwhile."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.told: list[Notice] = []
        self.zone.notices.listen(self.told.append)

    @property
    def path(self) -> str:
        return f"/fs2od/groups/{self.members}/invites"

    async def invite(self, who: Person | None = None, **body: object) -> tuple[TokenId, str]:
        answer = await self.world.zone.post(self.path, json=body, headers=(who or self.owner).headers)
        assert answer.status_code == 201, answer.text
        return TokenId(answer.json()["tokenId"]), answer.json()["token"]

    async def join(self, person: Person, token: str) -> httpx.Response:
        return await self.world.zone.post("/user/groups/join", json={"token": token}, headers=person.headers)

    async def preview(self, token: str, person: Person | None = None) -> httpx.Response:
        headers = person.headers if person else {}
        return await self.world.zone.post("/fs2od/invites/preview", json={"token": token}, headers=headers)


@pytest.fixture
def club(world: World) -> ToldClub:
    return ToldClub(world)


async def test_an_invite_has_a_label_and_is_always_limited(club: ToldClub) -> None:
    before_s = int(time.time())
    _, token = await club.invite(label="Group of Professor Example", uses=3, validForS=3600)
    after_s = time.time()
    (seen,) = (await club.world.zone.get(club.path, headers=club.owner.headers)).json()["invites"]
    assert seen["token"] == token
    assert seen["label"] == "Group of Professor Example"
    assert (seen["uses"], seen["usageLimit"], seen["ended"], seen["madeBy"]) == (0, 3, False, "api")
    assert before_s + 3600 <= seen["until"] <= after_s + 3600
    _, unlimited = await club.invite()
    seen = (await club.world.zone.get(club.path, headers=club.owner.headers)).json()["invites"]
    (named,) = (each for each in seen if each["token"] == unlimited)
    assert named["usageLimit"] == 20
    assert named["until"] is not None


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"uses": 0}, "uses"),
        ({"uses": 100_000}, "uses"),
        ({"validForS": 0}, "validForS"),
        ({"validForS": 10**12}, "validForS"),
        ({"label": "x" * 101}, "label"),
        ({"label": "a\nb"}, "label"),
    ],
)
async def test_an_invite_that_makes_no_sense_is_not_made(club: ToldClub, body: dict[str, object], key: str) -> None:
    answer = await club.world.zone.post(club.path, json=body, headers=club.owner.headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"]["key"] == key
    assert club.zone.tokens.invites_to(club.members) == []


async def test_a_bearer_sees_what_an_invite_is_before_using_it(club: ToldClub) -> None:
    _, token = await club.invite(uses=2, validForS=3600)
    seen = (await club.preview(f'  "{token[:40]}\n{token[40:]}" ')).json()
    assert seen.items() >= {
        "inviteType": "userJoinGroup", "name": "20261105 members", "spaces": ["20261105 Krios"], "inviter": "Olive Owner",
        "facility": "fs2od node", "rights": ["see", "read"], "usesLeft": 2, "isMember": False,
    }.items()  # fmt: skip
    assert seen["until"] > time.time()
    blair = club.world.person("Blair Example")
    assert (await club.join(blair, token)).status_code == 201
    assert (await club.preview(token, blair)).json()["isMember"] is True
    assert (await club.preview(token)).json()["usesLeft"] == 1
    text = (await club.preview(token)).text
    assert "a.txt" not in text
    assert blair.id not in text


async def test_an_invite_remembers_who_came_in_and_ends_alone_or_with_them(club: ToldClub) -> None:
    first, token = await club.invite(label="first")
    _, other = await club.invite(label="other")
    blair, casey, drew = (club.world.person(f"{name} Example") for name in ("Blair", "Casey", "Drew"))
    for person, shown in ((blair, token), (casey, token), (drew, other)):
        assert (await club.join(person, shown)).status_code == 201
    assert club.told == [Accepted(club.owner.id, each.id, club.members, "group") for each in (blair, casey, drew)]
    seen = (await club.world.zone.get(club.path, headers=club.owner.headers)).json()["invites"]
    joined = {each["label"]: [member["name"] for member in each["joined"]] for each in seen}
    assert joined == {"first": ["Blair Example", "Casey Example"], "other": ["Drew Example"]}

    # Whoever left by themselves came in through nothing any more.
    await club.world.zone.delete(f"/user/groups/{club.members}", headers=casey.headers)
    ending = f"/fs2od/invites/{first}/end"
    answer = await club.world.zone.post(ending, headers=club.owner.headers)
    assert (answer.status_code, answer.json()) == (200, {"ended": []})
    judge_error(await club.join(casey, token), "tokenRevoked")
    assert await reads(club, blair)

    club.told.clear()
    answer = await club.world.zone.post(ending, json={"memberships": True}, headers=club.owner.headers)
    assert [each["id"] for each in answer.json()["ended"]] == [blair.id]
    assert club.told == [AccessEnded(blair.id, club.members, "group")]
    assert not await reads(club, blair)
    assert await reads(club, drew)
    assert await reads(club, club.owner)


async def reads(club: ToldClub, person: Person) -> bool:
    answer = await club.world.provider.get(f"/data/{club.dataset.root}", headers=person.headers)
    return answer.status_code == 200


async def test_a_download_under_way_ends_with_the_invite_that_let_its_reader_in(club: ToldClub) -> None:
    invite, token = await club.invite()
    blair = club.world.person("Blair Example")
    await club.join(blair, token)
    access = club.world.node.provider.access
    located = access.locate(blair.caller, club.dataset.root)
    assert access.stands(located)
    await club.world.zone.post(f"/fs2od/invites/{invite}/end", json={"memberships": True}, headers=club.owner.headers)
    assert not access.stands(located)


async def test_whoever_ends_an_invite_that_they_came_in_through_stays(club: ToldClub) -> None:
    _, token = await club.invite(club.facility, privileges=sorted(OWNER))
    casey = club.world.person("Casey Example")
    await club.join(casey, token)
    (invite,) = club.zone.tokens.invites_to(club.members)
    path = f"/fs2od/invites/{invite.id}/end"
    answer = await club.world.zone.post(path, json={"memberships": True}, headers=casey.headers)
    assert answer.json() == {"ended": []}
    assert await reads(club, casey)


async def test_an_owner_renews_what_the_facility_made(club: ToldClub) -> None:
    kind = InviteToken(InviteType.USER_JOIN_GROUP, club.members)
    old = club.zone.tokens.issue_named(
        club.facility.id, "20261105 members", kind=kind, caveats=[Time(1)], usage_limit=1, privileges=["group_view"]
    )
    (seen,) = (await club.world.zone.get(club.path, headers=club.owner.headers)).json()["invites"]
    assert (seen["label"], seen["inviterName"], seen["token"]) == ("20261105 members", "Facility Example", None)
    path = f"/fs2od/invites/{old.id}/renew"
    answer = await club.world.zone.post(path, json={"uses": 7, "validForS": 600}, headers=club.owner.headers)
    assert answer.status_code == 201
    new = club.zone.tokens.named(TokenId(answer.json()["tokenId"]))
    assert (new.user, new.usage_limit, new.privileges, new.kind) == (club.owner.id, 7, ("group_view",), kind)
    assert (await club.join(club.world.person("Blair Example"), answer.json()["token"])).status_code == 201


async def test_only_those_who_may_invite_see_renew_and_end_invites(club: ToldClub) -> None:
    invite, token = await club.invite()
    member, stranger = club.world.person("Member Example"), club.world.person("Stranger Example")
    await club.join(member, token)
    for person in (member, stranger):
        judge_error(await club.world.zone.get(club.path, headers=person.headers), "forbidden")
        judge_error(await club.world.zone.post(club.path, headers=person.headers), "inviteTokenSubjectNotAuthorized")
        for verb in ("renew", "end"):
            answer = await club.world.zone.post(f"/fs2od/invites/{invite}/{verb}", headers=person.headers)
            judge_error(answer, "notFound")
    access = club.zone.tokens.named_by_name(member.id, "access")
    answer = await club.world.zone.post(f"/fs2od/invites/{access.id}/end", headers=member.headers)
    judge_error(answer, "notFound")


async def test_an_invite_by_mail_is_told_of_once_it_is_made(club: ToldClub) -> None:
    invite, _ = await club.invite(address="blair@example.org")
    assert club.told == [Invited("blair@example.org", club.owner.id, invite, club.members, "group")]
    assert "blair" not in repr(club.told)


async def test_a_member_who_is_removed_hears_of_it_and_one_who_leaves_does_not(club: ToldClub) -> None:
    _, token = await club.invite()
    blair, casey = club.world.person("Blair Example"), club.world.person("Casey Example")
    for person in (blair, casey):
        await club.join(person, token)
    club.told.clear()
    await club.world.zone.delete(f"/user/groups/{club.members}", headers=casey.headers)
    await club.world.zone.delete(f"/groups/{club.members}/users/{blair.id}", headers=club.owner.headers)
    assert club.told == [AccessEnded(blair.id, club.members, "group")]


def test_many_race_for_the_last_use_and_one_gets_in(world: World) -> None:
    club = ToldClub(world)
    token = club.issue(usage_limit=3)
    people = [world.person(f"Racer {number}") for number in range(12)]
    start = threading.Barrier(len(people))
    refused: list[str] = []

    def run(person: Person) -> None:
        start.wait()
        try:
            club.zone.invites.join(person.caller, token, InviteType.USER_JOIN_GROUP, peer_ip=None)
        except ServiceError as error:
            refused.append(error.error_id)

    threads = [threading.Thread(target=run, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    inside = [person for person in people if world.node.zone.rights.group_privileges(person.id, club.members)]
    assert len(inside) == 3
    assert refused == ["inviteTokenUsageLimitReached"] * 9
    (named,) = club.zone.tokens.invites_to(club.members)
    assert named.usage_count == 3


def test_a_token_taken_back_between_looking_and_joining_lets_nobody_in(world: World) -> None:
    club = ToldClub(world)
    token = club.issue()
    (named,) = club.zone.tokens.invites_to(club.members)
    identifier, _ = club.zone.credentials.invitation(token, club.zone.credentials.circumstances(None))
    club.zone.tokens.change(named.id, revoked=True)
    with pytest.raises(ServiceError, match="revoked"), club.zone.database.writing() as db:
        club.zone.tokens.count_use(db, identifier)


SPOILT: Mapping[Refusal, Callable[[Club], Token]] = {
    Refusal.WRONG: forged,
    Refusal.EXPIRED: lambda club: club.issue(Time(int(time.time()) - 1)),
    Refusal.NOT_FOR_YOU: lambda club: club.issue(Consumer((f"usr-{club.facility.id}",))),
    Refusal.NOT_HERE: lambda club: club.issue(Ip(("192.0.2.0/24",))),
    Refusal.NO_INVITE: lambda club: club.owner.token,
    Refusal.USED_UP: used_up,
    Refusal.REVOKED: revoked,
    Refusal.INVITER: of_one_who_left,
    Refusal.GONE: to_what_is_gone,
}


@pytest.mark.parametrize("reason", SPOILT)
def test_a_refused_token_gets_one_sentence_that_says_why(world: World, reason: Refusal) -> None:
    club = ToldClub(world)
    token, caller = SPOILT[reason](club), world.person("Blair Example").caller
    uses: list[Callable[[], object]] = [
        lambda: club.zone.invite_previews.preview(caller, token, peer_ip=None),
        lambda: club.zone.invites.join(caller, token, InviteType.USER_JOIN_GROUP, peer_ip=None),
    ]
    for use in uses:
        with pytest.raises(ServiceError) as caught:
            use()
        assert refusal_of(caught.value, token, domain="zone.test") is reason, caught.value
        assert token.reveal() not in str(caught.value)
        assert club.members not in str(caught.value)
    assert len(SENTENCES[reason].split(". ")) == 1


async def test_a_mistyped_token_and_one_of_another_service_are_told_apart(club: ToldClub, tmp_path: Path) -> None:
    with open_world(tmp_path / "elsewhere") as elsewhere:
        other = ToldClub(elsewhere)
        foreign = other.issue()
    with pytest.raises(ServiceError) as caught:
        club.zone.invite_previews.preview(club.owner.caller, foreign, peer_ip=None)
    assert refusal_of(caught.value, foreign, domain="zone.test") is Refusal.WRONG  # the same name, another key
    assert refusal_of(caught.value, foreign, domain="zone.example.org") is Refusal.FOREIGN
    for text in ("", "nonsense", club.issue().reveal()[:-9], "é"):
        answer = await club.preview(text)
        assert answer.status_code == 400
        inner = answer.json()["error"]
        error = ServiceError(inner["id"], inner["description"], details=inner.get("details"))
        assert refusal_of(error) in (Refusal.MISTYPED, Refusal.WRONG), inner


async def test_nobody_learns_from_a_made_up_token_what_exists(club: ToldClub) -> None:
    def made_up(target: str) -> str:
        kind = InviteToken(InviteType.USER_JOIN_GROUP, target)
        identifier = Identifier(Named(), Subject("user", club.owner.id), kind, TokenId("a" * 32))
        return create("zone.test", identifier, b"guessed").reveal()

    told = [(await club.preview(made_up(target))).json() for target in (club.members, "b" * 32)]
    assert told[0] == told[1]
    assert told[0]["error"]["id"] == "tokenInvalid"


async def test_anybody_narrows_an_invite_and_nobody_widens_it(club: ToldClub) -> None:
    _, token = await club.invite(validForS=3600)
    narrowed = confine(Token(token), [Time(int(time.time()) - 1)])
    judge_error(await club.join(club.world.person(), narrowed.reveal()), "tokenCaveatUnverified")
    widened = confine(narrowed, [Time(int(time.time()) + 9999)])
    judge_error(await club.join(club.world.person(), widened.reveal()), "tokenCaveatUnverified")


class Watch:
    """A clock that goes only where it is told to."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 5, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def now_s(self) -> int:
        return int(self.moment.timestamp())


def asking(world: World, address: str) -> httpx.AsyncClient:
    """Return a client of the zone's API that comes from an address."""
    transport = httpx.ASGITransport(zone_app(world.node.zone), client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="https://zone.test/api/v3/onezone")


async def test_a_thousand_wrong_tokens_are_slowed_and_the_others_go_on(tmp_path: Path) -> None:
    watch = Watch()
    with open_world(tmp_path, clock=watch) as world:
        club = ToldClub(world)
        guessed = Token(club.issue().reveal()[:-1] + "B").reveal()
        bad, good = asking(world, "192.0.2.1"), asking(world, "192.0.2.2")
        answers: list[httpx.Response] = []
        for number in range(1000):
            watch.moment += timedelta(milliseconds=60)
            if number % 2:
                answers.append(await bad.post("/user/groups/join", json={"token": guessed}, headers=club.owner.headers))
            else:
                answers.append(await bad.get("/user", headers={"X-Auth-Token": guessed}))
        heard = [answer for answer in answers if answer.status_code != 429]
        assert len(heard) <= 31
        assert {answer.status_code for answer in heard} <= {400, 401}
        judge_error(answers[-1], "tooManyRequests")
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
        # Right tokens pass, even from there, and others' wrong ones are answered as ever.
        assert (await bad.get("/user", headers=club.owner.headers)).status_code == 200
        assert (await good.get("/user", headers={"X-Auth-Token": guessed})).status_code == 401
        # Nor is an expired token a wrong one.
        expired = world.token(club.owner, Time(1)).reveal()
        assert (await bad.get("/user", headers={"X-Auth-Token": expired})).status_code == 401
        watch.moment += timedelta(minutes=2)
        assert (await bad.get("/user", headers={"X-Auth-Token": guessed})).status_code == 401
        await bad.aclose()
        await good.aclose()


async def test_a_plain_node_has_none_of_this(tmp_path: Path) -> None:
    with open_world(tmp_path, plain=True) as world:
        club = ToldClub(world)
        assert (await club.world.zone.get(club.path, headers=club.owner.headers)).status_code == 404
        # As a Onezone says of what it takes for one of its pages.
        assert (await club.preview(club.issue().reveal())).status_code == 405
        assert (await club.join(world.person(), club.issue().reveal())).status_code == 201
