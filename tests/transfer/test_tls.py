"""Connections over TLS as the downloader makes them: read in large steps, cut, refused, shut down by another thread."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fs2od.errors import Fs2odError, Interrupted
from fs2od.node.certificates import LocalCertificate, ensure_certificate
from fs2od.reaching import reached, reaching
from fs2od.testing.network import HostileShare, server_context
from fs2od.transfer._errors import ConnectionLost, UntrustedCertificate
from fs2od.transfer._http import Http, Timeouts

_BODY = bytes(range(256)) * 4001  # no multiple of a record

Answering = Callable[[ssl.SSLSocket], None]


@contextmanager
def service(
    certificate: LocalCertificate, answer: Answering, *, host: str = "localhost", late_s: float = 0
) -> Iterator[str]:
    """Answer each connection's first request, then close it without TLS's own goodbye; yield the address.

    It shakes hands as late as from so far away.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)

    def serve() -> None:
        while True:
            try:
                plain, _ = listening.accept()
            except OSError:
                return
            plain.settimeout(60)
            time.sleep(late_s)
            try:
                with context.wrap_socket(plain, server_side=True) as connection:
                    connection.recv(65536)
                    answer(connection)
            except OSError:
                plain.close()

    with closing(socket.create_server((host, 0))) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"https://{host}:{listening.getsockname()[1]}/"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> LocalCertificate:
    return ensure_certificate(tmp_path_factory.mktemp("tls"), ["localhost"])


def read(url: str, ca: Path) -> bytes:
    with closing(Http(ca_file=str(ca))) as http, http.opened("GET", url) as answer:
        return answer.read_all(len(_BODY) + 1)


@pytest.mark.parametrize("length", [f"Content-Length: {len(_BODY)}\r\n", ""], ids=["with a length", "until it closes"])
def test_an_answer_arrives_whole_from_a_connection_that_closes(certificate: LocalCertificate, length: str) -> None:
    def answer(connection: ssl.SSLSocket) -> None:
        connection.sendall(f"HTTP/1.1 200 OK\r\n{length}Connection: close\r\n\r\n".encode() + _BODY)

    with service(certificate, answer) as url:
        assert read(url, certificate.ca) == _BODY


def test_a_connection_that_was_begun_while_the_program_loaded_is_used(certificate: LocalCertificate) -> None:
    context = server_context(certificate.certificate, certificate.key)
    with HostileShare(context=context) as share, reaching(share.link, {}):
        assert read(share.link.replace("/share/", "/api/v3/onezone/shares/") + "/public", certificate.ca)
        port = urlsplit(share.link).port or 0
        left = reached("localhost", port)
        assert left is not None
        left.close()
        assert reached("localhost", port) is None


def test_an_answer_that_trickles_in_from_far_away_arrives_whole(certificate: LocalCertificate) -> None:
    def answer(connection: ssl.SSLSocket) -> None:
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(_BODY)}\r\n\r\n".encode())
        for first in range(0, len(_BODY), 10_007):
            connection.sendall(_BODY[first : first + 10_007])

    with service(certificate, answer, late_s=0.02) as url:
        assert read(url, certificate.ca) == _BODY


def test_an_answer_that_ends_early_is_told_from_a_whole_one(certificate: LocalCertificate) -> None:
    def answer(connection: ssl.SSLSocket) -> None:
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(_BODY)}\r\n\r\n".encode() + _BODY[:-1])

    with service(certificate, answer) as url, pytest.raises(ConnectionLost, match=r"before it was whole|broke off"):
        read(url, certificate.ca)


def test_bytes_that_are_no_tls_record_are_a_lost_connection(certificate: LocalCertificate) -> None:
    def answer(connection: ssl.SSLSocket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + _BODY[:100_000])
        socket.socket.sendall(connection, b"\x17\x03\x03\x00\x20" + bytes(32))

    with service(certificate, answer) as url, pytest.raises(ConnectionLost, match="broke off"):
        read(url, certificate.ca)


def test_what_came_before_a_connection_fell_silent_is_given_first(certificate: LocalCertificate) -> None:
    given_up = threading.Event()

    def answer(connection: ssl.SSLSocket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + _BODY[:300_000])
        given_up.wait(60)

    room = memoryview(bytearray(1_000_000))
    http = Http(ca_file=str(certificate.ca), timeouts=Timeouts(stall_s=2.0))
    with service(certificate, answer) as url, closing(http), http.opened("GET", url) as opened:
        assert opened.read_into(room) == 300_000
        assert room[:300_000] == _BODY[:300_000]
        with pytest.raises(ConnectionLost, match="in time"):
            opened.read_into(room)
        given_up.set()


@pytest.mark.parametrize("is_known", [True, False], ids=["another host", "unknown authority"])
def test_a_certificate_that_does_not_fit_is_not_trusted(
    tmp_path: Path, certificate: LocalCertificate, is_known: bool
) -> None:
    trusted = certificate if is_known else ensure_certificate(tmp_path, [])
    host = "127.0.0.2" if is_known else "localhost"  # no certificate of ours names the former
    with service(certificate, lambda _: None, host=host) as url, pytest.raises(UntrustedCertificate):
        read(url, trusted.ca)


def test_a_thread_that_waits_for_bytes_is_released(certificate: LocalCertificate) -> None:
    waits, released = threading.Event(), threading.Event()

    def answer(connection: ssl.SSLSocket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + bytes(10))
        waits.set()
        released.wait(60)

    failures: list[Fs2odError] = []

    def ask() -> None:
        try:
            with http.opened("GET", url) as opened:
                opened.read_all(1000)
        except Fs2odError as error:
            failures.append(error)

    with service(certificate, answer) as url, closing(Http(ca_file=str(certificate.ca))) as http:
        thread = threading.Thread(target=ask)
        thread.start()
        assert waits.wait(60)
        http.abort()
        thread.join(60)
        released.set()
        assert not thread.is_alive()
    assert isinstance(failures[0], (ConnectionLost, Interrupted))


@pytest.mark.parametrize(("rest", "connections"), [(1024, 1), (4 << 20, 2)], ids=["a little", "much"])
def test_a_connection_is_kept_where_little_was_left_unread(
    certificate: LocalCertificate, rest: int, connections: int
) -> None:
    made: list[ssl.SSLSocket] = []

    def answer(connection: ssl.SSLSocket) -> None:
        made.append(connection)
        body = b"x" * rest
        while True:
            said = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            connection.sendall(said + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n")
            if not connection.recv(65536):
                return

    with service(certificate, answer) as url, closing(Http(ca_file=str(certificate.ca))) as http:
        for _ in range(2):
            with http.opened("GET", url) as answered:
                answered.read_exactly(memoryview(bytearray(100)))
        http.close()
    assert len(made) == connections
