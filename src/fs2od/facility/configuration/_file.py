"""Reading the configuration file: one clear sentence for everything that is wrong in it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fs2od.errors import ConfigurationError
from fs2od.facility.configuration._sections import Configuration

__all__ = ["load_configuration"]

_MOST_BYTES = 1 << 20


def load_configuration(path: Path) -> Configuration:
    """Read and check the configuration file. Relative paths in it start at its folder.

    Raises:
        ConfigurationError: The file cannot be read, is no TOML, or a key is missing, unknown or wrong; the message names
            the file and every such key.
    """
    document = _document(path)
    try:
        configuration = Configuration.model_validate(document)
    except ValidationError as error:
        said = "; ".join(_complaint(each["loc"], each["msg"], each["type"]) for each in error.errors()[:10])
        raise ConfigurationError(f"{path}: {said}") from error
    return _anchored(configuration, path.absolute().parent)


def _document(path: Path) -> dict[str, Any]:
    try:
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


def _complaint(where: tuple[int | str, ...], said: str, kind: str) -> str:
    key = ".".join(f"[{part + 1}]" if isinstance(part, int) else part for part in where).replace(".[", "[")
    if kind == "extra_forbidden":
        said = "there is no such key"
    elif kind == "missing":
        said = "must be given"
    said = said.removeprefix("Value error, ")
    return f"{key}: {said}" if key else said


def _anchored(configuration: Configuration, folder: Path) -> Configuration:
    def under(path: Path | None) -> Path | None:
        return None if path is None else folder / path.expanduser()

    onedata, mail = configuration.onedata, configuration.mail
    smtp = mail.smtp and mail.smtp.model_copy(
        update={"password_file": under(mail.smtp.password_file), "ca_file": under(mail.smtp.ca_file)}
    )
    return configuration.model_copy(
        update={
            "onedata": onedata.model_copy(
                update={"token_file": under(onedata.token_file), "ca_file": under(onedata.ca_file)}
            ),
            "mail": mail.model_copy(
                update={"templates": under(mail.templates), "folder": under(mail.folder), "smtp": smtp}
            ),
        }
    )
