from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from fs2od.errors import ConfigurationError, StateError
from fs2od.node.certificates import ensure_certificate, renew
from fs2od.node.serving import listen

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def test_a_certificate_covers_its_names_and_the_loopback(tmp_path: Path) -> None:
    made = ensure_certificate(tmp_path, ["data.example.org"], now=NOW)
    certificate = x509.load_pem_x509_certificate(made.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["data.example.org", "localhost"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(made.ca.read_bytes()))


def test_python_takes_the_authority_as_one(tmp_path: Path) -> None:
    made = ensure_certificate(tmp_path, [], now=NOW)
    context = ssl.create_default_context(cafile=str(made.ca))
    assert context.cert_store_stats()["x509_ca"] >= 1


def test_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    made = ensure_certificate(tmp_path, [], now=NOW)
    for key in (made.key, tmp_path / "ca.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_good_certificate_is_kept(tmp_path: Path) -> None:
    first = ensure_certificate(tmp_path, ["a.example.org"], now=NOW)
    before = first.certificate.read_bytes()
    again = ensure_certificate(tmp_path, ["a.example.org"], now=NOW + timedelta(days=100))
    assert again.certificate.read_bytes() == before


@pytest.mark.parametrize(("hosts", "later"), [(["b.example.org"], 0), (["a.example.org"], 380)])
def test_new_names_or_a_near_end_make_a_new_certificate_of_the_same_authority(
    tmp_path: Path, hosts: list[str], later: int
) -> None:
    first = ensure_certificate(tmp_path, ["a.example.org"], now=NOW)
    certificate, authority = first.certificate.read_bytes(), first.ca.read_bytes()
    again = ensure_certificate(tmp_path, hosts, now=NOW + timedelta(days=later))
    assert again.certificate.read_bytes() != certificate
    assert again.ca.read_bytes() == authority


@pytest.mark.parametrize("ahead", [timedelta(days=2), timedelta(days=400)])
def test_what_a_clock_made_that_ran_ahead_is_good_when_it_is_set_back(tmp_path: Path, ahead: timedelta) -> None:
    first = ensure_certificate(tmp_path, ["a.example.org"], now=NOW + ahead)
    authority = first.ca.read_bytes()
    renew(first, now=NOW)
    for each in (first.certificate, first.ca):
        certificate = x509.load_pem_x509_certificate(each.read_bytes())
        assert certificate.not_valid_before_utc < NOW < certificate.not_valid_after_utc
    assert first.ca.read_bytes() == authority, "nobody has to fetch it again"


def test_a_damaged_authority_is_told(tmp_path: Path) -> None:
    made = ensure_certificate(tmp_path, [], now=NOW)
    made.certificate.unlink()
    made.ca.write_text("damaged")
    with pytest.raises(StateError, match="damaged"):
        ensure_certificate(tmp_path, [], now=NOW)


def test_the_fingerprint_is_the_one_that_tools_show(tmp_path: Path) -> None:
    shown = ensure_certificate(tmp_path, [], now=NOW).fingerprint()
    assert len(shown.split(":")) == 32


def test_a_port_in_use_is_told_in_one_line() -> None:
    with listen(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"port {port} .* in use"):
            listen(port)


def test_an_address_in_brackets_is_an_address(tmp_path: Path) -> None:
    made = ensure_certificate(tmp_path, ["[fd00::5]"])
    certificate = x509.load_pem_x509_certificate(made.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert "fd00::5" in map(str, names.get_values_for_type(x509.IPAddress))
