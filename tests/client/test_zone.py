"""The client of a zone, against a real node in process; the published description judges every request."""

import time
from datetime import timedelta
from ipaddress import ip_address

import pytest
from tests.client.conftest import Clients, Speak

from fs2od.node.zone.memberships import GROUP_GROUP
from fs2od.onedata import errors
from fs2od.onedata.ids import GroupId, ProviderId, ShareId, SpaceId, TokenId
from fs2od.onedata.privileges import GroupPrivilege, SpacePrivilege, ZonePrivilege
from fs2od.onedata.tokens import DataReadonly, IdentityToken, InviteToken, InviteType, Time, Token
from fs2od.onedata.wire.sharing import LinkChange, LinkRule
from fs2od.testing.world import World

NOBODY = "f" * 32
READERS = frozenset({SpacePrivilege.VIEW, SpacePrivilege.READ_DATA})


def soon() -> Time:
    return Time(int(time.time()) + 120)


async def test_a_zone_describes_itself_to_guests_and_to_holders_of_bad_tokens(world: World, speak: Speak) -> None:
    guest = speak(None)
    configuration = await guest.zone.configuration()
    assert configuration.version.startswith("21.02.")
    assert configuration.domain == world.node.settings.zone_domain
    assert (await guest.zone.health()).status == "healthy"
    assert not any("x-auth-token" in request.headers for request in guest.sent)


async def test_no_token_is_sent_where_everyone_is_welcome(admin: Clients) -> None:
    await admin.zone.configuration()
    await admin.provider.configuration()
    await admin.panel.configuration()
    assert not any("x-auth-token" in request.headers for request in admin.sent)


async def test_the_current_user_is_who_the_token_says(world: World, speak: Speak) -> None:
    person = world.person("Alex Example", zone_privileges=[ZonePrivilege.PROVIDERS_LIST])
    user = speak(person).zone.user
    details = await user.current()
    assert (details.user_id, details.full_name) == (person.id, "Alex Example")
    assert await user.privileges() == ("oz_providers_list",)
    assert await user.effective_privileges() == ("oz_providers_list",)


async def test_a_guest_has_no_user(speak: Speak) -> None:
    with pytest.raises(errors.Unauthorized) as caught:
        await speak(None).zone.user.current()
    assert caught.value.status == 401
    assert caught.value.request_id


async def test_a_user_makes_and_leaves_groups_and_spaces(admin: Clients) -> None:
    user = admin.zone.user
    group = await user.create_group("crew", type="unit")
    assert (await admin.zone.groups.get(group)).type == "unit"
    assert group in await user.groups()
    assert group in await user.effective_groups()
    await user.leave_group(group)
    assert group not in await user.groups()
    space = await user.create_space("mine")
    assert space in await user.spaces()
    assert space in await user.effective_spaces()
    with pytest.raises(errors.Rejected) as caught:
        await user.leave_space(space)
    assert caught.value.error_id == "cannotRemoveLastOwner"


async def test_the_same_seed_makes_the_same_space(admin: Clients) -> None:
    first = await admin.zone.user.create_space("seeded", id_generator_seed="one")
    with pytest.raises(errors.OnedataError):
        await admin.zone.user.create_space("seeded", id_generator_seed="one")
    assert first in await admin.zone.user.spaces()


async def test_groups_are_made_listed_changed_and_removed(admin: Clients) -> None:
    groups = admin.zone.groups
    parent = await groups.create("facility", type="organization")
    child = await groups.create_child(parent, "krios 1")
    assert await groups.children(parent) == (child,)
    assert await groups.parents(child) == (parent,)
    await groups.change(child, name="krios 2")
    details = await groups.get(child)
    assert (details.name, details.type) == ("krios 2", "team")
    await groups.delete(child)
    with pytest.raises(errors.NotFound):
        await groups.get(child)


async def test_groups_are_put_into_one_another_and_taken_out(world: World, admin: Clients) -> None:
    groups = admin.zone.groups
    parent, child = await groups.create("one"), await groups.create("two")
    await groups.add_child(parent, child, [GroupPrivilege.VIEW])
    assert await groups.children(parent) == (child,)
    await groups.change_child_privileges(parent, child, grant=[GroupPrivilege.ADD_USER])
    held = world.node.zone.memberships.privileges(GROUP_GROUP, parent, child)
    assert held == ["group_add_user", "group_view"]
    with pytest.raises(errors.Conflict):
        await groups.add_child(parent, child)
    await groups.remove_child(parent, child)
    assert await groups.children(parent) == ()


async def test_members_of_a_group_come_go_and_get_privileges(world: World, admin: Clients) -> None:
    groups, person = admin.zone.groups, world.person()
    group = await groups.create("crew")
    await groups.add_user(group, person.id)
    assert set(await groups.users(group)) == {person.id, world.administrator.id}
    assert set(await groups.effective_users(group)) == {person.id, world.administrator.id}
    await groups.change_user_privileges(group, person.id, grant=[GroupPrivilege.ADD_USER])
    assert set(await groups.user_privileges(group, person.id)) == {"group_view", "group_add_user"}
    await groups.remove_user(group, person.id)
    assert await groups.users(group) == (world.administrator.id,)


async def test_a_space_belongs_to_its_group(admin: Clients) -> None:
    zone = admin.zone
    group = await zone.groups.create("crew")
    space = await zone.spaces.create_for_group(group, "grid 7")
    assert await zone.groups.spaces(group) == (space,)
    assert await zone.spaces.groups(space) == (group,)
    assert await zone.spaces.providers(space) == ()
    assert await zone.spaces.shares(space) == ()
    assert int(space, 18)


async def test_a_space_is_shown_changed_and_removed(admin: Clients) -> None:
    spaces = admin.zone.spaces
    space = await admin.zone.user.create_space("grid 7")
    await spaces.change(space, name="grid 8")
    assert (await spaces.get(space)).name == "grid 8"
    await spaces.delete(space)
    with pytest.raises(errors.NotFound):
        await spaces.get(space)


async def test_a_space_keeps_its_links_for_members(admin: Clients) -> None:
    space = await admin.zone.user.create_space("grid 7")
    assert await admin.zone.spaces.link_rule(space) == LinkRule()
    await admin.zone.spaces.set_link_rule(space, LinkRule(audience="members", until=2**33))
    assert await admin.zone.spaces.link_rule(space) == LinkRule(audience="members", until=2**33)
    with pytest.raises((errors.NotFound, errors.Forbidden)):
        await admin.zone.spaces.set_link_rule(SpaceId("a" * 32), LinkRule())


async def test_a_group_gets_exactly_the_privileges_that_it_is_given(admin: Clients) -> None:
    spaces, group = admin.zone.spaces, await admin.zone.groups.create("readers")
    space = await admin.zone.user.create_space("grid 7")
    await spaces.add_group(space, group, READERS)
    assert set(await spaces.group_privileges(space, group)) == READERS
    await spaces.change_group_privileges(space, group, revoke=[SpacePrivilege.READ_DATA], grant=[SpacePrivilege.UPDATE])
    assert set(await spaces.group_privileges(space, group)) == {"space_view", "space_update"}
    with pytest.raises(errors.Conflict) as caught:
        await spaces.add_group(space, group, READERS)
    assert caught.value.error_id == "relationAlreadyExists"
    await spaces.remove_group(space, group)
    assert await spaces.groups(space) == ()


async def test_a_user_is_a_member_of_a_space(world: World, admin: Clients) -> None:
    spaces, person = admin.zone.spaces, world.person()
    space = await admin.zone.user.create_space("grid 7")
    await spaces.add_user(space, person.id, READERS)
    assert set(await spaces.users(space)) == {person.id, world.administrator.id}
    await spaces.change_user_privileges(space, person.id, grant=[SpacePrivilege.UPDATE])
    assert set(await spaces.user_privileges(space, person.id)) == {*READERS, "space_update"}
    await spaces.remove_user(space, person.id)
    assert await spaces.users(space) == (world.administrator.id,)


async def test_an_invited_user_joins_a_group_once(world: World, admin: Clients, speak: Speak) -> None:
    group = await admin.zone.groups.create("members")
    kind = InviteToken(InviteType.USER_JOIN_GROUP, group)
    made = await admin.zone.tokens.create_named("members of grid 7", kind, usage_limit=5, privileges=["group_view"])
    newcomer = speak(world.person("Robin Example"))
    assert await newcomer.zone.user.join_group(made.token) == group
    with pytest.raises(errors.Conflict):
        await newcomer.zone.user.join_group(made.token)
    details = await admin.zone.tokens.named(made.token_id)
    assert (details.metadata.usage_limit, details.metadata.usage_count) == (5, 1)


async def test_users_and_groups_join_spaces_and_groups_by_invitation(
    world: World, admin: Clients, speak: Speak
) -> None:
    zone = admin.zone
    space, group, parent = (
        await zone.user.create_space("s1"),
        await zone.groups.create("g1"),
        await zone.groups.create("g2"),
    )
    tokens = [
        (await zone.tokens.create_temporary(InviteToken(kind, target), caveats=[soon()]))
        for kind, target in (
            (InviteType.USER_JOIN_SPACE, space),
            (InviteType.GROUP_JOIN_SPACE, space),
            (InviteType.GROUP_JOIN_GROUP, parent),
        )
    ]
    newcomer = speak(world.person("Robin Example"))
    assert await newcomer.zone.user.join_space(tokens[0]) == space
    await newcomer.zone.user.leave_space(space)
    assert await zone.groups.join_space(group, tokens[1]) == space
    assert await zone.groups.join_parent(group, tokens[2]) == parent


async def test_a_used_up_invitation_is_refused_and_not_repeated_in_the_error(
    world: World, admin: Clients, speak: Speak
) -> None:
    group = await admin.zone.groups.create("owners")
    kind = InviteToken(InviteType.USER_JOIN_GROUP, group)
    made = await admin.zone.tokens.create_named("owners of grid 7", kind, usage_limit=1)
    await speak(world.person("Robin Example")).zone.user.join_group(made.token)
    with pytest.raises(errors.Rejected) as caught:
        await speak(world.person("Sam Example")).zone.user.join_group(made.token)
    assert caught.value.error_id == "inviteTokenUsageLimitReached"
    assert made.token.reveal() not in repr(caught.value) + str(caught.value) + str(caught.value.details)


async def test_named_tokens_are_listed_found_changed_and_removed(world: World, admin: Clients) -> None:
    tokens, me = admin.zone.tokens, world.administrator.id
    made = await tokens.create_named("script", caveats=[DataReadonly()], user=me)
    assert made.token_id in await tokens.list_named()
    assert made.token_id in await tokens.list_named(user=me)
    assert (await tokens.named_by_name("script")).id == made.token_id
    assert (await tokens.named_by_name("script", user=me)).token == made.token
    assert not await tokens.is_revoked(made.token_id)
    await tokens.change(made.token_id, name="old script", revoked=True, custom_metadata={"for": "test"})
    assert await tokens.is_revoked(made.token_id)
    assert (await tokens.named(made.token_id)).metadata.custom == {"for": "test"}
    await tokens.delete(made.token_id)
    with pytest.raises(errors.NotFound):
        await tokens.named(made.token_id)


async def test_a_taken_name_says_so_by_key(admin: Clients) -> None:
    await admin.zone.tokens.create_named("script")
    with pytest.raises(errors.Rejected) as caught:
        await admin.zone.tokens.create_named("script")
    assert (caught.value.error_id, caught.value.details["key"]) == ("badValueIdentifierOccupied", "name")


async def test_temporary_tokens_end_all_at_once(world: World, admin: Clients, speak: Speak) -> None:
    person = world.person()
    clients = speak(person)
    made = await clients.zone.tokens.create_temporary(caveats=[soon()])
    given = await admin.zone.tokens.create_temporary(caveats=[soon()], user=person.id)
    assert given != made
    assert (await clients.zone.tokens.infer_access_token_scope(made)).valid_until
    await clients.zone.tokens.revoke_temporary()
    with pytest.raises(errors.Rejected):
        await clients.zone.tokens.infer_access_token_scope(made)


async def test_a_temporary_token_needs_an_end(admin: Clients) -> None:
    with pytest.raises(errors.Rejected) as caught:
        await admin.zone.tokens.create_temporary(caveats=[])
    assert caught.value.error_id == "tokenTimeCaveatRequired"


async def test_a_token_tells_what_it_reaches(world: World, admin: Clients) -> None:
    dataset = world.dataset(world.administrator, {"a.mrc": b"1"})
    scope = await admin.zone.tokens.infer_access_token_scope(world.administrator.token)
    assert scope.data_access_scope is not None
    assert set(scope.data_access_scope.spaces) == {dataset.space}
    narrowed = await admin.zone.tokens.confine(world.administrator.token, [DataReadonly()])
    confined = await admin.zone.tokens.infer_access_token_scope(narrowed)
    assert confined.data_access_scope is not None
    assert confined.data_access_scope.readonly


async def test_tokens_are_examined_and_verified(world: World, admin: Clients) -> None:
    tokens, me = admin.zone.tokens, world.administrator.id
    examined = await tokens.examine(world.administrator.token)
    assert (examined.persistence, examined.subject.id) == ("named", me)
    verified = await tokens.verify_access(world.administrator.token, interface="rest", peer_ip=ip_address("127.0.0.1"))
    assert (verified.subject.id, verified.ttl) == (me, None)
    identity = await tokens.create_named("who I am", IdentityToken())
    assert (await tokens.verify_identity(identity.token)).subject.id == me
    group = await admin.zone.groups.create("crew")
    invitation = await tokens.create_named("come", InviteToken(InviteType.USER_JOIN_GROUP, group))
    verified = await tokens.verify_invite(invitation.token, expected=InviteType.USER_JOIN_GROUP)
    assert verified.subject.id == me
    with pytest.raises(errors.Rejected):
        await tokens.verify_invite(world.administrator.token)


async def test_what_is_no_token_is_refused_by_the_zone_in_its_own_words(admin: Clients) -> None:
    with pytest.raises(errors.Rejected) as caught:
        await admin.zone.tokens.examine(Token("nonsense"))
    assert caught.value.error_id == "badValueToken"
    assert "nonsense" not in str(caught.value.details)


async def test_shares_are_public_and_their_members_see_more(world: World, admin: Clients, speak: Speak) -> None:
    dataset = world.dataset(world.administrator, {"a.mrc": b"1"})
    share = world.share(world.administrator, dataset, name="grid 7")
    public = await speak(None).zone.shares.public(share)
    assert (public.share_id, public.name) == (share, "grid 7")
    await admin.zone.shares.change(share, description="# Apoferritin")
    details = await admin.zone.shares.get(share)
    assert (details.description, details.space_id) == ("# Apoferritin", dataset.space)
    assert await admin.zone.spaces.shares(dataset.space) == (share,)


async def test_providers_are_listed_with_what_they_support(world: World, admin: Clients) -> None:
    dataset = world.dataset(world.administrator)
    (provider,) = await admin.zone.providers.list()
    details = await admin.zone.providers.get(provider)
    assert (details.domain, details.online) == (world.node.settings.provider_domain, True)
    assert await admin.zone.providers.spaces(provider) == (dataset.space,)
    assert await admin.zone.user.effective_providers() == (provider,)
    assert await admin.zone.spaces.providers(dataset.space) == (provider,)


async def test_what_is_not_there_is_not_found(admin: Clients) -> None:
    zone = admin.zone
    for asking in (
        zone.groups.get(GroupId(NOBODY)),
        zone.spaces.get(SpaceId(NOBODY)),
        zone.tokens.named(TokenId(NOBODY)),
        zone.shares.public(ShareId(NOBODY)),
        zone.providers.get(ProviderId(NOBODY)),
        zone.tokens.named_by_name("a name / with? odd # characters"),
    ):
        with pytest.raises(errors.NotFound):
            await asking


@pytest.mark.parametrize("identifier", ["", ".", ".."])
async def test_an_id_that_would_lead_elsewhere_is_refused_before_anything_is_sent(
    admin: Clients, identifier: str
) -> None:
    with pytest.raises(errors.Rejected) as caught:
        await admin.zone.groups.delete(GroupId(identifier))
    assert caught.value.error_id == "badValueIdentifier"
    assert admin.sent == []


async def test_results_are_found_from_their_dataset(world: World, speak: Speak) -> None:
    alex, blair = world.person(), world.person("Blair Example")
    dataset, run, other = world.dataset(alex, {"raw": b"1"}), world.results(alex, name="run"), world.results(blair)
    share = world.share(alex, dataset)
    clients = speak(alex)
    link = f"{world.node.settings.zone_url}/share/{share}"
    origins = [{"name": "dataset", "link": link}, {"name": "unknown", "space": "a" * 32}, 7]
    await clients.provider.files.json_metadata.put(run.root, {"prov:wasDerivedFrom": origins})
    world.join_space(dataset.space, blair)
    named = {"prov:wasDerivedFrom": {"space": dataset.space}}
    await speak(blair).provider.files.json_metadata.put(other.root, named)
    assert [found.name for found in await clients.zone.spaces.results(dataset.space)] == ["run"]
    assert [found.space_id for found in await speak(blair).zone.spaces.results(dataset.space)] == [other.space]
    await clients.provider.files.json_metadata.delete(run.root)
    assert await clients.zone.spaces.results(dataset.space) == ()
    with pytest.raises(errors.Forbidden):
        await clients.zone.spaces.results(other.space)


async def test_a_space_has_invites_and_links_with_rules(world: World, speak: Speak) -> None:
    alex, blair = world.person(), world.person("Blair Example")
    dataset = world.results(alex)
    zone, files = speak(alex).zone, speak(alex).provider
    made = await zone.invites.create(
        dataset.space, label="review", privileges=[SpacePrivilege.VIEW], uses=2, valid_for=timedelta(hours=1)
    )
    await speak(blair).zone.user.join_space(made.token)
    (found,) = await zone.invites.list(dataset.space)
    assert (found.label, found.uses, found.usage_limit, found.joined[0].id) == ("review", 1, 2, blair.id)
    assert [member.id for member in await zone.invites.end(made.token_id, memberships=True)] == [blair.id]
    share = await files.shares.create(dataset.root, "out")
    await zone.shares.set_link(share, LinkChange(audience="members", label="for us"))
    link = await zone.shares.link(share)
    assert (link.label, link.in_force.audience, link.opened) == ("for us", "members", 0)
