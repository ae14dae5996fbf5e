"""What fs2od's own node adds for reading straight from a store: `plain` switches it off."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from fs2od.onedata.wire.codec import Document, Secret

__all__ = ["ByteRange", "DirectAddress", "DirectAddresses", "DirectReading", "DirectRequest"]


class ByteRange(Document, frozen=True, kw_only=True):
    """`size` bytes of a file from `offset` on."""

    offset: Annotated[int, Meta(ge=0)]
    size: Annotated[int, Meta(ge=1)]


class DirectRequest(Document, frozen=True, kw_only=True):
    """POST P/fs2od/data/{id}/addresses: for which ranges."""

    ranges: tuple[ByteRange, ...]


class DirectAddress(Document, frozen=True, kw_only=True):
    """Where a range is had with GET and exactly its `Range`. Whoever has the address has the bytes: it is a secret."""

    offset: int
    size: int
    url: Secret


class DirectAddresses(Document, frozen=True, kw_only=True):
    """The answer: as many addresses as ranges, good for so many seconds; none where the site has no checked copy."""

    valid_for: int
    addresses: tuple[DirectAddress, ...]


class DirectReading(Document, frozen=True, kw_only=True, omit_defaults=False):
    """GET and PUT N/fs2od/storages/{id}/direct: whether clients may be led to a bucket, and at which address they reach it.

    `hostname` "" is the one that the node uses itself.
    """

    allowed: bool = False
    hostname: str = ""
