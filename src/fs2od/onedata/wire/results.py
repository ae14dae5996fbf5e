"""What our own node adds for results that are brought back: checksums of what was written, and where results came from."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from fs2od.onedata.wire.codec import Document

__all__ = ["FileChecksum"]


class FileChecksum(Document, frozen=True, kw_only=True):
    """GET P/fs2od/data/{id}/checksum of our own node; `sha256` has 64 hexadecimal digits, and is there once it is known."""

    status: Literal["known", "computing", "unknown"]
    size_bytes: int
    sha256: str | UnsetType = UNSET
    done_bytes: int | UnsetType = UNSET
