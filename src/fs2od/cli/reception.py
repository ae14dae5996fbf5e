"""What the node reads of the configuration file: who writes, how mail goes out, how people sign in, what it knows of addresses, and its sites."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import SecretStr

from fs2od.configuration import (
    Network,
    NodeConfiguration,
    Replication,
    SignIn,
    SiteStorage,
    load_node_configuration,
    mail_transport,
)
from fs2od.errors import ConfigurationError
from fs2od.mail import FolderTransport, Transport
from fs2od.node.settings import NodeSettings, ReplicationSettings, SiteSettings, StorageSettings
from fs2od.node.zone.accounts import Grant
from fs2od.onedata.ids import GroupId
from fs2od.portal.signin import ClaimGrant, IdentityProvider, SignInSettings

__all__ = ["Reception", "read_reception"]

_MOST_BYTES = 4096


@dataclass(frozen=True)
class Reception:
    """What the file says, as a node needs it."""

    transport: Transport
    facility_name: str = ""
    sender: str = NodeSettings.mail_sender
    language: str = NodeSettings.mail_language
    templates: Path | None = None
    page_language: str = NodeSettings.page_language
    page_texts: Path | None = None
    sign_in: SignInSettings = field(default_factory=SignInSettings)
    sites: tuple[SiteSettings, ...] = ()
    replication: ReplicationSettings = field(default_factory=ReplicationSettings)
    network: Network = field(default_factory=Network)
    closed_names: frozenset[str] = NodeSettings.closed_names


def read_reception(config: Path | None, data: Path, *, outbox: Path | None = None) -> Reception:
    """Return what the configuration file says; what it does not say, or all if it is not there, is as by default.

    Args:
        config: The file; at the first start of `fs2od up` it is written only after the node has started.
        data: The node's data folder, where letters go by default.
        outbox: Where letters go as files instead.

    Raises:
        ConfigurationError: The file, or a file that it names, cannot be read or used.
    """
    told = NodeConfiguration() if config is None or not config.exists() else load_node_configuration(config)
    sign_in = _settings(told.signin)
    sites = tuple(
        SiteSettings(each.name, each.host, each.port, tuple(map(_storage, each.storage))) for each in told.site
    )
    common = Reception(
        FolderTransport(outbox or data / "outbox"),
        told.facility.name if told.facility else "",
        page_language=told.page_language,
        page_texts=told.pages.texts,
        sign_in=sign_in,
        sites=sites,
        replication=_replication(told.replication),
        network=told.network,
        closed_names=NodeSettings.closed_names if config is None else told.closed_names,
    )
    if told.mail is None:
        return common
    mail = told.mail if outbox is None else told.mail.model_copy(update={"folder": outbox.absolute()})
    return replace(
        common,
        transport=mail_transport(mail, data),
        sender=mail.sender,
        language=mail.language,
        templates=mail.templates,
    )


def _replication(told: Replication) -> ReplicationSettings:
    return ReplicationSettings(
        settle_s=round(told.settle.total_seconds()),
        check_every_s=round(told.check.total_seconds()),
        storages_at_once=told.storages_at_once,
        bytes_s=told.bytes_per_second,
        other_bytes_s=told.other_bytes_per_second,
        from_hour=told.from_hour,
        until_hour=told.until_hour,
        direct_s=int(told.direct_for.total_seconds()),
        callback_hosts=told.callback_hosts,
    )


def _settings(told: SignIn) -> SignInSettings:
    providers = tuple(
        IdentityProvider(
            key=each.address_key,
            name=each.name,
            issuer=each.issuer,
            client_id=each.client_id,
            client_secret=SecretStr(_secret(each.client_secret_file)),
            scopes=each.scopes,
            grants=tuple(
                ClaimGrant(
                    grant.claim,
                    grant.value,
                    Grant(None if grant.group is None else GroupId(grant.group), grant.privileges),
                )
                for grant in each.grants
            ),
            sign_up=each.sign_up,
            ca_file=each.ca_file,
        )
        for each in told.oidc
    )
    return SignInSettings(sign_up=told.sign_up, by_mail=told.mail, providers=providers)


def _secret(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            secret = file.read(_MOST_BYTES).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"signin.oidc.client_secret_file {path} cannot be read") from error
    if not secret:
        raise ConfigurationError(f"signin.oidc.client_secret_file {path} is empty")
    return secret


def _storage(told: SiteStorage) -> StorageSettings:
    return StorageSettings(
        told.name,
        told.folder,
        told.endpoint.rstrip("/"),
        told.bucket,
        told.access_key,
        told.secret_file,
        told.region,
        told.ca_file,
        told.qos,
    )
