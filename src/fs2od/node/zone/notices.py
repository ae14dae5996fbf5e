"""What people should hear of: invited, accepted, access ended, a link or a token about to end. Services tell it, letters are made elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from fs2od.onedata.ids import ProviderId, ShareId, SpaceId, TokenId, UserId

if TYPE_CHECKING:
    from fs2od.node.zone.support_requests import SupportRequest

__all__ = [
    "Accepted",
    "AccessEnded",
    "CopiesReady",
    "CopiesStuck",
    "Invited",
    "LinkEnding",
    "Notice",
    "Notices",
    "SupportAnswered",
    "SupportAsked",
    "TokenEnding",
]


@dataclass(frozen=True)
class Invited:
    """Somebody shall be invited by a letter of ours: the inviter wanted that. The address is personal data."""

    address: str = field(repr=False)
    inviter: UserId
    token: TokenId
    target: str
    target_type: str


@dataclass(frozen=True)
class Accepted:
    """Somebody used an invite; its maker hears of it."""

    inviter: UserId
    who: UserId
    target: str
    target_type: str


@dataclass(frozen=True)
class AccessEnded:
    """Somebody is no member any more, by another's doing."""

    user: UserId
    target: str
    target_type: str


@dataclass(frozen=True)
class LinkEnding:
    """A link ends soon; who made it hears of it."""

    user: UserId
    share: ShareId
    name: str
    until_s: int


@dataclass(frozen=True)
class TokenEnding:
    """An access token ends soon; whose it is hears of it, of each once. At the `page`, a path, another one is made."""

    user: UserId
    token: TokenId
    name: str
    until_s: int
    page: str


@dataclass(frozen=True)
class SupportAsked:
    """A space's people ask a site for support; those who may answer hear of it."""

    request: SupportRequest


@dataclass(frozen=True)
class SupportAnswered:
    """A site answered; who asked hears of it."""

    request: SupportRequest


@dataclass(frozen=True)
class CopiesReady:
    """All of a dataset has copies at a site; who wanted it there hears of it, of each `wish` once."""

    wish: str
    user: UserId
    space: SpaceId
    provider: ProviderId
    files: int
    size_bytes: int


@dataclass(frozen=True)
class CopiesStuck:
    """For hours something has been in the way of the copies at a site; who wanted them hears of it, of each `trouble` once."""

    trouble: str
    user: UserId
    space: SpaceId
    provider: ProviderId
    problem: str


Notice: TypeAlias = (
    Invited
    | Accepted
    | AccessEnded
    | LinkEnding
    | TokenEnding
    | SupportAsked
    | SupportAnswered
    | CopiesReady
    | CopiesStuck
)


class Notices:
    """Passes notices on to whoever listens: letters, or a test. Nobody listening is no trouble."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Notice], None]] = []

    def listen(self, listener: Callable[[Notice], None]) -> None:
        """Have `listener` called with every notice, in the thread of who tells it, after what it tells of was done."""
        self._listeners.append(listener)

    def tell(self, notice: Notice) -> None:
        """Pass a notice on."""
        for listener in self._listeners:
            listener(notice)
