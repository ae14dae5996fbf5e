"""Letters over SMTP: encrypted, with a login, and every answer of the server turned into an `Outcome`.

At least once: a server that accepted a letter just before we lost power gets it again, with the same Message-ID, by which mail
systems recognise it.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

from fs2od.errors import ConfigurationError, masked
from fs2od.mail._letters import in_seven_bits
from fs2od.mail._lines import one_line
from fs2od.mail._transports import NotDelivered, Outcome

__all__ = ["SmtpSettings", "SmtpTransport"]

# RFC 4954 §6: sign in first, stronger mechanism, wrong credentials, encryption required. They speak of us, not of the letter.
_ABOUT_THE_LOGIN = frozenset({530, 534, 535, 538})
_SERVICE_CLOSES = 421
# A mail server that is there takes a connection at once; nobody can cut one that is not made yet.
_CONNECT_WITHIN_S = 10.0


@dataclass(frozen=True)
class SmtpSettings:
    """Where letters go out, and how. `plain` is for a mail server on this very machine only.

    Raises:
        ConfigurationError: Plain SMTP to another machine, or a name without a password.
    """

    host: str
    port: int
    security: Literal["starttls", "tls", "plain"] = "starttls"
    username: str = ""
    password: SecretStr = field(default_factory=lambda: SecretStr(""))
    ca_file: Path | None = None
    client_name: str = ""
    """What we call ourselves in EHLO; empty: this machine's host name."""
    reply_within: timedelta = timedelta(seconds=30)
    """How long the server may be silent."""
    done_within: timedelta = timedelta(minutes=5)
    """How long a whole letter may take, however slowly the server talks."""

    def __post_init__(self) -> None:
        if self.security == "plain" and not _is_loopback(self.host):
            raise ConfigurationError(
                f"mail to {self.host} must be encrypted: set security to 'starttls' or 'tls'; 'plain' is for this machine only"
            )
        if bool(self.username) != bool(self.password.get_secret_value()):
            raise ConfigurationError("the mail server's user name and password must be given both, or neither")


class SmtpTransport:
    """Send each letter over a connection of its own. Blocking: call it in a thread.

    Raises:
        ConfigurationError: The CA file cannot be read.
    """

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._context = _tls_context(settings.ca_file)
        self._lock = threading.Lock()
        self._under_way: set[_PlainClient | _TlsClient] = set()
        self._has_stopped = False

    def send(self, message: bytes, sender: str, recipients: Sequence[str], *, name: str) -> Outcome:  # noqa: ARG002 - the Message-ID in the message is the name here
        """Hand the letter to the server. Wrong credentials or certificates mean: try again, for the letter is not at fault."""
        try:
            with self._connected() as client:
                takes_8_bits = client.has_extn("8bitmime")
                turned_down = client.sendmail(
                    sender,
                    recipients,
                    message if takes_8_bits else in_seven_bits(message),
                    mail_options=["BODY=8BITMIME"] if takes_8_bits else [],
                )
                with suppress(smtplib.SMTPException, OSError):
                    client.quit()
        except smtplib.SMTPRecipientsRefused as error:
            return self._some_refused(recipients, error.recipients, took_the_rest=False)
        except smtplib.SMTPException as error:
            return self._failed(recipients, error)
        except OSError as error:
            return Outcome.all_retry(recipients, self._clean(_cause(error)), unreachable=True)
        except ValueError as error:  # a host that is no name, as the resolver's and TLS' encodings find out
            said = f"mail.smtp cannot be used as it stands ({error})"
            return Outcome.all_retry(recipients, self._clean(said), unreachable=True)
        return self._some_refused(recipients, turned_down, took_the_rest=True)

    def stop(self) -> None:
        """Cut what is under way: its letter is sent again, with the same Message-ID, by whoever starts next."""
        with self._lock:
            self._has_stopped = True
            for client in self._under_way:
                _cut(client)

    @contextmanager
    def _connected(self) -> Iterator[_PlainClient | _TlsClient]:
        client = self._client()
        with self._lock:
            if self._has_stopped:
                raise ConnectionAbortedError("the program ends")
            self._under_way.add(client)
        watch = threading.Timer(self._settings.done_within.total_seconds(), _cut, [client])
        watch.daemon = True
        watch.start()
        try:
            self._greet(client)
            yield client
        finally:
            watch.cancel()
            with self._lock:
                self._under_way.discard(client)
            client.close()
            watch.join()

    def _client(self) -> _PlainClient | _TlsClient:
        name = self._settings.client_name or socket.gethostname()
        silence_s = self._settings.reply_within.total_seconds()
        client = (
            _TlsClient(local_hostname=name, timeout=silence_s, context=self._context)
            if self._settings.security == "tls"
            else _PlainClient(local_hostname=name, timeout=silence_s)
        )
        # smtplib compares certificates with the constructor's host only; given there, it connects before the watch can start.
        client._host = self._settings.host  # noqa: SLF001 - there is no open way
        return client

    def _greet(self, client: smtplib.SMTP) -> None:
        code, text = client.connect(self._settings.host, self._settings.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, text)
        if self._settings.security == "starttls":
            client.starttls(context=self._context)
        client.ehlo_or_helo_if_needed()
        if self._settings.username:
            _sign_in(client, self._settings.username, self._settings.password.get_secret_value())

    def _some_refused(
        self, recipients: Sequence[str], answers: dict[str, tuple[int, bytes]], *, took_the_rest: bool
    ) -> Outcome:
        reasons = {each: self._clean(_answer(code, text)) for each, (code, text) in answers.items()}
        # A server that ends the conversation says nothing about the recipients it was not asked about.
        final = {each for each, (code, _) in answers.items() if code >= 500}
        unasked = "the server ended the conversation"
        return Outcome(
            delivered=tuple(each for each in recipients if took_the_rest and each not in answers),
            retry=tuple(
                NotDelivered(each, reasons.get(each, unasked))
                for each in recipients
                if each not in final and (each in answers or not took_the_rest)
            ),
            refused=tuple(NotDelivered(each, reasons[each]) for each in recipients if each in final),
            unreachable=any(code == _SERVICE_CLOSES for code, _ in answers.values()),
        )

    def _failed(self, recipients: Sequence[str], error: smtplib.SMTPException) -> Outcome:
        about_the_letter = isinstance(error, smtplib.SMTPSenderRefused | smtplib.SMTPDataError)
        if not isinstance(error, smtplib.SMTPResponseException):
            return Outcome.all_retry(recipients, self._clean(_cause(error)), unreachable=True)
        reason = self._clean(_answer(error.smtp_code, error.smtp_error))
        if about_the_letter and error.smtp_code >= 500 and error.smtp_code not in _ABOUT_THE_LOGIN:
            return Outcome.all_refused(recipients, reason)
        return Outcome.all_retry(
            recipients, reason, unreachable=not about_the_letter or error.smtp_code == _SERVICE_CLOSES
        )

    def _clean(self, reason: str) -> str:
        # A server may well repeat what it was told.
        return one_line(masked(reason, [self._settings.password.get_secret_value()]), most=300)


class _Connecting:
    """What connects sooner or not at all, and is as patient as told once it is connected, unless it was cut meanwhile."""

    sock: socket.socket | None
    _host: str
    is_cut = False

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection: socket.socket = super()._get_socket(host, port, min(timeout, _CONNECT_WITHIN_S))  # type: ignore[misc]  # smtplib's own
        connection.settimeout(timeout)
        self.sock = connection
        if self.is_cut:
            connection.close()
            raise ConnectionAbortedError("the program ends")
        return connection


class _PlainClient(_Connecting, smtplib.SMTP):
    pass


class _TlsClient(_Connecting, smtplib.SMTP_SSL):
    pass


def _sign_in(client: smtplib.SMTP, username: str, password: str) -> None:
    """Sign in. The library's own way writes ASCII only; names and passwords are UTF-8 (RFC 4616 §2)."""
    if (username + password).isascii():
        client.login(username, password)
        return
    code, text = client.docmd("AUTH", "PLAIN " + b64encode(f"\0{username}\0{password}".encode()).decode())
    if code not in {235, 503}:
        raise smtplib.SMTPAuthenticationError(code, text)


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ConfigurationError(f"the mail server's CA file {ca_file} cannot be read: {error}") from error


def _cut(client: _PlainClient | _TlsClient) -> None:
    client.is_cut = True
    connection = client.sock
    if connection is not None:
        with suppress(OSError):
            # Not the TLS socket's own: that one drops its state under the thread that is reading.
            socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _answer(code: int, text: bytes | str) -> str:
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {words}"


def _cause(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted: {error.verify_message}"
    if isinstance(error, smtplib.SMTPException) and not isinstance(error, smtplib.SMTPServerDisconnected):
        # What the server cannot do: STARTTLS or AUTH.
        return str(error)
    return f"no connection: {getattr(error, 'strerror', None) or error}"
