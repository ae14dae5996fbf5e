"""A certificate of the facility's own: what is wrong with it is one line at the start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from fs2od.cli.shown_certificates import (
    Addresses,
    authority_file,
    node_certificate,
    operator_certificate,
    require_usable,
)
from fs2od.configuration import Network
from fs2od.errors import ConfigurationError
from fs2od.node.certificates import LocalCertificate, ServerCertificate, ensure_certificate
from fs2od.node.given_certificates import given_authority, given_certificate, is_for

NOW = datetime.now(UTC)


@pytest.fixture
def pair(tmp_path: Path) -> LocalCertificate:
    return ensure_certificate(tmp_path / "pair", ["data.example.org", "*.sites.example.org"])


def test_a_good_pair_is_taken(pair: LocalCertificate) -> None:
    found = given_certificate(pair.certificate, pair.key, ["data.example.org", "A.sites.example.org", "[::1]"])
    assert found == ServerCertificate(pair.certificate, pair.key)


@pytest.mark.parametrize(
    ("host", "fits"),
    [
        ("DATA.example.org", True),
        ("a.sites.example.org", True),
        ("a.b.sites.example.org", False),
        ("sites.example.org", False),
        ("127.0.0.1", True),
        ("127.0.0.2", False),
    ],
)
def test_it_is_for_its_hosts_alone(pair: LocalCertificate, host: str, fits: bool) -> None:
    assert is_for(pair.certificate, host) is fits


def complaint(certificate: Path, key: Path, host: str = "data.example.org", *, now: datetime = NOW) -> str:
    with pytest.raises(ConfigurationError) as found:
        given_certificate(certificate, key, [host], now=now)
    said = str(found.value)
    assert "\n" not in said
    assert "PRIVATE" not in said
    return said


def test_whatever_is_wrong_is_said_in_one_line(pair: LocalCertificate, tmp_path: Path) -> None:
    other = ensure_certificate(tmp_path / "other", ["data.example.org"])
    none, text = tmp_path / "none.pem", tmp_path / "text.pem"
    text.write_text("hello\n")
    text.chmod(0o600)
    assert "cannot be read (No such file or directory)" in complaint(none, pair.key)
    assert "network.certificate_key" in complaint(pair.certificate, none)
    assert "holds no certificate in PEM" in complaint(text, pair.key)
    assert "holds no key in PEM" in complaint(pair.certificate, text)
    assert "is not the key of" in complaint(pair.certificate, other.key)
    assert "not for elsewhere.example.org" in complaint(pair.certificate, pair.key, "elsewhere.example.org")
    assert "ended on" in complaint(pair.certificate, pair.key, now=NOW + timedelta(days=400))
    assert "begins on" in complaint(pair.certificate, pair.key, now=NOW - timedelta(days=40))
    with pytest.raises(ConfigurationError, match=r"network\.authority .* holds no certificate"):
        given_authority(text)


def test_a_key_that_everybody_may_read_or_that_is_locked_is_refused(pair: LocalCertificate) -> None:
    pair.key.chmod(0o640)
    given_certificate(pair.certificate, pair.key, [])
    pair.key.chmod(0o644)
    assert "may be read or changed by everybody" in complaint(pair.certificate, pair.key)
    locked = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    pair.key.write_bytes(locked)
    pair.key.chmod(0o600)
    assert "is locked with a password" in complaint(pair.certificate, pair.key)


def test_what_people_see_decides_whom_they_trust(pair: LocalCertificate, tmp_path: Path) -> None:
    tls = tmp_path / "tls"
    public = {"public_zone": "https://data.example.org", "public_provider": "https://data.example.org:8444"}
    given = {"certificate": pair.certificate, "certificate_key": pair.key}
    assert authority_file(Network(), tls) == tls / "ca.pem"
    assert authority_file(Network.model_validate(public), tls) is None
    assert authority_file(Network.model_validate(given), tls) is None
    assert authority_file(Network.model_validate({**given, "authority": pair.ca}), tls) == pair.ca


def test_without_one_the_local_authority_signs_and_the_operators_page_may_keep_it(
    pair: LocalCertificate, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tls = tmp_path / "tls"
    network = Network.model_validate({"certificate": pair.certificate, "certificate_key": pair.key})
    assert isinstance(node_certificate(Network(), tls, ["data.example.org"]), LocalCertificate)
    assert node_certificate(network, tls, ["data.example.org"], ["site.example.com"]).certificate == pair.certificate
    assert "is not for the site's host site.example.com" in caplog.text
    assert operator_certificate(network, tls, "data.example.org").certificate == pair.certificate
    assert operator_certificate(network, tls, "inside.example.org").certificate == tls / "server.pem"


def test_a_check_of_the_configuration_judges_the_files(pair: LocalCertificate) -> None:
    require_usable(Network())
    section = {
        "certificate": pair.certificate,
        "certificate_key": pair.key,
        "public_zone": "https://data.example.org",
        "public_provider": "https://a.sites.example.org",
    }
    require_usable(Network.model_validate(section))
    with pytest.raises(ConfigurationError, match=r"not for elsewhere\.example\.org"):
        require_usable(Network.model_validate({**section, "public_provider": "https://elsewhere.example.org"}))
    with pytest.raises(ConfigurationError, match="holds no certificate"):
        require_usable(Network.model_validate({**section, "authority": pair.key}))


def test_addresses_are_the_public_ones_where_there_are_some() -> None:
    here = Addresses.of(Network(), "node.example.org", (8443, 8444))
    assert here == Addresses("node.example.org:8443", "node.example.org:8444", "node.example.org")
    public = {"public_zone": "https://Data.example.org:443/", "public_provider": "https://data.example.org:8444"}
    there = Addresses.of(Network.model_validate(public), "localhost", (1, 2))
    assert there == Addresses("data.example.org", "data.example.org:8444", "data.example.org")
    assert there.hosts == ("data.example.org",)


@pytest.mark.parametrize(
    "section",
    [
        {"public_zone": "https://data.example.org"},
        {"public_zone": "https://data.example.org", "public_provider": "https://data.example.org:443"},
        {"public_zone": "https://data.example.org/x", "public_provider": "https://p.example.org"},
        {"public_zone": "http://data.example.org", "public_provider": "https://p.example.org"},
        {"public_zone": "https://data.example.org:0", "public_provider": "https://p.example.org"},
        {"public_zone": "https://[::1", "public_provider": "https://p.example.org"},
        {"certificate": "c.pem"},
        {"authority": "ca.pem"},
    ],
)
def test_a_section_that_cannot_be_meant_is_refused(section: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="Network"):
        Network.model_validate(section)
