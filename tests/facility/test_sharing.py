"""What the facility gives out: invites that end, owners who invite further, links that are not for everybody."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace
from tests.facility.conftest import PROVIDER, ZONE, Both, Clock, World
from tests.facility.test_interruptions import KillAt, Killed

from fs2od.configuration import Configuration
from fs2od.facility import Datasets
from fs2od.facility.journal import Journal, Phase, Record, Step
from fs2od.node.running import Node, open_node
from fs2od.node.settings import NodeSettings
from fs2od.node.zone.callers import GUEST, Caller
from fs2od.node.zone.link_rules import Rule
from fs2od.node.zone.memberships import GROUP_GROUP, GROUP_USER, SPACE_GROUP
from fs2od.onedata.errors import ServiceError
from fs2od.onedata.ids import GroupId, ShareId, SpaceId, TokenId
from fs2od.onedata.roles import MEMBER_IN_SPACE, OWNER_IN_GROUP, OWNER_IN_SPACE
from fs2od.onedata.tokens import InviteToken, InviteType

NAME = "20261103_P2"


async def onboarded(world: World, configuration: Configuration | None = None) -> Record:
    world.dataset(running=True)
    async with world.facility(configuration=configuration).opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
    return world.records()[NAME]


async def test_an_experimenter_becomes_owner_and_brings_others_in(world: World) -> None:
    done, zone = (await onboarded(world)).done, world.node.zone
    space, members = SpaceId(done[Step.SPACE]), GroupId(done[Step.MEMBERS])
    olive, blair = (Caller(zone.users.add(f"{name} Example")) for name in ("Olive", "Blair"))
    assert olive.user
    assert blair.user
    personal = zone.tokens.named(TokenId(done[Step.OWNERS_TOKEN]))
    zone.invites.join(olive, personal.token, InviteType.USER_JOIN_GROUP, peer_ip=None)
    with pytest.raises(ServiceError, match="used up"):
        zone.invites.join(blair, personal.token, InviteType.USER_JOIN_GROUP, peer_ip=None)
    made = zone.invite_book.make(olive, InviteToken(InviteType.USER_JOIN_GROUP, members), label="my group")
    seen = zone.invite_previews.preview(blair, made.token, peer_ip=None)
    assert (seen.inviter_name, seen.rights) == ("Olive Example", ("see", "read"))
    assert seen.spaces[0].startswith(NAME)
    zone.invites.join(blair, made.token, InviteType.USER_JOIN_GROUP, peer_ip=None)
    assert zone.rights.space_privileges(blair.user, space) == frozenset({"space_view", "space_read_data"})
    # What the facility made is renewed by the owner, in their own name.
    facilitys = TokenId(done[Step.MEMBERS_TOKEN])
    labels = [each.label for each in zone.invite_book.of_target(olive, "group", members)]
    assert sorted(labels) == sorted([zone.tokens.named(facilitys).name, "my group"])
    assert zone.invite_book.renew(olive, facilitys).user == olive.user
    # A member invites nobody.
    with pytest.raises(ServiceError, match="may not invite"):
        zone.invite_book.make(blair, InviteToken(InviteType.USER_JOIN_GROUP, members))


async def test_an_owner_sees_the_facility_as_manager_and_may_invite_owners_and_members(world: World) -> None:
    done, zone = (await onboarded(world)).done, world.node.zone
    space = SpaceId(done[Step.SPACE])
    olive = Caller(zone.users.add("Olive Example"))
    assert olive.user
    personal = zone.tokens.named(TokenId(done[Step.OWNERS_TOKEN]))
    zone.invites.join(olive, personal.token, InviteType.USER_JOIN_GROUP, peer_ip=None)
    found = {each.name: each for each in zone.people.of_space(olive, space, after=None, limit=10)}
    assert {name: each.role for name, each in found.items()} == {"Administrator": "manager", "Olive Example": "owner"}
    assert not found["Administrator"].may_remove
    assert found["Administrator"].may_become is None
    choices = zone.people.choices(olive, space)
    targets = [(each.role, each.kind.target_id) for each in choices]
    assert targets == [("member", done[Step.MEMBERS]), ("owner", done[Step.OWNERS])]
    # An owner whom an owner invites can do all that the first one can.
    made = zone.invite_book.make(olive, choices[1].kind, privileges=choices[1].privileges)
    blair = Caller(zone.users.add("Blair Example"))
    assert blair.user
    zone.invites.join(blair, made.token, InviteType.USER_JOIN_GROUP, peer_ip=None)
    assert zone.people.choices(blair, space) == choices
    assert zone.people.member(blair, space, olive.user).may_become == "member"
    zone.people.leave(olive, space)
    assert zone.rights.space_privileges(olive.user, space) is None


async def test_those_of_one_dataset_do_not_see_which_others_there_are(world: World) -> None:
    done, zone = (await onboarded(world)).done, world.node.zone
    mary = zone.users.add("Mary Example")
    zone.memberships.add(GROUP_USER, GroupId(done[Step.MEMBERS]), mary, ["group_view"])
    (parent,) = zone.memberships.parents(GROUP_GROUP, done[Step.MEMBERS])
    assert zone.rights.group_privileges(mary, GroupId(done[Step.MEMBERS])) == frozenset({"group_view"})
    assert not zone.rights.group_privileges(mary, GroupId(parent))


async def test_what_is_named_after_the_access_file_is_for_members_too_whatever_is_published(world: World) -> None:
    folder = world.dataset(running=True)
    open_handed = world.configuration(publish={"metadata_file": True})
    assert "fs2od-access.yml" in open_handed.closed_names
    async with world.facility(configuration=open_handed).opened() as one_pass:
        await world.until(one_pass, world.is_in("acquiring", NAME))
        (folder / "fs2od-access.yml~").write_bytes((folder / "fs2od-access.yml").read_bytes())
        (folder / "last.mrc").write_bytes(b"x")
        space = SpaceId(world.records()[NAME].done[Step.SPACE])
        with world.node.provider.indexes.using(space) as index:
            await world.until(one_pass, lambda: any(each.name == "last.mrc" for each in index.children(1, limit=20)))
            modes = {each.name: each.mode & 0o7 for each in index.children(1, limit=20)}
    assert "fs2od-access.yml" not in modes
    assert modes["fs2od-access.yml~"] == 0
    assert modes["SPA.yml"] == modes["last.mrc"] == 0o4


async def test_owners_of_datasets_that_were_onboarded_earlier_get_what_owners_get_today(world: World) -> None:
    record, zone = await onboarded(world), world.node.zone
    space, owners, members = (record.done[step] for step in (Step.SPACE, Step.OWNERS, Step.MEMBERS))
    olive, mary = (zone.users.add(f"{name} Example") for name in ("Olive", "Mary"))
    # As an earlier fs2od left it: owners without links, who invite nobody.
    zone.memberships.remove(GROUP_GROUP, members, owners)
    zone.memberships.update(SPACE_GROUP, space, owners, revoke=["space_manage_shares", "space_schedule_replication"])
    zone.memberships.add(GROUP_USER, owners, olive, ["group_view"])
    zone.memberships.add(GROUP_USER, members, mary, ["group_view"])
    with world.database() as database:
        journal = Journal(database)
        journal.write(replace(record, done={**record.done, Step.MEMBERS_RIGHTS: "given"}), now=world.clock())
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, lambda: world.history(NAME).count("rights") == 1)
        assert (zone.rights.space_privileges(olive, SpaceId(space)) or frozenset()) >= OWNER_IN_SPACE
        for group in (owners, members):
            assert (zone.rights.group_privileges(olive, GroupId(group)) or frozenset()) >= OWNER_IN_GROUP
        assert zone.rights.space_privileges(mary, SpaceId(space)) == frozenset(map(str, MEMBER_IN_SPACE))
        for _ in range(3):
            await one_pass()
    assert world.history(NAME).count("rights") == 1


async def test_a_dataset_whose_groups_are_gone_goes_on_without_them(world: World) -> None:
    record, zone = await onboarded(world), world.node.zone
    zone.groups.remove(Caller(zone.users.by_username("admin").id), GroupId(record.done[Step.OWNERS]))
    with world.database() as database:
        done = {**record.done, Step.MEMBERS_RIGHTS: "given"}
        Journal(database).write(replace(record, done=done), now=world.clock())
    async with world.facility().opened() as one_pass:
        await world.until(one_pass, lambda: "rights" in world.history(NAME))
        await one_pass()
    assert world.history(NAME).count("rights") == 1
    assert stuck(world) == ""


async def test_invites_end_as_configured(world: World) -> None:
    members = {"uses": 3, "valid_for": "2 d", "owner_valid_for": "10 d"}
    record, zone = await onboarded(world, world.configuration(members=members)), world.node.zone
    for step, uses, days in ((Step.MEMBERS_TOKEN, 3, 2), (Step.OWNERS_TOKEN, 1, 10)):
        named = zone.tokens.named(TokenId(record.done[step]))
        (until,) = [caveat for caveat in named.caveats if hasattr(caveat, "valid_until_s")]
        assert named.usage_limit == uses
        assert abs(until.valid_until_s - time.time() - days * 86_400) < 600


@pytest.mark.parametrize("unlimited", [{"valid_for": "0 s"}, {"owner_valid_for": "5000 d"}, {"uses": 0}])
def test_an_invite_is_never_unlimited(world: World, unlimited: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(unlimited))):
        world.configuration(members=unlimited)


async def test_links_are_for_members_under_embargo_or_end_as_configured(world: World) -> None:
    watch: dict[str, object] = {"link": "members", "embargo_days": 30, "link_days": 60}
    record, zone = await onboarded(world, world.configuration(watch=watch)), world.node.zone
    share, appeared = zone.shares.known(ShareId(record.done[Step.SHARE])), int(record.detected_at.timestamp())
    assert share.rule.audience == "members"
    assert (share.rule.from_s, share.rule.until_s) == (appeared + 30 * 86_400, appeared + 60 * 86_400)
    with pytest.raises(ServiceError):
        zone.shares.public(share.id, GUEST)


async def pass_until_set(world: World, configuration: Configuration | None = None, *, times: int) -> None:
    async with world.facility(configuration=configuration).opened() as one_pass:
        await world.until(one_pass, lambda: world.history(NAME).count("links") == times)
        for _ in range(3):
            await one_pass()
    assert world.history(NAME).count("links") == times
    assert stuck(world) == ""


def rule_that_stands(world: World, record: Record) -> Rule:
    admin = Caller(world.node.zone.users.by_username("admin").id)
    return world.node.zone.link_rules.of_space(admin, SpaceId(record.done[Step.SPACE]))


async def test_links_that_are_there_are_closed_when_that_is_configured_later_and_opened_again(world: World) -> None:
    record, zone = await onboarded(world), world.node.zone
    share = ShareId(record.done[Step.SHARE])
    assert zone.shares.public(share, GUEST).id == share
    closed = world.configuration(watch={"link": "members", "link_days": 60})
    await pass_until_set(world, closed, times=1)
    with pytest.raises(ServiceError):
        zone.shares.public(share, GUEST)
    assert "for members only" in said_of_links(world)
    # By hand it is opened, and stays so until the configuration changes.
    admin, space = Caller(zone.users.by_username("admin").id), SpaceId(record.done[Step.SPACE])
    zone.link_rules.set_for_space(admin, space, Rule())
    async with world.facility(configuration=closed).opened() as one_pass:
        for _ in range(3):
            await one_pass()
    assert zone.shares.public(share, GUEST).id == share
    await pass_until_set(world, world.configuration(watch={"link": "members", "link_days": 90}), times=2)
    appeared = int(record.detected_at.timestamp())
    assert rule_that_stands(world, record) == Rule(until_s=appeared + 90 * 86_400)
    zone.link_rules.set_for_space(admin, space, Rule("members"))
    await pass_until_set(world, times=3)
    assert zone.shares.public(share, GUEST).id == share


@pytest.mark.parametrize("by_hand", [Rule("members"), Rule()])
async def test_links_that_an_earlier_version_made_are_closed_as_configured_and_never_opened(
    world: World, by_hand: Rule
) -> None:
    record, zone = await onboarded(world), world.node.zone
    zone.link_rules.set_for_space(Caller(zone.users.by_username("admin").id), SpaceId(record.done[Step.SPACE]), by_hand)
    with world.database() as database:
        Journal(database).write(replace(record, links=None), now=world.clock())
    await pass_until_set(world, world.configuration(watch={"embargo_days": 9}), times=1)
    begin = int(record.detected_at.timestamp()) + 9 * 86_400
    assert rule_that_stands(world, record) == Rule(by_hand.audience, from_s=begin)
    with world.database() as database:
        Journal(database).write(replace(record, links=None), now=world.clock())
    await pass_until_set(world, times=2)
    assert rule_that_stands(world, record) == Rule(by_hand.audience, from_s=begin)
    assert "links stay for members only" in said_of_links(world)


async def test_killed_anywhere_the_links_are_closed_and_it_is_said_once(world: World) -> None:
    record = await onboarded(world)
    for number in range(1, 60):
        killer, configuration = KillAt(number), world.configuration(watch={"link_days": number})
        is_set = partial(_has_ended_days, world, number)
        for fault in (killer, None):
            with contextlib.suppress(Killed):
                extra = {} if fault is None else {"observer": fault, "fault_point": fault}
                async with world.facility(configuration=configuration, **extra).opened() as one_pass:
                    await world.until(one_pass, is_set)
        until = int(record.detected_at.timestamp()) + number * 86_400
        assert rule_that_stands(world, record) == Rule(until_s=until)
        if killer.calls < number:
            break
    else:
        raise AssertionError("no run was ever untouched")
    assert number > 5


def _has_ended_days(world: World, days: int) -> bool:
    links = world.records()[NAME].links
    return links is not None and links.link_days == days


async def test_a_dataset_whose_space_is_gone_is_not_held_back_by_its_links(world: World) -> None:
    record, zone = await onboarded(world), world.node.zone
    zone.spaces.remove(Caller(zone.users.by_username("admin").id), SpaceId(record.done[Step.SPACE]))
    async with world.facility(configuration=world.configuration(watch={"link": "members"})).opened() as one_pass:
        await world.until(one_pass, lambda: "links" in world.history(NAME))
    assert "links stay as they are" in said_of_links(world)


async def test_links_are_closed_also_while_the_dataset_s_folder_is_not_in_order(world: World) -> None:
    record, zone = await onboarded(world), world.node.zone
    (world.watched / NAME).rename(world.folder / "elsewhere")
    async with world.facility(configuration=world.configuration(watch={"link": "members"})).opened() as one_pass:
        await world.until(one_pass, lambda: "links" in world.history(NAME) and "import" in world.history(NAME))
    assert world.rows()[NAME].state == "needs you"
    with pytest.raises(ServiceError):
        zone.shares.public(ShareId(record.done[Step.SHARE]), GUEST)


def said_of_links(world: World) -> str:
    with world.database() as database:
        return [each.said for each in Datasets(database).history(NAME) if each.kind == "links"][-1]


def test_a_link_that_ends_before_its_embargo_is_no_configuration(world: World) -> None:
    with pytest.raises(ValueError, match="link_days must be more"):
        world.configuration(watch={"embargo_days": 30, "link_days": 30})


@contextlib.contextmanager
def plain_world(folder: Path, clock: Clock, transport: Callable[[Node], Both]) -> Iterator[World]:
    """Yield a world whose node has no extension of ours."""
    settings = NodeSettings(folder / "node", zone_domain=ZONE, provider_domain=PROVIDER, plain=True)
    with open_node(settings) as node:
        node.ensure_administrator(folder / "token")
        (folder / "watched").mkdir()
        yield World(folder, node, transport(node), folder / "token", clock)


class Federation(Both):
    """The node, as what it is not: built from Onedata's own source."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await super().handle_async_request(request)
        if request.url.path != "/api/v3/onezone/configuration":
            return answer
        document = {**json.loads(await answer.aread()), "build": "2102-g1a2b3c4"}
        kind = {"Content-Type": "application/json"}
        return httpx.Response(200, headers=kind, stream=httpx.ByteStream(json.dumps(document).encode()))


async def test_the_letter_of_a_federation_s_dataset_says_how_its_web_interface_takes_the_tokens(
    tmp_path: Path, clock: Clock
) -> None:
    with plain_world(tmp_path, clock, Federation) as world:
        node = world.node
        async with node.working():
            record = await onboarded(world)
        (letter,) = world.letters()
        for kind in ("plain", "html"):
            part = letter.get_body((kind,))
            assert part is not None
            text = " ".join(part.get_content().split())
            for step in (Step.MEMBERS_TOKEN, Step.OWNERS_TOKEN):
                named = node.zone.tokens.named(TokenId(record.done[step]))
                # Plain invites of Onedata's own: limited in uses and time.
                assert named.usage_limit
                assert any(hasattr(caveat, "valid_until_s") for caveat in named.caveats)
                assert named.token.reveal() in text
            assert "choose “Tokens”, then “Consume token”" in text
            assert f"https://{ZONE}" in text
            assert "/join#" not in text


def stuck(world: World) -> str:
    return "".join(row.stuck or "" for row in world.rows().values())


async def test_where_links_cannot_be_closed_none_is_made(tmp_path: Path, clock: Clock) -> None:
    with plain_world(tmp_path, clock, Both) as world:
        node = world.node
        world.dataset(running=True)
        configuration = world.configuration(watch={"embargo_days": 1})
        async with node.working(), world.facility(configuration=configuration).opened() as one_pass:
            await world.until(one_pass, lambda: "public links only" in stuck(world), step_s=30)
        assert Step.SHARE not in world.records()[NAME].done
        with node.zone.database.reading() as db:
            assert db.execute("SELECT count(*) FROM share").fetchone()[0] == 0


async def test_where_links_cannot_be_closed_later_that_is_said_and_data_still_come(
    tmp_path: Path, clock: Clock
) -> None:
    with plain_world(tmp_path, clock, Both) as world:
        node = world.node
        async with node.working():
            record = await onboarded(world)
            # As an earlier version left it, where nothing is to be closed.
            with world.database() as database:
                Journal(database).write(replace(record, links=None), now=world.clock())
            async with world.facility().opened() as one_pass:
                await world.until(one_pass, lambda: world.records()[NAME].links is not None)
            assert stuck(world) == ""
            assert "links" not in world.history(NAME)
            (world.watched / NAME / ".running").unlink()
            configuration = world.configuration(watch={"link": "members"})
            async with world.facility(configuration=configuration).opened() as one_pass:
                await world.until(one_pass, lambda: "public links only" in stuck(world), step_s=30)
                await world.until(one_pass, lambda: world.records()[NAME].phase is Phase.COMPLETE, step_s=30)
                assert "public links only" in stuck(world)
            async with world.facility().opened() as one_pass:
                await world.until(one_pass, lambda: stuck(world) == "", step_s=300)
