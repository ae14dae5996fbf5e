"""The sections of the configuration file. Each key's description is its documentation everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from fs2od.configuration._network import Network, Origin
from fs2od.configuration._sign_in import SignIn
from fs2od.configuration._sites import Site, require_different
from fs2od.configuration._values import Address, Duration, HostName, KeyPath, Size, lasting, shaped

__all__ = [
    "Access",
    "Checksums",
    "Configuration",
    "FacilitySection",
    "Mail",
    "Members",
    "NodeConfiguration",
    "Onedata",
    "Pages",
    "Publish",
    "Smtp",
    "Watch",
    "closed_names",
]

FileName = Annotated[
    str, StringConstraints(max_length=255), shaped(r"[^/\x00]+", "expected the name of a file, without a folder")
]

InviteTime = Annotated[Duration, lasting(at_least=timedelta(minutes=1), at_most=timedelta(days=3650))]

ACCESS_FILE_NAME = "fs2od-access.yml"
"""What the facility's own file with access information is called: excluded from import by this name."""

_LEAST_NAME = 5

METADATA_FILES = ("SPA.yml", "TOMO.yml", "TRANSFER.yml", "experiment.yml")


class Section(BaseModel):
    """What all sections share: no unknown key, nothing changes after the start."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, use_attribute_docstrings=False)


class Onedata(Section):
    """Where Onedata is reached, and as whom."""

    zone: Origin = Field(description="The Onezone's address, such as https://onezone.example.org.")
    provider: Origin = Field(description="The Oneprovider's address; its panel answers there, too.")
    token_file: Path = Field(description="File (mode 0600) that holds the access token of the facility's user.")
    ca_file: Path | None = Field(
        default=None, description="Certificates to trust besides the system's; also named in the download command."
    )
    provision: bool = Field(
        default=False, description="Find or make the two groups by name instead of being told their ids."
    )
    managing_group: str | None = Field(default=None, description="Id of the group that owns every dataset's space.")
    parent_group: str | None = Field(
        default=None, description="Id of the group below which each dataset's two groups are made."
    )
    path_map: dict[str, str] = Field(
        default_factory=dict,
        description="Where the provider sees the facility's folders, by the longest matching beginning of the path.",
    )
    support_size: Size = Field(
        default=10 << 40, ge=1_000_000, description="How much storage a space is granted: more than any dataset needs."
    )
    requests_at_once: int = Field(default=8, ge=1, le=64, description="Datasets that are worked on at the same time.")

    @model_validator(mode="after")
    def _groups_are_known(self) -> Onedata:
        if not self.provision and not (self.managing_group and self.parent_group):
            raise ValueError("set managing_group and parent_group, or provision = true")
        return self


class Watch(Section):
    """One folder that instruments write datasets into."""

    path: Path = Field(description="The watched folder, absolute.")
    glob: str = Field(
        default="*", description="Which folders below it may be datasets: '*', or '*/*' one level deeper."
    )
    metadata_files: tuple[FileName, ...] = Field(
        default=METADATA_FILES, min_length=1, description="Names of the file that makes a folder a dataset, by rank."
    )
    running_file: FileName = Field(default=".running", description="Its presence says that acquisition goes on.")
    settle: Duration = Field(
        default=timedelta(seconds=2), description="How long the metadata file must stay unchanged before it is read."
    )
    data_settle: Duration = Field(
        default=timedelta(seconds=5),
        description="How long the data must stay unchanged after the running file went, before the last import.",
    )
    quiet: Duration = Field(
        default=timedelta(hours=12),
        description="Where no running file was ever seen: complete when the data stayed unchanged for so long.",
    )
    name: str = Field(
        default="{folder}",
        max_length=100,
        description="The dataset's name; {folder}, {instrument} and {year} stand for what they say.",
    )
    instrument: str = Field(default="", max_length=100, description="The instrument; else the metadata file names it.")
    link: Literal["public", "members"] = Field(
        default="public",
        description="Whom the datasets' links are for, those that are there as well: everybody who has one, or members only.",
    )
    embargo_days: int = Field(
        default=0,
        ge=0,
        le=36_500,
        description="For so many days after a dataset appeared its links are for members only.",
    )
    link_days: int | None = Field(
        default=None, ge=1, le=36_500, description="Links end so many days after a dataset appeared; without it, never."
    )
    sidecar: bool = Field(
        default=True,
        description="Write the folder fs2od-sidecar with checksums into each dataset; without it there are none.",
    )
    ignore_before: AwareDatetime | None = Field(
        default=None, description="Leave alone every dataset whose metadata file was last changed before this moment."
    )

    @model_validator(mode="after")
    def _can_be_watched(self) -> Watch:
        if not self.path.is_absolute():
            raise ValueError(f"path must be absolute, not '{self.path}'")
        levels = self.glob.split("/")
        if not all(levels) or any(level in {".", ".."} or "**" in level for level in levels) or len(levels) > 8:
            raise ValueError("glob must be one to eight names or patterns joined by '/', without '**' and '..'")
        for name in self.metadata_files:
            if set(name) & set("*?["):
                raise ValueError(f"metadata_files: '{name}' is a pattern, and names are wanted: list each of them")
            if len(name) < _LEAST_NAME or (name[0] == "." and "." not in name[1:]):
                raise ValueError(
                    f"metadata_files: '{name}' may stand in the names of data, which links would not show: take a longer name"
                )
        if self.running_file in {".", "..", *self.metadata_files}:
            raise ValueError(
                f"running_file: '{self.running_file}' is always there: name a file that goes when acquisition ends"
            )
        try:
            self.name.format(folder="", instrument="", year="")
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise ValueError("name may use {folder}, {instrument} and {year} only") from error
        if self.link_days is not None and self.link_days <= self.embargo_days:
            raise ValueError("link_days must be more than embargo_days")
        return self


class FacilitySection(Section):
    """Who the facility is, as mails and pages say it."""

    name: str = Field(default="Cryo-EM facility", min_length=1, max_length=100, description="The facility's name.")
    contact: Address = Field(description="Whom users ask: one mail address.")
    instrument: str = Field(
        default="the microscope", max_length=100, description="What is said where nothing else names the instrument."
    )
    keep: Duration | None = Field(
        default=None,
        description="How long a dataset stays available after its completion; without it, no date is said.",
    )


class Publish(Section):
    """What leaves the metadata file. Everything that is not listed stays with the facility."""

    fields: tuple[KeyPath, ...] = Field(
        default=(
            "Sample.Name",
            "Sample.Keywords",
            "ProjectName",
            "ProjectAcronym",
            "Technique",
            "InstrumentName",
            "DtCreated",
            "SAMPLE_name",
            "SAMPLE_project_name",
            "DATA_emMicroscopeId",
            "DATA_experiment_type",
            "DATA_facility_name",
            "DATA_fmDose",
            "DATA_imageSizeZ",
        ),
        description="Key paths whose values everybody may see. Only plain values and lists of them are published.",
    )
    title: tuple[KeyPath, ...] = Field(
        default=("Sample.Name", "SAMPLE_name"), description="Where the title stands, by rank; else the folder's name."
    )
    instrument: tuple[KeyPath, ...] = Field(
        default=("InstrumentName", "DATA_emMicroscopeId"), description="Where the instrument's name stands, by rank."
    )
    metadata_file: bool = Field(
        default=False,
        description="Show the metadata file itself through public links, of datasets that appear from then on: it stays closed "
        "where it was closed, or an invite token was written into it, and false closes it everywhere. Members always see it.",
    )


class Smtp(Section):
    """The mail server."""

    host: HostName = Field(description="The mail server's name.")
    port: int = Field(default=587, ge=1, le=65535, description="Its port: 587 with starttls, 465 with tls.")
    security: Literal["starttls", "tls", "plain"] = Field(
        default="starttls", description="How the way there is encrypted; 'plain' is for this machine only."
    )
    username: str = Field(default="", description="The name to sign in with; empty: no sign-in.")
    password_file: Path | None = Field(default=None, description="File (mode 0600) that holds the password.")
    ca_file: Path | None = Field(default=None, description="Certificates to trust besides the system's.")
    client_name: Annotated[
        str, shaped(r"[A-Za-z0-9.:\[\]-]*", "expected a host such as data.example.org, or an address of one")
    ] = Field(default="", description="What we call ourselves; empty: this machine's name.")

    @model_validator(mode="after")
    def _login_is_whole(self) -> Smtp:
        if bool(self.username) != (self.password_file is not None):
            raise ValueError("username and password_file must be given both, or neither")
        return self


class Pages(Section):
    """The languages of the web pages."""

    language: str = Field(
        default="", description="The language for those whose browser asks for none that there is; empty: as for mails."
    )
    texts: Path | None = Field(
        default=None, description="Folder of texts that come before ours: LANGUAGE/ANYTHING.po, gettext's catalogues."
    )


class Mail(Section):
    """Who is told, and how."""

    sender: Address = Field(description="The sender of all mails.")
    to: tuple[Address, ...] = Field(default=(), description="Always told, besides whom the metadata file names.")
    cc: tuple[Address, ...] = Field(default=(), description="Always in copy.")
    bcc: tuple[Address, ...] = Field(default=(), description="Always in blind copy.")
    to_keys: tuple[KeyPath, ...] = Field(
        default=("User.Email", "User.NormalizedEmail", "PI_email"),
        description="Where the metadata file names whom to tell; the first one that holds an address counts.",
    )
    cc_keys: tuple[KeyPath, ...] = Field(default=(), description="The same for copies; all of them count.")
    bcc_keys: tuple[KeyPath, ...] = Field(default=(), description="The same for blind copies; all of them count.")
    name_keys: tuple[KeyPath, ...] = Field(
        default=("User.Fullname",), description="Where the experimenter's name stands, for the salutation only."
    )
    language: str = Field(default="en", description="The language of the mails.")
    templates: Path | None = Field(default=None, description="Folder of mail templates that come before ours.")
    transport: Literal["folder", "smtp"] = Field(
        default="folder", description="'folder' writes .eml files, 'smtp' sends through [mail.smtp]."
    )
    folder: Path | None = Field(
        default=None, description="Where .eml files go; by default 'outbox' beside the facility's state."
    )
    smtp: Smtp | None = Field(default=None, description="The mail server, for transport = 'smtp'.")

    @model_validator(mode="after")
    def _server_is_known(self) -> Mail:
        if self.transport == "smtp" and self.smtp is None:
            raise ValueError("transport = 'smtp' needs the section [mail.smtp]")
        return self


class Members(Section):
    """The token that the experimenter hands on, and the link that makes them an owner. Owners can make new ones."""

    uses: int = Field(default=20, ge=1, le=10_000, description="How many people may join with the members' token.")
    valid_for: InviteTime = Field(default=timedelta(days=90), description="How long the members' token works.")
    owner_valid_for: InviteTime = Field(
        default=timedelta(days=180), description="How long the experimenter's personal link works, which it does once."
    )


class Access(Section):
    """Where access information is left for the facility's other software."""

    file: bool = Field(default=True, description="Write fs2od-access.yml (mode 0600) into the dataset's folder.")
    write_to_metadata: bool = Field(
        default=False,
        description="Also write it into the metadata file, keeping its comments, order and mode; not with publish.metadata_file.",
    )
    tag: str = Field(
        default="Onedata2",
        min_length=1,
        max_length=64,
        description="The key in the metadata file that it stands under.",
    )


class Scan(Section):
    """How often we look, and how often Onedata is asked to."""

    poll: Duration = Field(
        default=timedelta(seconds=5), description="How often the folders are looked at where no notice comes."
    )
    import_pause: Duration = Field(
        default=timedelta(seconds=5), description="Import is asked for at most so often for one dataset."
    )
    continuous_interval: Duration = Field(
        default=timedelta(seconds=60), description="How often the provider scans by itself while acquisition goes on."
    )


class Checksums(Section):
    """How checksums are made: every settled file is read once, with the lowest priority."""

    on: bool = Field(default=True, description="Make checksums and publish them in the datasets' sidecars.")
    bytes_per_second: Size = Field(
        default=250_000_000, description="How much is read per second on average, at most; 0: as fast as it goes."
    )
    first_within: Duration = Field(
        default=timedelta(seconds=60),
        description="How long a dataset's first checksums wait for more before they are published; doubles each time.",
    )
    recheck: Annotated[Duration, lasting(at_least=timedelta(seconds=1))] = Field(
        default=timedelta(days=1),
        description="How often a complete dataset's files are looked at for changes; only what changed is read again.",
    )


class Replication(Section):
    """How copies are made at further sites."""

    bytes_per_second: Size = Field(
        default=0, description="How much all copies together may send; 0: as fast as it goes."
    )
    other_bytes_per_second: Size = Field(
        default=0,
        description="The same for the hours from from_hour on until until_hour, as at night; 0: as fast as it goes.",
    )
    from_hour: int = Field(default=0, ge=0, le=24, description="The hour of the day, in local time, when those begin.")
    until_hour: int = Field(
        default=0, ge=0, le=24, description="The hour when they end, also after midnight; alike: there are none."
    )
    settle: Duration = Field(
        default=timedelta(seconds=10),
        description="How long a file must have stood unchanged before it is copied, unless its checksum is known.",
    )
    check: Duration = Field(
        default=timedelta(hours=6), description="How often it is looked whether copies are still there as they were."
    )
    storages_at_once: int = Field(
        default=4,
        ge=1,
        le=64,
        description="To how many storages copies go at once; each takes up to 224 MiB of memory meanwhile.",
    )
    direct_for: Annotated[Duration, lasting(at_most=timedelta(seconds=60))] = Field(
        default=timedelta(seconds=60),
        description="How long an address works by which members read straight from a site's bucket, where the site allows that: "
        "so long they may do so after their access has ended. '0 s': nobody does.",
    )
    callback_hosts: tuple[str, ...] = Field(
        default=(), description="Hosts that may be told of a transfer's end though they have no public address."
    )


class Configuration(Section):
    """Everything that the facility side is told."""

    onedata: Onedata = Field(description="Where Onedata is reached, and as whom.")
    facility: FacilitySection = Field(description="Who the facility is, as mails and pages say it.")
    mail: Mail = Field(description="Who is told, and how.")
    watch: tuple[Watch, ...] = Field(min_length=1, description="The watched folders.")
    publish: Publish = Field(default_factory=Publish, description="What leaves the metadata file.")
    members: Members = Field(default_factory=Members, description="The token that the experimenter hands on.")
    access: Access = Field(default_factory=Access, description="Where access information is left.")
    scan: Scan = Field(default_factory=Scan, description="How often we look.")
    checksums: Checksums = Field(default_factory=Checksums, description="How checksums are made.")
    signin: SignIn = Field(default_factory=SignIn, description="How people sign in at the node.")
    pages: Pages = Field(default_factory=Pages, description="The languages of the web pages.")
    network: Network = Field(default_factory=Network, description="What the node knows of addresses.")
    replication: Replication = Field(default_factory=Replication, description="How copies are made at further sites.")
    site: tuple[Site, ...] = Field(default=(), max_length=64, description="Further sites of the node.")

    @property
    def page_language(self) -> str:
        """The language of pages for everybody."""
        return self.pages.language or self.mail.language

    @property
    def closed_names(self) -> frozenset[str]:
        """The names of metadata files, which no public link may show, nor copies that have them in their names."""
        return closed_names(self.watch, metadata_file=self.publish.metadata_file)

    @model_validator(mode="after")
    def _watches_differ(self) -> Configuration:
        if len({watch.path for watch in self.watch}) != len(self.watch):
            raise ValueError("watch: the same path is given twice")
        return self

    @model_validator(mode="after")
    def _no_token_is_published(self) -> Configuration:
        _require_unpublished_token(self.publish, self.access)
        return self

    @model_validator(mode="after")
    def _sites_differ(self) -> Configuration:
        require_different(self.site)
        return self


def _require_unpublished_token(publish: Publish, access: Access) -> None:
    if publish.metadata_file and access.write_to_metadata:
        raise ValueError(
            "publish.metadata_file: with access.write_to_metadata, everybody who has the link would read the members' "
            "invite token: set one of the two to false"
        )


class _Watched(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    metadata_files: tuple[FileName, ...] = METADATA_FILES


def closed_names(watches: Iterable[Watch | _Watched], *, metadata_file: bool) -> frozenset[str]:
    """Return the names of files that are not published, nor copies named after them; pure."""
    closed = {ACCESS_FILE_NAME}
    if not metadata_file:
        closed.update(METADATA_FILES, *(each.metadata_files for each in watches))
    return frozenset(closed)


class NodeConfiguration(BaseModel):
    """What a node alone reads of the file: who writes, how mail goes out, how people sign in, pages, addresses and sites.

    All of it may be missing.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", validate_default=True)

    facility: FacilitySection | None = None
    mail: Mail | None = None
    signin: SignIn = Field(default_factory=SignIn)
    pages: Pages = Field(default_factory=Pages)
    network: Network = Field(default_factory=Network)
    replication: Replication = Field(default_factory=Replication)
    site: tuple[Site, ...] = Field(default=(), max_length=64)
    watch: tuple[_Watched, ...] = ()
    publish: Publish = Field(default_factory=Publish)
    access: Access = Field(default_factory=Access)

    @property
    def closed_names(self) -> frozenset[str]:
        """The names of files that no public link may show, not even for the moment in which they are new."""
        return closed_names(self.watch, metadata_file=self.publish.metadata_file)

    @property
    def page_language(self) -> str:
        """The language of pages for everybody."""
        return self.pages.language or (self.mail.language if self.mail else "en")

    @model_validator(mode="after")
    def _no_token_is_published(self) -> NodeConfiguration:
        _require_unpublished_token(self.publish, self.access)
        return self

    @model_validator(mode="after")
    def _sites_differ(self) -> NodeConfiguration:
        require_different(self.site)
        return self
