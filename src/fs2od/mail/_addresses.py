"""Mail addresses out of configuration and metadata files, where nothing can be trusted.

The grammar is the useful part of RFC 5322 §3.4: `a@b.org` and `Name <a@b.org>` with a dot-atom before the @ and a host
name after it; a host name in other letters becomes what DNS and every mail server take (IDNA 2008). Comments, quoted local parts, address literals and groups are refused: no facility's users have
them, and parsers disagree about them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import idna

from fs2od.errors import ConfigurationError
from fs2od.mail._errors import LetterError
from fs2od.mail._lines import one_line

__all__ = ["Mailbox", "Recipients", "parse_mailbox", "parse_recipients"]

_MOST_CHARACTERS = 4000
_MOST_RECIPIENTS = 50

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)@(?:localhost|{_LABEL}(?:\.{_LABEL})+)")
_PIECE = re.compile(r'(?:"(?:\\.|[^"\\])*"|<[^<>]*>|[^,;\r\n])+')
_NAMED = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>")
_MEANS_SOMETHING_IN_HEADERS = re.compile(r'[<>()\[\]:;@\\,"=?]')


@dataclass(frozen=True)
class Mailbox:
    """A person's name, which may be empty, and a valid address.

    What would mean something in a header is dropped from the name, so that `"boss@example.org" <eve@example.com>`
    cannot pose as somebody else.

    Raises:
        LetterError: The address is none; use `parse_recipients` for values that people wrote.
    """

    address: str
    name: str = ""

    def __post_init__(self) -> None:
        if not _is_address(self.address):
            raise LetterError(f"{_quoted(self.address)} is not a mail address: expected name@host.domain")
        name = one_line(_MEANS_SOMETHING_IN_HEADERS.sub(" ", self.name), most=60)
        object.__setattr__(self, "name", name)


@dataclass(frozen=True)
class Recipients:
    """Whom a value names, each address once, and one sentence for everything in it that is no address."""

    mailboxes: tuple[Mailbox, ...]
    complaints: tuple[str, ...]


def parse_recipients(value: object) -> Recipients:
    """Read recipients from a value of a YAML or TOML file: one text with one or several of them, or a list of such.

    Never raises: what cannot be used becomes a complaint, and what can be used is still used. No recipient at all is
    a complaint too.
    """
    found: dict[str, Mailbox] = {}
    complaints: list[str] = []
    for piece in _pieces(value):
        mailbox = piece if isinstance(piece, _Complaint) else _mailbox(piece)
        if isinstance(mailbox, _Complaint):
            complaints.append(mailbox)
        elif len(found) >= _MOST_RECIPIENTS:
            complaints.append(f"more than {_MOST_RECIPIENTS} recipients: only the first {_MOST_RECIPIENTS} are used")
            break
        else:
            found.setdefault(mailbox.address.casefold(), mailbox)
    if not found and not complaints:
        complaints.append("no mail address is given")
    return Recipients(tuple(found.values()), tuple(complaints[:_MOST_RECIPIENTS]))


def parse_mailbox(text: str) -> Mailbox:
    """Read exactly one mailbox from a setting, such as `Data desk <data@facility.example.org>`.

    Raises:
        ConfigurationError: It is not exactly one valid mailbox; the message says what is wrong.
    """
    recipients = parse_recipients(text)
    if recipients.complaints or len(recipients.mailboxes) != 1:
        reason = "; ".join(recipients.complaints) or "more than one address"
        raise ConfigurationError(f"expected one mail address, as in 'Name <name@example.org>': {reason}")
    return recipients.mailboxes[0]


class _Complaint(str):
    __slots__ = ()


def _pieces(value: object) -> Iterator[str | _Complaint]:
    match value:
        case None:
            return
        case str() if len(value) > _MOST_CHARACTERS:
            yield _Complaint(f"{_quoted(value)} is longer than {_MOST_CHARACTERS} characters")
        case str():
            yield from (piece.strip() for piece in _PIECE.findall(value) if piece.strip())
        case list() | tuple():
            for item in value[: _MOST_RECIPIENTS + 1]:
                # Lists in lists are no way to write recipients, and could be nested without end.
                is_text = isinstance(item, str)
                yield from _pieces(item) if is_text else (_Complaint(f"expected a mail address, found {_kind(item)}"),)
        case _:
            yield _Complaint(f"expected a mail address or a list of them, found {_kind(value)}")


def _mailbox(piece: str) -> Mailbox | _Complaint:
    named = _NAMED.fullmatch(piece)
    address = _with_plain_host((named["address"] if named else piece).strip())
    name = named["name"].strip() if named else ""
    if not _is_address(address):
        expected = "name@host.domain" if address.isascii() else "plain letters (a to z), digits and signs before the @"
        return _Complaint(f"{_quoted(piece)} is not a mail address: expected {expected}")
    if len(name) > 1 and name.startswith('"') and name.endswith('"'):
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return Mailbox(address, name)


def _with_plain_host(address: str) -> str:
    """Write the host of an address as it is asked for; what cannot be, stays and is no address."""
    local, at, host = address.rpartition("@")
    if host.isascii() or len(host) > 254:
        return address
    try:
        return f"{local}{at}{idna.encode(host, uts46=True).decode()}"
    except idna.IDNAError:
        return address


def _is_address(text: str) -> bool:
    match = _ADDRESS.fullmatch(text) if len(text) <= 254 else None
    return match is not None and len(match["local"]) <= 64


def _quoted(text: str) -> str:
    return f"'{one_line(text, most=80)}'"


def _kind(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes or no"
        case int() | float():
            return "a number"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case _:
            return "something else"
