"""What a node is told when it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Limits", "NodeSettings", "ReplicationSettings", "SiteSettings", "StorageSettings"]


@dataclass(frozen=True)
class StorageSettings:
    """A storage of a site, as it is configured: a folder, or a bucket at an endpoint. Secret and authorities stand in files."""

    name: str
    folder: Path | None = None
    endpoint: str = ""
    bucket: str = ""
    access_key: str = ""
    secret_file: Path | None = None
    region: str = ""
    ca_file: Path | None = None
    qos: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SiteSettings:
    """A further site of the node, as it is configured: `host` "" is the node's own, `port` 0 any free one."""

    name: str
    host: str = ""
    port: int = 0
    storages: tuple[StorageSettings, ...] = ()


@dataclass(frozen=True)
class ReplicationSettings:
    """How copies are made on further storages."""

    settle_s: int = 10
    """How long a file must have stood unchanged before it is copied, unless the manifest names it already."""
    look_every_s: int = 60
    """How often a space is looked at in which nothing moves."""
    storages_at_once: int = 4
    """To how many storages copies go at once. Each may take 224 MiB of memory meanwhile."""
    turn_s: int = 15
    """How long a space has its turn at a storage, if others wait for one."""
    check_every_s: int = 6 * 3600
    """How often it is looked whether copies are still there as they were."""
    bytes_s: int = 0
    """How many bytes a second all copies together may have; 0 is no limit."""
    other_bytes_s: int = 0
    """The same for the hours of the day from `from_hour` on until `until_hour`, of local time, also over midnight."""
    from_hour: int = 0
    until_hour: int = 0
    direct_s: int = 60
    """How long an address works that leads straight to a site's bucket; 0: none is given."""
    callback_hosts: tuple[str, ...] = ()
    """Hosts that may be told of a transfer's end though they have no public address."""


@dataclass(frozen=True)
class Limits:
    """What requests to the node and its answers may take at most."""

    body_bytes: int = 1 << 20
    upload_bytes: int = 1 << 36
    """The longest body that is written into a file; longer files come in several, each from where the last one ended."""
    upload_silence_s: float = 60.0
    """How long a body that is being written may send nothing."""
    open_indexes: int = 64
    chunk_bytes: int = 1 << 20
    recheck_bytes: int = 8 << 20
    """How many bytes of an answer may leave before the access that started it is checked again."""
    direct_bytes: int = 64 << 20
    """The longest range that one address of a store gives."""
    direct_ranges: int = 16
    """How many such addresses are given at once."""


AUTHORITY_FILE = "fs2od-ca.pem"
"""What people call the file with our own authority's certificate, as pages offer it and commands name it."""


@dataclass(frozen=True)
class NodeSettings:
    """Where the node keeps its state, under which addresses it is reached, and how it behaves.

    `zone_domain` and `provider_domain` are host[:port], as they stand in links and answers.
    """

    data: Path
    zone_domain: str
    provider_domain: str
    name: str = "fs2od node"
    provider_name: str = "facility"
    file_mode: int = 0o664
    directory_mode: int = 0o775
    excluded_names: tuple[str, ...] = ("fs2od-access.yml", ".fs2od")
    """Files of ours that hold access information: never imported, listed or delivered."""
    closed_names: frozenset[str] = frozenset({"fs2od-access.yml"})
    """Files of an imported storage that public links never deliver, nor copies named after them, from the moment in which they are registered.

    What is excluded is among them for its copies: people and editors make some.
    """
    own_folders: tuple[Path, ...] = ()
    """Further folders of ours that hold secrets, such as the one where letters wait: no storage shows what lies in them."""
    plain: bool = False
    """Switch off every extension beyond Onedata's REST."""
    asn_database: Path | None = None
    """A file in MaxMind's format that knows autonomous systems, for tokens confined to some; without one they are refused."""
    country_database: Path | None = None
    """The same for countries and regions."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks of our own proxies: X-Forwarded-For counts from there, and from nowhere else."""
    store_hosts: tuple[str, ...] = ()
    """Hosts (host or host:port) whose S3 stores sites may use though they have no public address."""
    facility_name: str = ""
    """Who writes, as mails say it; empty: the node's name."""
    mail_sender: str = "fs2od <fs2od@localhost.localdomain>"
    mail_language: str = "en"
    mail_templates: Path | None = None
    """Folder of mail templates that come before ours."""
    page_language: str = "en"
    """The language of pages for those whose browser asks for none that there is."""
    page_texts: Path | None = None
    """Folder of texts of pages that come before ours."""
    sites: tuple[SiteSettings, ...] = ()
    """Further sites; others may have been added while the node ran."""
    replication: ReplicationSettings = field(default_factory=ReplicationSettings)
    own_authority: bool = False
    """Whether certificates are signed by an authority of our own, which commands have to name."""
    limits: Limits = field(default_factory=Limits)

    @property
    def zone_url(self) -> str:
        """The zone's origin, without trailing slash."""
        return f"https://{self.zone_domain}"

    @property
    def provider_url(self) -> str:
        """The provider's origin, without trailing slash."""
        return f"https://{self.provider_domain}"
