"""Reading the configuration file: one clear sentence for everything that is wrong in it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from fs2od.configuration._complaints import complaints
from fs2od.configuration._network import Network
from fs2od.configuration._sections import Configuration, Mail, NodeConfiguration, Pages
from fs2od.configuration._sign_in import SignIn
from fs2od.configuration._sites import Site, SiteStorage
from fs2od.errors import ConfigurationError

__all__ = ["judged", "load_configuration", "load_node_configuration"]

Model = TypeVar("Model", bound=BaseModel)

_MOST_BYTES = 1 << 20


def load_configuration(path: Path) -> Configuration:
    """Read and check the configuration file. Relative paths in it start at its folder.

    Raises:
        ConfigurationError: The file cannot be read, is no TOML, or a key is missing, unknown or wrong; the message names
            the file and every such key.
    """
    found = _judged(path, Configuration)
    try:
        return _anchored(found, path.absolute().parent)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error


def load_node_configuration(path: Path) -> NodeConfiguration:
    """Read and check what concerns a node: [facility], [mail], [signin], [pages] and [network]. Relative paths in it start at its folder.

    Raises:
        ConfigurationError: As for `load_configuration`.
    """
    configuration, folder = _judged(path, NodeConfiguration), path.absolute().parent
    mail = configuration.mail and _anchored_mail(configuration.mail, folder)
    return configuration.model_copy(
        update={
            "mail": mail,
            "signin": _anchored_sign_in(configuration.signin, folder),
            "pages": _anchored_pages(configuration.pages, folder),
            "network": _anchored_network(configuration.network, folder),
            "site": _anchored_sites(configuration.site, folder),
        }
    )


def judged(document: dict[str, Any], kind: type[Model], *, where: str) -> Model:
    """Return a configuration from a document.

    Args:
        document: Its sections.
        kind: What is read of them.
        where: Where they stand, for people.

    Raises:
        ConfigurationError: A key is missing, unknown or wrong; the message names every such key.
    """
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        raise ConfigurationError(f"{where}: {'; '.join(complaints(error)[:10])}") from error


def _judged(path: Path, kind: type[Model]) -> Model:
    return judged(_document(path), kind, where=str(path))


def _document(path: Path) -> dict[str, Any]:
    try:
        if path.exists() and not path.is_file():
            # A pipe would keep us waiting for whoever may write into it.
            raise ConfigurationError(f"{path} is not a file: see 'fs2od config example'")
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read ({error.strerror}): see 'fs2od config example'") from error
    if len(content) > _MOST_BYTES:
        raise ConfigurationError(f"{path} is larger than 1 MiB: this is no configuration file")
    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not a TOML file: {error}") from error


def _anchored(configuration: Configuration, folder: Path) -> Configuration:
    onedata = configuration.onedata
    return configuration.model_copy(
        update={
            "onedata": onedata.model_copy(
                update={"token_file": _under(folder, onedata.token_file), "ca_file": _under(folder, onedata.ca_file)}
            ),
            "mail": _anchored_mail(configuration.mail, folder),
            "signin": _anchored_sign_in(configuration.signin, folder),
            "pages": _anchored_pages(configuration.pages, folder),
            "network": _anchored_network(configuration.network, folder),
            "site": _anchored_sites(configuration.site, folder),
        }
    )


def _anchored_sites(sites: tuple[Site, ...], folder: Path) -> tuple[Site, ...]:
    def anchored(storage: SiteStorage) -> SiteStorage:
        files = {"secret_file": _under(folder, storage.secret_file), "ca_file": _under(folder, storage.ca_file)}
        return storage.model_copy(update=files)

    return tuple(each.model_copy(update={"storage": tuple(map(anchored, each.storage))}) for each in sites)


def _anchored_pages(pages: Pages, folder: Path) -> Pages:
    return pages.model_copy(update={"texts": _under(folder, pages.texts)})


def _anchored_network(network: Network, folder: Path) -> Network:
    files = ("certificate", "certificate_key", "authority", "asn_database", "country_database")
    return network.model_copy(update={each: _under(folder, getattr(network, each)) for each in files})


def _anchored_mail(mail: Mail, folder: Path) -> Mail:
    smtp = mail.smtp and mail.smtp.model_copy(
        update={
            "password_file": _under(folder, mail.smtp.password_file),
            "ca_file": _under(folder, mail.smtp.ca_file),
        }
    )
    return mail.model_copy(
        update={"templates": _under(folder, mail.templates), "folder": _under(folder, mail.folder), "smtp": smtp}
    )


def _anchored_sign_in(sign_in: SignIn, folder: Path) -> SignIn:
    providers = tuple(
        each.model_copy(
            update={
                "client_secret_file": _under(folder, each.client_secret_file),
                "ca_file": _under(folder, each.ca_file),
            }
        )
        for each in sign_in.oidc
    )
    return sign_in.model_copy(update={"oidc": providers})


def _under(folder: Path, path: Path | None) -> Path | None:
    if path is None:
        return None
    try:
        return folder / path.expanduser()
    except RuntimeError as error:
        raise ConfigurationError(f"there is no such home folder as in {path}") from error
