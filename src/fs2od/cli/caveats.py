"""The options that narrow a token, each one caveat."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict, Unpack

import click

from fs2od.onedata.caveats import InterfaceName
from fs2od.onedata.errors import ServiceError
from fs2od.onedata.tokens import (
    Asn,
    Caveat,
    Consumer,
    DataObjectId,
    DataPath,
    DataReadonly,
    GeoCountry,
    GeoRegion,
    Interface,
    Ip,
    Service,
    Time,
    caveat_from_json,
    caveat_to_json,
)

__all__ = ["Restrictions", "caveat_options", "caveats_of", "duration", "moment"]

_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}
_LONGEST_DAYS = 36_600

_OPTIONS = (
    click.option("--valid-for", metavar="TIME", help="How long it works, such as 90min, 12h or 30d."),
    click.option("--until", metavar="MOMENT", help="When it ends, such as 2026-12-31 or 2026-12-31T18:00+01:00."),
    click.option("--readonly", is_flag=True, help="Data can be read only; nothing but data can be reached."),
    click.option("--path", "paths", multiple=True, metavar="SPACE_ID[/PATH]", help="Only data here; may be repeated."),
    click.option(
        "--object-id", "object_ids", multiple=True, help="Only data at or below this file id; may be repeated."
    ),
    click.option(
        "--ip", "ips", multiple=True, metavar="ADDRESS", help="Only from this address or network; may be repeated."
    ),
    click.option("--asn", "asns", type=int, multiple=True, help="Only from this autonomous system; may be repeated."),
    click.option("--country", "countries", multiple=True, help="Only from this country, such as CZ; may be repeated."),
    click.option("--not-country", "not_countries", multiple=True, help="Not from this country; may be repeated."),
    click.option("--region", "regions", multiple=True, help="Only from this region, such as EU; may be repeated."),
    click.option("--service", "services", multiple=True, help="Only at this service, such as opw-ID; may be repeated."),
    click.option(
        "--consumer", "consumers", multiple=True, help="Only for this user or group, such as usr-ID; may be repeated."
    ),
    click.option("--interface", type=click.Choice(["rest", "oneclient", "graphsync"]), help="Only on this interface."),
)


def caveat_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that narrow a token; what they say goes to `caveats_of`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


class Restrictions(TypedDict):
    """What the options give, by their names."""

    valid_for: str | None
    until: str | None
    readonly: bool
    paths: Sequence[str]
    object_ids: Sequence[str]
    ips: Sequence[str]
    asns: Sequence[int]
    countries: Sequence[str]
    not_countries: Sequence[str]
    regions: Sequence[str]
    services: Sequence[str]
    consumers: Sequence[str]
    interface: InterfaceName | None


def caveats_of(now: datetime, **given: Unpack[Restrictions]) -> list[Caveat]:
    """Return the caveats that the options ask for.

    Raises:
        UsageError: One of them makes no sense.
    """
    valid_for, until = given["valid_for"], given["until"]
    ends = [now + duration(valid_for)] if valid_for else []
    ends += [moment(until)] if until else []
    wanted: list[tuple[object, Caveat]] = [
        (ends, Time(min((int(end.timestamp()) for end in ends), default=0))),
        (given["readonly"], DataReadonly()),
        (given["paths"], DataPath(tuple(f"/{path.strip('/')}" for path in given["paths"]))),
        (given["object_ids"], DataObjectId(tuple(given["object_ids"]))),
        (given["ips"], Ip(tuple(given["ips"]))),
        (given["asns"], Asn(tuple(given["asns"]))),
        (given["countries"], GeoCountry("whitelist", tuple(map(str.upper, given["countries"])))),
        (given["not_countries"], GeoCountry("blacklist", tuple(map(str.upper, given["not_countries"])))),
        (given["regions"], GeoRegion("whitelist", tuple(given["regions"]))),
        (given["services"], Service(tuple(given["services"]))),
        (given["consumers"], Consumer(tuple(given["consumers"]))),
        (given["interface"], Interface(given["interface"] or "rest")),
    ]
    return [_sound(caveat) for asked, caveat in wanted if asked]


def _sound(caveat: Caveat) -> Caveat:
    document = caveat_to_json(caveat)
    try:
        return caveat_from_json(document)
    except ServiceError as error:
        raise click.UsageError(f"a restriction of type {document['type']} cannot be that: {document}") from error


def duration(text: str) -> timedelta:
    """Return what --valid-for says.

    Raises:
        UsageError: It is no length of time.
    """
    found = re.fullmatch(r"\s*(\d{1,9})\s*(s|min|h|d)\s*", text)
    length = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found and int(found[1]) else None
    if length is None or length.days > _LONGEST_DAYS:
        raise click.UsageError(f"--valid-for {text}: such as 90min, 12h or 30d")
    return length


def moment(text: str) -> datetime:
    """Return what --until says.

    Raises:
        UsageError: It is no moment.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.UsageError(f"--until {text}: such as 2026-12-31 or 2026-12-31T18:00+01:00") from error
    return found if found.tzinfo else found.astimezone().astimezone(UTC)
