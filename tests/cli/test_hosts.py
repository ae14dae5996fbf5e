"""Hosts as they are given to commands."""

from __future__ import annotations

import click
import pytest

from fs2od.cli.hosts import public_host, with_port
from fs2od.cli.shown_certificates import Addresses
from fs2od.configuration import Network


def read(host: str) -> str:
    command = click.Command("up")
    return public_host(click.Context(command), click.Option(["--host"]), host)


@pytest.mark.parametrize(
    ("given", "is_"),
    [
        ("localhost", "localhost"),
        ("Data.Example.ORG", "data.example.org"),
        ("192.0.2.7", "192.0.2.7"),
        ("::1", "[::1]"),
        ("[2001:DB8::0:1]", "[2001:db8::1]"),
        ("m\u00fcller.example", "xn--mller-kva.example"),
        ("", ""),
    ],
)
def test_a_host_is_written_as_browsers_write_it(given: str, is_: str) -> None:
    assert read(given) == is_


@pytest.mark.parametrize(
    "given", ["a b", "data.example.org:443", "https://data.example.org", "-x", "a..b", "\u2603.", "a/b"]
)
def test_what_is_no_host_is_said_of_the_option(given: str) -> None:
    with pytest.raises(click.BadParameter, match="is no name of a host"):
        read(given)


def test_an_address_names_no_port_that_https_has_anyway() -> None:
    assert (with_port("localhost", 443), with_port("localhost", 8443)) == ("localhost", "localhost:8443")
    addresses = Addresses.of(Network(), "localhost", (443, 444))
    assert (addresses.zone, addresses.provider, addresses.sites_host) == ("localhost", "localhost:444", "localhost")
    assert addresses.hosts == ("localhost",)
