"""What is shown at a door: access, identity and invite tokens, judged for the circumstances in which they are shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from typing import Literal

from fs2od.node.clock import Clock
from fs2od.node.zone.callers import GUEST, Caller
from fs2od.node.zone.places import Places
from fs2od.node.zone.rights import Rights
from fs2od.node.zone.tokens import Tokens
from fs2od.onedata import errors, tokens
from fs2od.onedata.ids import UserId
from fs2od.onedata.pasted import pasted
from fs2od.onedata.tokens import (
    AccessToken,
    Asn,
    Caveat,
    Context,
    GeoCountry,
    GeoRegion,
    Identifier,
    IdentityToken,
    InviteToken,
    Subject,
    Token,
)

__all__ = ["Credentials"]


class Credentials:
    """Judges tokens that are shown."""

    def __init__(self, tokens: Tokens, rights: Rights, clock: Clock, *, places: Places | None = None) -> None:
        self._tokens = tokens
        self._rights = rights
        self._clock = clock
        self._places = places or Places()

    def circumstances(self, peer_ip: IPv4Address | IPv6Address | None) -> Context:
        """Return what is known about a request from `peer_ip` at this moment."""
        places = self._places
        return Context(now=self._clock.now(), peer_ip=peer_ip, asn_of=places.asn_of, place_of=places.place_of)

    def require_judgeable(self, caveats: Iterable[Caveat]) -> None:
        """Refuse to make tokens that could never be used here: what a caveat asks for cannot be known.

        Raises:
            Rejected: badValueCaveat.
        """
        context = self.circumstances(None)
        for caveat in caveats:
            if isinstance(caveat, Asn | GeoCountry | GeoRegion) and not context.can_judge(caveat):
                document = tokens.caveat_to_json(caveat)
                said = f"Caveats of type {document['type']} need a database of addresses, and none is configured here."
                raise errors.error_of("badValueCaveat", said, {"caveat": document})

    def authenticate(
        self,
        text: str | None,
        *,
        service: str,
        peer_ip: IPv4Address | IPv6Address | None,
        data_access: bool,
        consumer: str | None = None,
    ) -> Caller:
        """Return who shows the access token `text`; without one, a guest.

        Args:
            text: What the request's header held.
            service: The service that judges, such as "ozw-onezone".
            peer_ip: Where the request comes from.
            data_access: Whether tokens for data alone may pass here.
            consumer: An identity token that proves who uses the access token, for caveats that ask.

        Raises:
            Unauthorized: The token is not valid here and now; the nested error says why.
        """
        if text is None:
            return GUEST
        context = replace(self.circumstances(peer_ip), interface="rest", service=service, allow_data_access=data_access)
        try:
            token = pasted(text)
            context = self.consumed_by(context, None if consumer is None else pasted(consumer))
            examined = self.verify_access(token, context)
        except errors.ServiceError as error:
            raise errors.unauthorized(error) from error
        return Caller(
            user=UserId(examined.identifier.subject.id),
            data=tokens.data_access(examined.caveats),
            data_only=any(map(tokens.is_data_access_caveat, examined.caveats)),
            until_s=tokens.valid_until_s(examined.caveats),
            is_bound=any(map(tokens.is_bound_to_bearer, examined.caveats)),
            still_holds=lambda: self._holds(token, context),
        )

    def consumed_by(self, context: Context, identity: Token | None) -> Context:
        """Return `context` with the consumer whom the identity token proves, and their groups.

        Raises:
            Rejected: notAnIdentityToken, tokenInvalid, tokenRevoked, tokenCaveatUnverified …
        """
        if identity is None:
            return context
        subject = self.verify_identity(identity, context).identifier.subject
        groups = partial(self._rights.effective_groups, UserId(subject.id))
        return replace(context, consumer=subject, consumer_groups=groups)

    def verify_identity(self, token: Token, context: Context) -> tokens.Examined:
        """Return what a valid identity token says.

        Raises:
            Rejected: badToken, notAnIdentityToken, tokenInvalid, tokenRevoked, tokenCaveatUnverified …
        """
        examined = self._tokens.examine(token)
        if not isinstance(examined.identifier.kind, IdentityToken):
            received = tokens.kind_to_json(examined.identifier.kind)
            raise errors.error_of("notAnIdentityToken", "The token is not an identity token.", {"received": received})
        self._tokens.verify(token, examined, context)
        return examined

    def _holds(self, token: Token, context: Context) -> bool:
        try:
            self.verify_access(token, replace(context, now=self._clock.now()))
        except errors.ServiceError:
            return False
        return True

    def verify_access(self, token: Token, context: Context) -> tokens.Examined:
        """Return what a valid access token says.

        Raises:
            Rejected: badToken, notAnAccessToken, tokenInvalid, tokenRevoked, tokenCaveatUnverified …, as they are.
        """
        examined = self._tokens.examine(token)
        if not isinstance(examined.identifier.kind, AccessToken):
            received = tokens.kind_to_json(examined.identifier.kind)
            raise errors.error_of("notAnAccessToken", "The token is not an access token.", {"received": received})
        self._tokens.verify(token, examined, context)
        return examined

    def verify_any(self, token: Token, peer_ip: IPv4Address | IPv6Address | None, caller: Caller) -> tokens.Examined:
        """Return what a valid token of any kind says, were the caller to use it from `peer_ip`; at which service is not asked.

        Raises:
            Rejected: badToken, tokenInvalid, tokenRevoked, tokenCaveatUnverified …
        """
        ignored: frozenset[Literal["service", "interface", "api"]] = frozenset({"service", "interface", "api"})
        context = replace(self.circumstances(peer_ip), allow_data_access=True, ignored=ignored)
        if caller.user is not None:
            groups = partial(self._rights.effective_groups, caller.user)
            context = replace(context, consumer=Subject("user", caller.user), consumer_groups=groups)
        examined = self._tokens.examine(token)
        self._tokens.verify(token, examined, context)
        return examined

    def invitation(self, token: Token, context: Context) -> tuple[Identifier, InviteToken]:
        """Return what a valid invite token invites to. Usage and the creator's right are judged where it is consumed.

        Raises:
            Rejected: notAnInviteToken, tokenInvalid, tokenRevoked, tokenCaveatUnverified …
        """
        examined = self._tokens.examine(token)
        identifier = examined.identifier
        if not isinstance(identifier.kind, InviteToken):
            received = tokens.kind_to_json(identifier.kind)
            details = {"expectedInviteType": "any", "received": received}
            raise errors.error_of("notAnInviteToken", "The token is not an invite token.", details)
        self._tokens.verify(token, examined, context)
        return identifier, identifier.kind
