"""Where an address belongs: autonomous systems, countries and regions, out of database files in MaxMind's format.

Source of the fields: GeoLite2-ASN and GeoLite2-Country; other makers' files have the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import maxminddb

from fs2od.errors import ConfigurationError
from fs2od.onedata.tokens import Place

__all__ = ["Places", "open_places"]

_REGIONS = {
    "AF": "Africa",
    "AN": "Antarctica",
    "AS": "Asia",
    "EU": "Europe",
    "NA": "NorthAmerica",
    "OC": "Oceania",
    "SA": "SouthAmerica",
}
Address = IPv4Address | IPv6Address


@dataclass(frozen=True)
class Places:
    """What the configured files can tell; None where there is no file."""

    asn_of: Callable[[Address], int | None] | None = None
    place_of: Callable[[Address], Place] | None = None


def open_places(*, asn_database: Path | None = None, country_database: Path | None = None) -> Places:
    """Open the database files that are configured.

    Raises:
        ConfigurationError: One cannot be read: correct the setting, or leave it out.
    """
    asn, country = (None if path is None else _opened(path) for path in (asn_database, country_database))
    return Places(
        asn_of=None if asn is None else lambda address: _asn(_record(asn, address)),
        place_of=None if country is None else lambda address: _place(_record(country, address)),
    )


def _opened(path: Path) -> maxminddb.Reader:
    try:
        # In memory: a file that is replaced while the node runs must not change under its feet.
        return maxminddb.open_database(path, maxminddb.MODE_MEMORY)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        raise ConfigurationError(f"{path} cannot be read as a database of addresses: {error}") from error


def _record(database: maxminddb.Reader, address: Address) -> Mapping[str, object]:
    try:
        found = database.get(address)
    except ValueError:  # an IPv6 address in a database of IPv4
        return {}
    return found if isinstance(found, dict) else {}


def _asn(record: Mapping[str, object]) -> int | None:
    number = record.get("autonomous_system_number")
    return number if isinstance(number, int) else None


def _place(record: Mapping[str, object]) -> Place:
    country, continent = record.get("country"), record.get("continent")
    country = country if isinstance(country, dict) else {}
    code = country.get("iso_code")
    region = _REGIONS.get(str(continent.get("code"))) if isinstance(continent, dict) else None
    union = "EU" if country.get("is_in_european_union") is True else None
    return Place(code if isinstance(code, str) else None, frozenset(filter(None, (region, union))))
