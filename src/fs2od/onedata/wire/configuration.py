"""What a service says about itself, to everyone."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from fs2od.onedata.ids import ProviderId
from fs2od.onedata.wire.codec import Document

__all__ = ["Health", "IdentityProvider", "PanelConfiguration", "ProviderConfiguration", "ZoneConfiguration"]


class IdentityProvider(Document, frozen=True, kw_only=True):
    """A way to sign in, in `ZoneConfiguration`."""

    id: str
    offline_access: bool


class ZoneConfiguration(Document, frozen=True, kw_only=True):
    """GET Z/configuration. `version` is split on dots by clients, such as "21.02.8"."""

    version: str
    name: str | UnsetType | None = UNSET
    domain: str | UnsetType = UNSET
    build: str | UnsetType = UNSET
    subdomain_delegation_supported: bool | UnsetType = UNSET
    supported_id_ps: tuple[IdentityProvider, ...] | UnsetType = UNSET
    compatibility_registry_revision: int | str | UnsetType = UNSET
    compatible_oneprovider_versions: tuple[str, ...] | UnsetType = UNSET
    available_space_tags: dict[str, tuple[str, ...]] | UnsetType = UNSET
    open_data_xrootd_server_domain: str | UnsetType | None = UNSET
    bagit_uploader_workflow_schema_id: str | UnsetType | None = UNSET


class ProviderConfiguration(Document, frozen=True, kw_only=True):
    """GET P/configuration."""

    provider_id: ProviderId
    name: str
    domain: str
    onezone_domain: str | UnsetType = UNSET
    version: str
    build: str | UnsetType = UNSET
    compatible_onezone_versions: tuple[str, ...] | UnsetType = UNSET
    compatible_oneprovider_versions: tuple[str, ...] | UnsetType = UNSET
    compatible_oneclient_versions: tuple[str, ...] | UnsetType = UNSET
    rtransfer_port: int | UnsetType = UNSET
    compatibility_registry_revision: int | str | UnsetType = UNSET


class PanelConfiguration(Document, frozen=True, kw_only=True):
    """GET N/configuration of a provider's panel."""

    service_type: Literal["oneprovider", "onezone"]
    provider_id: ProviderId | None
    zone_domain: str | None
    cluster_id: str
    version: str
    build: str | UnsetType = UNSET
    deployed: bool | UnsetType = UNSET
    is_registered: bool | UnsetType = UNSET
    provider_name: str | UnsetType | None = UNSET
    provider_domain: str | UnsetType | None = UNSET


class Health(Document, frozen=True, kw_only=True):
    """GET Z/health and GET P/health."""

    status: str
