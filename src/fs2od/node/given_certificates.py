"""A certificate of the facility's own, as it is named in the configuration: judged at the start, so that no visitor finds the fault.

Source: RFC 5280; host names as in RFC 6125, section 6.4.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

from fs2od.errors import ConfigurationError
from fs2od.node.certificates import ServerCertificate

__all__ = ["given_authority", "given_certificate", "is_for"]

_MOST_BYTES = 1 << 20
_OTHERS = 0o007


def given_certificate(
    certificate: Path, key: Path, hosts: Iterable[str], *, now: datetime | None = None
) -> ServerCertificate:
    """Return a certificate that may be served with at `hosts`.

    Raises:
        ConfigurationError: A file cannot be read or holds something else, everybody may read the key, the two do not belong
            together, or the certificate is not for one of the hosts, or not for this time; the message says what to do.
    """
    shown, secret = _certificate(certificate, "certificate"), _key(key)
    if _public(shown.public_key()) != _public(secret.public_key()):
        raise _wrong("certificate_key", key, f"is not the key of {certificate}: name the pair that belongs together")
    moment = now or datetime.now(UTC)
    if moment >= shown.not_valid_after_utc:
        raise _wrong("certificate", certificate, f"ended on {shown.not_valid_after_utc:%Y-%m-%d}: put a new one there")
    if moment < shown.not_valid_before_utc:
        raise _wrong("certificate", certificate, f"begins on {shown.not_valid_before_utc:%Y-%m-%d %H:%M} UTC only")
    strange = [host for host in hosts if not _is_for(shown, host)]
    if strange:
        names = ", ".join(str(name.value) for name in _names(shown)) or "no host"
        raise _wrong(
            "certificate",
            certificate,
            f"is for {names}, not for {strange[0]}: name the host that people use with network.public_zone and "
            "public_provider, or with --host",
        )
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        raise _wrong(
            "certificate", certificate, f"is refused by OpenSSL ({error.reason or 'no reason given'})"
        ) from error
    return ServerCertificate(certificate, key)


def given_authority(path: Path) -> bytes:
    """Return the certificate of an authority, as PEM.

    Raises:
        ConfigurationError: The file cannot be read or holds something else.
    """
    _certificate(path, "authority")
    return _read(path, "authority")


def is_for(certificate: Path, host: str) -> bool:
    """Say whether a certificate is for a host.

    Raises:
        ConfigurationError: The file cannot be read or holds something else.
    """
    return _is_for(_certificate(certificate, "certificate"), host)


def _certificate(path: Path, what: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(_read(path, what))
    except ValueError as error:
        raise _wrong(what, path, "holds no certificate in PEM: it begins with BEGIN CERTIFICATE") from error


def _key(path: Path) -> PrivateKeyTypes:
    content = _read(path, "certificate_key")
    if path.stat().st_mode & _OTHERS:
        raise _wrong(
            "certificate_key", path, "may be read or changed by everybody: chmod o-rwx it, and have it replaced"
        )
    try:
        return serialization.load_pem_private_key(content, password=None)
    except TypeError as error:
        raise _wrong("certificate_key", path, "is locked with a password: give one without, mode 0600") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _wrong("certificate_key", path, "holds no key in PEM") from error


def _public(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _names(certificate: x509.Certificate) -> tuple[x509.GeneralName, ...]:
    try:
        return tuple(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except (x509.ExtensionNotFound, ValueError):
        return ()


def _is_for(certificate: x509.Certificate, host: str) -> bool:
    plain = host.strip("[]").lower()
    try:
        return x509.IPAddress(ipaddress.ip_address(plain)) in _names(certificate)
    except ValueError:
        named = {str(name.value).lower() for name in _names(certificate) if isinstance(name, x509.DNSName)}
        return plain in named or f"*.{plain.partition('.')[2]}" in named


def _read(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except OSError as error:
        raise _wrong(what, path, f"cannot be read ({error.strerror})") from error


def _wrong(what: str, path: Path, said: str) -> ConfigurationError:
    return ConfigurationError(f"network.{what} {path} {said}")
