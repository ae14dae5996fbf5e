"""Whose certificates are trusted: read once, and anew when a file changes."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from fs2od.node.certificates import LocalCertificate, ensure_certificate
from fs2od.trust import trusting


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> LocalCertificate:
    return ensure_certificate(tmp_path_factory.mktemp("tls"), ["localhost"])


def _held(context: ssl.SSLContext) -> list[bytes]:
    return context.get_ca_certs(binary_form=True)


def _der(path: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(path.read_text())


@pytest.mark.parametrize("is_systems", [False, True], ids=["a file", "the system's"])
def test_authorities_are_read_once_until_their_file_changes(
    tmp_path: Path, certificate: LocalCertificate, monkeypatch: pytest.MonkeyPatch, is_systems: bool
) -> None:
    before, after = certificate.ca, ensure_certificate(tmp_path / "tls", ["localhost"]).ca
    file, new = tmp_path / "ca.pem", tmp_path / "new.pem"
    file.write_bytes(before.read_bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(file if is_systems else after))
    asked = None if is_systems else str(file)
    first = trusting(asked)
    assert trusting(asked) is first
    assert _der(before) in _held(first)
    new.write_bytes(after.read_bytes())
    new.replace(file)
    second = trusting(asked)
    assert _der(after) in _held(second)
    assert _der(before) not in _held(second)
