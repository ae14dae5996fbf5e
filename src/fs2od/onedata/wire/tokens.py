"""Tokens on the wire: how they are asked for, listed, examined and verified."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, field

from fs2od.onedata import tokens
from fs2od.onedata.ids import ProviderId, SpaceId, TokenId
from fs2od.onedata.tokens import Caveat, Token, TokenKind
from fs2od.onedata.wire.codec import Document, JsonObject, JsonValue
from fs2od.onedata.wire.users import SubjectRef

__all__ = [
    "AccessTokenScope",
    "ConfineRequest",
    "DataAccessScope",
    "ExaminedToken",
    "NamedTokenChange",
    "NamedTokenCreated",
    "NamedTokenDetails",
    "NamedTokenRequest",
    "ScopeProvider",
    "ScopeSpace",
    "ScopeSupport",
    "TemporaryTokenRequest",
    "TokenDocument",
    "TokenIds",
    "TokenMetadata",
    "TokenScopeRequest",
    "TokenStatus",
    "UsageLimit",
    "VerifiedToken",
    "VerifyAccessTokenRequest",
    "VerifyIdentityTokenRequest",
    "VerifyInviteTokenRequest",
]

UsageLimit = Annotated[int, Meta(ge=1)] | Literal["infinity"]


class TemporaryTokenRequest(Document, frozen=True, kw_only=True):
    """POST Z/user/tokens/temporary and Z/users/{uid}/tokens/temporary; the answer is a `TokenDocument`."""

    type: JsonValue = field(default_factory=lambda: {"accessToken": {}})
    caveats: tuple[JsonValue, ...] = ()

    @classmethod
    def of(cls, kind: TokenKind, caveats: Sequence[Caveat]) -> TemporaryTokenRequest:
        """Return the request for a token of a kind; the zone wants a time caveat among `caveats`."""
        return cls(type=tokens.kind_to_json(kind), caveats=tuple(map(tokens.caveat_to_json, caveats)))

    def kind(self) -> TokenKind:
        """Return what is asked for.

        Raises:
            ServiceError: badValueTokenType, badValueInviteType or missingRequiredValue.
        """
        return tokens.kind_from_json(self.type)

    def parsed_caveats(self) -> tuple[Caveat, ...]:
        """Return what is to narrow the token.

        Raises:
            ServiceError: badValueCaveat.
        """
        return tokens.caveats_from_json(list(self.caveats))


class NamedTokenRequest(TemporaryTokenRequest, frozen=True, kw_only=True):
    """POST Z/user/tokens/named and Z/users/{uid}/tokens/named. The last two keys are for invite tokens."""

    name: str
    custom_metadata: JsonObject | UnsetType = UNSET
    revoked: bool = False
    usage_limit: UsageLimit | UnsetType = UNSET
    privileges: tuple[str, ...] | UnsetType = UNSET

    @classmethod
    def named(  # noqa: D417 - the class explains the others
        cls,
        name: str,
        kind: TokenKind,
        *,
        caveats: Sequence[Caveat] = (),
        usage_limit: UsageLimit | UnsetType = UNSET,
        privileges: Sequence[str] | UnsetType = UNSET,
    ) -> NamedTokenRequest:
        """Return the request for a named token.

        Args:
            name: Unique among its owner's tokens.
        """
        return cls(
            name=name,
            type=tokens.kind_to_json(kind),
            caveats=tuple(map(tokens.caveat_to_json, caveats)),
            usage_limit=usage_limit,
            privileges=UNSET if privileges is UNSET else tuple(privileges),
        )


class NamedTokenCreated(Document, frozen=True, kw_only=True):
    """The answer of POST …/tokens/named."""

    token_id: TokenId
    token: Token


class TokenDocument(Document, frozen=True, kw_only=True):
    """Nothing but a token: the answer of POST …/tokens/temporary and /confine, the body of /examine and of joining."""

    token: Token


class TokenIds(Document, frozen=True, kw_only=True):
    """GET Z/user/tokens/named and Z/users/{uid}/tokens/named."""

    tokens: tuple[TokenId, ...]


class TokenMetadata(Document, frozen=True, kw_only=True):
    """What the zone keeps about a named token, in `NamedTokenDetails`. The last three are for invite tokens."""

    creation_time: int
    custom: JsonObject | UnsetType = UNSET
    privileges: tuple[str, ...] | UnsetType = UNSET
    usage_limit: UsageLimit | UnsetType = UNSET
    usage_count: int | UnsetType = UNSET


class NamedTokenDetails(Document, frozen=True, kw_only=True):
    """GET Z/tokens/named/{id} and Z/users/{uid}/tokens/named/name/{name}."""

    id: TokenId
    name: str
    subject: SubjectRef
    type: JsonObject
    caveats: tuple[JsonObject, ...]
    metadata: TokenMetadata
    revoked: bool
    token: Token


class NamedTokenChange(Document, frozen=True, kw_only=True):
    """PATCH Z/tokens/named/{id}."""

    name: str | UnsetType = UNSET
    custom_metadata: JsonObject | UnsetType = UNSET
    revoked: bool | UnsetType = UNSET


class TokenStatus(Document, frozen=True, kw_only=True):
    """GET Z/tokens/named/{id}/status."""

    revoked: bool


class TokenScopeRequest(Document, frozen=True, kw_only=True, omit_defaults=True):
    """POST Z/tokens/infer_access_token_scope."""

    token: Token
    consumer_token: Token | None = None


class ScopeSupport(Document, frozen=True, kw_only=True):
    """How one provider supports one space: read-only if all its storages there are."""

    readonly: bool


class ScopeSpace(Document, frozen=True, kw_only=True):
    """A space that a token reaches."""

    name: str
    supports: dict[ProviderId, ScopeSupport]


class ScopeProvider(Document, frozen=True, kw_only=True):
    """A provider that a token reaches. `domain` is host[:port]."""

    name: str
    domain: str
    version: str
    online: bool


class DataAccessScope(Document, frozen=True, kw_only=True):
    """All data that a token reaches. Every provider of a support occurs in `providers`."""

    readonly: bool
    spaces: dict[SpaceId, ScopeSpace]
    providers: dict[ProviderId, ScopeProvider]


class AccessTokenScope(Document, frozen=True, kw_only=True):
    """The answer of POST Z/tokens/infer_access_token_scope; a provider's token has no `data_access_scope`."""

    valid_until: int | None = None
    data_access_scope: DataAccessScope | None


class ExaminedToken(Document, frozen=True, kw_only=True):
    """The answer of POST Z/tokens/examine."""

    onezone_domain: str
    id: TokenId
    persistence: Literal["named", "temporary"]
    subject: SubjectRef
    type: JsonObject
    caveats: tuple[JsonObject, ...]


class ConfineRequest(Document, frozen=True, kw_only=True):
    """POST Z/tokens/confine; the answer is a `TokenDocument`."""

    token: Token
    caveats: tuple[JsonValue, ...]

    def parsed_caveats(self) -> tuple[Caveat, ...]:
        """Return what is to narrow the token.

        Raises:
            ServiceError: badValueCaveat.
        """
        return tokens.caveats_from_json(list(self.caveats))


class VerifyIdentityTokenRequest(Document, frozen=True, kw_only=True, omit_defaults=True):
    """POST Z/tokens/verify_identity_token."""

    token: Token
    peer_ip: str | None = None
    consumer_token: Token | None = None


class VerifyAccessTokenRequest(VerifyIdentityTokenRequest, frozen=True, kw_only=True):
    """POST Z/tokens/verify_access_token."""

    service_token: Token | None = None
    interface: Literal["rest", "oneclient", "graphsync"] | None = None
    allow_data_access_caveats: bool = False


class VerifyInviteTokenRequest(VerifyIdentityTokenRequest, frozen=True, kw_only=True):
    """POST Z/tokens/verify_invite_token."""

    expected_invite_type: tokens.InviteType | None = None


class VerifiedToken(Document, frozen=True, kw_only=True):
    """The answer of POST Z/tokens/verify_…; `ttl` in seconds, None without a time caveat."""

    subject: SubjectRef
    ttl: int | None
