"""Certificates of servers that run: renewed before they end, and used for new connections as soon as their files are others."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from weakref import WeakKeyDictionary

from cryptography import x509

from fs2od.errors import StateError
from fs2od.node.certificates import RENEW_BEFORE, ServerCertificate, renew

__all__ = ["Renewal"]

_EVERY_S = 3600.0

_log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class _Loaded:
    """What a context uses. `files` are its files as they were when they were loaded; at first that is not known."""

    certificate: ServerCertificate
    kind: type
    files: tuple[tuple[int, int, int], ...] = ()


@dataclass
class Renewal:
    """Looks after certificates every hour. All but the writing of files happens on the event loop, as the handshakes do."""

    clock: Callable[[], datetime] = _now
    _loaded: WeakKeyDictionary[ssl.SSLContext, _Loaded] = field(default_factory=WeakKeyDictionary)
    """Contexts of servers that ended leave by themselves."""
    _told: dict[ServerCertificate, str] = field(default_factory=dict)

    def look_after(self, certificate: ServerCertificate, context: ssl.SSLContext) -> None:
        """Look after a certificate that a server's context uses, from the next look on."""
        self._loaded[context] = _Loaded(certificate, _kind(_read(certificate)))

    async def keep_looking(self) -> None:
        """Look now and every hour, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(_EVERY_S)

    async def look(self) -> None:
        """Renew what ends soon, load what changed, and say in the log what ends soon nevertheless."""
        for certificate in {each.certificate for each in self._loaded.values()}:
            try:
                await asyncio.to_thread(renew, certificate, now=self.clock())
                for context, loaded in list(self._loaded.items()):
                    if loaded.certificate == certificate:
                        _reload(context, loaded)
                self._tell_end(certificate)
            except (OSError, ValueError, StateError) as error:
                # What is in use stays in use. Half of a pair may be there by now, and all of it at the next look.
                self._tell(certificate, f"{certificate.certificate} cannot be renewed or loaded: {error}")

    def _tell_end(self, certificate: ServerCertificate) -> None:
        shown = _read(certificate)
        left, lasts = (shown.not_valid_after_utc - moment for moment in (self.clock(), shown.not_valid_before_utc))
        said = f"{certificate.certificate} ends in {left.days} days: put a new one there, which needs no restart"
        # Those of public authorities last for weeks only, and are renewed when a third of that is left.
        self._tell(certificate, said if left <= min(RENEW_BEFORE, lasts / 4) else "")

    def _tell(self, certificate: ServerCertificate, said: str) -> None:
        if said and said != self._told.get(certificate):
            _log.warning("%s", said)
        self._told[certificate] = said


def _reload(context: ssl.SSLContext, loaded: _Loaded) -> None:
    files = tuple(_version(path.stat()) for path in (loaded.certificate.certificate, loaded.certificate.key))
    if files == loaded.files:
        return
    # Tried apart: a certificate whose key does not fit would spoil the pair that is in use.
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(loaded.certificate.certificate, loaded.certificate.key)
    if _kind(_read(loaded.certificate)) is loaded.kind:
        context.load_cert_chain(loaded.certificate.certificate, loaded.certificate.key)
    else:
        # OpenSSL keeps one pair for each kind of key, and would still show the old one to most.
        _log.warning("the key of %s is of another kind: it is used after a restart", loaded.certificate.certificate)
    loaded.files = files


def _read(certificate: ServerCertificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(certificate.certificate.read_bytes())


def _kind(certificate: x509.Certificate) -> type:
    return type(certificate.public_key())


def _version(facts: os.stat_result) -> tuple[int, int, int]:
    return facts.st_ino, facts.st_size, facts.st_mtime_ns
