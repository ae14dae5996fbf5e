"""What fs2od's own node adds for sites and their support: none of it is Onedata's, and `plain` switches it off."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from fs2od.onedata.ids import ProviderId, SpaceId, StorageId, TokenId, UserId
from fs2od.onedata.tokens import Token
from fs2od.onedata.wire.codec import Document, JsonObject

__all__ = [
    "Approval",
    "JobTokenMade",
    "JobTokenRequest",
    "Offer",
    "Refusal",
    "SiteDetails",
    "SiteRequest",
    "Sites",
    "SupportAsked",
    "SupportAskedDetails",
    "SupportAskedMade",
    "SupportEnding",
    "SupportRequestState",
    "SupportsAsked",
]

_Size = Annotated[int, Meta(ge=1)]
_Networks = Annotated[tuple[Annotated[str, Meta(max_length=50)], ...], Meta(max_length=20)]
_Words = Annotated[str, Meta(max_length=500)]

SupportRequestState = Literal["waiting", "approved", "declined", "withdrawn"]


class SiteRequest(Document, frozen=True, kw_only=True, omit_defaults=True):
    """POST Z/fs2od/sites: a new site. `host` "" is the node's own, `port` 0 the next free one."""

    name: str
    host: Annotated[str, Meta(pattern=r"^[A-Za-z0-9.-]{0,253}$")] = ""
    port: Annotated[int, Meta(ge=0, le=65535)] = 0


class Offer(Document, frozen=True, kw_only=True, omit_defaults=False):
    """What a site offers: whether requests are welcome, how many bytes at most, a hint, where results would go and how much of them, its networks."""

    accepts: bool = False
    largest: _Size | None = None
    hint: _Words = ""
    results_storage_id: StorageId | None = None
    networks: _Networks = ()
    results_total: _Size | None = None


class SiteDetails(Document, frozen=True, kw_only=True):
    """A site and what it offers, for every user of the zone."""

    provider_id: ProviderId
    name: str
    domain: str
    online: bool
    administered: bool
    accepts: bool
    largest: int | None
    hint: str
    takes_results: bool
    networks: tuple[str, ...] = ()


class Sites(Document, frozen=True, kw_only=True):
    """GET Z/fs2od/sites."""

    sites: tuple[SiteDetails, ...]


class SupportAsked(Document, frozen=True, kw_only=True, omit_defaults=True):
    """POST Z/fs2od/spaces/{id}/support_requests: so many bytes of a site's are asked for."""

    provider_id: ProviderId
    size: _Size
    note: _Words = ""


class SupportAskedMade(Document, frozen=True, kw_only=True):
    """The answer to it."""

    request_id: str


class SupportAskedDetails(Document, frozen=True, kw_only=True):
    """A request, as both sides see it. Moments are seconds since 1970."""

    request_id: str
    space_id: SpaceId
    space_name: str
    provider_id: ProviderId
    provider_name: str
    user_id: UserId
    user_name: str
    size: int
    supported_size: int
    note: str
    state: SupportRequestState
    answer: str
    creation_time: int
    answer_time: int | None


class SupportsAsked(Document, frozen=True, kw_only=True):
    """GET Z/fs2od/spaces/{id}/support_requests and GET N/fs2od/support_requests: the waiting ones first, then the newest."""

    requests: tuple[SupportAskedDetails, ...]


class Approval(Document, frozen=True, kw_only=True, omit_defaults=True):
    """POST N/fs2od/support_requests/{id}/approve. Without a size it is what was asked for."""

    storage_id: StorageId | UnsetType = UNSET
    size: _Size | UnsetType = UNSET
    answer: _Words = ""


class Refusal(Document, frozen=True, kw_only=True, omit_defaults=True):
    """POST N/fs2od/support_requests/{id}/decline."""

    answer: _Words = ""


class SupportEnding(Document, frozen=True, kw_only=True):
    """GET N/fs2od/spaces/{id}/ending: what the end of a support would lose. `occupancy` is what lies here, `size` the whole space's."""

    space_id: SpaceId
    space_name: str
    occupancy: int
    is_home: bool
    is_only_support: bool
    files: int
    size: int
    files_lost: int


class JobTokenRequest(Document, frozen=True, kw_only=True, omit_defaults=True):
    """POST Z/fs2od/spaces/{id}/job_token: read the dataset; with `results` also write into a space for them.

    Either `results_space_id` names one that there is, or a new one is made at the site `provider_id`.
    """

    name: str
    valid_for_s: Annotated[int, Meta(ge=60)] | UnsetType = UNSET
    networks: tuple[str, ...] = ()
    interface: Literal["rest", "oneclient"] | None = None
    results: bool = False
    results_space_id: SpaceId | None = None
    provider_id: ProviderId | None = None
    results_name: str | None = None
    results_size: _Size | None = None


class JobTokenMade(Document, frozen=True, kw_only=True):
    """The answer to it. The token is shown by no other call of ours."""

    token_id: TokenId
    token: Token
    caveats: tuple[JsonObject, ...]
    valid_until: int
    results_space_id: SpaceId | None
    may_write_dataset: bool
