"""What data an access token reaches: the answer that Python clients of Onedata start from.

Source: the REST contract §1.2: service, interface and api caveats are not judged, the others are.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

from fs2od.node.version import ONEDATA_VERSION
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.rest.given import understood
from fs2od.node.zone.zone import Zone
from fs2od.onedata import tokens, wire
from fs2od.onedata.ids import ProviderId, SpaceId, UserId
from fs2od.onedata.tokens import Caveat, Ignorable, Service

__all__ = ["access_scope"]


def access_scope(
    zone: Zone, request: wire.TokenScopeRequest, *, peer_ip: IPv4Address | IPv6Address | None
) -> wire.AccessTokenScope:
    """Return what `request.token` reaches.

    Raises:
        Rejected: The token is not valid; the error is the token's own.
    """
    ignored = frozenset[Ignorable]({"service", "interface", "api"})
    context = replace(zone.credentials.circumstances(peer_ip), allow_data_access=True, ignored=ignored)
    context = zone.credentials.consumed_by(context, request.consumer_token)
    examined = zone.credentials.verify_access(understood(request.token), context)
    user = UserId(examined.identifier.subject.id)
    caller = Caller(user, tokens.data_access(examined.caveats))
    spaces = {
        space: wire.ScopeSpace(name=zone.spaces.known(space).name, supports=_supports(zone, space, examined.caveats))
        for space in zone.rights.effective_spaces(user)
        if caller.sees_space(space)
    }
    reached = {provider for space in spaces.values() for provider in space.supports}
    return wire.AccessTokenScope(
        valid_until=tokens.valid_until_s(examined.caveats),
        data_access_scope=wire.DataAccessScope(
            readonly=caller.data.readonly,
            spaces=spaces,
            providers={provider: _provider(zone, provider) for provider in sorted(reached)},
        ),
    )


def _supports(zone: Zone, space: SpaceId, caveats: tuple[Caveat, ...]) -> dict[ProviderId, wire.ScopeSupport]:
    allowed = [caveat.whitelist for caveat in caveats if isinstance(caveat, Service)]
    query = """SELECT s.provider, min(t.readonly) FROM support AS s JOIN storage AS t ON t.id = s.storage
        WHERE s.space = ? GROUP BY s.provider"""
    with zone.database.reading() as db:
        rows = db.execute(query, (space,)).fetchall()
    return {
        ProviderId(provider): wire.ScopeSupport(readonly=bool(readonly))
        for provider, readonly in rows
        if all({f"opw-{provider}", "opw-*"} & set(services) for services in allowed)
    }


def _provider(zone: Zone, provider: ProviderId) -> wire.ScopeProvider:
    known = zone.providers.known(provider)
    return wire.ScopeProvider(
        name=known.name, domain=known.domain, version=ONEDATA_VERSION, online=zone.providers.is_online(provider)
    )
