"""What a configuration names on this machine, judged before anything is started: folders, files, languages."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

from fs2od.cli.shown_certificates import require_usable
from fs2od.configuration import Configuration, mail_transport
from fs2od.errors import ConfigurationError, StorageMissing
from fs2od.facility.onboarding import read_token
from fs2od.facility.watching import require_watchable
from fs2od.mail import rehearse
from fs2od.node.zone.places import open_places
from fs2od.portal import Texts

__all__ = ["Complaints", "complaints_about_files", "notes_about_folders"]


@dataclass(frozen=True)
class Complaints:
    """What is the matter with what a configuration names, in sentences with their keys."""

    missing: tuple[str, ...]
    """What is not there on this machine, or may not be read."""
    wrong: tuple[str, ...]
    """What is there and cannot be used."""


def complaints_about_files(configuration: Configuration) -> Complaints:
    """Return a sentence for everything that the configuration names and that cannot be used here, with its key."""
    missing = {path: f"{key}: {said}" for key, path in _files(configuration) if (said := _not_readable(path))}
    about_folders = [
        f"{key}: {path} is not a folder"
        for key, path in _folders(configuration)
        if not os.path.isdir(path)  # noqa: PTH112 - a Path raises where it may not look
    ]
    wrong = []
    for key, needed, judge in _judges(configuration):
        if missing.keys() & set(needed) or any(each.startswith(f"{key}.") for each in about_folders):
            continue  # said above
        try:
            judge()
        except ConfigurationError as error:
            wrong.append(str(error) if str(error).startswith(f"{key}.") else f"{key}: {error}")
    return Complaints((*_about_watches(configuration), *missing.values(), *about_folders), tuple(wrong))


def notes_about_folders(configuration: Configuration) -> list[str]:
    """Return what may be meant so, and is worth a second look: watched folders inside others; pure."""
    numbered = [(f"watch[{number}]", watch.path) for number, watch in enumerate(configuration.watch, start=1)]
    return [
        f"{inner} {path} lies inside {outer} {above}: a folder on the way that holds a metadata file is one dataset with all below it"
        for (inner, path), (outer, above) in permutations(numbered, 2)
        if path != above and path.is_relative_to(above)
    ]


def _about_watches(configuration: Configuration) -> Iterator[str]:
    for number, watch in enumerate(configuration.watch, start=1):
        try:
            require_watchable([watch])
        except StorageMissing as error:
            yield f"watch[{number}].path: {error}"


def _files(configuration: Configuration) -> Iterator[tuple[str, Path]]:
    onedata, smtp, network = configuration.onedata, configuration.mail.smtp, configuration.network
    named: list[tuple[str, Path | None]] = [
        ("onedata.token_file", onedata.token_file),
        ("onedata.ca_file", onedata.ca_file),
        ("mail.smtp.password_file", smtp.password_file if smtp else None),
        ("mail.smtp.ca_file", smtp.ca_file if smtp else None),
        ("network.certificate", network.certificate),
        ("network.certificate_key", network.certificate_key),
        ("network.asn_database", network.asn_database),
        ("network.country_database", network.country_database),
    ]
    for number, provider in enumerate(configuration.signin.oidc, start=1):
        named.append((f"signin.oidc[{number}].client_secret_file", provider.client_secret_file))
        named.append((f"signin.oidc[{number}].ca_file", provider.ca_file))
    for number, site in enumerate(configuration.site, start=1):
        for place, storage in enumerate(site.storage, start=1):
            named.append((f"site[{number}].storage[{place}].secret_file", storage.secret_file))
            named.append((f"site[{number}].storage[{place}].ca_file", storage.ca_file))
    return ((key, path) for key, path in named if path is not None)


def _folders(configuration: Configuration) -> Iterator[tuple[str, Path]]:
    named = (("mail.templates", configuration.mail.templates), ("pages.texts", configuration.pages.texts))
    return ((key, path) for key, path in named if path is not None)


def _judges(configuration: Configuration) -> Iterator[tuple[str, tuple[Path | None, ...], Callable[[], object]]]:
    """Yield what judges each section's files by what is in them, with its key and the files that it reads."""
    onedata, mail, network, pages = (
        configuration.onedata,
        configuration.mail,
        configuration.network,
        configuration.pages,
    )
    yield "onedata", (onedata.token_file,), lambda: read_token(onedata)
    if mail.smtp is not None and mail.transport == "smtp":
        files = (mail.smtp.password_file, mail.smtp.ca_file)
        yield "mail", files, lambda: mail_transport(mail, Path())
    yield "mail", (), lambda: rehearse(mail.language, templates_folder=mail.templates)
    yield "network", (network.certificate, network.certificate_key), lambda: require_usable(network)
    databases = (network.asn_database, network.country_database)
    yield "network", databases, lambda: open_places(asn_database=databases[0], country_database=databases[1])
    yield "pages", (), lambda: Texts.of(configuration.page_language, pages.texts)


def _not_readable(path: Path) -> str:
    """Say why a file cannot be read, or nothing. It is not opened: a pipe would keep us waiting."""
    try:
        facts = path.stat()
    except OSError as error:
        return f"{path} cannot be read ({error.strerror})"
    if not stat.S_ISREG(facts.st_mode):
        return f"{path} is not a file"
    return "" if os.access(path, os.R_OK) else f"{path} cannot be read (Permission denied)"
