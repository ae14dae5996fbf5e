"""The section about addresses: where people reach the node, with which certificate, and what it knows of others' addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from fs2od.configuration._values import NetworkRange, StoreHost, shaped

__all__ = ["Network", "Origin"]

Origin = Annotated[
    str, shaped(r"https://[^/\s?#@]+/?", "expected an address such as https://data.example.org, or one with a port")
]
"""A scheme, a host and perhaps a port."""


def _plain_origin(value: str) -> str:
    """Write an origin as browsers do: in small letters, without the port that https has anyway."""
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, 0
    if not host or port == 0:
        raise ValueError("expected an address such as https://data.example.org, or one with a port")
    shown = f"[{host}]" if ":" in host else host
    return f"https://{shown}" if port in (None, 443) else f"https://{shown}:{port}"


_Public = Annotated[Origin, AfterValidator(_plain_origin)]


class Network(BaseModel):
    """How people reach the node, and what it knows of addresses."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    public_zone: _Public | None = Field(
        default=None,
        description="Where people reach the portal and the zone, such as https://data.example.org, if it is not where the node "
        "listens: through a reverse proxy, or a port that is passed on. It stands in every link.",
    )
    public_provider: _Public | None = Field(
        default=None,
        description="The same for the provider: another host, or the same one with another port. Both or neither must be given.",
    )
    public_operator: _Public | None = Field(default=None, description="The same for the operator's page.")
    certificate: Path | None = Field(
        default=None,
        description="File (.pem) of your own certificate, with those of who signed it after it, instead of one that our own "
        "authority signs. It is loaded anew when it changes.",
    )
    certificate_key: Path | None = Field(
        default=None, description="File (.pem) of its key, without a password, which not everybody may read."
    )
    authority: Path | None = Field(
        default=None,
        description="File (.pem) of the authority that people have to trust for that certificate, or for your proxy's, if every "
        "machine does not trust it anyway. Commands and mails then name it.",
    )
    trusted_proxies: tuple[NetworkRange, ...] = Field(
        default=(),
        description="Addresses or ranges of your own reverse proxies: X-Forwarded-For counts from there, and from nowhere else.",
    )
    asn_database: Path | None = Field(
        default=None, description="File (.mmdb) of autonomous systems, to judge tokens confined to some."
    )
    country_database: Path | None = Field(
        default=None, description="File (.mmdb) of countries, to judge tokens confined to some."
    )
    store_hosts: tuple[StoreHost, ...] = Field(
        default=(),
        description="Hosts, with or without a port, whose S3 stores administrators of sites may add though their address is not public; "
        "those of [[site.storage]] need not be named.",
    )

    @model_validator(mode="after")
    def _belong_together(self) -> Network:
        if (self.public_zone is None) != (self.public_provider is None):
            raise ValueError("give both public_zone and public_provider, or neither")
        public = [each for each in (self.public_zone, self.public_provider, self.public_operator) if each is not None]
        if len(set(public)) < len(public):
            raise ValueError("public_zone, public_provider and public_operator must differ, in host or port")
        if (self.certificate is None) != (self.certificate_key is None):
            raise ValueError("give both certificate and certificate_key, or neither")
        if self.authority is not None and self.certificate is None and self.public_zone is None:
            raise ValueError("authority goes with certificate or public_zone; without these our own authority counts")
        return self

    @property
    def shows_own_authority(self) -> bool:
        """Whether what people see is signed by the authority that the node made for itself."""
        return self.certificate is None and self.public_zone is None
