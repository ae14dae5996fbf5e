"""Direct members of groups, spaces and clusters: adding, removing, and what each may do. Five kinds, handled alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from msgspec import UNSET

from fs2od.node.http import Answer, Call, Endpoint, created, done, json_answer
from fs2od.node.zone.activity import Happening
from fs2od.node.zone.memberships import CLUSTER_USER, GROUP_GROUP, GROUP_USER, SPACE_GROUP, SPACE_USER, Kind
from fs2od.node.zone.notices import AccessEnded
from fs2od.node.zone.zone import Zone
from fs2od.onedata import privileges, wire
from fs2od.onedata.ids import GroupId, SpaceId, UserId

__all__ = ["endpoints"]


@dataclass(frozen=True)
class _Words:
    """The words of one kind of membership: its path, its privileges (`joining` is the joining group's) and operations."""

    kind: Kind
    path: str
    adding: str
    joining: str
    removing: str
    default: frozenset[str]
    parse: Callable[[object], Iterable[str]]
    operations: tuple[str, str, str, str]


_KINDS = (
    _Words(
        GROUP_USER, "/groups/{id}/users/{uid}", "group_add_user", "", "group_remove_user",
        frozenset(privileges.GROUP_MEMBER), privileges.parse_group_privileges,
        ("add_group_user", "remove_group_user", "list_user_group_privileges", "update_user_group_privileges"),
    ),
    _Words(
        GROUP_GROUP, "/groups/{id}/children/{cid}", "group_add_child", "group_add_parent", "group_remove_child",
        frozenset(privileges.GROUP_MEMBER), privileges.parse_group_privileges,
        ("add_child_group", "remove_child_group", "list_child_group_privileges", "update_child_group_privileges"),
    ),
    _Words(
        SPACE_USER, "/spaces/{id}/users/{uid}", "space_add_user", "", "space_remove_user",
        frozenset(privileges.SPACE_MEMBER), privileges.parse_space_privileges,
        ("add_space_user", "remove_space_user", "list_user_space_privileges", "update_user_space_privileges"),
    ),
    _Words(
        SPACE_GROUP, "/spaces/{id}/groups/{gid}", "space_add_group", "group_add_space", "space_remove_group",
        frozenset(privileges.SPACE_MEMBER), privileges.parse_space_privileges,
        ("add_group_to_space", "remove_space_group", "list_group_space_privileges", "update_group_space_privileges"),
    ),
    _Words(
        CLUSTER_USER, "/clusters/{id}/users/{uid}", "cluster_add_user", "", "cluster_remove_user",
        frozenset(privileges.CLUSTER_MEMBER), privileges.parse_cluster_privileges,
        ("add_cluster_user", "remove_cluster_user", "list_user_cluster_privileges", "update_user_cluster_privileges"),
    ),
)  # fmt: skip


def endpoints(zone: Zone) -> list[Endpoint]:
    """Return the endpoints of all kinds."""
    return [endpoint for words in _KINDS for endpoint in _of_kind(zone, words)]


def _of_kind(zone: Zone, words: _Words) -> list[Endpoint]:
    child_key = words.path.rpartition("{")[2].rstrip("}")
    noun = words.kind.parent_type

    def require(call: Call, *needed: str, admin: str) -> None:
        _require(zone, call, noun, *needed, admin=admin)

    def require_add(call: Call) -> None:
        child, admin = call.path(child_key), f"oz_{noun}s_add_relationships"
        if words.kind.child_type == "group":
            require(call, words.adding, admin=admin)
            zone.rights.require_group(call.caller, GroupId(child), words.joining, admin="oz_groups_add_relationships")
        elif child == call.caller.user:
            require(call, words.adding, admin=admin)
        else:
            # Nobody is made a member of anything unasked, but by administrators; others send invites.
            zone.rights.require_zone(call.caller, admin)
            zone.rights.require_zone(call.caller, "oz_users_add_relationships")

    def note(call: Call, kind: Happening) -> None:
        if noun == "cluster":
            return  # no dataset's people read of it
        with zone.database.writing() as db:
            actor, who = call.caller.user, call.path(child_key)
            zone.activity.note_member(db, noun, call.path("id"), kind, actor=actor, who=who)

    def add(call: Call) -> Answer:
        request = call.read(wire.MembershipRequest)
        require_add(call)
        if request.privileges is not UNSET:
            require(call, f"{noun}_set_privileges", admin=f"oz_{noun}s_set_privileges")
        granted = words.parse(list(request.privileges)) if request.privileges is not UNSET else words.default
        zone.memberships.add(words.kind, call.path("id"), call.path(child_key), frozenset(granted))
        note(call, "joined")
        if noun == "cluster":
            return done()
        return created(f"{zone.settings.zone_url}{call.request.url.path.rstrip('/')}")

    def remove(call: Call) -> Answer:
        require(call, words.removing, admin=f"oz_{noun}s_remove_relationships")
        child = call.path(child_key)
        zone.memberships.remove(words.kind, call.path("id"), child)
        note(call, "left" if child == call.caller.user else "removed")
        if words.kind.child_type == "user" and noun != "cluster" and child != call.caller.user:
            zone.notices.tell(AccessEnded(UserId(child), call.path("id"), noun))
        return done()

    def get(call: Call) -> Answer:
        require(call, f"{noun}_view_privileges", admin=f"oz_{noun}s_view_privileges")
        held = zone.memberships.privileges(words.kind, call.path("id"), call.path(child_key))
        return json_answer(wire.PrivilegeList(privileges=tuple(held)))

    def update(call: Call) -> Answer:
        request = call.read(wire.PrivilegesChange)
        require(call, f"{noun}_set_privileges", admin=f"oz_{noun}s_set_privileges")
        grant, revoke = words.parse(list(request.grant)), words.parse(list(request.revoke))
        zone.memberships.update(words.kind, call.path("id"), call.path(child_key), grant=grant, revoke=revoke)
        note(call, "rights_changed")
        return done()

    adding, removing, listing, updating = words.operations
    return [
        Endpoint("PUT", words.path, adding, add),
        Endpoint("DELETE", words.path, removing, remove),
        Endpoint("GET", f"{words.path}/privileges", listing, get),
        Endpoint("PATCH", f"{words.path}/privileges", updating, update),
    ]


def _require(zone: Zone, call: Call, noun: str, *needed: str, admin: str) -> None:
    parent = call.path("id")
    if noun == "group":
        zone.rights.require_group(call.caller, GroupId(parent), *needed, admin=admin)
    elif noun == "cluster":
        zone.rights.require_cluster(call.caller, parent, *needed, admin=admin)
        zone.providers.of_cluster(parent)
    else:
        call.caller.require_all_access()
        zone.rights.require_space(call.caller, SpaceId(parent), *needed, admin=admin)
