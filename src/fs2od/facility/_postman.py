"""Letters from the outbox into the world."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from fs2od.errors import ConfigurationError, Fs2odError
from fs2od.facility._waiting import wait_at_most
from fs2od.facility.configuration import Mail, Smtp
from fs2od.mail import DeliveryPass, FolderTransport, Outbox, SmtpSettings, SmtpTransport, Transport

__all__ = ["Postman", "mail_transport"]

_LONGEST_REST = timedelta(minutes=1)
_MOST_BYTES = 4096

_log = logging.getLogger(__name__)


class Postman:
    """Delivers what is due."""

    def __init__(self, outbox: Outbox, transport: Transport, clock: Callable[[], datetime]) -> None:
        self._outbox = outbox
        self._transport = transport
        self._clock = clock
        self._something_new = asyncio.Event()
        self._said = ""

    async def deliver(self) -> None:
        """Try every letter that is due once.

        Raises:
            StorageFull: What became of a letter could not be written down; it is sent again.
        """
        try:
            done = await asyncio.to_thread(self._outbox.deliver, self._transport, self._clock())
        except asyncio.CancelledError:
            # A mail server that says nothing would hold up the end of the process.
            self._transport.stop()
            raise
        # A pass with nothing due says nothing about the way; the same reason is not said again at each try.
        if done.hindrance and done.hindrance != self._said:
            _log.warning("mail waits: %s; it is tried again by itself", done.hindrance)
        if done != DeliveryPass():
            self._said = done.hindrance

    async def keep_delivering(self) -> None:
        """Deliver what comes due, for ever."""
        while True:
            try:
                await self.deliver()
            except Fs2odError as error:
                _log.warning("mail waits: %s", error)
            await wait_at_most(self._something_new, self._rest_s())
            self._something_new.clear()

    def look_again(self) -> None:
        """Look for letters now."""
        self._something_new.set()

    def _rest_s(self) -> float:
        due = self._outbox.next_attempt_at()
        rest = _LONGEST_REST if due is None else min(due - self._clock(), _LONGEST_REST)
        return max(rest.total_seconds(), 0.2)


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
