"""Macaroons with first-party caveats, in the binary form (version 1) of libmacaroons.

A macaroon is a chain of HMAC-SHA-256: whoever holds it can append caveats that narrow it, nobody can take one off.
Source: Birgisson et al., "Macaroons: Cookies with Contextual Caveats", NDSS 2014; the packet format of libmacaroons.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Macaroon", "MalformedMacaroon", "deserialize", "mint", "serialize", "verify_chain"]

_KEY_GENERATOR = b"macaroons-key-generator"
_SIGNATURE_BYTES = 32
_HEADER_BYTES = 4
_MAX_PACKET_BYTES = 0xFFFF
_FIELDS_BEFORE_CAVEATS = ("location", "identifier")


class MalformedMacaroon(ValueError):
    """The bytes are no macaroon of this form, or the text does not fit into one."""


@dataclass(frozen=True, slots=True)
class Macaroon:
    """One macaroon. The signature is the secret part, so it is left out of the `repr`."""

    location: str
    identifier: str
    caveats: tuple[str, ...]
    signature: bytes = field(repr=False)

    def add_caveat(self, text: str) -> Macaroon:
        """Return a copy narrowed by one more caveat; no key is needed for that."""
        return Macaroon(self.location, self.identifier, (*self.caveats, text), _extend(self.signature, text))


def mint(location: str, identifier: str, root_key: bytes) -> Macaroon:
    """Return a new macaroon without caveats, signed with a key derived from `root_key`."""
    return Macaroon(location, identifier, (), _extend(_derive(root_key), identifier))


def verify_chain(macaroon: Macaroon, root_key: bytes) -> bool:
    """Tell whether the signature follows from `root_key`, the identifier and every caveat. Takes constant time.

    The caveats themselves are not judged here.
    """
    signature = _extend(_derive(root_key), macaroon.identifier)
    for text in macaroon.caveats:
        signature = _extend(signature, text)
    return hmac.compare_digest(signature, macaroon.signature)


def serialize(macaroon: Macaroon) -> bytes:
    """Return the binary form, version 1.

    Raises:
        MalformedMacaroon: The location, the identifier or a caveat exceeds what a packet holds (65,535 bytes).
    """
    packets = [_packet("location", macaroon.location.encode()), _packet("identifier", macaroon.identifier.encode())]
    packets += [_packet("cid", text.encode()) for text in macaroon.caveats]
    packets.append(_packet("signature", macaroon.signature))
    return b"".join(packets)


def deserialize(data: bytes) -> Macaroon:
    """Read the binary form, version 1.

    Raises:
        MalformedMacaroon: The packets are damaged, out of order or not UTF-8, or there is a third-party caveat.
    """
    packets = list(_packets(data))
    names = [name for name, _ in packets]
    caveats = len(packets) - 3
    if names != [*_FIELDS_BEFORE_CAVEATS, *["cid"] * caveats, "signature"]:
        raise MalformedMacaroon("the packets are not location, identifier, first-party caveats, signature")
    signature = packets[-1][1]
    if len(signature) != _SIGNATURE_BYTES:
        raise MalformedMacaroon("the signature has not 32 bytes")
    try:
        location, identifier, *texts = (value.decode() for _, value in packets[:-1])
    except UnicodeDecodeError as error:
        raise MalformedMacaroon("a packet is not UTF-8") from error
    return Macaroon(location, identifier, tuple(texts), signature)


def _derive(root_key: bytes) -> bytes:
    return hmac.digest(_KEY_GENERATOR, root_key, "sha256")


def _extend(signature: bytes, text: str) -> bytes:
    return hmac.digest(signature, text.encode(), "sha256")


def _packet(name: str, value: bytes) -> bytes:
    size = _HEADER_BYTES + len(name) + 1 + len(value) + 1
    if size > _MAX_PACKET_BYTES:
        raise MalformedMacaroon(f"the {name} is too long for a macaroon")
    return b"%04x%s %s\n" % (size, name.encode(), value)


def _packets(data: bytes) -> Iterator[tuple[str, bytes]]:
    position = 0
    while position < len(data):
        end = position + _packet_size(data[position : position + _HEADER_BYTES])
        name, separator, value = data[position + _HEADER_BYTES : end].partition(b" ")
        if end > len(data) or not separator or not value.endswith(b"\n"):
            raise MalformedMacaroon("a packet is cut short")
        yield name.decode("ascii", "replace"), value[:-1]
        position = end


def _packet_size(header: bytes) -> int:
    # int() alone would also take "+1f ", "0x1f" and "1_ff".
    if len(header) != _HEADER_BYTES or header.strip(b"0123456789abcdefABCDEF"):
        raise MalformedMacaroon("a packet has no size")
    size = int(header, 16)
    if size <= _HEADER_BYTES:
        raise MalformedMacaroon("a packet has no content")
    return size
