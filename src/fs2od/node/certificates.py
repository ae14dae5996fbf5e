"""The local certificate authority of a node that has no certificate of its site's: made once, kept in the data folder.

Source: RFC 5280.
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from fs2od.errors import StateError

__all__ = ["RENEW_BEFORE", "LocalCertificate", "ServerCertificate", "ensure_certificate", "renew"]

_CA_VALID = timedelta(days=3650)
_SERVER_VALID = timedelta(days=397)
# A clock that runs ahead here when they are made, or is slow elsewhere, should not make them wait to be good. Whoever trusts
# the authority has its file, which nobody can make anew for them; the limit on others is 825 days in all, on Apple's devices.
_CA_VALID_BEFORE = timedelta(days=3650)
_SERVER_VALID_BEFORE = timedelta(days=30)
RENEW_BEFORE = timedelta(days=30)
"""So long before its end a certificate is renewed, or its end is told."""
_ALWAYS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class ServerCertificate:
    """Where a server's certificate and key lie."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class LocalCertificate(ServerCertificate):
    """One in the node's own folder, with the authority that signed it."""

    ca: Path

    def fingerprint(self) -> str:
        """Return the SHA-256 of the authority's certificate, as colon-separated hexadecimal pairs."""
        authority = x509.load_pem_x509_certificate(self.ca.read_bytes())
        return authority.fingerprint(hashes.SHA256()).hex(":").upper()


def ensure_certificate(folder: Path, hosts: Iterable[str], *, now: datetime | None = None) -> LocalCertificate:
    """Return a certificate for `hosts`, localhost, 127.0.0.1 and ::1, signed by the local authority in `folder`.

    The authority is made once; the server's certificate is renewed 30 days before its end, when it is not good yet because the
    clock was set back, or when a name is missing, and keeps the names that it had: others may serve with it. One that somebody
    else signed stays as it is.

    Raises:
        StateError: A file in `folder` is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = LocalCertificate(folder / "server.pem", folder / "server.key", folder / "ca.pem")
    _bring_up_to_date(found, map(_general, [*hosts, *_ALWAYS]), now or datetime.now(UTC))
    return found


def renew(found: ServerCertificate, *, now: datetime) -> None:
    """Make a new certificate of the same names if the local authority's ends within 30 days, or is not good yet. Others are not ours to renew.

    Raises:
        StateError: A file in its folder is damaged.
        OSError: A file cannot be read or written.
    """
    if isinstance(found, LocalCertificate):
        _bring_up_to_date(found, (), now)


def _bring_up_to_date(found: LocalCertificate, names: Iterable[x509.GeneralName], now: datetime) -> None:
    folder = found.ca.parent
    # The node and the facility may share the folder, and look at the same time.
    with _alone_in(folder):
        try:
            if not found.ca.exists():
                _make_authority(folder, now)
            present = _present(found)
            if present is not None and not _is_ours(found, present):
                return
            known = () if present is None else _names(present)
            wanted = tuple(dict.fromkeys([*names, *known]))
            if present is None or not _is_good(present, now) or len(wanted) > len(known):
                _make_server(found, wanted, now)
        except ValueError as error:
            raise StateError(
                f"{folder} holds a damaged certificate or key: remove the folder to make new ones"
            ) from error


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _present(found: LocalCertificate) -> x509.Certificate | None:
    if not (found.certificate.exists() and found.key.exists()):
        return None
    return x509.load_pem_x509_certificate(found.certificate.read_bytes())


def _is_good(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - RENEW_BEFORE


def _is_ours(found: LocalCertificate, certificate: x509.Certificate) -> bool:
    """Say whether the local authority signed it: what an administrator put there is not for us to renew."""
    if not _authority_key(found).exists():
        return False
    try:
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(found.ca.read_bytes()))
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _names(certificate: x509.Certificate) -> tuple[x509.GeneralName, ...]:
    return tuple(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)


def _authority_key(found: LocalCertificate) -> Path:
    return found.ca.with_name("ca.key")


def _make_authority(folder: Path, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fs2od local authority")])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    authority = (
        _builder(name, name, key.public_key(), now - _CA_VALID_BEFORE, now + _CA_VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_key(folder / "ca.key", key)
    _write(folder / "ca.pem", authority.public_bytes(serialization.Encoding.PEM), 0o644)


def _make_server(found: LocalCertificate, names: tuple[x509.GeneralName, ...], now: datetime) -> None:
    authority = x509.load_pem_x509_certificate(found.ca.read_bytes())
    signer = serialization.load_pem_private_key(_authority_key(found).read_bytes(), password=None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise ValueError("not our key")
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(names[0].value)[:64])])
    certificate = (
        _builder(subject, authority.subject, key.public_key(), now - _SERVER_VALID_BEFORE, now + _SERVER_VALID)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )
    _write_key(found.key, key)
    _write(found.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        return x509.DNSName(name)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    _write(path, pem, 0o600)


def _write(path: Path, content: bytes, mode: int) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
