"""Against a real SMTP server on loopback, with real TLS and a real login."""

import asyncio
import email
import email.policy
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr

from fs2od.errors import ConfigurationError
from fs2od.mail import DeliveryPass, Letter, Mailbox, Outbox, Outcome, SmtpSettings, SmtpTransport
from fs2od.mail._letters import compose
from fs2od.sqlite import Database

OpenDatabase = Callable[[], Database]
ALEX, BO = "alex@example.org", "bo@example.org"
MESSAGE = "Message-ID: <1@example.org>\r\nSubject: x\r\n\r\nGröße\r\n.\r\n..\r\n".encode()
SECRET = "correct horse"
QUICK = timedelta(seconds=5)


@dataclass
class Desk:
    """What the server says, and what it took in."""

    to_recipient: dict[str, str] = field(default_factory=dict)
    to_sender: str = "250 OK"
    to_data: str = "250 taken"
    taken: list[Envelope] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.to_sender.startswith("250"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return self.to_sender

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        answer = self.to_recipient.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self.to_data.startswith("250"):
            self.taken.append(envelope)
            self.encrypted.append(session.ssl is not None)
        return self.to_data


def sign_in(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: object) -> AuthResult:
    assert isinstance(login, LoginPassword)
    return AuthResult(success=(login.login, login.password) == (b"robot", SECRET.encode()), handled=False)


class Server:
    """A server in a thread of its own, which can be stopped and started again on the same port."""

    def __init__(self, make: Callable[[], asyncio.Protocol], context: ssl.SSLContext | None = None) -> None:
        self._make, self._context = make, context
        self.port = 0
        self.start()

    def start(self) -> None:
        ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=[ready])
        self._thread.start()
        assert ready.wait(60)

    def _run(self, ready: threading.Event) -> None:
        async def serve() -> None:
            self._stop = asyncio.Event()
            server = await asyncio.get_running_loop().create_server(
                self._make, "127.0.0.1", self.port, ssl=self._context, reuse_address=True
            )
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            await self._stop.wait()
            server.close()

        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(serve())
        pending = asyncio.all_tasks(self._loop)
        for task in pending:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(60)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    started: list[Server] = []

    def start(make: Callable[[], asyncio.Protocol], context: ssl.SSLContext | None = None) -> Server:
        started.append(Server(make, context))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture
def starttls(desk: Desk, tls: ssl.SSLContext, serve: Callable[..., Server]) -> Server:
    def make() -> SMTP:
        return SMTP(
            desk,
            hostname="mail.example.org",
            tls_context=tls,
            require_starttls=True,
            authenticator=sign_in,
            auth_required=True,
        )

    return serve(make)


@pytest.fixture
def plain(desk: Desk, serve: Callable[..., Server]) -> Server:
    return serve(lambda: SMTP(desk, hostname="mail.example.org"))


def over_tls(port: int, ca_file: Path, **changes: object) -> SmtpTransport:
    values: dict[str, object] = {"username": "robot", "password": SecretStr(SECRET), "reply_within": QUICK} | changes
    return SmtpTransport(SmtpSettings("127.0.0.1", port, ca_file=ca_file, **values))  # type: ignore[arg-type]  # keywords of a test


def over_plain(port: int, **changes: timedelta) -> SmtpTransport:
    return SmtpTransport(SmtpSettings("127.0.0.1", port, security="plain", **({"reply_within": QUICK} | changes)))  # type: ignore[arg-type]  # keywords of a test


def send(transport: SmtpTransport, *to: str) -> Outcome:
    return transport.send(MESSAGE, "data@example.org", to or (ALEX,), name="x")


def reasons(outcome: Outcome) -> list[str]:
    return [each.reason for each in (*outcome.retry, *outcome.refused)]


def test_starttls_with_a_login_delivers_the_very_bytes(starttls: Server, desk: Desk, ca_file: Path) -> None:
    assert send(over_tls(starttls.port, ca_file), ALEX, BO) == Outcome(delivered=(ALEX, BO))
    (envelope,) = desk.taken
    assert envelope.original_content == MESSAGE
    assert (envelope.mail_from, envelope.rcpt_tos) == ("data@example.org", [ALEX, BO])
    assert "BODY=8BITMIME" in envelope.mail_options
    assert desk.encrypted == [True]


def test_a_server_that_takes_no_8_bit_text_is_given_none(serve: Callable[..., Server], desk: Desk) -> None:
    server = serve(lambda: SMTP(desk, hostname="mail.example.org", decode_data=True))
    letter = Letter(Mailbox("data@example.org"), (Mailbox(ALEX),), "Größe", f"Größe\nhttps://x/{'=' * 300}\n")
    message = compose(letter, message_id="<1@example.org>", now=datetime(2026, 11, 5, tzinfo=UTC))
    outcome = over_plain(server.port).send(message, "data@example.org", (ALEX,), name="x")
    assert outcome == Outcome(delivered=(ALEX,))
    (envelope,) = desk.taken
    taken = envelope.original_content
    assert taken is not None
    assert taken.isascii()
    text = email.message_from_bytes(taken, policy=email.policy.default).get_content()
    assert text.splitlines() == letter.text.splitlines()
    assert "BODY=8BITMIME" not in envelope.mail_options


# aiosmtpd does not count TLS from the first byte as TLS.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
def test_tls_from_the_first_byte_delivers_too(
    serve: Callable[..., Server], desk: Desk, tls: ssl.SSLContext, ca_file: Path
) -> None:
    def make() -> SMTP:
        return SMTP(desk, hostname="mail", authenticator=sign_in, auth_required=True, auth_require_tls=False)

    outcome = send(over_tls(serve(make, tls).port, ca_file, security="tls"))
    assert outcome == Outcome(delivered=(ALEX,))
    assert desk.taken[0].original_content == MESSAGE


def test_a_certificate_that_nobody_trusts_is_not_spoken_to(starttls: Server, desk: Desk, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    outcome = send(over_tls(starttls.port, tmp_path / "other.pem"))
    assert outcome.unreachable
    assert "certificate is not trusted" in reasons(outcome)[0]
    assert desk.taken == []


def test_a_certificate_for_another_name_is_not_spoken_to(
    serve: Callable[..., Server], desk: Desk, authority: trustme.CA, ca_file: Path
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("mail.example.org").configure_cert(context)
    server = serve(lambda: SMTP(desk, hostname="mail"), context)
    outcome = send(over_tls(server.port, ca_file, security="tls"))
    assert "IP address mismatch" in reasons(outcome)[0]
    assert desk.taken == []


def test_without_starttls_no_password_leaves(plain: Server, desk: Desk, ca_file: Path) -> None:
    outcome = send(over_tls(plain.port, ca_file))
    assert (outcome.unreachable, reasons(outcome)) == (True, ["STARTTLS extension not supported by server."])
    assert desk.taken == []


def test_a_wrong_password_waits_for_the_operator_and_is_not_shown(starttls: Server, ca_file: Path) -> None:
    outcome = send(over_tls(starttls.port, ca_file, password=SecretStr("wrong donkey")))
    assert outcome.unreachable
    assert reasons(outcome)[0].startswith("535")
    assert "donkey" not in reasons(outcome)[0]


def test_a_name_and_a_password_may_have_any_letters(
    serve: Callable[..., Server], desk: Desk, tls: ssl.SSLContext, ca_file: Path
) -> None:
    def known(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: object) -> AuthResult:
        assert isinstance(login, LoginPassword)
        return AuthResult(
            success=(login.login.decode(), login.password.decode()) == ("räuber", "Kryo-Gerät"), handled=False
        )

    server = serve(
        lambda: SMTP(
            desk, hostname="mail", authenticator=known, auth_required=True, tls_context=tls, require_starttls=True
        )
    )
    right = over_tls(server.port, ca_file, username="räuber", password=SecretStr("Kryo-Gerät"))
    assert send(right) == Outcome(delivered=(ALEX,))
    wrong = send(over_tls(server.port, ca_file, username="räuber", password=SecretStr("Kryo-Geräte")))
    assert reasons(wrong)[0].startswith("535")
    assert "Kryo" not in repr(wrong)


@pytest.mark.parametrize("host", ["mail..example.org", "a" * 70 + ".example.org"])
def test_a_host_that_is_no_name_makes_letters_wait(host: str) -> None:
    outcome = send(SmtpTransport(SmtpSettings(host=host, port=25)))
    assert outcome.unreachable
    assert reasons(outcome)[0].startswith("mail.smtp cannot be used as it stands")


def test_no_login_where_one_is_asked_for_is_not_the_letters_fault(starttls: Server, ca_file: Path) -> None:
    outcome = send(over_tls(starttls.port, ca_file, username="", password=SecretStr("")))
    assert reasons(outcome) == ["530 5.7.0 Authentication required"]
    assert outcome.retry
    assert not outcome.refused


@pytest.mark.parametrize("code", ["450", "550"])
@pytest.mark.parametrize("where", ["to_sender", "to_recipient", "to_data"])
def test_4xx_is_tried_again_and_5xx_is_not(plain: Server, desk: Desk, code: str, where: str) -> None:
    answer = f"{code} because"
    setattr(desk, where, {ALEX: answer} if where == "to_recipient" else answer)
    outcome = send(over_plain(plain.port))
    assert reasons(outcome) == [answer]
    assert bool(outcome.retry) == (code == "450")
    assert not outcome.unreachable
    assert not outcome.delivered


def test_recipients_have_their_own_answers(plain: Server, desk: Desk) -> None:
    desk.to_recipient = {BO: "550 nobody", "cy@example.org": "451 later"}
    outcome = send(over_plain(plain.port), ALEX, BO, "cy@example.org")
    assert outcome.delivered == (ALEX,)
    assert [each.address for each in outcome.refused] == [BO]
    assert [each.address for each in outcome.retry] == ["cy@example.org"]
    assert desk.taken[0].rcpt_tos == [ALEX]


def test_a_server_that_closes_between_recipients_has_taken_nothing(plain: Server, desk: Desk) -> None:
    desk.to_recipient = {BO: "421 closing"}
    outcome = send(over_plain(plain.port), ALEX, BO, "cy@example.org")
    assert outcome.unreachable
    assert [each.address for each in outcome.retry] == [ALEX, BO, "cy@example.org"]
    assert desk.taken == []


@pytest.mark.parametrize("say", [b"", b"220 hello\r\n"], ids=["mute", "mute after its greeting"])
def test_a_server_that_falls_silent_is_left(serve: Callable[..., Server], say: bytes) -> None:
    server = serve(lambda: Talker(say))
    outcome = send(over_plain(server.port, reply_within=timedelta(seconds=0.2)))
    assert outcome.unreachable
    assert "timed out" in reasons(outcome)[0]


def test_whoever_ends_does_not_wait_for_a_server_that_is_silent(serve: Callable[..., Server]) -> None:
    server = serve(lambda: Talker(b"220 hello\r\n"))
    transport = over_plain(server.port, reply_within=timedelta(hours=1))
    with ThreadPoolExecutor(1) as workers:
        sending = workers.submit(send, transport)
        with pytest.raises(FutureTimeout):
            sending.result(0.3)
        transport.stop()
        assert sending.result(60).unreachable
    assert reasons(send(transport)) == ["no connection: the program ends"]


def test_a_server_that_drips_is_left_at_the_end_of_the_time(serve: Callable[..., Server]) -> None:
    server = serve(lambda: Talker(b"220-", then=b"x"))
    outcome = send(over_plain(server.port, done_within=timedelta(seconds=0.5)))
    assert outcome.unreachable


def test_a_server_that_speaks_something_else_is_left(serve: Callable[..., Server]) -> None:
    for words in (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"554 no mail here\r\n", b"\xff" * 20_000):
        server = serve(lambda words=words: Talker(words))
        assert send(over_plain(server.port, reply_within=timedelta(seconds=0.5))).unreachable


def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        outcome = send(over_plain(unused.getsockname()[1]))
    assert (outcome.unreachable, reasons(outcome)) == (True, ["no connection: Connection refused"])


class Talker(asyncio.Protocol):
    """Says one thing, then nothing, or one more byte again and again."""

    def __init__(self, words: bytes, *, then: bytes = b"") -> None:
        self._words, self._then = words, then

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        transport.write(self._words)
        if self._then:
            self._drip()

    def _drip(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(self._then)
            asyncio.get_running_loop().call_later(0.05, self._drip)


def test_plain_is_for_this_machine_only_and_a_login_is_whole(tmp_path: Path) -> None:
    for host in ("localhost", "127.0.0.1", "::1"):
        SmtpSettings(host, 25, security="plain")
    for host in ("mail.example.org", "192.0.2.1", "localhost.example.org"):
        with pytest.raises(ConfigurationError, match="must be encrypted"):
            SmtpSettings(host, 25, security="plain")
    with pytest.raises(ConfigurationError, match="both, or neither"):
        SmtpSettings("mail.example.org", 587, username="robot")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        SmtpTransport(SmtpSettings("mail.example.org", 587, ca_file=tmp_path / "none.pem"))


def test_the_password_is_in_no_repr() -> None:
    assert SECRET not in repr(SmtpSettings("mail.example.org", 587, username="robot", password=SecretStr(SECRET)))


def queue_one(database: Database, now: datetime) -> None:
    letter = Letter(
        sender=Mailbox("data@example.org"), to=(Mailbox(ALEX),), subject="x", text="Größe\n", html="<p>Größe"
    )
    with database.writing() as connection:
        assert Outbox(database).enqueue(connection, letter, key="1/announced", now=now)


def message_ids(desk: Desk) -> list[str]:
    return [email.message_from_bytes(each.original_content or b"")["Message-ID"] for each in desk.taken]


def test_down_refusing_and_restarted_in_between_it_is_one_mail(
    starttls: Server, desk: Desk, ca_file: Path, open_database: OpenDatabase, now: datetime
) -> None:
    queue_one(open_database(), now)
    transport = over_tls(starttls.port, ca_file)
    starttls.stop()
    away = Outbox(open_database()).deliver(transport, now)
    assert (away.put_off, away.hindrance) == (1, "no connection: Connection refused")
    starttls.start()
    desk.to_data = "451 not now"
    assert Outbox(open_database()).deliver(transport, now + timedelta(hours=1)) == DeliveryPass(put_off=1)
    desk.to_data = "250 taken"
    for hour in range(2, 5):
        Outbox(open_database()).deliver(transport, now + timedelta(hours=hour))
    (row,) = Outbox(open_database()).list_letters()
    assert (row.state, row.attempts) == ("sent", 3)
    assert message_ids(desk) == [row.message_id]


KILLED_BEFORE_THE_NOTE = """
import os, pathlib, signal, sys
from datetime import datetime
from fs2od.mail import OUTBOX_SCHEMA_SQL, Outbox, SmtpSettings, SmtpTransport
from fs2od.sqlite import Database, Schema

class Killed:
    def __init__(self, way):
        self.way = way
    def send(self, *args, **names):
        assert self.way.send(*args, **names).delivered
        os.kill(os.getpid(), signal.SIGKILL)

database = Database(pathlib.Path(sys.argv[1]), Schema("test journal", ("CREATE TABLE seen (name)", OUTBOX_SCHEMA_SQL)))
way = SmtpTransport(SmtpSettings("127.0.0.1", int(sys.argv[2]), security="plain"))
Outbox(database).deliver(Killed(way), datetime.fromisoformat(sys.argv[3]))
"""


def test_killed_between_the_servers_yes_and_our_note_it_is_sent_again_as_the_very_same_letter(
    plain: Server, desk: Desk, open_database: OpenDatabase, now: datetime
) -> None:
    database = open_database()
    queue_one(database, now)
    script = [sys.executable, "-c", KILLED_BEFORE_THE_NOTE, str(database.path), str(plain.port), now.isoformat()]
    assert subprocess.run(script, check=False, timeout=60).returncode == -9
    outbox = Outbox(open_database())
    assert outbox.deliver(over_plain(plain.port), now) == DeliveryPass(sent=1)
    assert message_ids(desk) == [outbox.list_letters()[0].message_id] * 2
    assert desk.taken[0].original_content == desk.taken[1].original_content
    assert outbox.deliver(over_plain(plain.port), now + timedelta(days=1)) == DeliveryPass()
