"""Groups and their members."""

from __future__ import annotations

from msgspec import UNSET

from fs2od.node.http import Answer, Call, Endpoint, created, done, json_answer
from fs2od.node.zone.rest.documents import group_document
from fs2od.node.zone.rest.given import understood
from fs2od.node.zone.zone import Zone
from fs2od.onedata import wire
from fs2od.onedata.ids import GroupId
from fs2od.onedata.tokens import InviteType

__all__ = ["endpoints"]


def endpoints(zone: Zone) -> list[Endpoint]:
    """Return the endpoints of this noun."""
    base = f"{zone.settings.zone_url}/api/v3/onezone/groups"

    def group_of(call: Call) -> GroupId:
        return GroupId(call.path("id"))

    def create(call: Call) -> Answer:
        request = call.read(wire.GroupRequest)
        return created(f"{base}/{zone.groups.create(call.caller, request.name, kind=request.type)}")

    def create_child(call: Call) -> Answer:
        request, parent = call.read(wire.GroupRequest), group_of(call)
        child = zone.groups.create(call.caller, request.name, kind=request.type, parent=parent)
        return created(f"{base}/{parent}/children/{child}")

    def create_parent(call: Call) -> Answer:
        request, child = call.read(wire.GroupRequest), group_of(call)
        parent = zone.groups.create_parent(call.caller, child, request.name, kind=request.type)
        return created(f"{base}/{child}/parents/{parent}")

    def get(call: Call) -> Answer:
        return json_answer(group_document(zone.groups.get(call.caller, group_of(call))))

    def change(call: Call) -> Answer:
        request = call.read(wire.GroupChange)
        name = None if request.name is UNSET else request.name
        kind = None if request.type is UNSET else request.type
        zone.groups.rename(call.caller, group_of(call), name=name, kind=kind)
        return done()

    def remove(call: Call) -> Answer:
        zone.groups.remove(call.caller, group_of(call))
        return done()

    def users(call: Call) -> Answer:
        return json_answer(wire.UserIds(users=tuple(zone.groups.users(call.caller, group_of(call)))))

    def effective_users(call: Call) -> Answer:
        return json_answer(wire.UserIds(users=tuple(zone.groups.effective_users(call.caller, group_of(call)))))

    def children(call: Call) -> Answer:
        return json_answer(wire.GroupIds(groups=tuple(zone.groups.children(call.caller, group_of(call)))))

    def parents(call: Call) -> Answer:
        return json_answer(wire.GroupIds(groups=tuple(zone.groups.parents(call.caller, group_of(call)))))

    def spaces(call: Call) -> Answer:
        return json_answer(wire.SpaceIds(spaces=tuple(zone.groups.spaces(call.caller, group_of(call)))))

    def create_space(call: Call) -> Answer:
        request, group = call.read(wire.SpaceRequest), group_of(call)
        return created(f"{base}/{group}/spaces/{zone.spaces.create_for_group(call.caller, group, request.name)}")

    def join_space(call: Call) -> Answer:
        return _join(call, InviteType.GROUP_JOIN_SPACE, needed="group_add_space", noun="spaces")

    def join_parent(call: Call) -> Answer:
        return _join(call, InviteType.GROUP_JOIN_GROUP, needed="group_add_parent", noun="parents")

    def _join(call: Call, kind: InviteType, *, needed: str, noun: str) -> Answer:
        group = group_of(call)
        zone.rights.require_group(call.caller, group, needed)
        token = understood(call.read(wire.JoinRequest).token)
        joined = zone.invites.join(call.caller, token, kind, peer_ip=call.peer_ip, joining=group)
        return created(f"{base}/{group}/{noun}/{joined}")

    return [
        Endpoint("POST", "/groups", "create_group", create),
        Endpoint("POST", "/groups/{id}/children", "create_child_group", create_child),
        Endpoint("POST", "/groups/{id}/parents", "create_parent_group", create_parent),
        Endpoint("GET", "/groups/{id}", "get_group", get),
        Endpoint("PATCH", "/groups/{id}", "modify_group", change),
        Endpoint("DELETE", "/groups/{id}", "remove_group", remove),
        Endpoint("GET", "/groups/{id}/users", "list_group_users", users),
        Endpoint("GET", "/groups/{id}/effective_users", "list_effective_group_users", effective_users),
        Endpoint("GET", "/groups/{id}/children", "list_child_groups", children),
        Endpoint("GET", "/groups/{id}/parents", "list_parent_groups", parents),
        Endpoint("GET", "/groups/{id}/spaces", "list_group_spaces", spaces),
        Endpoint("POST", "/groups/{id}/spaces", "create_space_for_group", create_space),
        Endpoint("POST", "/groups/{id}/spaces/join", "group_join_space", join_space),
        Endpoint("POST", "/groups/{id}/parents/join", "join_parent_group", join_parent),
    ]
