"""Caveats: what narrows a token, each as a text inside the macaroon and as an object on the wire.

Sources: the REST contract's section on tokens (JSON) and its semantics (texts). Callers use these names through `fs2od.onedata.tokens`.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias, get_args

from fs2od.onedata.errors import ServiceError, error_of

__all__ = [
    "Api",
    "Asn",
    "Caveat",
    "Consumer",
    "DataObjectId",
    "DataPath",
    "DataReadonly",
    "GeoCountry",
    "GeoRegion",
    "Interface",
    "InterfaceName",
    "Ip",
    "Service",
    "Time",
    "caveat_from_json",
    "caveat_from_text",
    "caveat_to_json",
    "caveat_to_text",
    "caveats_from_json",
]

InterfaceName = Literal["rest", "oneclient", "graphsync"]
"""The ways to speak to a service that an interface caveat can name."""
Filter = Literal["whitelist", "blacklist"]
Region = Literal["Africa", "Antarctica", "Asia", "Europe", "EU", "NorthAmerica", "Oceania", "SouthAmerica"]


@dataclass(frozen=True, slots=True)
class Time:
    """The token is valid before this moment, in seconds since the epoch."""

    valid_until_s: int


@dataclass(frozen=True, slots=True)
class Ip:
    """The client's address lies in one of these networks or is one of these addresses."""

    whitelist: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asn:
    """The client's address belongs to one of these autonomous systems."""

    whitelist: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GeoCountry:
    """The client's address belongs, or does not belong, to one of these countries (two-letter codes)."""

    filter: Filter
    countries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GeoRegion:
    """The client's address belongs, or does not belong, to one of these regions."""

    filter: Filter
    regions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Service:
    """Only these services may process the token, such as `opw-<id>`, `opw-*` or `ozw-onezone`."""

    whitelist: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Consumer:
    """Only these may use the token, such as `usr-<id>`, `grp-<id>` or `prv-*`; they prove it with an identity token."""

    whitelist: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Interface:
    """The token is accepted on this interface only; "oneclient" also makes it a token for data access only."""

    interface: InterfaceName


@dataclass(frozen=True, slots=True)
class Api:
    """Only operations that match one of these patterns are allowed, such as `all/get/space.*.*:*`."""

    whitelist: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DataReadonly:
    """Data can be read only."""


@dataclass(frozen=True, slots=True)
class DataPath:
    """Only data at or below one of these canonical paths, each `/<space id>` or `/<space id>/<path>`."""

    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DataObjectId:
    """Only data at or below one of these object ids."""

    object_ids: tuple[str, ...]


Caveat: TypeAlias = (
    Time
    | Ip
    | Asn
    | GeoCountry
    | GeoRegion
    | Service
    | Consumer
    | Interface
    | Api
    | DataReadonly
    | DataPath
    | DataObjectId
)
"""Any of the caveats that Onedata 21.02 knows."""

_LONGEST_KEPT = 512
_LARGEST_TIME_S = 2**63 - 1
_COUNTRY = re.compile(r"[A-Z]{2}")
_SERVICE = re.compile(r"op[wp]-(?:\*|[0-9A-Za-z]+)|oz[wp]-onezone")
_CONSUMER = re.compile(r"(?:usr|grp|prv)-(?:\*|[0-9A-Za-z]+)")
_API = re.compile(r"[^/|\s]+/[^/|\s]+/[^/|\s]+")
_OBJECT_ID = re.compile(r"[0-9A-Fa-f]{1,700}")
_CONDITION = re.compile(r"(?P<name>[a-z.]+) (?P<operator><|=|!=) (?P<value>.+)", re.DOTALL)


def caveat_to_text(caveat: Caveat) -> str:
    """Return the text that stands inside a macaroon."""
    match caveat_to_json(caveat):
        case {"type": name, "validUntil": moment}:
            return f"{name} < {moment}"
        case {"type": name, "interface": interface}:
            return f"{name} = {interface}"
        case {"type": name, "filter": kind, "list": places}:
            return f"{name} {'=' if kind == 'whitelist' else '!='} {'|'.join(places)}"
        case {"type": name, "whitelist": items}:
            return f"{name} = {'|'.join(map(str, items))}"
        case document:
            return str(document["type"])


def caveat_from_text(text: str) -> Caveat:
    """Read the text of a caveat inside a macaroon.

    Raises:
        ServiceError: tokenCaveatUnknown: the text is none of Onedata's, so nobody can say whether it is satisfied.
    """
    # The same token comes with every request of a client.
    return _read_again(text) if len(text) <= _LONGEST_KEPT else _read(text)


def _read(text: str) -> Caveat:
    unknown = error_of("tokenCaveatUnknown", "The token holds a caveat that is not known here.", {"caveat": text})
    try:
        caveat = caveat_from_json(_condition_to_json(text))
    except (ServiceError, ValueError) as error:
        raise unknown from error
    # Only the one way to write it is known: what was added to a text might have meant to narrow it.
    if caveat_to_text(caveat) != text:
        raise unknown
    return caveat


_read_again = lru_cache(maxsize=4096)(_read)


def caveat_to_json(caveat: Caveat) -> dict[str, Any]:
    """Return the object that stands in a request or an answer."""
    return {"type": _NAME_OF[type(caveat)]} | _body(caveat)


def caveat_from_json(document: object) -> Caveat:
    """Read one caveat object of a request or an answer; keys that its type does not have are ignored.

    Raises:
        ServiceError: badValueCaveat: the type is unknown, or a list is empty, or an item has the wrong form.
    """
    try:
        if not isinstance(document, Mapping):
            raise ValueError("not an object")
        return _READERS[document["type"]](document)
    except (KeyError, TypeError, ValueError) as error:
        raise error_of("badValueCaveat", "Provided caveat is invalid.", {"caveat": document}) from error


def caveats_from_json(documents: object) -> tuple[Caveat, ...]:
    """Read the list of caveats of a request or an answer.

    Raises:
        ServiceError: badValueCaveat, as from `caveat_from_json`.
    """
    if not isinstance(documents, list):
        raise error_of("badValueCaveat", "Caveats must be given as a list.", {"caveat": documents})
    return tuple(map(caveat_from_json, documents))


def _body(caveat: Caveat) -> dict[str, Any]:
    match caveat:
        case Time(moment):
            return {"validUntil": moment}
        case DataReadonly():
            return {}
        case Interface(interface):
            return {"interface": interface}
        case GeoCountry(kind, places) | GeoRegion(kind, places):
            return {"filter": kind, "list": list(places)}
        case DataPath(paths):
            return {"whitelist": [_encode_path(path) for path in paths]}
        case Ip(items) | Asn(items) | Service(items) | Consumer(items) | Api(items) | DataObjectId(items):
            return {"whitelist": list(items)}


def _condition_to_json(text: str) -> dict[str, Any]:
    if text == "data.readonly":
        return {"type": text}
    found = _CONDITION.fullmatch(text)
    if not found:
        raise ValueError("not a condition")
    name, operator, value = found.group("name", "operator", "value")
    items = value.split("|")
    match name, operator:
        case "time", "<":
            return {"type": name, "validUntil": _natural(value)}
        case (("geo.country" | "geo.region"), ("=" | "!=")):
            return {"type": name, "filter": "whitelist" if operator == "=" else "blacklist", "list": items}
        case "interface", "=":
            return {"type": name, "interface": value}
        case "asn", "=":
            return {"type": name, "whitelist": [_natural(item) for item in items]}
        case _, "=":
            return {"type": name, "whitelist": items}
    raise ValueError("not an operator of this caveat")


def _natural(text: str) -> int:
    # int() would also take blanks, signs, underscores and the digits of other scripts.
    if not text.isascii() or not text.isdigit():
        raise ValueError("not a number")
    return int(text)


def _moment(document: Mapping[str, Any]) -> Time:
    return Time(_integer(document["validUntil"], highest=_LARGEST_TIME_S))


def _interface(document: Mapping[str, Any]) -> Interface:
    name = document["interface"]
    if name not in get_args(InterfaceName):
        raise ValueError("not an interface")
    return Interface(name)


def _filter(document: Mapping[str, Any]) -> Filter:
    name = document["filter"]
    if name not in get_args(Filter):
        raise ValueError("not a filter")
    return "whitelist" if name == "whitelist" else "blacklist"


def _strings(value: object, accept: Callable[[str], object]) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError("not a list with items")
    if not all(isinstance(item, str) and accept(item) for item in value):
        raise ValueError("an item has the wrong form")
    return tuple(value)


def _integer(value: object, *, highest: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= highest:
        raise ValueError("not a number in range")
    return value


def _integers(value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError("not a list with items")
    return tuple(_integer(item, highest=2**32 - 1) for item in value)


def _network(text: str) -> bool:
    ipaddress.ip_network(text, strict=False)  # raises ValueError
    return True


def _encode_path(path: str) -> str:
    return base64.b64encode(path.encode()).decode()


def _decode_path(text: str) -> str:
    try:
        path = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("not a path in base64") from error
    root, *parts = path.split("/")
    if root or not parts or any(part in {"", ".", ".."} or "\0" in part for part in parts):
        raise ValueError("not a canonical path")
    return path


def _paths(document: Mapping[str, Any]) -> DataPath:
    return DataPath(tuple(map(_decode_path, _strings(document["whitelist"], bool))))


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Caveat]] = {
    "time": _moment,
    "ip": lambda document: Ip(_strings(document["whitelist"], _network)),
    "asn": lambda document: Asn(_integers(document["whitelist"])),
    "geo.country": lambda document: GeoCountry(_filter(document), _strings(document["list"], _COUNTRY.fullmatch)),
    "geo.region": lambda document: GeoRegion(
        _filter(document), _strings(document["list"], get_args(Region).__contains__)
    ),
    "service": lambda document: Service(_strings(document["whitelist"], _SERVICE.fullmatch)),
    "consumer": lambda document: Consumer(_strings(document["whitelist"], _CONSUMER.fullmatch)),
    "interface": _interface,
    "api": lambda document: Api(_strings(document["whitelist"], _API.fullmatch)),
    "data.readonly": lambda _: DataReadonly(),
    "data.path": _paths,
    "data.objectid": lambda document: DataObjectId(_strings(document["whitelist"], _OBJECT_ID.fullmatch)),
}
_NAME_OF: Mapping[type[Caveat], str] = {
    Time: "time",
    Ip: "ip",
    Asn: "asn",
    GeoCountry: "geo.country",
    GeoRegion: "geo.region",
    Service: "service",
    Consumer: "consumer",
    Interface: "interface",
    Api: "api",
    DataReadonly: "data.readonly",
    DataPath: "data.path",
    DataObjectId: "data.objectid",
}
