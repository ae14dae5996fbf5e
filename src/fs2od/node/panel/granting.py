"""Storage granted to spaces and taken back, each in one step with what belongs to it: what panel and pages do alike."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from fs2od.node.panel.support import ImportConfig
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.support_requests import SupportRequest
from fs2od.onedata import errors
from fs2od.onedata.ids import SpaceId, StorageId
from fs2od.onedata.tokens import InviteType, Token

if TYPE_CHECKING:
    from fs2od.node.provider.provider import Oneprovider

__all__ = ["approve", "end", "grant_by_token"]


def grant_by_token(
    provider: Oneprovider,
    caller: Caller,
    token: Token,
    *,
    storage: StorageId,
    size_bytes: int,
    peer_ip: IPv4Address | IPv6Address | None,
    mode: str | None = None,
    config: ImportConfig | None = None,
    dir_stats: bool = True,
    accounting: bool = False,
) -> SpaceId:
    """Consume a support invite and return the space: it is judged, the support granted and the use counted in one transaction.

    Raises:
        Forbidden: Without cluster_update at this site.
        Rejected: The token is not valid, or no support invite; badValueTooLow, badValueTooHigh; badValueIdNotFound.
        Conflict: relationAlreadyExists, spaceAlreadySupportedWithImportedStorage, storageInUse.
    """
    zone = provider.zone
    user = zone.rights.require_cluster(caller, provider.record.cluster, "cluster_update")
    identifier, kind = zone.invites.verified(token, InviteType.SUPPORT_SPACE, user, peer_ip)
    space = SpaceId(kind.target_id)
    with zone.database.writing() as db:
        provider.supports.grant(
            db,
            space,
            storage,
            size_bytes=size_bytes,
            mode=mode,
            config=config,
            dir_stats=dir_stats,
            accounting=accounting,
        )
        zone.tokens.count_use(db, identifier)
    zone.epoch.move()
    provider.imports.start_if_due(space)
    return space


def approve(
    provider: Oneprovider,
    request: SupportRequest,
    *,
    storage: StorageId | None = None,
    size_bytes: int | None = None,
    answer: str = "",
) -> None:
    """Grant what a request asks for: a new support, or more of one that is there, in one transaction with the answer.

    Who may answer was judged with `SupportRequests.at_site`, which returned the request.

    Raises:
        Rejected: missingRequiredValue, a new support needs a storage; badValueTooLow, badValueTooHigh; badValueIdNotFound;
            notSupported, it was answered already.
        Conflict: spaceAlreadySupportedWithImportedStorage, storageInUse.
    """
    zone, supports = provider.zone, provider.supports
    wanted_bytes = request.size_bytes if size_bytes is None else size_bytes
    supported = supports.find(request.space) is not None
    if not supported and storage is None:
        raise errors.missing("storageId")
    with zone.database.writing() as db:
        zone.support_requests.close(db, request, "approved", answer=answer)
        if supported:
            supports.resize(db, request.space, wanted_bytes)
        elif storage is not None:
            supports.grant(db, request.space, storage, size_bytes=wanted_bytes)
    zone.epoch.move()
    provider.imports.start_if_due(request.space)
    zone.support_requests.told(request.id)


def end(provider: Oneprovider, space: SpaceId) -> None:
    """End the support of a space, for callers whose right was judged. What becomes of its files: see `Supports.end`.

    Raises:
        NotFound: The provider does not support it.
    """
    provider.supports.get(space)
    provider.imports.forget(space)
    provider.supports.end(space)
