"""The current user, and what they belong to."""

from __future__ import annotations

from fs2od.node.http import Answer, Call, Endpoint, created, done, json_answer
from fs2od.node.zone.rest.documents import account_document, provider_document, space_document
from fs2od.node.zone.rest.given import understood
from fs2od.node.zone.zone import Zone
from fs2od.onedata import errors, wire
from fs2od.onedata.ids import GroupId, ProviderId, SpaceId, UserId
from fs2od.onedata.tokens import InviteType

__all__ = ["endpoints"]


def endpoints(zone: Zone) -> list[Endpoint]:
    """Return the endpoints of this noun."""
    base = f"{zone.settings.zone_url}/api/v3/onezone/user"

    def current(call: Call) -> Answer:
        return json_answer(account_document(zone.accounts.get(zone.rights.require_user(call.caller))))

    def groups(call: Call) -> Answer:
        user = zone.rights.require_user(call.caller)
        call.caller.require_all_access()
        return json_answer(wire.GroupIds(groups=tuple(zone.users.groups(user))))

    def effective_groups(call: Call) -> Answer:
        user = zone.rights.require_user(call.caller)
        call.caller.require_all_access()
        return json_answer(wire.GroupIds(groups=tuple(zone.rights.effective_groups(user))))

    def spaces(call: Call) -> Answer:
        user = zone.rights.require_user(call.caller)
        found = [space for space in zone.users.spaces(user) if call.caller.sees_space(space)]
        return json_answer(wire.SpaceIds(spaces=tuple(found)))

    def effective_spaces(call: Call) -> Answer:
        user = zone.rights.require_user(call.caller)
        found = [space for space in zone.rights.effective_spaces(user) if call.caller.sees_space(space)]
        return json_answer(wire.SpaceIds(spaces=tuple(found)))

    def space(call: Call) -> Answer:
        user = zone.rights.require_user(call.caller)
        wanted = SpaceId(call.path("sid"))
        if wanted not in zone.rights.effective_spaces(user):
            raise errors.not_found()
        return json_answer(space_document(zone.spaces.get(call.caller, wanted)))

    def note_left(user: UserId, noun: str, target: str) -> None:
        with zone.database.writing() as db:
            zone.activity.note_member(db, noun, target, "left", actor=user, who=user)

    def leave_space(call: Call) -> Answer:
        user = zone.rights.require_user(call.caller)
        call.caller.require_all_access()
        zone.spaces.leave(user, SpaceId(call.path("sid")))
        note_left(user, "space", call.path("sid"))
        return done()

    def leave_group(call: Call) -> Answer:
        user = zone.rights.require_user(call.caller)
        call.caller.require_all_access()
        zone.groups.leave(user, GroupId(call.path("gid")))
        note_left(user, "group", call.path("gid"))
        return done()

    def effective_providers(call: Call) -> Answer:
        user = zone.rights.require_user(call.caller)
        call.caller.require_all_access()
        return json_answer(wire.ProviderIds(providers=tuple(zone.providers.effective(user))))

    def effective_provider(call: Call) -> Answer:
        user = zone.rights.require_user(call.caller)
        call.caller.require_all_access()
        wanted = ProviderId(call.path("pid"))
        if wanted not in zone.providers.effective(user):
            raise errors.not_found()
        return json_answer(provider_document(zone, zone.providers.known(wanted)))

    def create_space(call: Call) -> Answer:
        request = call.read(wire.SpaceRequest)
        seed = request.id_generator_seed if isinstance(request.id_generator_seed, str) else None
        return created(f"{base}/spaces/{zone.spaces.create_for_user(call.caller, request.name, id_seed=seed)}")

    def create_group(call: Call) -> Answer:
        request = call.read(wire.GroupRequest)
        return created(f"{base}/groups/{zone.groups.create(call.caller, request.name, kind=request.type)}")

    def privileges(call: Call) -> Answer:
        user = zone.rights.require_user(call.caller)
        call.caller.require_all_access()
        return json_answer(wire.PrivilegeList(privileges=tuple(sorted(zone.rights.zone_privileges(user)))))

    return [
        *_joining(zone, base),
        Endpoint("GET", "/user", "get_current_user", current),
        Endpoint("GET", "/user/groups", "list_user_groups", groups),
        Endpoint("GET", "/user/effective_groups", "list_effective_user_groups", effective_groups),
        Endpoint("GET", "/user/spaces", "list_user_spaces", spaces),
        Endpoint("GET", "/user/effective_spaces", "list_effective_user_spaces", effective_spaces),
        Endpoint("GET", "/user/spaces/{sid}", "get_user_space", space),
        Endpoint("GET", "/user/effective_spaces/{sid}", "get_effective_user_space", space),
        Endpoint("DELETE", "/user/spaces/{sid}", "leave_space", leave_space),
        Endpoint("DELETE", "/user/groups/{gid}", "leave_group", leave_group),
        Endpoint("GET", "/user/effective_providers", "list_effective_user_providers", effective_providers),
        Endpoint("GET", "/user/effective_providers/{pid}", "get_user_effective_provider", effective_provider),
        Endpoint("POST", "/user/spaces", "create_user_space", create_space),
        Endpoint("POST", "/user/groups", "create_user_group", create_group),
        Endpoint("GET", "/user/privileges", "list_current_user_admin_privileges", privileges),
        Endpoint("GET", "/user/effective_privileges", "list_current_user_effective_admin_privileges", privileges),
    ]


def _joining(zone: Zone, base: str) -> list[Endpoint]:
    def join_group(call: Call) -> Answer:
        zone.rights.require_user(call.caller)
        token = understood(call.read(wire.JoinRequest).token)
        joined = zone.invites.join(call.caller, token, InviteType.USER_JOIN_GROUP, peer_ip=call.peer_ip)
        return created(f"{base}/groups/{joined}")

    def join_space(call: Call) -> Answer:
        zone.rights.require_user(call.caller)
        token = understood(call.read(wire.JoinRequest).token)
        joined = zone.invites.join(call.caller, token, InviteType.USER_JOIN_SPACE, peer_ip=call.peer_ip)
        return created(f"{base}/spaces/{joined}")

    return [
        Endpoint("POST", "/user/groups/join", "join_group", join_group),
        Endpoint("POST", "/user/spaces/join", "join_space", join_space),
    ]
