"""The way out for letters that the file names."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from fs2od.configuration._sections import Mail, Smtp
from fs2od.errors import ConfigurationError
from fs2od.mail import FolderTransport, SmtpSettings, SmtpTransport, Transport

__all__ = ["mail_transport"]

_MOST_BYTES = 4096


def mail_transport(settings: Mail, data: Path) -> Transport:
    """Return the way out for letters, as configured.

    Raises:
        ConfigurationError: The SMTP settings cannot be used.
    """
    if settings.smtp is None or settings.transport == "folder":
        return FolderTransport(settings.folder or data / "outbox")
    return SmtpTransport(_smtp_settings(settings.smtp))


def _smtp_settings(smtp: Smtp) -> SmtpSettings:
    return SmtpSettings(
        host=smtp.host,
        port=smtp.port,
        security=smtp.security,
        username=smtp.username,
        password=SecretStr(_password(smtp.password_file)),
        ca_file=smtp.ca_file,
        client_name=smtp.client_name,
    )


def _password(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(_MOST_BYTES).rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"mail.smtp.password_file {path} cannot be read") from error
