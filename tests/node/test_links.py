"""Links with rules: for members, under embargo, with an end, labelled and counted; judged in one place for every door."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.node.zone.callers import GUEST, Caller
from fs2od.node.zone.link_rules import Audience, Rule, combined
from fs2od.node.zone.notices import LinkEnding, Notice
from fs2od.onedata.errors import ServiceError
from fs2od.onedata.ids import FileId, ShareId
from fs2od.onedata.tokens import Caveat, DataObjectId, DataPath, DataReadonly
from fs2od.testing.descriptions import judge_error
from fs2od.testing.world import Dataset, Person, World, open_world

MOMENTS = st.none() | st.integers(0, 9)
AUDIENCES: tuple[Audience, ...] = ("public", "members")
RULES = st.builds(Rule, st.sampled_from(AUDIENCES), MOMENTS, MOMENTS)


class Watch:
    """A clock that goes only where it is told to."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 5, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def now_s(self) -> int:
        return int(self.moment.timestamp())


class Site:
    """A shared dataset, its owner, a member who reads, one who only sees that it is there, and a stranger."""

    def __init__(self, world: World, watch: Watch) -> None:
        self.world, self.watch, self.zone = world, watch, world.node.zone
        self.owner, self.reader, self.viewer, self.stranger = (world.person(f"{name} Example") for name in "ORVS")
        self.dataset: Dataset = world.dataset(self.owner, {"sub/a.txt": b"0123456789"})
        world.join_space(self.dataset.space, self.reader, {"space_view", "space_read_data"})
        world.join_space(self.dataset.space, self.viewer, {"space_view"})
        self.share: ShareId = world.share(self.owner, self.dataset)

    def id_of(self, path: str = "sub/a.txt", share: ShareId | None = None) -> FileId:
        return self.world.id_of(self.dataset, path, share=share or self.share)

    async def rule(self, *, share: ShareId | None = None, begin: int | None = None, **rule: object) -> None:
        rule |= {"from": begin}
        path = f"/fs2od/shares/{share or self.share}/rule"
        answer = await self.world.zone.put(path, json=rule, headers=self.owner.headers)
        assert answer.status_code == 204, answer.text

    async def space_rule(self, **rule: object) -> None:
        path = f"/fs2od/spaces/{self.dataset.space}/link_rule"
        answer = await self.world.zone.put(path, json=rule, headers=self.owner.headers)
        assert answer.status_code == 204, answer.text

    async def answers(self, person: Person | None) -> list[httpx.Response]:
        """Return what somebody gets behind every door that a link has in the APIs."""
        headers = person.headers if person else {}
        zone, provider = self.world.zone, self.world.provider
        return [
            await zone.get(f"/shares/{self.share}/public", headers=headers),
            await zone.get(f"/shares/data/{self.id_of()}", headers=headers),
            await provider.get(f"/data/{self.id_of()}", headers=headers),
            await provider.get(f"/data/{self.id_of()}/content", headers=headers),
            await provider.get(f"/data/{self.id_of('')}/children", headers=headers),
            await provider.get(f"/data/{self.id_of('')}/content", headers=headers),
        ]

    async def outcome(self, person: Person | None) -> str:
        """Return the one outcome that all doors have: + or the error's id."""
        found = {
            "+" if answer.status_code < 400 else answer.json()["error"]["id"] for answer in await self.answers(person)
        }
        (only,) = found
        return str(only)

    async def addresses(self) -> set[int]:
        """Return the statuses of the addresses for everybody's tools, which know no tokens."""
        origin = self.world.node.settings.provider_url
        paths = ("files/", "files/sub/a.txt", "SHA256SUMS", "files.meta4", "archive.tar", "archive.zip")
        async with httpx.AsyncClient(base_url=origin, transport=self.world.transports[origin]) as client:
            return {(await client.get(f"/share/{self.share}/{path}")).status_code for path in paths}

    @property
    def now_s(self) -> int:
        return self.watch.now_s()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    watch = Watch()
    with open_world(tmp_path, clock=watch) as world:
        yield Site(world, watch)


@given(RULES, RULES, RULES, st.integers(0, 9))
def test_rules_together_let_through_what_each_of_them_does(first: Rule, second: Rule, third: Rule, now_s: int) -> None:
    together = combined(first, second)
    closed = [rule.closed_because(now_s) for rule in (first, second)]
    assert (together.closed_because(now_s) is None) == (closed == [None, None])
    assert (together.closed_because(now_s) == "ended") == ("ended" in closed)
    assert combined(first, second) == combined(second, first)
    assert combined(combined(first, second), third) == combined(first, combined(second, third))
    assert combined(first, first) == combined(first, Rule()) == first


async def test_a_link_without_a_rule_is_for_everybody(site: Site) -> None:
    for person in (None, site.stranger, site.viewer, site.reader):
        assert await site.outcome(person) == "+"
    assert await site.addresses() == {200}


async def test_a_link_for_members_is_for_those_who_may_read(site: Site) -> None:
    await site.rule(audience="members")
    assert await site.outcome(None) == "unauthorized"
    assert await site.outcome(site.stranger) == await site.outcome(site.viewer) == "forbidden"
    assert await site.outcome(site.reader) == await site.outcome(site.owner) == "+"
    assert await site.addresses() == {404}
    await site.rule(audience="public")
    assert await site.outcome(None) == "+"


async def test_an_embargo_ends_by_itself_and_binds_members_never(site: Site) -> None:
    await site.rule(begin=site.now_s + 60)
    assert await site.outcome(None) == "unauthorized"
    assert await site.outcome(site.stranger) == "forbidden"
    assert await site.outcome(site.reader) == "+"
    assert await site.addresses() == {404}
    site.watch.moment += timedelta(seconds=60)
    assert await site.outcome(None) == "+"
    assert await site.addresses() == {200}


async def test_a_link_that_ended_is_gone_for_everybody(site: Site) -> None:
    await site.rule(until=site.now_s + 60)
    assert await site.outcome(None) == "+"
    site.watch.moment += timedelta(seconds=60)
    for person in (None, site.stranger, site.reader, site.owner):
        assert await site.outcome(person) == "notFound"
    assert await site.addresses() == {404}
    # Its maker still sees it, and can let it live on.
    assert (await site.world.zone.get(f"/shares/{site.share}", headers=site.owner.headers)).status_code == 200
    await site.rule(until=site.now_s + 60)
    assert await site.outcome(None) == "+"


@pytest.mark.parametrize("by", ["audience", "embargo", "end", "removal", "time", "space"])
async def test_what_is_under_way_through_a_link_ends_with_it(site: Site, by: str) -> None:
    access = site.world.node.provider.access
    guest, reader = (access.locate_share_root(caller, site.share) for caller in (GUEST, site.reader.caller))
    await site.rule(until=site.now_s + 60)
    guest = access.locate_share_root(GUEST, site.share)
    assert access.stands(guest)
    assert access.stands(reader)
    match by:
        case "audience":
            await site.rule(audience="members")
        case "embargo":
            await site.rule(begin=site.now_s + 60)
        case "end":
            await site.rule(until=site.now_s)
        case "removal":
            await site.world.provider.delete(f"/shares/{site.share}", headers=site.owner.headers)
        case "time":
            site.watch.moment += timedelta(seconds=60)
        case "space":
            await site.space_rule(audience="members")
    assert not access.stands(guest)
    assert access.stands(reader) == (by in ("audience", "embargo", "space"))


async def test_a_member_who_leaves_loses_a_members_link_at_once(site: Site) -> None:
    await site.rule(audience="members")
    access = site.world.node.provider.access
    located = access.locate_share_root(site.reader.caller, site.share)
    assert access.stands(located)
    path = f"/spaces/{site.dataset.space}/users/{site.reader.id}"
    await site.world.zone.delete(path, headers=site.owner.headers)
    assert not access.stands(located)


async def test_a_confined_token_reaches_no_farther_through_a_members_link(site: Site) -> None:
    await site.rule(audience="members")
    space, folder = site.dataset.space, site.world.id_of(site.dataset, "sub")
    confined: dict[str, list[Caveat]] = {
        "forbidden": [DataPath((f"/{space}/other",)), DataPath((f"/{space}/sub",)), DataObjectId((folder,))],
        "+": [DataReadonly(), DataPath((f"/{space}", "/elsewhere"))],
    }
    for expected, caveats in confined.items():
        for caveat in caveats:
            token = site.world.token(site.reader, caveat)
            assert await site.outcome(Person(site.reader.id, token)) == expected, caveat


async def test_a_space_binds_all_its_links_and_none_can_widen_it(site: Site) -> None:
    world, end = site.world, site.now_s + 600
    await site.space_rule(audience="members", until=end)
    further = world.share(site.owner, site.dataset, "sub", name="further")
    await site.rule(share=further, audience="public", until=end + 600, label="For the review")
    seen = (await world.zone.get(f"/fs2od/shares/{further}/rule", headers=site.reader.headers)).json()
    assert seen == {
        "audience": "public", "from": None, "until": end + 600, "label": "For the review", "opened": 0, "bytes": 0,
        "inForce": {"audience": "members", "from": None, "until": end},
    }  # fmt: skip
    assert await site.outcome(None) == "unauthorized"
    judge_error(await world.zone.get(f"/shares/{further}/public"), "unauthorized")
    seen = (await world.zone.get(f"/fs2od/spaces/{site.dataset.space}/link_rule", headers=site.reader.headers)).json()
    assert seen == {"audience": "members", "from": None, "until": end}


async def test_only_those_who_may_share_make_rules(site: Site) -> None:
    space, world = site.dataset.space, site.world
    world.join_space(space, sharer := world.person("Sharer Example"), {"space_view", "space_manage_shares"})
    paths = {"share": f"/fs2od/shares/{site.share}/rule", "space": f"/fs2od/spaces/{space}/link_rule"}
    may = {("share", "O"), ("share", "sharer"), ("space", "O")}
    people = {"O": site.owner, "R": site.reader, "V": site.viewer, "S": site.stranger, "sharer": sharer}
    for (what, path), (who, person) in product(paths.items(), people.items()):
        answer = await world.zone.put(path, json={"audience": "members"}, headers=person.headers)
        assert answer.status_code == (204 if (what, who) in may else 403), (what, who)
        seen = await world.zone.get(path, headers=person.headers)
        assert seen.status_code == (403 if who == "S" else 200), (what, who)
    for path in paths.values():
        assert (await world.zone.get(path)).status_code == (await world.zone.put(path)).status_code == 401
    readonly = Person(site.owner.id, world.token(site.owner, DataReadonly()))
    assert (await world.zone.put(paths["share"], headers=readonly.headers)).status_code == 401


@pytest.mark.parametrize(
    ("rule", "key"),
    [
        ({"audience": "friends"}, "audience"),
        ({"from": 20, "until": 10}, "until"),
        ({"from": -1}, "from"),
        ({"until": "tomorrow"}, "until"),
        ({"label": "x" * 101}, "label"),
        ({"label": "a\u0007"}, "label"),
    ],
)
async def test_a_rule_that_makes_no_sense_is_refused(site: Site, rule: dict[str, object], key: str) -> None:
    path = f"/fs2od/shares/{site.share}/rule"
    answer = await site.world.zone.put(path, json=rule, headers=site.owner.headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"]["key"] == key


async def test_a_link_counts_how_often_it_was_opened_and_what_left_through_it(site: Site) -> None:
    world = site.world
    file_link = world.share(site.owner, site.dataset, "sub/a.txt", name="one file")
    path = f"/fs2od/shares/{file_link}/rule"
    await site.rule(share=file_link, label="one")
    for _ in range(3):
        await world.zone.get(f"/shares/{file_link}/public")
    await world.provider.get(f"/data/{site.id_of(share=file_link)}/content")
    await world.provider.get(f"/data/{site.id_of(share=file_link)}/content", headers={"Range": "bytes=0-3"})
    origin = world.node.settings.provider_url
    async with httpx.AsyncClient(base_url=origin, transport=world.transports[origin]) as client:
        answer = await client.get(f"/share/{file_link}/files/a.txt")
        assert answer.content == b"0123456789"
    seen = (await world.zone.get(path, headers=site.owner.headers)).json()
    assert (seen["opened"], seen["bytes"], seen["label"]) == (3, 24, "one")
    # A new rule leaves the counters, and what is counted for a link that ended harms nobody.
    await site.rule(share=file_link, audience="members")
    seen = (await world.zone.get(path, headers=site.owner.headers)).json()
    assert (seen["opened"], seen["bytes"]) == (3, 24)
    site.zone.link_rules.count_sent(file_link, 10)
    await world.provider.delete(f"/shares/{file_link}", headers=site.owner.headers)
    site.zone.link_rules.write_down()


def test_links_about_to_end_are_named_once_for_each_end(site: Site) -> None:
    rules, day = site.zone.link_rules, 86_400
    further = site.world.share(site.owner, site.dataset, "sub", name="further")
    owner: Caller = site.owner.caller
    rules.set_for_share(owner, site.share, Rule(until_s=site.now_s + 3 * day), label="")
    rules.set_for_share(owner, further, Rule(until_s=site.now_s + 30 * day), label="")
    soon = site.now_s + 7 * day
    assert [each.share for each in rules.ending(before_s=soon)] == [site.share]
    assert rules.ending(before_s=soon) == []
    rules.set_for_space(owner, site.dataset.space, Rule(until_s=site.now_s + 2 * day))
    assert {each.share for each in rules.ending(before_s=soon)} == {site.share, further}
    assert rules.ending(before_s=soon) == []


def test_whoever_made_a_link_hears_of_its_end_a_week_before(site: Site) -> None:
    told: list[Notice] = []
    site.zone.notices.listen(told.append)
    until_s = site.now_s + 8 * 86_400
    site.zone.link_rules.set_for_share(site.owner.caller, site.share, Rule(until_s=until_s), label="")
    for _ in range(5):
        site.zone.remind()
    assert told == []
    site.watch.moment += timedelta(days=1)
    for _ in range(5):
        site.zone.remind()
        site.watch.moment += timedelta(hours=1)
    assert told == [LinkEnding(site.owner.id, site.share, "share", until_s)]


async def test_rules_outlive_a_restart_and_bind_a_plain_node_too(tmp_path: Path) -> None:
    watch = Watch()
    with open_world(tmp_path, clock=watch) as world:
        site = Site(world, watch)
        await site.rule(audience="members")
    with open_world(tmp_path, clock=watch, plain=True) as world:
        judge_error(await world.zone.get(f"/shares/{site.share}/public"), "unauthorized")
        with pytest.raises(ServiceError):
            world.node.provider.access.locate_share_root(GUEST, site.share)
        answer = await world.zone.get(f"/fs2od/shares/{site.share}/rule", headers=site.owner.headers)
        assert (answer.status_code, answer.content) == (404, b"")
