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
    latitude: float
    longitude: float
    online: bool
    creation_time: int


class PanelProvider(Document, frozen=True, kw_only=True):
    """GET N/provider."""

    id: ProviderId
    name: str
    subdomain_delegation: bool
    domain: str
    geo_longitude: float
    geo_latitude: float
    onezone_domain_name: str
    subdomain: str | UnsetType = UNSET
    admin_email: str | UnsetType = UNSET
