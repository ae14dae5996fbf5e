"""Providers, as the zone and as their own panel describe them."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from fs2od.onedata.ids import ProviderId
from fs2od.onedata.wire.codec import Document

__all__ = ["PanelProvider", "ProviderDetails"]


class ProviderDetails(Document, frozen=True, kw_only=True):
    """GET Z/providers/{id}. `domain` is host[:port] without a scheme."""

    provider_id: ProviderId
    cluster_id: str
    name: str
    domain: str
    latitude: float | UnsetType = UNSET
    longitude: float | UnsetType = UNSET
    online: bool
    creation_time: int | UnsetType = UNSET


class PanelProvider(Document, frozen=True, kw_only=True):
    """GET N/provider."""

    id: ProviderId
    name: str
    subdomain_delegation: bool | UnsetType = UNSET
    domain: str
    geo_longitude: float | UnsetType = UNSET
    geo_latitude: float | UnsetType = UNSET
    onezone_domain_name: str | UnsetType = UNSET
    subdomain: str | UnsetType = UNSET
    admin_email: str | UnsetType = UNSET
