"""Tokens: made, listed, revoked, examined, narrowed and verified."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

from msgspec import UNSET, UnsetType

from fs2od.client._service import Service
from fs2od.onedata import wire
from fs2od.onedata.caveats import InterfaceName, caveat_to_json
from fs2od.onedata.ids import TokenId, UserId
from fs2od.onedata.tokens import AccessToken, Caveat, InviteType, Token, TokenKind

__all__ = ["Tokens"]

IpAddress = IPv4Address | IPv6Address


class Tokens:
    """The tokens of a zone. Where `user` can be given, the tokens of another user are meant (oz_tokens_manage)."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def create_named(
        self,
        name: str,
        kind: TokenKind | None = None,
        *,
        caveats: Sequence[Caveat] = (),
        usage_limit: wire.UsageLimit | UnsetType = UNSET,
        privileges: Sequence[str] | UnsetType = UNSET,
        user: UserId | None = None,
    ) -> wire.NamedTokenCreated:
        """Make a token that is listed and can be revoked (POST Z/user/tokens/named, Z/users/{id}/tokens/named).

        Not repeated when the answer is lost: look for it with `named_by_name` first.

        Args:
            name: Unique among its owner's tokens.
            kind: An access token if not given.
            caveats: What narrows it.
            usage_limit: How often an invite token can be used.
            privileges: What an invite token gives to those who use it.
            user: Whose token it becomes.

        Raises:
            Rejected: badValueIdentifierOccupied with details["key"] "name": there is one of that name.
                badValueName, badValueCaveat, inviteTokenTargetIdInvalid: correct the argument.
                inviteTokenSubjectNotAuthorized: its owner may not invite there.
        """
        document = wire.NamedTokenRequest.named(
            name, kind or AccessToken(), caveats=caveats, usage_limit=usage_limit, privileges=privileges
        )
        operation, ids = _of("create_named_token", user)
        return await self._service.read(operation, wire.NamedTokenCreated, ids=ids, document=document)

    async def create_temporary(
        self, kind: TokenKind | None = None, *, caveats: Sequence[Caveat], user: UserId | None = None
    ) -> Token:
        """Make a token that ends by itself (POST Z/user/tokens/temporary, Z/users/{id}/tokens/temporary).

        Args:
            kind: An access token if not given.
            caveats: What narrows it, with a `Time` among them.
            user: In whose name it acts.

        Raises:
            Rejected: tokenTimeCaveatRequired: the time is missing or later than details["maxTtl"] seconds from now.
                inviteTokenSubjectNotAuthorized: its owner may not invite there.
        """
        document = wire.TemporaryTokenRequest.of(kind or AccessToken(), caveats)
        operation, ids = _of("create_temporary_token", user)
        return (await self._service.read(operation, wire.TokenDocument, ids=ids, document=document)).token

    async def named(self, token: TokenId) -> wire.NamedTokenDetails:
        """Return a named token (GET Z/tokens/named/{id}).

        Raises:
            NotFound: There is no such token.
        """
        return await self._service.read("get_named_token", wire.NamedTokenDetails, ids={"id": token})

    async def named_by_name(self, name: str, *, user: UserId | None = None) -> wire.NamedTokenDetails:
        """Return a named token (GET Z/user/tokens/named/name/{name}, Z/users/{id}/tokens/named/name/{name}).

        Raises:
            NotFound: There is no token of that name.
        """
        if user is None:
            operation, ids = "get_named_token_of_current_user_by_name", {"name": name}
        else:
            operation, ids = "get_named_token_of_user_by_name", {"name": name, "id": user}
        return await self._service.read(operation, wire.NamedTokenDetails, ids=ids)

    async def list_named(self, *, user: UserId | None = None) -> tuple[TokenId, ...]:
        """Return the ids of named tokens (GET Z/user/tokens/named, Z/users/{id}/tokens/named).

        Raises:
            Forbidden: They are another user's (oz_tokens_manage).
        """
        if user is None:
            operation, ids = "list_named_tokens_of_current_user", {}
        else:
            operation, ids = "list_named_tokens_of_user", {"id": user}
        return (await self._service.read(operation, wire.TokenIds, ids=ids)).tokens

    async def is_revoked(self, token: TokenId) -> bool:
        """Tell whether a named token is revoked (GET Z/tokens/named/{id}/status).

        Raises:
            NotFound: There is no such token.
        """
        return (await self._service.read("get_named_token_status", wire.TokenStatus, ids={"id": token})).revoked

    async def change(
        self,
        token: TokenId,
        *,
        name: str | UnsetType = UNSET,
        custom_metadata: wire.JsonObject | UnsetType = UNSET,
        revoked: bool | UnsetType = UNSET,
    ) -> None:
        """Change what is given of a named token (PATCH Z/tokens/named/{id}).

        Raises:
            NotFound: There is no such token.
            Rejected: badValueIdentifierOccupied: there is another one of that name.
        """
        document = wire.NamedTokenChange(name=name, custom_metadata=custom_metadata, revoked=revoked)
        await self._service.do("modify_named_token", ids={"id": token}, document=document)

    async def delete(self, token: TokenId) -> None:
        """Remove a named token, which ends it at once (DELETE Z/tokens/named/{id}).

        Raises:
            NotFound: It is gone already, perhaps by a try whose answer was lost.
        """
        await self._service.do("delete_named_token", ids={"id": token})

    async def revoke_temporary(self) -> None:
        """End all temporary tokens of the user (DELETE Z/user/tokens/temporary).

        Raises:
            Unauthorized: The connection's token is not valid, or was a temporary one and is ended now.
        """
        await self._service.do("revoke_all_temporary_tokens_of_current_user")

    async def infer_access_token_scope(
        self, token: Token, *, consumer_token: Token | None = None
    ) -> wire.AccessTokenScope:
        """Return which spaces and providers an access token reaches (POST Z/tokens/infer_access_token_scope).

        Raises:
            Rejected: badValueToken, tokenInvalid, tokenRevoked, notAnAccessToken, tokenCaveatUnverified: get another token.
        """
        document = wire.TokenScopeRequest(token=token, consumer_token=consumer_token)
        return await self._service.read("infer_access_token_scope", wire.AccessTokenScope, document=document)

    async def examine(self, token: Token) -> wire.ExaminedToken:
        """Return what a token says about itself, unverified (POST Z/tokens/examine).

        Raises:
            Rejected: badValueToken: it is no token.
        """
        document = wire.TokenDocument(token=token)
        return await self._service.read("examine_token", wire.ExaminedToken, document=document)

    async def confine(self, token: Token, caveats: Sequence[Caveat]) -> Token:
        """Return a token narrowed by more caveats (POST Z/tokens/confine); the given one stays as it is.

        Raises:
            Rejected: badValueToken, badValueCaveat: correct the argument.
        """
        document = wire.ConfineRequest(token=token, caveats=tuple(map(caveat_to_json, caveats)))
        return (await self._service.read("confine_token", wire.TokenDocument, document=document)).token

    async def verify_access(
        self,
        token: Token,
        *,
        peer_ip: IpAddress | None = None,
        interface: InterfaceName | None = None,
        service_token: Token | None = None,
        consumer_token: Token | None = None,
        allow_data_access_caveats: bool = False,
    ) -> wire.VerifiedToken:
        """Return whose a valid access token is, and for how long (POST Z/tokens/verify_access_token).

        Raises:
            Rejected: It is not valid in these circumstances; the error says why.
        """
        document = wire.VerifyAccessTokenRequest(
            token=token,
            peer_ip=_text(peer_ip),
            interface=interface,
            service_token=service_token,
            consumer_token=consumer_token,
            allow_data_access_caveats=allow_data_access_caveats,
        )
        return await self._service.read("verify_access_token", wire.VerifiedToken, document=document)

    async def verify_identity(self, token: Token, *, peer_ip: IpAddress | None = None) -> wire.VerifiedToken:
        """Return whom a valid identity token proves (POST Z/tokens/verify_identity_token).

        Raises:
            Rejected: It is not valid in these circumstances; the error says why.
        """
        document = wire.VerifyIdentityTokenRequest(token=token, peer_ip=_text(peer_ip))
        return await self._service.read("verify_identity_token", wire.VerifiedToken, document=document)

    async def verify_invite(
        self,
        token: Token,
        *,
        expected: InviteType | None = None,
        peer_ip: IpAddress | None = None,
        consumer_token: Token | None = None,
    ) -> wire.VerifiedToken:
        """Return who invites with a valid invite token, without using it up (POST Z/tokens/verify_invite_token).

        Raises:
            Rejected: It is no valid invitation of the expected type; the error says why.
        """
        document = wire.VerifyInviteTokenRequest(
            token=token, expected_invite_type=expected, peer_ip=_text(peer_ip), consumer_token=consumer_token
        )
        return await self._service.read("verify_invite_token", wire.VerifiedToken, document=document)


def _of(stem: str, user: UserId | None) -> tuple[str, dict[str, str]]:
    return (f"{stem}_for_current_user", {}) if user is None else (f"{stem}_for_user", {"id": user})


def _text(address: IpAddress | None) -> str | None:
    return None if address is None else str(address)
