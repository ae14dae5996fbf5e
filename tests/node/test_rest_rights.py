"""Who reaches what: every route of the three APIs, asked by everybody, against an explicit table."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from fs2od.node.apps import endpoints_of
from fs2od.node.http import Endpoint
from fs2od.node.provider.transfers import Order
from fs2od.node.zone.memberships import CLUSTER_USER, GROUP_GROUP
from fs2od.node.zone.offers import Offer
from fs2od.onedata import privileges
from fs2od.onedata.ids import GroupId, ShareId, SpaceId
from fs2od.onedata.tokens import Caveat, DataPath, DataReadonly, InviteToken, InviteType, Ip, Time, Token
from fs2od.testing.world import Dataset, Person, World, open_world

MEMBER = frozenset({"space_view", "space_read_data"})

# One letter for each outcome:
#   + let in     1 401     3 403     4 404     x 400 posix eacces     e 400 posix enoent     0 another 400
# One column for each who asks. The confined tokens are the owner's; the last column is a guest with share-scoped ids.
COLUMNS = (
    "guest", "stranger", "member", "manager", "owner", "administrator", "readonly", "path", "elsewhere", "share",
)  # fmt: skip
PUBLIC = "+++++++++"
ANY_USER = "1+++++111"
SELF = "1+++++++" + "+"
ZONE_ADMIN_ONLY = "13333+111"


@dataclass(frozen=True)
class Request:
    """What fills a route: the parameters of its path, its body and its query."""

    at: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    query: Mapping[str, Any] = field(default_factory=dict)
    shared: Mapping[str, str] | None = None


class Scene:
    """A node with people of every standing, and makers of fresh things for requests that change or end them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.zone, self.provider = world.node.zone, world.node.provider
        self.owner = world.person("Owner Example", cluster_privileges=privileges.CLUSTER_ADMIN)
        self.manager = world.person("Manager Example", cluster_privileges=privileges.CLUSTER_MEMBER)
        self.member = world.person("Member Example")
        self.stranger = world.person("Stranger Example")
        self.administrator = world.person("Admin Example", zone_privileges=privileges.ZONE_ADMIN)
        # The member belongs to spaces through a group in a group.
        self.outer, inner = world.group(self.owner, "outer"), world.group(self.member, "inner")
        self.zone.memberships.add(GROUP_GROUP, self.outer, inner, privileges.GROUP_MEMBER)
        self.dataset = self.new_dataset({"top.txt": b"0123456789", "sub/in.txt": b"in"})
        self.written = self.join_results()
        self.group = self.new_group()
        self.share = world.share(self.owner, self.dataset)
        self.count = 0
        self.tokens = self._tokens()

    def _tokens(self) -> dict[str, Token | None]:
        space = self.dataset.space
        people = (self.stranger, self.member, self.manager, self.owner, self.administrator)
        confined: dict[str, list[Caveat]] = {
            "readonly": [DataReadonly()],
            "path": [DataPath((f"/{space}/sub",))],
            "elsewhere": [DataPath((f"/{self.world.space(self.owner)}",))],
            "expired": [Time(int(time.time()) - 1)],
            "ip": [Ip(("10.0.0.0/8",))],
        }
        given: dict[str, Token | None] = dict(zip(COLUMNS[1:6], (person.token for person in people), strict=True))
        given |= {name: self.world.token(self.owner, *caveats) for name, caveats in confined.items()}
        revoked = self.zone.tokens.issue_named(self.owner.id, "revoked", revoked=True).token
        return given | {"guest": None, "share": None, "revoked": revoked}

    def join(self, space: SpaceId) -> SpaceId:
        self.world.join_space(space, self.outer, MEMBER)
        self.world.join_space(space, self.manager, privileges.SPACE_MANAGER)
        return space

    def join_results(self) -> Dataset:
        dataset = self.world.results(self.owner)
        self.join(dataset.space)
        return dataset

    def new_file(self) -> Request:
        """Return a request for a new file in a space that can be written to, and for the same file through a share."""
        self.count += 1
        where = self.provider.writing.places.below(self.owner.caller, self.written.root, [f"file {self.count}"])
        located = self.provider.writing.make_file(where, [b"0123"], mode=0o664).located
        share = self.world.share(self.owner, self.written)
        return Request(
            {"id": located.file_id}, shared={"id": self.world.id_of(self.written, located.path, share=share)}
        )

    def new_place(self) -> Request:
        """Return a request for something that is not there yet."""
        self.count += 1
        share = self.world.share(self.owner, self.written)
        name = f"place {self.count}"
        shared = {"id": self.world.id_of(self.written, share=share), "path": name}
        return Request({"id": self.written.root, "path": name}, query={"name": name}, shared=shared)

    def new_path(self) -> Request:
        """Return a request for a new file by its path."""
        self.new_file()
        path = f"file {self.count}"
        share = self.world.share(self.owner, self.written)
        shared = {"id": self.world.id_of(self.written, share=share), "path": path}
        return Request({"id": self.written.root, "path": path}, shared=shared)

    def new_space(self) -> SpaceId:
        return self.join(self.world.space(self.owner))

    def new_dataset(self, files: Mapping[str, bytes]) -> Dataset:
        dataset = self.world.dataset(self.owner, files)
        (dataset.folder / "link").symlink_to("top.txt")
        self.world.rescan(dataset.space)
        self.join(dataset.space)
        return dataset

    def new_group(self) -> GroupId:
        group = self.world.group(self.owner)
        self.world.join_group(group, self.member, privileges.GROUP_MEMBER)
        self.world.join_group(group, self.manager, privileges.GROUP_MANAGER)
        return group

    def new_person(self) -> Person:
        return self.world.person("Somebody Example")

    def new_share(self) -> ShareId:
        return self.world.share(self.owner, self.dataset)

    def member_of_group(self) -> dict[str, str]:
        group, somebody = self.new_group(), self.new_person()
        self.world.join_group(group, somebody)
        return {"id": group, "uid": somebody.id}

    def child_of_group(self) -> dict[str, str]:
        group, child = self.new_group(), self.new_group()
        self.zone.memberships.add(GROUP_GROUP, group, child, privileges.GROUP_MEMBER)
        return {"id": group, "cid": child}

    def member_of_space(self) -> dict[str, str]:
        space, somebody = self.new_space(), self.new_person()
        self.world.join_space(space, somebody)
        return {"id": space, "uid": somebody.id}

    def member_of_cluster(self) -> dict[str, str]:
        somebody, cluster = self.new_person(), self.provider.record.cluster
        self.zone.memberships.add(CLUSTER_USER, cluster, somebody.id, privileges.CLUSTER_MEMBER)
        return {"id": cluster, "uid": somebody.id}

    def cluster_invite(self) -> dict[str, str]:
        """Return the body that joins the cluster of another site."""
        site = self.world.site(f"site {time.monotonic_ns()}").node_provider.record
        kind = InviteToken(InviteType.USER_JOIN_CLUSTER, site.cluster)
        host = self.world.administrator.id
        return {"token": self.zone.tokens.issue_named(host, f"in {time.monotonic_ns()}", kind=kind).token.reveal()}

    def group_of_space(self) -> dict[str, str]:
        space, group = self.new_space(), self.new_group()
        self.world.join_space(space, group)
        return {"id": space, "gid": group}

    def invite(self, kind: InviteType) -> dict[str, str]:
        """Return the body of a request that consumes an invite to something of a stranger's."""
        host = self.new_person()
        is_group = kind in (InviteType.USER_JOIN_GROUP, InviteType.GROUP_JOIN_GROUP)
        target = self.world.group(host) if is_group else self.world.space(host)
        return {"token": self.zone.tokens.issue_named(host.id, "invite", kind=InviteToken(kind, target)).token.reveal()}

    def owners_invite(self) -> dict[str, str]:
        kind = InviteToken(InviteType.USER_JOIN_GROUP, self.group)
        return {"id": self.zone.tokens.issue_named(self.owner.id, f"invite {time.monotonic_ns()}", kind=kind).id}

    def file(self, path: str = "top.txt") -> Request:
        ours, theirs = (self.world.id_of(self.dataset, path, share=share) for share in (None, self.share))
        return Request({"id": ours}, shared={"id": theirs})

    def qos(self) -> str:
        located = self.provider.access.locate(self.owner.caller, self.dataset.root)
        return self.provider.qos.add(located, "anyStorage", 1)

    def transfer(self) -> str:
        located = self.provider.access.locate(self.owner.caller, self.dataset.root)
        return self.provider.transfers.create(Order("replication", located, self.provider.record.id, None, None))

    def somebodys_token(self) -> Request:
        somebody = self.new_person()
        token = self.zone.tokens.named_by_name(somebody.id, "access")
        return Request({"id": token.id, "uid": somebody.id, "name": "access"})

    def storage(self) -> str:
        self.count += 1
        folder = self.world.folder / f"disk {self.count}"
        folder.mkdir()
        return self.provider.storages.add_posix("disk", str(folder), imported=True)

    def support(self) -> dict[str, Any]:
        space = self.world.space(self.owner)
        caveats = [Time(int(time.time()) + 60)]
        token = self.zone.tokens.issue_temporary(
            self.owner.id, kind=InviteToken(InviteType.SUPPORT_SPACE, space), caveats=caveats
        )
        return {"token": token.reveal(), "size": 1_000_000, "storageId": self.storage()}

    def wanted(self) -> dict[str, Any]:
        site = self.provider.record.id
        self.zone.offers.set(self.owner.caller, site, Offer(accepts=True))
        return {"providerId": site, "size": 1_000_000}

    def asked(self) -> str:
        """Return a request for support that waits at the provider."""
        site = self.wanted()["providerId"]
        return self.zone.support_requests.ask(self.owner.caller, self.new_space(), site, 1_000_000)


Make = Callable[[Scene], Request]


def space(scene: Scene) -> Request:
    return Request({"id": scene.dataset.space, "sid": scene.dataset.space})


def group(scene: Scene) -> Request:
    return Request({"id": scene.group})


def cluster(scene: Scene) -> Request:
    return Request({"id": scene.provider.record.cluster, "cid": scene.provider.record.cluster})


def root(scene: Scene) -> Request:
    return scene.file("")


def file(scene: Scene) -> Request:
    return scene.file()


def nothing(_: Scene) -> Request:
    return Request()


def token(scene: Scene) -> Request:
    return Request(body={"token": scene.owner.token.reveal(), "caveats": []})


def named(body: Mapping[str, Any], make: Make) -> Make:
    """Return a maker of the same request with a body."""

    def made(scene: Scene) -> Request:
        found = make(scene)
        return Request(found.at, body, found.query, found.shared)

    return made


def at(make: Callable[[Scene], Mapping[str, str]], body: object = None) -> Make:
    return lambda scene: Request(make(scene), body)


def with_metadata(kind: str, value: object) -> Make:
    def made(scene: Scene) -> Request:
        located = scene.provider.access.locate(scene.owner.caller, scene.file().at["id"])
        scene.provider.files.put_metadata(located, kind, {"": value})
        return scene.file()

    return made


def temporary(scene: Scene) -> Request:
    return Request({"uid": scene.new_person().id}, {"caveats": [{"type": "time", "validUntil": int(time.time()) + 60}]})


GRANT: Mapping[str, list[str]] = {"grant": [], "revoke": []}
NAME = {"name": "name"}
USER_JOINS_GROUP, USER_JOINS_SPACE = InviteType.USER_JOIN_GROUP, InviteType.USER_JOIN_SPACE
GROUP_JOINS_GROUP, GROUP_JOINS_SPACE = InviteType.GROUP_JOIN_GROUP, InviteType.GROUP_JOIN_SPACE

TABLE: Mapping[str, tuple[str, Make]] = {
    "onezone/get_configuration": (PUBLIC, nothing),
    "onezone/health": (PUBLIC, nothing),
    "onezone/list_privileges": (PUBLIC, nothing),
    "onezone/list_space_privileges": (PUBLIC, nothing),
    "onezone/list_group_privileges": (PUBLIC, nothing),
    "onezone/get_public_share_details": (PUBLIC, lambda s: Request({"id": s.share})),
    "onezone/get_shared_data": (
        PUBLIC,
        lambda s: Request({"fid": s.world.id_of(s.dataset, share=s.share), "subpath": "children"}),
    ),
    "onezone/infer_access_token_scope": (PUBLIC, token),
    "onezone/examine_token": (PUBLIC, token),
    "onezone/confine_token": (PUBLIC, token),
    "onezone/verify_access_token": (PUBLIC, token),
    "onezone/verify_identity_token": ("000000000", token),
    "onezone/verify_invite_token": (PUBLIC, lambda s: Request(body=s.invite(USER_JOINS_GROUP))),
    "onezone/get_current_user": (SELF, nothing),
    "onezone/list_user_groups": (ANY_USER, nothing),
    "onezone/list_effective_user_groups": (ANY_USER, nothing),
    "onezone/list_user_spaces": (SELF, nothing),
    "onezone/list_effective_user_spaces": (SELF, nothing),
    "onezone/get_user_space": ("14+++4++3", space),
    "onezone/get_effective_user_space": ("14+++4++3", space),
    "onezone/list_effective_user_providers": (ANY_USER, nothing),
    "onezone/get_user_effective_provider": ("14+++4111", lambda s: Request({"pid": s.provider.record.id})),
    "onezone/list_current_user_admin_privileges": (ANY_USER, nothing),
    "onezone/list_current_user_effective_admin_privileges": (ANY_USER, nothing),
    "onezone/create_user_space": (ANY_USER, named(NAME, nothing)),
    "onezone/create_user_group": (ANY_USER, named(NAME, nothing)),
    "onezone/create_group": (ANY_USER, named(NAME, nothing)),
    "onezone/create_space": (ANY_USER, named(NAME, nothing)),
    # The member belongs through a group, which they cannot leave here.
    "onezone/leave_space": ("144++4111", at(lambda s: {"sid": s.new_space()})),
    "onezone/leave_group": ("14+++4111", at(lambda s: {"gid": s.new_group()})),
    "onezone/join_group": (ANY_USER, lambda s: Request(body=s.invite(USER_JOINS_GROUP))),
    "onezone/join_space": (ANY_USER, lambda s: Request(body=s.invite(USER_JOINS_SPACE))),
    "onezone/get_group": ("13++++111", group),
    "onezone/modify_group": ("1333++111", named(NAME, group)),
    "onezone/remove_group": ("1333++111", at(lambda s: {"id": s.new_group()})),
    "onezone/create_child_group": ("133+++111", named(NAME, group)),
    "onezone/create_parent_group": ("133+++111", named(NAME, group)),
    "onezone/list_child_groups": ("13++++111", group),
    "onezone/list_parent_groups": ("13++++111", group),
    "onezone/list_group_users": ("13++++111", group),
    "onezone/list_effective_group_users": ("13++++111", group),
    "onezone/list_group_spaces": ("13++++111", group),
    "onezone/create_space_for_group": ("1333++111", named(NAME, group)),
    "onezone/group_join_space": ("1333+3111", lambda s: Request({"id": s.group}, s.invite(GROUP_JOINS_SPACE))),
    "onezone/join_parent_group": ("133++3111", lambda s: Request({"id": s.group}, s.invite(GROUP_JOINS_GROUP))),
    "onezone/oz_users_list": (ZONE_ADMIN_ONLY, nothing),
    "onezone/get_user": (ZONE_ADMIN_ONLY, at(lambda s: {"id": s.new_person().id})),
    "onezone/toggle_user_access_block": (
        ZONE_ADMIN_ONLY,
        lambda s: Request({"id": s.new_person().id}, {"blocked": True}),
    ),
    "onezone/add_group_user": (ZONE_ADMIN_ONLY, at(lambda s: {"id": s.group, "uid": s.new_person().id})),
    "onezone/remove_group_user": ("133+++111", at(Scene.member_of_group)),
    "onezone/list_user_group_privileges": ("133+++111", at(Scene.member_of_group)),
    "onezone/update_user_group_privileges": ("1333++111", at(Scene.member_of_group, GRANT)),
    "onezone/add_child_group": ("133+++111", at(lambda s: {"id": s.group, "cid": s.new_group()})),
    "onezone/remove_child_group": ("133+++111", at(Scene.child_of_group)),
    "onezone/list_child_group_privileges": ("133+++111", at(Scene.child_of_group)),
    "onezone/update_child_group_privileges": ("1333++111", at(Scene.child_of_group, GRANT)),
    "onezone/get_space": ("13++++++3", space),
    "onezone/modify_space": ("1333++111", at(lambda s: {"id": s.new_space()}, NAME)),
    "onezone/remove_space": ("1333++111", at(lambda s: {"id": s.new_space()})),
    "onezone/list_space_users": ("13++++111", space),
    "onezone/list_space_groups": ("13++++111", space),
    "onezone/list_space_providers": ("13++++++3", space),
    "onezone/list_space_shares": ("13++++++3", space),
    "onezone/get_space_share": ("13++++++3", at(lambda s: {"id": s.dataset.space, "shid": s.share})),
    "onezone/get_share": ("13++++++3", at(lambda s: {"id": s.share})),
    "onezone/modify_share": ("133+++111", at(lambda s: {"id": s.share}, NAME)),
    "onezone/add_space_user": (ZONE_ADMIN_ONLY, at(lambda s: {"id": s.dataset.space, "uid": s.new_person().id})),
    "onezone/remove_space_user": ("133+++111", at(Scene.member_of_space)),
    "onezone/list_user_space_privileges": ("133+++111", at(Scene.member_of_space)),
    "onezone/update_user_space_privileges": ("1333++111", at(Scene.member_of_space, GRANT)),
    "onezone/add_group_to_space": ("1333++111", at(lambda s: {"id": s.new_space(), "gid": s.new_group()})),
    "onezone/remove_space_group": ("133+++111", at(Scene.group_of_space)),
    "onezone/list_group_space_privileges": ("133+++111", at(Scene.group_of_space)),
    "onezone/update_group_space_privileges": ("1333++111", at(Scene.group_of_space, GRANT)),
    "onezone/oz_providers_list": (ZONE_ADMIN_ONLY, nothing),
    "onezone/get_provider_details": ("13++++111", lambda s: Request({"id": s.provider.record.id})),
    "onezone/list_provider_supported_spaces": ("133+++111", lambda s: Request({"id": s.provider.record.id})),
    "onezone/remove_provider": ("133330111", lambda s: Request({"id": s.provider.record.id})),
    "onezone/list_cluster_privileges": (PUBLIC, nothing),
    "onezone/oz_clusters_list": (ZONE_ADMIN_ONLY, nothing),
    "onezone/get_cluster": ("133+++111", cluster),
    "onezone/list_cluster_users": ("133+++111", cluster),
    "onezone/get_cluster_user": ("133+++111", at(Scene.member_of_cluster)),
    "onezone/add_cluster_user": (
        ZONE_ADMIN_ONLY,
        at(lambda s: {"id": s.provider.record.cluster, "uid": s.new_person().id}, {}),
    ),
    "onezone/remove_cluster_user": ("1333++111", at(Scene.member_of_cluster)),
    "onezone/list_user_cluster_privileges": ("1333++111", at(Scene.member_of_cluster)),
    "onezone/update_user_cluster_privileges": ("1333++111", at(Scene.member_of_cluster, GRANT)),
    "onezone/list_user_clusters": (ANY_USER, nothing),
    "onezone/get_user_cluster": ("144++4111", cluster),
    "onezone/user_leave_cluster": ("144444111", lambda _: Request({"cid": "0" * 32})),
    "onezone/user_join_cluster": (ANY_USER, lambda s: Request(body=s.cluster_invite())),
    "onezone/create_named_token_for_current_user": (
        ANY_USER,
        lambda _: Request(body={"name": f"token {time.monotonic_ns()}"}),
    ),
    "onezone/create_temporary_token_for_current_user": (ANY_USER, temporary),
    "onezone/revoke_all_temporary_tokens_of_current_user": (ANY_USER, nothing),
    "onezone/list_named_tokens_of_current_user": (ANY_USER, nothing),
    "onezone/get_named_token_of_current_user_by_name": (ANY_USER, lambda _: Request({"name": "access"})),
    "onezone/create_named_token_for_user": (ZONE_ADMIN_ONLY, named(NAME, Scene.somebodys_token)),
    "onezone/create_temporary_token_for_user": (ZONE_ADMIN_ONLY, temporary),
    "onezone/revoke_all_temporary_tokens_of_user": (ZONE_ADMIN_ONLY, Scene.somebodys_token),
    "onezone/list_named_tokens_of_user": (ZONE_ADMIN_ONLY, Scene.somebodys_token),
    "onezone/get_named_token_of_user_by_name": (ZONE_ADMIN_ONLY, Scene.somebodys_token),
    "onezone/get_named_token": (ZONE_ADMIN_ONLY, Scene.somebodys_token),
    "onezone/modify_named_token": (ZONE_ADMIN_ONLY, named({"revoked": True}, Scene.somebodys_token)),
    "onezone/delete_named_token": (ZONE_ADMIN_ONLY, Scene.somebodys_token),
    "onezone/get_named_token_status": (ZONE_ADMIN_ONLY, Scene.somebodys_token),
    "onezone/fs2od_create_group_invite": ("100++0111", named({"label": "a"}, group)),
    "onezone/fs2od_list_group_invites": ("133+++111", group),
    "onezone/fs2od_create_space_invite": ("100++0111", named({"label": "a"}, space)),
    "onezone/fs2od_list_space_invites": ("133+++111", space),
    "onezone/fs2od_preview_invite": (PUBLIC, lambda s: Request(body=s.invite(USER_JOINS_GROUP))),
    "onezone/fs2od_renew_invite": ("144++0111", at(Scene.owners_invite)),
    "onezone/fs2od_end_invite": ("144+++111", at(Scene.owners_invite)),
    "onezone/fs2od_get_link": ("13++++++3", at(lambda s: {"id": s.share})),
    "onezone/fs2od_set_link": ("133+++111", at(lambda s: {"id": s.share}, {})),
    "onezone/fs2od_get_space_link_rule": ("13++++++3", space),
    "onezone/fs2od_list_results": ("13+++3++3", space),
    "onezone/fs2od_set_space_link_rule": ("1333++111", named({}, space)),
    "onezone/fs2od_make_job_token": (
        "13+++3111",
        lambda s: Request({"id": s.dataset.space}, {"name": f"job {time.monotonic_ns()}"}),
    ),
    "onezone/fs2od_device_authorization": (PUBLIC, named({"name": "machine"}, nothing)),
    "onezone/fs2od_device_token": ("000000000", named({"device_code": "none"}, nothing)),
    "onezone/fs2od_list_sites": (ANY_USER, nothing),
    "onezone/fs2od_add_site": (ZONE_ADMIN_ONLY, lambda _: Request(body={"name": f"site {time.monotonic_ns()}"})),
    "onezone/fs2od_list_support_requests": ("13+++3111", space),
    "onezone/fs2od_request_support": ("1333+3111", lambda s: Request({"id": s.new_space()}, s.wanted())),
    "onezone/fs2od_withdraw_support_request": ("1333+3111", at(lambda s: {"rid": s.asked()})),
    "oneprovider/get_configuration": (PUBLIC, nothing),
    "oneprovider/health": (PUBLIC, nothing),
    "oneprovider/get_all_spaces": (SELF, nothing),
    "oneprovider/get_space": ("13+++3++3", space),
    "oneprovider/lookup_file_id": ("1e+++e+xe", lambda s: Request({"path": f"dataset@{s.dataset.space}/top.txt"})),
    "oneprovider/get_attrs": ("13+++3+x3+", file),
    "oneprovider/list_children": ("13+++3++3+", root),
    "oneprovider/list_files_recursively": ("13+++3++31", root),
    "oneprovider/set_attr": ("13x++3xx31", named({"mode": "0664"}, file)),
    "oneprovider/download_file_content": ("13+++3+x3+", file),
    "oneprovider/download_file_content_by_path": (
        "13+++3+x31",
        lambda s: Request(
            {"id": s.dataset.root, "path": "top.txt"},
            shared={"id": s.world.id_of(s.dataset, share=s.share), "path": "top.txt"},
        ),
    ),
    "oneprovider/fs2od_get_checksum": ("13+++3+x3+", file),
    "oneprovider/update_file_content": ("13x++3x331", Scene.new_file),
    # Let in, but its storage takes bytes at any offset.
    "oneprovider/fs2od_begin_upload": ("13x003x331", named({"name": "whole", "sizeBytes": 4}, Scene.new_file)),
    "oneprovider/create_file": ("13x++3x331", Scene.new_place),
    "oneprovider/create_file_at_path": ("13x++3x331", Scene.new_place),
    "oneprovider/remove_file": ("13x++3x331", Scene.new_file),
    "oneprovider/remove_file_at_path": ("13x++3x331", Scene.new_path),
    "oneprovider/get_symlink_value": ("13+++3+x3+", lambda s: s.file("link")),
    "oneprovider/get_json_metadata": ("13+++3+x3+", with_metadata("json", {"a": 1})),
    "oneprovider/set_json_metadata": ("13x++3xx31", named({"a": 1}, file)),
    "oneprovider/remove_json_metadata": ("13x++3xx31", file),
    "oneprovider/get_xattrs": ("13+++3+x3+", file),
    "oneprovider/set_xattr": ("13x++3xx31", named({"a": "1"}, file)),
    "oneprovider/remove_xattrs": ("13x++3xx31", named({"keys": ["a"]}, file)),
    "oneprovider/get_rdf_metadata": ("13+++3+x3+", with_metadata("rdf", "<rdf/>")),
    "oneprovider/set_rdf_metadata": ("13x++3xx31", named({"a": 1}, file)),
    "oneprovider/remove_rdf_metadata": ("13x++3xx31", file),
    "oneprovider/create_share": ("133++3111", lambda s: Request(body={"name": "share", "fileId": s.dataset.root})),
    "oneprovider/get_share": ("13++++++3", at(lambda s: {"shid": s.share})),
    "oneprovider/update_share": ("133+++111", at(lambda s: {"shid": s.share}, NAME)),
    "oneprovider/remove_share": ("133+++111", at(lambda s: {"shid": s.new_share()})),
    "oneprovider/add_qos_requirement": (
        "1333+3111",
        lambda s: Request(body={"fileId": s.dataset.root, "expression": "anyStorage"}),
    ),
    "oneprovider/get_qos_requirement": ("133++3111", at(lambda s: {"qid": s.qos()})),
    "oneprovider/get_qos_requirement_audit_log": ("133++3111", at(lambda s: {"qid": s.qos()})),
    "oneprovider/remove_qos_requirement": ("1333+3111", at(lambda s: {"qid": s.qos()})),
    "oneprovider/get_file_qos_summary": ("133++3+x31", file),
    "oneprovider/evaluate_qos_expression": ("133++3111", named({"expression": "anyStorage"}, space)),
    "oneprovider/create_transfer": (
        "133++3111",
        lambda s: Request(
            body={
                "type": "replication",
                "dataSourceType": "file",
                "fileId": s.dataset.root,
                "replicatingProviderId": s.provider.record.id,
            }
        ),
    ),
    "oneprovider/get_transfer_status": ("133++3111", at(lambda s: {"tid": s.transfer()})),
    "oneprovider/cancel_transfer": ("133003111", at(lambda s: {"tid": s.transfer()})),
    "oneprovider/rerun_transfer": ("133++3111", at(lambda s: {"tid": s.transfer()})),
    "oneprovider/get_all_transfers": ("133++3111", space),
    "oneprovider/fs2od_get_replication": ("133++3111", space),
    "oneprovider/fs2od_get_wishes": ("133++3111", space),
    "oneprovider/fs2od_make_wish": ("1333+3111", named({"providerId": None}, space)),
    "oneprovider/fs2od_drop_wish": (
        "1333+3111",
        at(lambda s: {"sid": s.dataset.space, "pid": s.provider.record.id}),
    ),
    "oneprovider/get_data_distribution": ("13+++3+x31", file),
    "oneprovider/fs2od_get_direct_addresses": (
        "1300030x3",
        named({"ranges": [{"offset": 0, "size": 1}]}, file),
    ),
    "onepanel/get_configuration": ("++++++111", nothing),
    "onepanel/health": ("++++++111", nothing),
    "onepanel/get_provider": ("133++3111", nothing),
    "onepanel/remove_provider": ("133303111", nothing),
    "onepanel/get_storages": ("133++3111", nothing),
    "onepanel/add_storage": (  # a folder of the node's machine: see test_storages_of_the_machine
        "133333111",
        lambda s: Request(body={"disk": {"type": "posix", "mountPoint": str(s.world.folder)}}),
    ),
    "onepanel/get_storage_details": ("133++3111", at(lambda s: {"id": s.dataset.storage})),
    "onepanel/modify_storage": ("1333+3111", at(lambda s: {"id": s.storage()}, {"disk": {"type": "posix"}})),
    "onepanel/remove_storage": ("1333+3111", at(lambda s: {"id": s.storage()})),
    "onepanel/fs2od_get_direct_reading": ("133++3111", at(lambda s: {"id": s.dataset.storage})),
    "onepanel/fs2od_set_direct_reading": ("133303111", named({"allowed": False}, at(lambda s: {"id": s.storage()}))),
    "onepanel/get_provider_spaces": ("133++3111", nothing),
    "onepanel/support_space": ("1333+3111", lambda s: Request(body=s.support())),
    "onepanel/get_space_details": ("133++3111", space),
    "onepanel/modify_space": ("1333+3111", named({"size": 1 << 30}, space)),
    "onepanel/revoke_space_support": ("1333+3111", at(lambda s: {"id": s.new_dataset({}).space})),
    "onepanel/get_auto_storage_import_info": ("133++3111", space),
    "onepanel/get_auto_storage_import_stats": (
        "133++3111",
        lambda s: Request({"id": s.dataset.space}, query={"period": "day", "metrics": "createdFiles"}),
    ),
    "onepanel/force_start_auto_storage_import_scan": ("1333+3111", at(lambda s: {"id": s.new_dataset({}).space})),
    "onepanel/force_stop_auto_storage_import_scan": ("133343111", space),
    "onepanel/get_manual_storage_import_example": ("133003111", space),
    "onepanel/fs2od_get_offer": ("133++3111", nothing),
    "onepanel/fs2od_set_offer": ("1333+3111", named({"accepts": True}, nothing)),
    "onepanel/fs2od_list_support_requests_at_site": ("133++3111", nothing),
    "onepanel/fs2od_get_ending": ("1333+3111", at(lambda s: {"id": s.dataset.space})),
    "onepanel/fs2od_approve_support_request": (
        "1333+3111",
        lambda s: Request({"rid": s.asked()}, {"storageId": s.storage()}),
    ),
    "onepanel/fs2od_decline_support_request": (
        "1333+3111",
        named({"answer": "full"}, at(lambda s: {"rid": s.asked()})),
    ),
}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with open_world(tmp_path_factory.mktemp("rights")) as world:
        yield Scene(world)


def routes(scene: Scene, operation: str) -> list[Endpoint]:
    service, _, name = operation.partition("/")
    found = endpoints_of(scene.provider)
    return [endpoint for where, endpoint in found if (where, endpoint.operation) == (service, name)]


async def ask(
    scene: Scene, operation: str, endpoint: Endpoint, who: str, request: Request, **more: str
) -> httpx.Response:
    world, service = scene.world, operation.partition("/")[0]
    client = {"onezone": world.zone, "oneprovider": world.provider, "onepanel": world.panel}[service]
    given = request.shared if who == "share" and request.shared else request.at
    path = re.sub(r"\{(\w+)(?::path)?\}", lambda found: given[found[1]], endpoint.path)
    shown = scene.tokens[who]
    headers = more | ({"X-Auth-Token": shown.reveal()} if shown else {})
    return await client.request(endpoint.method, path, json=request.body, params=request.query, headers=headers)


def outcome(answer: httpx.Response) -> str:
    if answer.status_code < 400:
        return "+"
    if answer.status_code != 400:
        return {401: "1", 403: "3", 404: "4"}.get(answer.status_code, f"?{answer.status_code}")
    error = answer.json()["error"]
    details = error.get("details", {}) if isinstance(error, dict) else {}  # a word, where RFC 8628 speaks
    return {"eacces": "x", "enoent": "e"}.get(details.get("errno", ""), "0")


def test_the_table_has_every_route(scene: Scene) -> None:
    assert {f"{service}/{endpoint.operation}" for service, endpoint in endpoints_of(scene.provider)} == set(TABLE)


@pytest.mark.parametrize("operation", sorted(TABLE))
async def test_a_route_lets_in_whom_the_table_says(scene: Scene, operation: str) -> None:
    expected, make = TABLE[operation]
    for endpoint in routes(scene, operation):
        found = ""
        for who in COLUMNS[: len(expected)]:
            found += outcome(await ask(scene, operation, endpoint, who, make(scene)))
        told = dict(zip(COLUMNS, zip(expected, found, strict=True), strict=False))
        assert found == expected, {who: pair for who, pair in told.items() if pair[0] != pair[1]}


@pytest.mark.parametrize("operation", sorted(TABLE))
async def test_a_token_that_does_not_hold_opens_no_route_not_even_a_public_one(scene: Scene, operation: str) -> None:
    for endpoint in routes(scene, operation):
        request = TABLE[operation][1](scene)
        for who in ("expired", "revoked", "ip"):
            answer = await ask(scene, operation, endpoint, who, request)
            assert answer.status_code == 401, (who, answer.text)
            assert answer.json()["error"]["details"]["authError"]["id"] in ("tokenCaveatUnverified", "tokenRevoked")
