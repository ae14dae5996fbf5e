"""Clusters of a zone: who administers the panel of which provider."""

from __future__ import annotations

from fs2od.client._service import Service
from fs2od.onedata import wire
from fs2od.onedata.ids import UserId
from fs2od.onedata.tokens import Token
from fs2od.onedata.wire.clusters import ClusterDetails, ClusterIds, MemberDetails

__all__ = ["Clusters"]


class Clusters:
    """The panels of a zone's providers, and their members."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def mine(self) -> tuple[str, ...]:
        """Return the clusters of which the user is a member (GET Z/user/clusters).

        Raises:
            Unauthorized: The token is not valid here; get a new one.
        """
        return (await self._service.read("list_user_clusters", ClusterIds)).clusters

    async def get(self, cluster: str) -> ClusterDetails:
        """Return a cluster (GET Z/clusters/{id}).

        Raises:
            Forbidden: The user is no member.
        """
        return await self._service.read("get_cluster", ClusterDetails, ids={"id": cluster})

    async def users(self, cluster: str) -> tuple[UserId, ...]:
        """Return the direct members (GET Z/clusters/{id}/users).

        Raises:
            Forbidden: The user is no member (cluster_view).
        """
        return (await self._service.read("list_cluster_users", wire.UserIds, ids={"id": cluster})).users

    async def user(self, cluster: str, user: UserId) -> MemberDetails:
        """Return who a member is (GET Z/clusters/{id}/users/{uid}).

        Raises:
            NotFound: They are no member.
        """
        return await self._service.read("get_cluster_user", MemberDetails, ids={"id": cluster, "uid": user})

    async def user_privileges(self, cluster: str, user: UserId) -> tuple[str, ...]:
        """Return what a member may do (GET Z/clusters/{id}/users/{uid}/privileges).

        Raises:
            NotFound: They are no member.
            Forbidden: The user may not see that (cluster_view_privileges).
        """
        ids = {"id": cluster, "uid": user}
        return (await self._service.read("list_user_cluster_privileges", wire.PrivilegeList, ids=ids)).privileges

    async def join(self, token: Token) -> str:
        """Become a member by an invite, and return the cluster (POST Z/user/clusters/join).

        Not repeated when the answer is lost: `mine` shows whether it happened.

        Raises:
            Rejected: The token is no invite of this kind, or not valid any more.
            Conflict: The user is a member already.
        """
        document = wire.JoinRequest(token=token)
        return await self._service.create("user_join_cluster", collection="clusters", document=document)

    async def remove_user(self, cluster: str, user: UserId) -> None:
        """End a membership (DELETE Z/clusters/{id}/users/{uid}).

        Raises:
            NotFound: They are no member; nothing is left to do.
            Forbidden: The user may not (cluster_remove_user).
        """
        await self._service.do("remove_cluster_user", ids={"id": cluster, "uid": user})
