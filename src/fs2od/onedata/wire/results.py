"""What our own node adds for results that are brought back: checksums of what was written, and where results came from."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from fs2od.onedata.ids import SpaceId
from fs2od.onedata.wire.codec import Document

__all__ = ["DERIVED_FROM", "FileChecksum", "FileUpload", "ResultsOfDataset", "ResultsSpace", "UploadBeginning"]

DERIVED_FROM = "prov:wasDerivedFrom"
"""The key in a results space's JSON metadata that lists its datasets, in the words of the W3C's provenance ontology."""


class FileChecksum(Document, frozen=True, kw_only=True):
    """GET P/fs2od/data/{id}/checksum of our own node; `sha256` has 64 hexadecimal digits, and is there once it is known."""

    status: Literal["known", "computing", "unknown"]
    size_bytes: int
    sha256: str | UnsetType = UNSET
    done_bytes: int | UnsetType = UNSET


class UploadBeginning(Document, frozen=True, kw_only=True):
    """PUT P/fs2od/data/{id}/upload of our own node: the name that an empty file will have beside its own, and its size then."""

    name: str
    size_bytes: int


class FileUpload(Document, frozen=True, kw_only=True):
    """What that answers: how long each part is but the last, and the SHA-256 (64 hexadecimal digits) of each that is there, else None."""

    size_bytes: int
    part_bytes: int
    parts: tuple[str | None, ...]


class ResultsSpace(Document, frozen=True, kw_only=True):
    """A space with results of a dataset. `noted` is when its metadata first named that, in seconds since the epoch."""

    space_id: SpaceId
    name: str
    noted: int


class ResultsOfDataset(Document, frozen=True, kw_only=True):
    """GET Z/fs2od/spaces/{id}/results of our own node: those that the caller belongs to, newest first."""

    results: tuple[ResultsSpace, ...]
