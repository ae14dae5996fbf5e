"""The form that narrows a token: its fields, and the caveats that they come to."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from fs2od.onedata.errors import ServiceError
from fs2od.onedata.tokens import (
    AccessToken,
    Asn,
    Caveat,
    Consumer,
    DataPath,
    DataReadonly,
    GeoCountry,
    IdentityToken,
    Interface,
    Ip,
    Time,
    TokenKind,
    caveat_from_json,
    caveat_to_json,
)
from fs2od.portal._sentences import Sentence, sentence

__all__ = ["DEFAULTS", "SPANS", "FieldRefused", "Fields", "PathOf", "kind_of", "restrictions"]

PathOf = Callable[[str], str]
"""Returns the canonical path of a dataset or folder that somebody named; raises FieldRefused."""

SPANS: Mapping[str, timedelta | None] = {
    "12h": timedelta(hours=12),
    "72h": timedelta(hours=72),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "365d": timedelta(days=365),
    "never": None,
}
Fields = Mapping[str, str]
DEFAULTS: Fields = {
    "name": "",
    "kind": "access",
    "dataset": "",
    "where": "",
    "readonly": "1",
    "span": "72h",
    "day": "",
    "networks": "",
    "systems": "",
    "countries": "",
    "interface": "",
    "consumers": "",
}
_WORDS = re.compile(r"[\s,;]+")
_MOST_PLACES = 100


@dataclass(frozen=True)
class FieldRefused(Exception):
    """What somebody wrote into a field makes no sense; `said` tells them."""

    said: Sentence


def kind_of(fields: Fields) -> TokenKind:
    """Return what kind of token is wanted."""
    return IdentityToken() if fields.get("kind") == "identity" else AccessToken()


def restrictions(fields: Fields, *, now: datetime, path_of: PathOf) -> list[Caveat]:
    """Return the caveats that a form's fields ask for.

    Raises:
        FieldRefused: One of them makes no sense.
    """
    found = [*_ends(fields, now), *_sources(fields)]
    if fields.get("kind") == "identity":
        return found
    places = [fields.get("dataset", ""), *fields.get("where", "").splitlines()]
    paths = tuple(dict.fromkeys(path_of(place.strip()) for place in places if place.strip()))
    if len(paths) > _MOST_PLACES:
        raise FieldRefused(sentence("These are too many places for one token: at most %(count)s.", count=_MOST_PLACES))
    found += [DataReadonly()] if fields.get("readonly") else []
    found += [DataPath(paths)] if paths else []
    interface = fields.get("interface")
    found += (
        [Interface("rest")] if interface == "rest" else [Interface("oneclient")] if interface == "oneclient" else []
    )
    return found


def _ends(fields: Fields, now: datetime) -> list[Caveat]:
    day, span = fields.get("day", "").strip(), SPANS.get(fields.get("span", ""))
    if day:
        try:
            until = datetime.combine(datetime.fromisoformat(day).date() + timedelta(days=1), time(), UTC)
        except (ValueError, OverflowError) as error:
            raise FieldRefused(sentence("The last day must be a date, such as 2026-12-31.")) from error
        if until <= now:
            raise FieldRefused(sentence("The last day is over already."))
        return [Time(int(until.timestamp()))]
    return [] if span is None else [Time(int((now + span).timestamp()))]


def _sources(fields: Fields) -> list[Caveat]:
    networks, systems = _words(fields, "networks"), _words(fields, "systems")
    countries, consumers = _words(fields, "countries"), _words(fields, "consumers")
    wrong_network = sentence("A network is an address or a range, such as 192.0.2.7 or 192.0.2.0/24.")
    wrong_country = sentence("A country is written by its two letters, such as CZ.")
    wrong_system = sentence("An autonomous system is a number, such as 64500.")
    wrong_consumer = sentence(
        "A person or group is written as usr-ID or grp-ID; the ID stands on their account's page."
    )
    found: list[Caveat] = []
    found += [_sound(Ip(tuple(networks)), wrong_network)] if networks else []
    numbers = [word.upper().removeprefix("AS") for word in systems]
    if not all(word.isascii() and word.isdigit() and len(word) < 11 for word in numbers):
        raise FieldRefused(wrong_system)
    found += [_sound(Asn(tuple(map(int, numbers))), wrong_system)] if numbers else []
    found += [_sound(GeoCountry("whitelist", tuple(map(str.upper, countries))), wrong_country)] if countries else []
    found += [_sound(Consumer(tuple(consumers)), wrong_consumer)] if consumers else []
    return found


def _words(fields: Fields, name: str) -> Sequence[str]:
    return [word for word in _WORDS.split(fields.get(name, "")) if word]


def _sound(caveat: Caveat, said: Sentence) -> Caveat:
    try:
        return caveat_from_json(caveat_to_json(caveat))
    except ServiceError as error:
        raise FieldRefused(said) from error
