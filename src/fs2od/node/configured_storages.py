"""Storages that the configuration gives to sites: added as soon as they can be used, and reached anew when it says something else."""

from __future__ import annotations

import logging
from pathlib import Path

from msgspec import structs

from fs2od.errors import ConfigurationError, Fs2odError
from fs2od.node.panel.storage_records import Bucket, Credentials, StorageRecord
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.settings import StorageSettings
from fs2od.node.sites import Sites
from fs2od.onedata.errors import ServiceError

__all__ = ["ensure_storages"]

_MOST_BYTES = 65_536
_log = logging.getLogger(__name__)


def ensure_storages(sites: Sites) -> bool:
    """Bring the storages of configured sites about; say whether all are as they should be. The log says what is in the way."""
    settings = sites.own.zone.settings
    known = {provider.record.name: provider for provider in sites}
    found = [
        _ensure(known[site.name], storage) for site in settings.sites if site.name in known for storage in site.storages
    ]
    return all(found)


def _ensure(provider: Oneprovider, wanted: StorageSettings) -> bool:
    storages = provider.storages
    try:
        there = {record.name: record for record in map(storages.get, storages.every())}.get(wanted.name)
        if there is None:
            _add(provider, wanted)
            _log.info("storage '%s' of site '%s' is added", wanted.name, provider.record.name)
        elif not _is_like(there, wanted):
            _move(provider, there, wanted)
    except (Fs2odError, OSError, UnicodeDecodeError) as error:
        said = error.description if isinstance(error, ServiceError) else error
        _log.warning("storage '%s' of site '%s' waits: %s", wanted.name, provider.record.name, said)
        return False
    return True


def _add(provider: Oneprovider, wanted: StorageSettings) -> None:
    if wanted.folder is not None:
        provider.storages.add_posix(wanted.name, str(wanted.folder), qos_parameters=wanted.qos)
        return
    provider.storages.add_s3(wanted.name, _bucket(wanted), _credentials(wanted), qos_parameters=wanted.qos)


def _is_like(there: StorageRecord, wanted: StorageSettings) -> bool:
    if not isinstance(there.place, Bucket):
        return there.place == wanted.folder
    if wanted.folder is not None:
        return False
    return _placed(there.place, wanted) == there.place and _credentials(wanted) == there.credentials


def _move(provider: Oneprovider, there: StorageRecord, wanted: StorageSettings) -> None:
    if isinstance(there.place, Bucket) and wanted.folder is None:
        provider.storages.move_bucket(there.id, _placed(there.place, wanted), _credentials(wanted))
        return
    said = (
        "storage '%s' of site '%s' is elsewhere than the configuration says, and stays: give the new one another name"
    )
    _log.warning(said, wanted.name, provider.record.name)


def _bucket(wanted: StorageSettings) -> Bucket:
    return Bucket(wanted.endpoint, wanted.bucket, wanted.region, ca_pem=_text(wanted.ca_file))


def _placed(place: Bucket, wanted: StorageSettings) -> Bucket:
    new = _bucket(wanted)
    return structs.replace(place, endpoint=new.endpoint, name=new.name, region=new.region, ca_pem=new.ca_pem)


def _credentials(wanted: StorageSettings) -> Credentials:
    return Credentials(wanted.access_key, _text(wanted.secret_file).strip())


def _text(path: Path | None) -> str:
    if path is None:
        return ""
    with path.open(encoding="utf-8") as file:
        text = file.read(_MOST_BYTES + 1)
    if len(text) > _MOST_BYTES:
        raise ConfigurationError(f"{path} is larger than {_MOST_BYTES} bytes: is it the right file?")
    return text
