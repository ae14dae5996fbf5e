"""The seal: written last, when a dataset is complete, and fitting to exactly its parts."""

from __future__ import annotations

import hashlib
from typing import Iterable, NamedTuple

from fs2od.manifests._json import BrokenPart, dump_line, hexadecimal, parse_line, whole
from fs2od.manifests._manifest import Manifest
from fs2od.manifests._parts import Part

__all__ = ["Seal", "dump_seal", "parse_seal", "seal_of", "seal_over"]

_VERSION = 1
_MOST = 2**63 - 1
_MOST_SEAL_BYTES = 64 << 10


class Seal(NamedTuple):
    """How many parts and files a complete dataset has, their size, and the SHA-256 over the parts' hashes."""

    parts: int
    files: int
    size_bytes: int
    sha256: str


def seal_over(part_hashes: Iterable[str], *, files: int, size_bytes: int) -> Seal:
    """Return the seal of parts with these hashes, in their order.

    Its SHA-256 is that of the 64 hexadecimal digits of each part's hash, each with a newline after it.
    """
    hashes = tuple(part_hashes)
    digest = hashlib.sha256("".join(f"{each}\n" for each in hashes).encode()).hexdigest()
    return Seal(len(hashes), files, size_bytes, digest)


def seal_of(parts: Manifest | Iterable[Part]) -> Seal:
    """Return the seal that fits to these parts, or to a manifest made of them.

    Raises:
        BrokenPart: The parts are not numbered from 1 without gaps.
    """
    manifest = parts if isinstance(parts, Manifest) else Manifest(parts)
    return seal_over(manifest.part_hashes, files=manifest.files, size_bytes=manifest.size_bytes)


def dump_seal(seal: Seal) -> bytes:
    """Return the bytes of a seal."""
    return dump_line(
        {
            "fs2od": "seal",
            "version": _VERSION,
            "parts": seal.parts,
            "files": seal.files,
            "bytes": seal.size_bytes,
            "sha256": seal.sha256,
        }
    )


def parse_seal(data: bytes) -> Seal:
    """Return the seal that these bytes are.

    Raises:
        BrokenPart: They are none.
    """
    if len(data) > _MOST_SEAL_BYTES:
        raise BrokenPart("the seal is too large")
    document = parse_line(data)
    if document.get("fs2od") != "seal" or whole(document, "version", least=1, most=_MOST) != _VERSION:
        raise BrokenPart("this is no seal, or one of a newer fs2od")
    return Seal(
        parts=whole(document, "parts", least=0, most=_MOST),
        files=whole(document, "files", least=0, most=_MOST),
        size_bytes=whole(document, "bytes", least=0, most=2**63 - 1),
        sha256=hexadecimal(document.get("sha256"), 64, "sha256"),
    )
