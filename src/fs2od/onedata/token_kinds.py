"""What a token is: the identifier inside its macaroon, and the TYPE object that stands for its kind on the wire.

Callers use these names through `fs2od.onedata.tokens`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal, NoReturn, TypeAlias

from fs2od.onedata.errors import bad_value, error_of, missing
from fs2od.onedata.ids import TokenId

__all__ = [
    "AccessToken",
    "Identifier",
    "IdentityToken",
    "InviteToken",
    "InviteType",
    "Named",
    "Persistence",
    "Subject",
    "Temporary",
    "TokenKind",
    "kind_from_json",
    "kind_to_json",
    "parse_identifier",
]

SubjectType = Literal["user", "oneprovider"]


class InviteType(StrEnum):
    """What an invite token invites to. `code` is its three letters, `target_key` names the id in JSON."""

    USER_JOIN_GROUP = "userJoinGroup"
    GROUP_JOIN_GROUP = "groupJoinGroup"
    USER_JOIN_SPACE = "userJoinSpace"
    GROUP_JOIN_SPACE = "groupJoinSpace"
    SUPPORT_SPACE = "supportSpace"
    HARVESTER_JOIN_SPACE = "harvesterJoinSpace"
    REGISTER_ONEPROVIDER = "registerOneprovider"
    USER_JOIN_CLUSTER = "userJoinCluster"
    GROUP_JOIN_CLUSTER = "groupJoinCluster"
    USER_JOIN_HARVESTER = "userJoinHarvester"
    GROUP_JOIN_HARVESTER = "groupJoinHarvester"
    SPACE_JOIN_HARVESTER = "spaceJoinHarvester"
    USER_JOIN_ATM_INVENTORY = "userJoinAtmInventory"
    GROUP_JOIN_ATM_INVENTORY = "groupJoinAtmInventory"

    @property
    def code(self) -> str:
        """The three letters inside a token's identifier."""
        return _CODE_OF[self]

    @property
    def target_key(self) -> str:
        """The key under which the target's id stands in the TYPE object."""
        return _TARGET_KEY_OF[self]


_CODE_OF: Mapping[InviteType, str] = dict(
    zip(
        InviteType,
        ["ujg", "gjg", "ujs", "gjs", "ssp", "hjs", "rop", "ujc", "gjc", "ujh", "gjh", "sjh", "uji", "gji"],
        strict=True,
    )
)
_TYPE_OF_CODE: Mapping[str, InviteType] = {code: kind for kind, code in _CODE_OF.items()}
_TARGET_KEY_OF: Mapping[InviteType, str] = dict(
    zip(
        InviteType,
        ["groupId"] * 2
        + ["spaceId"] * 4
        + ["adminUserId"]
        + ["clusterId"] * 2
        + ["harvesterId"] * 3
        + ["atmInventoryId"] * 2,
        strict=True,
    )
)


@dataclass(frozen=True, slots=True)
class Named:
    """The token has its own secret; it is listed, and can be revoked or deleted singly."""


@dataclass(frozen=True, slots=True)
class Temporary:
    """The token's secret is shared by all temporary tokens of its subject's current generation."""

    generation: int


Persistence: TypeAlias = Named | Temporary


@dataclass(frozen=True, slots=True)
class Subject:
    """Who issued the token, and in whose name it acts."""

    type: SubjectType
    id: str

    def __str__(self) -> str:
        return f"{_SUBJECT_PREFIX[self.type]}-{self.id}"

    def to_json(self) -> dict[str, str]:
        """Return `{"type", "id"}`."""
        return {"type": self.type, "id": self.id}


@dataclass(frozen=True, slots=True)
class AccessToken:
    """The token authorises requests; `session` is the browser session that it belongs to, if any."""

    session: str | None = None


@dataclass(frozen=True, slots=True)
class IdentityToken:
    """The token only proves who someone is."""


@dataclass(frozen=True, slots=True)
class InviteToken:
    """The token lets whoever consumes it become part of the target, or support it."""

    invite_type: InviteType
    target_id: str
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __hash__(self) -> int:
        return hash((self.invite_type, self.target_id))


TokenKind: TypeAlias = AccessToken | IdentityToken | InviteToken


@dataclass(frozen=True, slots=True)
class Identifier:
    """What stands, readable to everyone, inside a token: version 2 of Onedata's token identifiers."""

    persistence: Persistence
    subject: Subject
    kind: TokenKind
    token_id: TokenId

    def __str__(self) -> str:
        persistence = f"tmp-{self.persistence.generation}" if isinstance(self.persistence, Temporary) else "nmd"
        return "/".join(("2", persistence, str(self.subject), _kind_text(self.kind), self.token_id))


_SUBJECT_PREFIX: Mapping[SubjectType, str] = {"user": "usr", "oneprovider": "prv"}
_WORD = re.compile(r"[A-Za-z0-9_-]{1,256}")
_IDENTIFIER = re.compile(
    r"2/(?:nmd|tmp-(?P<generation>[0-9]{1,18}))"
    r"/(?P<subject>usr|prv)-(?P<subject_id>[A-Za-z0-9_-]{1,256})"
    r"/(?:(?P<access>act)(?::(?P<session>[A-Za-z0-9_-]{1,256}))?|(?P<identity>idn)"
    r"|(?P<invite>[a-z]{3}):(?P<target>[A-Za-z0-9_-]{1,256}):(?P<parameters>|ge))"
    r"/(?P<id>[A-Za-z0-9_-]{1,256})"
)
# The only parameters that an identifier can hold: both at their defaults, for supporting a space.
_GLOBAL_EAGER = MappingProxyType({"dataWrite": "global", "metadataReplication": "eager"})


def parse_identifier(text: str) -> Identifier:
    """Read the identifier of a token's macaroon.

    Raises:
        ServiceError: badToken: it has another form or version.
    """
    found = _IDENTIFIER.fullmatch(text)
    if not found:
        _refuse_identifier()
    generation = found["generation"]
    return Identifier(
        persistence=Named() if generation is None else Temporary(int(generation)),
        subject=Subject("user" if found["subject"] == "usr" else "oneprovider", found["subject_id"]),
        kind=_parse_kind(found),
        token_id=TokenId(found["id"]),
    )


def kind_to_json(kind: TokenKind) -> dict[str, Any]:
    """Return the TYPE object of an answer."""
    match kind:
        case AccessToken(session):
            return {"accessToken": {} if session is None else {"sessionId": session}}
        case IdentityToken():
            return {"identityToken": {}}
        case InviteToken(invite_type, target, parameters):
            inner = {"inviteType": invite_type.value, invite_type.target_key: target, "parameters": dict(parameters)}
            return {"inviteToken": inner}


def kind_from_json(document: object) -> TokenKind:
    """Read the TYPE object of a request or an answer; keys that a type does not have are ignored.

    Raises:
        ServiceError: badValueTokenType, badValueInviteType, or missingRequiredValue for the target's id.
    """
    match document:
        case {"accessToken": {"sessionId": str(session)}}:
            return AccessToken(session)
        case {"accessToken": {}}:
            return AccessToken()
        case {"identityToken": {}}:
            return IdentityToken()
        case {"inviteToken": {"inviteType": str(name)} as inner}:
            return _invite_from_json(name, inner)
        case {"inviteToken": {}}:
            raise missing("inviteType")
        case _:
            raise bad_value("TokenType", "type", "is not a valid token type")


def _invite_from_json(name: str, inner: Mapping[str, Any]) -> InviteToken:
    try:
        invite_type = InviteType(name)
    except ValueError as error:
        raise bad_value("InviteType", "inviteType", "is not a valid invite token type") from error
    target = inner.get(invite_type.target_key)
    if target is None:
        raise missing(invite_type.target_key)
    if not isinstance(target, str) or not _WORD.fullmatch(target):
        raise bad_value("Identifier", invite_type.target_key, "is not a valid identifier")
    parameters = inner.get("parameters")
    # 21.02 ignores what the parameters say; only their presence at supportSpace leaves a trace, as in the identifier.
    keeps = invite_type is InviteType.SUPPORT_SPACE and isinstance(parameters, Mapping) and bool(parameters)
    return InviteToken(invite_type, target, _GLOBAL_EAGER) if keeps else InviteToken(invite_type, target)


def _kind_text(kind: TokenKind) -> str:
    match kind:
        case AccessToken(None):
            return "act"
        case AccessToken(session):
            return f"act:{session}"
        case IdentityToken():
            return "idn"
        case InviteToken(invite_type, target, parameters):
            return f"{invite_type.code}:{target}:{'ge' if parameters else ''}"


def _parse_kind(found: re.Match[str]) -> TokenKind:
    if found["access"]:
        return AccessToken(found["session"])
    if found["identity"]:
        return IdentityToken()
    invite_type = _TYPE_OF_CODE.get(found["invite"])
    if invite_type is None or (found["parameters"] and invite_type is not InviteType.SUPPORT_SPACE):
        _refuse_identifier()
    return InviteToken(invite_type, found["target"], _GLOBAL_EAGER if found["parameters"] else MappingProxyType({}))


def _refuse_identifier() -> NoReturn:
    raise error_of("badToken", "The token's identifier is not of a form that is known here.")
