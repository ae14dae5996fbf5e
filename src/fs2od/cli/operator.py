"""The operator's page as a service: its key file, its certificate, its application."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

from fs2od.cli.shown_certificates import operator_certificate
from fs2od.configuration import Configuration
from fs2od.errors import StorageMissing
from fs2od.facility import DATABASE_NAME, JOURNAL_SCHEMA
from fs2od.node.certificates import ServerCertificate
from fs2od.node.http.forwarding import Forwarding
from fs2od.node.serving import Service
from fs2od.portal import Texts
from fs2od.portal.operator import operator_app
from fs2od.sqlite import Database

__all__ = ["operator_service"]


async def operator_service(
    configuration: Configuration, data: Path, listening: socket.socket, *, tls: Path, host: str, origin: str
) -> tuple[Service, ServerCertificate, Path]:
    """Return the operator's page over the facility's database, its certificate, and the file of the key that opens it."""
    key_file = data / "operator.key"
    key = _key(key_file)
    certificate = operator_certificate(configuration.network, tls, host)
    database = Database(data / DATABASE_NAME, JOURNAL_SCHEMA)
    texts = Texts.of(configuration.page_language, configuration.pages.texts)
    app = operator_app(database, key=key, origin=origin, facility_name=configuration.facility.name, texts=texts)
    return Service(Forwarding(app, configuration.network.trusted_proxies), listening), certificate, key_file


def _key(path: Path) -> str:
    """Return the operator's key, made at the first start; its file is readable by its owner only."""
    try:
        found = path.read_text().strip() if path.exists() else ""
        if found:
            return found
        # There is no key yet, or a start was killed before it had written it.
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = secrets.token_urlsafe(24)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(f"{key}\n")
        return key
    except OSError as error:
        raise StorageMissing(f"{path} cannot be used ({error.strerror}): check the folder and its rights") from error
