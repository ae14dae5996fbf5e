"""Servers that run get new certificates, and new connections see them."""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from tests.node.test_serving_at_once import answering

from fs2od.node.certificates import LocalCertificate, ServerCertificate, ensure_certificate
from fs2od.node.renewing import Renewal
from fs2od.node.serving import Service, listen, serve


@dataclass
class Clock:
    """A clock that is put forward."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@asynccontextmanager
async def served(certificate: ServerCertificate, renewal: Renewal) -> AsyncIterator[int]:
    """Serve with a certificate, and yield the port once the first look at it is over."""
    listening, stop, ready = listen(0), asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        service = Service(answering(b"hello"), listening)
        group.create_task(serve([service], certificate, stop=stop, ready=ready, renewal=renewal))
        await ready.wait()
        await renewal.look()
        try:
            yield listening.getsockname()[1]
        finally:
            stop.set()


async def shown(port: int, ca: Path) -> x509.Certificate:
    """Return the certificate that a new connection gets, which has to be good now."""

    def connect() -> bytes:
        context = ssl.create_default_context(cafile=str(ca))
        with (
            socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            return connection.getpeercert(binary_form=True) or b""

    return x509.load_der_x509_certificate(await asyncio.to_thread(connect))


def read(certificate: ServerCertificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(certificate.certificate.read_bytes())


async def test_a_certificate_that_ends_is_renewed_and_new_connections_get_it_without_a_restart(tmp_path: Path) -> None:
    made_at = datetime.now(UTC) - timedelta(days=380)
    clock = Clock(made_at + timedelta(days=1))
    made = ensure_certificate(tmp_path, ["data.example.org"], now=made_at)
    first, renewal = read(made), Renewal(clock)
    async with served(made, renewal) as port:
        assert await shown(port, made.ca) == first
        clock.now = made_at + timedelta(days=366)
        await renewal.look()
        assert await shown(port, made.ca) == first, "there is time"
        clock.now = made_at + timedelta(days=368)
        await renewal.look()
        second = await shown(port, made.ca)
    assert second.not_valid_after_utc > first.not_valid_after_utc + timedelta(days=300)
    names = x509.SubjectAlternativeName
    assert second.extensions.get_extension_for_class(names) == first.extensions.get_extension_for_class(names)


async def test_what_has_ended_already_is_good_again_after_a_look(tmp_path: Path) -> None:
    made = ensure_certificate(tmp_path, [], now=datetime.now(UTC) - timedelta(days=400))
    past = Clock(datetime.now(UTC) - timedelta(days=300))
    renewal = Renewal(past)
    async with served(made, renewal) as port:
        with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
            await shown(port, made.ca)
        past.now = datetime.now(UTC)
        await renewal.look()
        await shown(port, made.ca)


def put(given: LocalCertificate, place: LocalCertificate) -> None:
    """Put somebody's own certificate in a place, as an administrator does."""
    for source, target in zip(
        (given.key, given.certificate, given.ca), (place.key, place.certificate, place.ca), strict=True
    ):
        shutil.copy(source, target)


async def test_an_own_certificate_is_loaded_when_its_file_changes_and_its_end_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = datetime.now(UTC)
    site = tmp_path / "site"
    place = ensure_certificate(tmp_path / "tls", [])
    (tmp_path / "tls" / "ca.key").unlink()
    put(ensure_certificate(site, [], now=now - timedelta(days=380)), place)
    own = read(place)
    ensure_certificate(tmp_path / "tls", ["other.example.org"])
    renewal = Renewal()
    with caplog.at_level(logging.WARNING):
        async with served(place, renewal) as port:
            await renewal.look()
            assert await shown(port, place.ca) == own, "not ours to renew"
            (said,) = [record.message for record in caplog.records if "ends in" in record.message]
            assert "ends in 16 days" in said
            put(ensure_certificate(site, [], now=now), place)
            await renewal.look()
            assert await shown(port, place.ca) == read(place) != own


async def test_a_pair_that_does_not_fit_leaves_the_one_in_use(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = ensure_certificate(tmp_path / "tls", [])
    other = ensure_certificate(tmp_path / "other", [])
    first, renewal = read(made), Renewal()
    async with served(made, renewal) as port:
        shutil.copy(other.certificate, made.certificate)
        with caplog.at_level(logging.WARNING):
            await renewal.look()
        assert await shown(port, made.ca) == first
        assert "cannot be renewed or loaded" in caplog.text
        shutil.copy(other.key, made.key)
        await renewal.look()
        assert await shown(port, other.ca) == read(other)


async def test_several_who_renew_at_once_make_one_pair_that_fits(tmp_path: Path) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=380)
    made = ensure_certificate(tmp_path, ["a.example.org"], now=long_ago)
    await asyncio.gather(
        *(asyncio.to_thread(ensure_certificate, tmp_path, [f"{name}.example.org"]) for name in "abcdef")
    )
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(made.certificate, made.key)
    names = read(made).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"localhost", *(f"{name}.example.org" for name in "abcdef")}
