"""Tokens: macaroons in Onedata's text form, made, narrowed, read and verified without asking anybody.

Sources: the REST contract's section on tokens and its semantics.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any, Literal, NoReturn, TypeAlias

from fs2od.onedata.caveats import (
    Api,
    Asn,
    Caveat,
    Consumer,
    DataObjectId,
    DataPath,
    DataReadonly,
    GeoCountry,
    GeoRegion,
    Interface,
    InterfaceName,
    Ip,
    Service,
    Time,
    caveat_from_json,
    caveat_from_text,
    caveat_to_json,
    caveat_to_text,
    caveats_from_json,
)
from fs2od.onedata.errors import ServiceError, error_of
from fs2od.onedata.macaroons import Macaroon, MalformedMacaroon, deserialize, mint, serialize, verify_chain
from fs2od.onedata.token_kinds import (
    AccessToken,
    Identifier,
    IdentityToken,
    InviteToken,
    InviteType,
    Named,
    Persistence,
    Subject,
    Temporary,
    TokenKind,
    kind_from_json,
    kind_to_json,
    parse_identifier,
)

__all__ = [
    "MAX_TOKEN_BYTES",
    "AccessToken",
    "Api",
    "Asn",
    "Caveat",
    "Consumer",
    "Context",
    "DataAccess",
    "DataObjectId",
    "DataPath",
    "DataReadonly",
    "Examined",
    "GeoCountry",
    "GeoRegion",
    "Identifier",
    "IdentityToken",
    "Ignorable",
    "Interface",
    "InviteToken",
    "InviteType",
    "Ip",
    "Named",
    "Persistence",
    "Place",
    "Service",
    "Subject",
    "Temporary",
    "Time",
    "Token",
    "TokenKind",
    "caveat_from_json",
    "caveat_from_text",
    "caveat_to_json",
    "caveat_to_text",
    "caveats_from_json",
    "confine",
    "create",
    "data_access",
    "examine",
    "is_bound_to_bearer",
    "is_data_access_caveat",
    "kind_from_json",
    "kind_to_json",
    "parse_identifier",
    "valid_until_s",
    "verify",
    "verify_caveats",
    "verify_signature",
]

MAX_TOKEN_BYTES = 1 << 20
"""The longest token text that is taken, in bytes."""

_ALPHANUMERIC = re.compile(r"[A-Za-z0-9]+")
_ESCAPES = {"0": "00", "_": "01", "-": "02", "/": "03", "+": "04", "=": "05"}
_UNESCAPED = {escape: character for character, escape in _ESCAPES.items()}
_TO_ESCAPE = re.compile(r"[0_\-/+=]")
_TO_STANDARD_BASE64 = str.maketrans("-_", "+/")
_ESCAPED = re.compile(r"0[0-5]")


class Token:
    """The text of a token, which is a secret: only `reveal` gives it away, `str` and `repr` show a short hash.

    Any alphanumeric text is taken, for to a client a token is opaque; `examine` looks inside.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Hold `text`.

        Raises:
            ServiceError: badToken: it is empty, longer than 1 MiB or not alphanumeric.
        """
        if len(text) > MAX_TOKEN_BYTES or not _ALPHANUMERIC.fullmatch(text):
            _refuse()
        self._text = text

    def reveal(self) -> str:
        """Return the secret itself: for a header, a body or the person it is meant for, never for a log."""
        return self._text

    @property
    def digest(self) -> bytes:
        """The text's SHA-256: to know a token again without keeping it."""
        return sha256(self._text.encode()).digest()

    @property
    def fingerprint(self) -> str:
        """The first 12 hexadecimal digits of the text's SHA-256: tells tokens apart in a log."""
        return self.digest.hex()[:12]

    def __repr__(self) -> str:
        return f"<Token {self.fingerprint}>"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Token) and hmac.compare_digest(self._text, other._text)

    def __hash__(self) -> int:
        return hash(("Token", self._text))


Ignorable: TypeAlias = Literal["service", "interface", "api"]
_IGNORABLE: Mapping[type[Caveat], Ignorable] = {Service: "service", Interface: "interface", Api: "api"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where on earth an address belongs: a country (two letters) and Onedata's regions, as far as a database knows."""

    country: str | None = None
    regions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The circumstances in which a token is used; what is left out satisfies no caveat that asks for it.

    Attributes:
        now: The time, aware.
        peer_ip: The client's address.
        consumer: Who uses the token, as proven by an identity token or by consuming an invitation.
        consumer_groups: Returns the ids of the groups that the consumer belongs to; asked only if a caveat wants to know.
        interface: The way the request came in.
        service: The service that processes the token, such as `opw-<provider id>`.
        allow_data_access: Whether what is asked for is data access, so that `data.*` and `interface = oneclient` pass.
        ignored: Caveats that are not judged, as when inferring a token's scope.
        asn_of: Returns the autonomous system that an address belongs to; None without a database of them.
        place_of: Returns the place that an address belongs to; None without a database of them.
    """

    now: datetime
    peer_ip: IPv4Address | IPv6Address | None = None
    consumer: Subject | None = None
    consumer_groups: Callable[[], Collection[str]] = tuple
    interface: InterfaceName | None = None
    service: str | None = None
    allow_data_access: bool = False
    ignored: frozenset[Ignorable] = frozenset()
    asn_of: Callable[[IPv4Address | IPv6Address], int | None] | None = None
    place_of: Callable[[IPv4Address | IPv6Address], Place] | None = None

    def can_judge(self, caveat: Caveat) -> bool:
        """Tell whether what is needed to judge a caveat is here at all, be it satisfied or not."""
        match caveat:
            case Asn():
                return self.asn_of is not None
            case GeoCountry() | GeoRegion():
                return self.place_of is not None
            case _:
                return not isinstance(caveat, Api)


@dataclass(frozen=True, slots=True)
class Examined:
    """What a token says about itself. Nothing of it is verified."""

    location: str
    identifier: Identifier
    caveats: tuple[Caveat, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the answer of POST /tokens/examine."""
        return {
            "onezoneDomain": self.location,
            "id": self.identifier.token_id,
            "persistence": "named" if isinstance(self.identifier.persistence, Named) else "temporary",
            "subject": self.identifier.subject.to_json(),
            "type": kind_to_json(self.identifier.kind),
            "caveats": [caveat_to_json(caveat) for caveat in self.caveats],
        }


@dataclass(frozen=True, slots=True)
class DataAccess:
    """What the `data.*` caveats of a token leave over, all of them taken together.

    Attributes:
        readonly: Whether data can be read only.
        paths: Canonical paths `/<space id>[/…]` at or below which data is accessible; None for everywhere.
        object_ids: A file must lie at or below one object id of every set. Only a file tree can judge that.
    """

    readonly: bool = False
    paths: frozenset[str] | None = None
    object_ids: tuple[frozenset[str], ...] = ()

    @property
    def unrestricted(self) -> bool:
        """Whether no `data.*` caveat narrows the token."""
        return not self.readonly and self.paths is None and not self.object_ids

    def covers(self, path: str) -> bool:
        """Tell whether the paths leave over what lies at `path`, a canonical `/<space id>[/…]`."""
        return self.paths is None or any(_is_at_or_below(path, allowed) for allowed in self.paths)

    def leads_on(self, path: str) -> bool:
        """Tell whether `path` is covered or is a folder on the way to what is covered, so that it may be walked through."""
        return self.paths is None or self.covers(path) or any(_is_at_or_below(allowed, path) for allowed in self.paths)


def create(location: str, identifier: Identifier, root_key: bytes, caveats: Sequence[Caveat] = ()) -> Token:
    """Return a new token.

    Args:
        location: The zone's domain.
        identifier: Whose token of which kind it is.
        root_key: The secret behind a named token, or behind its subject's temporary tokens.
        caveats: What narrows it.

    Raises:
        ServiceError: badValueCaveat: a caveat does not fit an invite token, or the caveats are too long.
    """
    for caveat in caveats:
        if isinstance(identifier.kind, InviteToken) and not _fits_invitation(caveat):
            said = "Provided caveat does not fit an invite token."
            raise error_of("badValueCaveat", said, {"caveat": caveat_to_json(caveat)})
    return _to_text(_narrow(mint(location, str(identifier), root_key), caveats))


def confine(token: Token, caveats: Sequence[Caveat]) -> Token:
    """Return `token` narrowed by more caveats, offline. Caveats that are unknown here stay in it.

    Raises:
        ServiceError: badToken: the token cannot be read; badValueCaveat: the caveats are too long.
    """
    return _to_text(_narrow(_from_text(token), caveats))


def examine(token: Token) -> Examined:
    """Return what a token says about itself, unverified.

    Raises:
        ServiceError: badToken: it cannot be read; tokenCaveatUnknown: it holds a caveat that is unknown here.
    """
    macaroon = _from_text(token)
    caveats = tuple(map(caveat_from_text, macaroon.caveats))
    return Examined(macaroon.location, parse_identifier(macaroon.identifier), caveats)


def verify(token: Token, root_key: bytes, context: Context) -> None:
    """Accept a token that `root_key` signed and whose caveats all hold in `context`.

    Revocation, the subject's existence and the kind of the token are for the caller to judge.

    Raises:
        ServiceError: badToken or tokenInvalid: it was not made with that key; tokenCaveatUnknown or
            tokenCaveatUnverified: it is not meant for these circumstances, or what it asks for cannot be judged here.
    """
    verify_signature(token, root_key)
    verify_caveats(examine(token), context)


def verify_signature(token: Token, root_key: bytes) -> None:
    """Accept a token that `root_key` signed, whatever its caveats say.

    Raises:
        ServiceError: badToken or tokenInvalid: it was not made with that key.
    """
    if not verify_chain(_from_text(token), root_key):
        raise error_of("tokenInvalid", "The token is not valid: it was not issued by this service, or was altered.")


def verify_caveats(examined: Examined, context: Context) -> None:
    """Accept a token whose caveats all hold in `context`, whoever signed it.

    Raises:
        ServiceError: tokenCaveatUnverified: it is not meant for these circumstances, or what it asks for cannot be judged here.
    """
    for caveat in examined.caveats:
        fits = _fits_invitation(caveat) or not isinstance(examined.identifier.kind, InviteToken)
        if not fits or not (_is_ignored(caveat, context) or _holds(caveat, context)):
            raise _unverified(caveat, context)


def valid_until_s(caveats: Iterable[Caveat]) -> int | None:
    """Return when the earliest time caveat ends, in seconds since the epoch; None if there is none."""
    return min((caveat.valid_until_s for caveat in caveats if isinstance(caveat, Time)), default=None)


def is_data_access_caveat(caveat: Caveat) -> bool:
    """Tell whether a caveat makes a token one for data access only."""
    return isinstance(caveat, DataReadonly | DataPath | DataObjectId) or caveat == Interface("oneclient")


def is_bound_to_bearer(caveat: Caveat) -> bool:
    """Tell whether a caveat asks who shows the token, or from where, so that what it opens must not be handed on."""
    return not isinstance(caveat, Time | Service | Interface | DataReadonly | DataPath | DataObjectId)


def data_access(caveats: Iterable[Caveat]) -> DataAccess:
    """Return what all `data.*` caveats together leave over."""
    readonly = False
    paths: frozenset[str] | None = None
    object_ids: tuple[frozenset[str], ...] = ()
    for caveat in caveats:
        match caveat:
            case DataReadonly():
                readonly = True
            case DataPath(more):
                paths = frozenset(more) if paths is None else _common(paths, more)
            case DataObjectId(more):
                object_ids = (*object_ids, frozenset(more))
    return DataAccess(readonly, paths, object_ids)


def _is_at_or_below(path: str, ancestor: str) -> bool:
    return path == ancestor or path.startswith(ancestor + "/")


def _common(left: Iterable[str], right: Iterable[str]) -> frozenset[str]:
    """Intersect two sets of subtrees. Sorted, because a token may hold tens of thousands of paths on either side."""
    one, other = _outermost(left), _outermost(right)
    inner = [path for path in one if _lies_in(path, other)] + [path for path in other if _lies_in(path, one)]
    return frozenset(path[:-1] for path in inner)


def _outermost(paths: Iterable[str]) -> list[str]:
    """Return the paths below no other one, each ending in a slash so that "below" means "starts with"; sorted."""
    kept: list[str] = []
    for path in sorted(f"{path}/" for path in paths):
        if not kept or not path.startswith(kept[-1]):
            kept.append(path)
    return kept


def _lies_in(path: str, outermost: list[str]) -> bool:
    # No path of the list is below another, so the one that sorts next before `path` is the only that can hold it.
    position = bisect_right(outermost, path)
    return position > 0 and path.startswith(outermost[position - 1])


def _fits_invitation(caveat: Caveat) -> bool:
    return isinstance(caveat, Time | Ip | Asn | GeoCountry | GeoRegion | Consumer)


def _is_ignored(caveat: Caveat, context: Context) -> bool:
    return _IGNORABLE.get(type(caveat)) in context.ignored


def _unverified(caveat: Caveat, context: Context) -> ServiceError:
    document = caveat_to_json(caveat)
    said = f"The token is confined, and not to what is asked here: {document['type']}."
    if not context.can_judge(caveat):
        said = f"The token is confined by what this service has no means to judge, and so refuses: {document['type']}."
    return error_of("tokenCaveatUnverified", said, {"caveat": document})


def _holds(caveat: Caveat, context: Context) -> bool:
    match caveat:
        case Time(end):
            return context.now.timestamp() < end
        case Ip(whitelist):
            return _is_among(context.peer_ip, whitelist)
        case Consumer(whitelist):
            return not _identities(context).isdisjoint(whitelist)
        case Asn() | GeoCountry() | GeoRegion():
            return _comes_from(caveat, context)
        case _:
            return _is_asked_at(caveat, context)


def _is_asked_at(caveat: Caveat, context: Context) -> bool:
    match caveat:
        case Service(whitelist):
            return not _with_wildcard(context.service).isdisjoint(whitelist)
        case Interface(name):
            return name == context.interface and (name != "oneclient" or context.allow_data_access)
        case _:
            # Patterns of operations would need every operation's resource: refused.
            return context.allow_data_access and is_data_access_caveat(caveat)


def _is_among(address: IPv4Address | IPv6Address | None, networks: Iterable[str]) -> bool:
    if address is None:
        return False
    return any(_bare(address) in ip_network(network, strict=False) for network in networks)


def _bare(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    # A dual-stack socket reports IPv4 clients in their IPv6 clothing.
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _comes_from(caveat: Asn | GeoCountry | GeoRegion, context: Context) -> bool:
    match caveat:
        case Asn(whitelist):
            return _asn(context) in whitelist
        case GeoCountry(kind, countries):
            return _is_let_through(kind, countries, {_place(context).country} - {None})
        case GeoRegion(kind, regions):
            return _is_let_through(kind, regions, _place(context).regions)


def _asn(context: Context) -> int | None:
    if context.asn_of is None or context.peer_ip is None:
        return None
    return context.asn_of(_bare(context.peer_ip))


def _place(context: Context) -> Place:
    if context.place_of is None or context.peer_ip is None:
        return Place()
    return context.place_of(_bare(context.peer_ip))


def _is_let_through(kind: str, listed: Collection[str], places: Collection[str | None]) -> bool:
    # An address of nobody knows where is in no country that is allowed, nor surely outside those that are not.
    return bool(places) and (kind == "whitelist") != set(listed).isdisjoint(places)


def _identities(context: Context) -> frozenset[str]:
    if context.consumer is None:
        return frozenset()
    groups = frozenset().union(*(_with_wildcard(f"grp-{group}") for group in context.consumer_groups()))
    return groups | _with_wildcard(str(context.consumer))


def _with_wildcard(name: str | None) -> frozenset[str]:
    return frozenset() if name is None else frozenset({name, name.partition("-")[0] + "-*"})


def _narrow(macaroon: Macaroon, caveats: Iterable[Caveat]) -> Macaroon:
    for caveat in caveats:
        macaroon = macaroon.add_caveat(caveat_to_text(caveat))
    return macaroon


def _to_text(macaroon: Macaroon) -> Token:
    try:
        encoded = base64.urlsafe_b64encode(serialize(macaroon)).decode().rstrip("=")
        return Token(_TO_ESCAPE.sub(lambda found: _ESCAPES[found[0]], encoded))
    except (MalformedMacaroon, ServiceError) as error:
        raise error_of("badValueCaveat", "Provided caveats are too long for a token.", {"caveat": {}}) from error


def _from_text(token: Token) -> Macaroon:
    text = token.reveal()
    escapes = _ESCAPED.findall(text)
    # A zero that starts none of the six escapes would come through undecoded.
    if text.count("0") != len(escapes) + escapes.count("00"):
        _refuse()
    encoded = _ESCAPED.sub(lambda found: _UNESCAPED[found[0]], text).rstrip("=").translate(_TO_STANDARD_BASE64)
    try:
        return deserialize(base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True))
    except (binascii.Error, MalformedMacaroon) as error:
        raise error_of("badToken", "Provided token could not be understood by the server.") from error


def _refuse() -> NoReturn:
    raise error_of("badToken", "Provided token could not be understood by the server.")
