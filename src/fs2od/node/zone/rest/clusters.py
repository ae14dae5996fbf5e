"""Clusters: the panels of the zone's providers, and who is in them."""

from __future__ import annotations

from fs2od.node.http import Answer, Call, Endpoint, created, done, json_answer
from fs2od.node.version import BUILD, ONEDATA_VERSION
from fs2od.node.zone.memberships import CLUSTER_USER
from fs2od.node.zone.providers import Provider
from fs2od.node.zone.rest.given import understood
from fs2od.node.zone.zone import Zone
from fs2od.onedata import errors, privileges, wire
from fs2od.onedata.ids import UserId
from fs2od.onedata.tokens import InviteType
from fs2od.onedata.wire import clusters as documents

__all__ = ["endpoints"]


def endpoints(zone: Zone) -> list[Endpoint]:
    """Return the endpoints of this noun; adding and removing members are `members`' affair."""
    return [*_clusters(zone), *_own(zone)]


def _clusters(zone: Zone) -> list[Endpoint]:
    def every(call: Call) -> Answer:
        zone.rights.require_zone(call.caller, "oz_clusters_list")
        return json_answer(documents.ClusterIds(clusters=tuple(each.cluster for each in zone.providers.all_known())))

    def roles(_: Call) -> Answer:
        held = {
            "member": privileges.CLUSTER_MEMBER,
            "manager": privileges.CLUSTER_MANAGER,
            "admin": privileges.CLUSTER_ADMIN,
        }
        return json_answer({role: sorted(each) for role, each in held.items()})

    def get(call: Call) -> Answer:
        zone.rights.require_cluster(call.caller, call.path("id"), admin="oz_clusters_view")
        return json_answer(_document(zone, zone.providers.of_cluster(call.path("id"))))

    def users(call: Call) -> Answer:
        cluster = call.path("id")
        zone.rights.require_cluster(call.caller, cluster, "cluster_view", admin="oz_clusters_list_relationships")
        zone.providers.of_cluster(cluster)
        return json_answer(wire.UserIds(users=tuple(zone.users.of_cluster(cluster))))

    def user(call: Call) -> Answer:
        cluster, wanted = call.path("id"), UserId(call.path("uid"))
        zone.rights.require_cluster(call.caller, cluster, "cluster_view", admin="oz_users_view")
        if wanted not in zone.users.of_cluster(cluster):
            raise errors.not_found()
        found = zone.users.get(wanted)
        return json_answer(
            documents.MemberDetails(
                user_id=found.id, full_name=found.full_name, username=found.username, creation_time=found.created_s
            )
        )

    return [
        Endpoint("GET", "/clusters", "oz_clusters_list", every),
        Endpoint("GET", "/clusters/privileges", "list_cluster_privileges", roles),
        Endpoint("GET", "/clusters/{id}", "get_cluster", get),
        Endpoint("GET", "/clusters/{id}/users", "list_cluster_users", users),
        Endpoint("GET", "/clusters/{id}/users/{uid}", "get_cluster_user", user),
    ]


def _own(zone: Zone) -> list[Endpoint]:
    def mine(call: Call) -> list[Provider]:
        user = zone.rights.require_user(call.caller)
        call.caller.require_all_access()
        return zone.providers.of_member(user)

    def known(call: Call) -> Provider:
        found = next((each for each in mine(call) if each.cluster == call.path("cid")), None)
        if found is None:
            raise errors.not_found()
        return found

    def every(call: Call) -> Answer:
        return json_answer(documents.ClusterIds(clusters=tuple(sorted(each.cluster for each in mine(call)))))

    def get(call: Call) -> Answer:
        return json_answer(_document(zone, known(call)))

    def leave(call: Call) -> Answer:
        zone.memberships.remove(CLUSTER_USER, known(call).cluster, zone.rights.require_user(call.caller))
        return done()

    def join(call: Call) -> Answer:
        zone.rights.require_user(call.caller)
        token = understood(call.read(wire.JoinRequest).token)
        joined = zone.invites.join(call.caller, token, InviteType.USER_JOIN_CLUSTER, peer_ip=call.peer_ip)
        return created(f"{zone.settings.zone_url}/api/v3/onezone/user/clusters/{joined}")

    return [
        Endpoint("GET", "/user/clusters", "list_user_clusters", every),
        Endpoint("GET", "/user/clusters/{cid}", "get_user_cluster", get),
        Endpoint("DELETE", "/user/clusters/{cid}", "user_leave_cluster", leave),
        Endpoint("POST", "/user/clusters/join", "user_join_cluster", join),
    ]


def _document(zone: Zone, provider: Provider) -> documents.ClusterDetails:
    version = documents.ClusterVersion(release=ONEDATA_VERSION, build=BUILD, gui="")
    return documents.ClusterDetails(
        cluster_id=provider.cluster,
        type="oneprovider",
        worker_version=version,
        onepanel_version=version,
        online=zone.providers.is_online(provider.id),
        # The panel answers at the provider's own origin.
        onepanel_proxy=True,
        creator=wire.SubjectRef(type="oneprovider", id=provider.id),
        creation_time=provider.created_s,
    )
