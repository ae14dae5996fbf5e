"""Identifiers in Onedata's form: entity ids, file uuids, and the object ids that stand for files on the wire.

Source: the REST contract's section on identifiers, and CDMI 1.1.1 §5.10 for the object id's record.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
import struct
from array import array
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import sha256
from typing import NewType

__all__ = [
    "FileId",
    "FileRef",
    "GroupId",
    "InvalidFileId",
    "ProviderId",
    "QosRequirementId",
    "ShareId",
    "SpaceId",
    "StorageId",
    "TokenId",
    "TransferId",
    "UserId",
    "file_id",
    "is_entity_id",
    "new_entity_id",
    "parse_file_id",
    "space_root_uuid",
]

UserId = NewType("UserId", str)
GroupId = NewType("GroupId", str)
SpaceId = NewType("SpaceId", str)
ShareId = NewType("ShareId", str)
TokenId = NewType("TokenId", str)
ProviderId = NewType("ProviderId", str)
StorageId = NewType("StorageId", str)
QosRequirementId = NewType("QosRequirementId", str)
TransferId = NewType("TransferId", str)
FileId = NewType("FileId", str)
"""An object id in upper-case hexadecimal. Opaque to clients."""

_ENTITY = re.compile(r"[0-9a-h]{1,64}")
_LARGEST_RECORD = 320
_HEADER = 8
_MOST_KNOWN = 4096


class InvalidFileId(ValueError):
    """The text is no object id. Servers answer with the error that fits the endpoint; clients never see this."""


def new_entity_id(seed: str | None = None) -> str:
    """Return a fresh entity id: 32 hexadecimal characters, then "ch" and four more.

    With `seed` the id is always the same for the same seed, as Onezone's `idGeneratorSeed` wants it.
    """
    if seed is None:
        return f"{secrets.token_hex(16)}ch{secrets.token_hex(2)}"
    digest = sha256(seed.encode()).hexdigest()
    return f"{digest[:32]}ch{digest[32:36]}"


def is_entity_id(text: str) -> bool:
    """Say whether `text` has the alphabet of an entity id. Clients compute `int(id, 18)`, so nothing above "h" may occur."""
    return _ENTITY.fullmatch(text) is not None


def space_root_uuid(space: SpaceId) -> str:
    """Return the fixed uuid of a space's root directory."""
    return f"space_{space}"


@dataclass(frozen=True)
class FileRef:
    """What an object id says: which file of which space, and through which share it is looked at, if any."""

    uuid: str
    space: SpaceId
    share: ShareId | None = None

    def through(self, share: ShareId | None) -> FileRef:
        """Return the same file as seen through `share`, or privately with None."""
        return FileRef(self.uuid, self.space, share)


def file_id(ref: FileRef) -> FileId:
    """Return the object id of `ref`: a CDMI record with its length and CRC-16, in upper-case hexadecimal.

    Raises:
        InvalidFileId: The record would be longer than 320 bytes.
    """
    words = ["guid", ref.uuid, ref.space] if ref.share is None else ["shareGuid", ref.uuid, ref.space, ref.share]
    data = "#".join(words).encode()
    if len(data) > _LARGEST_RECORD:
        raise InvalidFileId("object id too long")
    record = bytearray(_HEADER) + data
    record[5] = len(data) & 0xFF
    record[6:8] = _crc16(bytes(record)).to_bytes(2, "big")
    return FileId(record.hex().upper())


@lru_cache(_MOST_KNOWN)
def parse_file_id(text: str) -> FileRef:
    """Return what an object id says. Length and CRC are not judged, as in Oneprovider; only the fixed zero bytes are.

    Raises:
        InvalidFileId: It is no object id of a file.
    """
    if len(text) > 2 * (_LARGEST_RECORD + _HEADER):
        raise InvalidFileId("object id too long")
    try:
        record = binascii.unhexlify(text)
        words = record[_HEADER:].decode().split("#")
    except (binascii.Error, ValueError) as error:
        raise InvalidFileId("no object id") from error
    if len(record) <= _HEADER or any(record[:5]):
        raise InvalidFileId("no object id")
    match words:
        case ["guid", uuid, space]:
            return FileRef(uuid, SpaceId(space))
        case ["shareGuid", uuid, space, share]:
            return FileRef(uuid, SpaceId(space), ShareId(share))
        case _:
            raise InvalidFileId("no object id of a file")


def page_token(text: str) -> str:
    """Return `text` as a token that stands in a query string unescaped: base64url without padding."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def parse_page_token(token: str) -> str:
    """Return what `page_token` was given.

    Raises:
        ValueError: It is not one of ours.
    """
    try:
        return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except (binascii.Error, UnicodeError) as error:
        raise ValueError("no page token") from error


def _crc16(data: bytes) -> int:
    """CRC-16/ARC: reflected polynomial 0xA001, initial value 0. Two bytes a step: every entry of a listing has an id."""
    table = _pairs()
    crc = 0
    for pair in struct.unpack(f"<{len(data) // 2}H", data[: len(data) & ~1]):
        crc = table[crc ^ pair]
    return _after(crc, data[-1]) if len(data) % 2 else crc


def _after(crc: int, byte: int) -> int:
    return _SINGLES[(crc ^ byte) & 0xFF] ^ (crc >> 8)


def _single(index: int) -> int:
    for _ in range(8):
        index = (index >> 1) ^ (0xA001 if index & 1 else 0)
    return index


_SINGLES = tuple(_single(index) for index in range(256))


@cache
def _pairs() -> array[int]:
    """Return the CRC of each two bytes, low byte first; made when it is first wanted, which takes some milliseconds."""
    return array("H", [_after(crc, high) for high in range(256) for crc in _SINGLES])
