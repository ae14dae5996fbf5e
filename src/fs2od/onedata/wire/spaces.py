"""Spaces, as the zone and as a provider see them."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from fs2od.onedata.errors import MalformedAnswer
from fs2od.onedata.ids import FileId, ProviderId, SpaceId
from fs2od.onedata.wire.codec import Document
from fs2od.onedata.wire.users import SubjectRef

__all__ = [
    "DirStatsStatus",
    "ProviderName",
    "ProviderSpace",
    "SpaceChange",
    "SpaceDetails",
    "SpaceRequest",
    "SupportParameters",
]

DirStatsStatus = Literal["initializing", "enabled", "stopping", "disabled"]


class SpaceRequest(Document, frozen=True, kw_only=True):
    """POST Z/groups/{gid}/spaces and Z/user/spaces; the same `id_generator_seed` makes the same id."""

    name: str
    id_generator_seed: str | UnsetType = UNSET


class SpaceChange(Document, frozen=True, kw_only=True):
    """PATCH Z/spaces/{id}."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    organization_name: str | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET


class SupportParameters(Document, frozen=True, kw_only=True):
    """How one provider keeps the statistics of a space, in `SpaceDetails`."""

    accounting_enabled: bool | UnsetType = UNSET
    dir_stats_service_enabled: bool | UnsetType = UNSET
    dir_stats_service_status: DirStatsStatus | UnsetType = UNSET


class SpaceDetails(Document, frozen=True, kw_only=True):
    """GET Z/spaces/{id} and Z/user/spaces/{id}. `providers` maps each supporting provider to the granted bytes."""

    space_id: SpaceId
    name: str
    description: str | UnsetType = UNSET
    organization_name: str | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    advertised_in_marketplace: bool | UnsetType = UNSET
    marketplace_contact_email: str | UnsetType = UNSET
    providers: dict[ProviderId, int]
    support_parameters_registry: dict[ProviderId, SupportParameters] | UnsetType = UNSET
    creator: SubjectRef | UnsetType = UNSET
    creation_time: int | UnsetType = UNSET


class ProviderName(Document, frozen=True, kw_only=True):
    """One provider of a space, in `ProviderSpace`."""

    provider_id: ProviderId
    provider_name: str


class ProviderSpace(Document, frozen=True, kw_only=True):
    """GET P/spaces/{id}, and an item of GET P/spaces. `file_id` is the older name of `dir_id`, the root directory."""

    name: str
    space_id: SpaceId
    providers: tuple[ProviderName, ...] = ()
    file_id: FileId | UnsetType = UNSET
    dir_id: FileId | UnsetType = UNSET
    trash_dir_id: FileId | UnsetType = UNSET
    archives_dir_id: FileId | UnsetType = UNSET

    def root(self) -> FileId:
        """Return the root directory, whichever key has it.

        Raises:
            MalformedAnswer: None does.
        """
        root = self.file_id if self.dir_id is UNSET else self.dir_id
        if root is UNSET:
            raise MalformedAnswer("an answer does not say what the root of a space is")
        return root
