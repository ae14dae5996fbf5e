"""Shares: what a link makes public."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from fs2od.onedata.errors import missing
from fs2od.onedata.ids import FileId, ShareId, SpaceId
from fs2od.onedata.wire.codec import Document
from fs2od.onedata.wire.users import SubjectRef

__all__ = ["PublicShare", "ShareChange", "ShareCreated", "ShareDetails", "ShareRequest", "ZoneShare"]


class ShareRequest(Document, frozen=True, kw_only=True):
    """POST P/shares. `file_id` is the older name of `root_file_id`, and the one that 20.02 knows."""

    name: str
    root_file_id: FileId | UnsetType = UNSET
    file_id: FileId | UnsetType = UNSET
    description: str = ""

    def root(self) -> FileId:
        """Return what is to be shared.

        Raises:
            ServiceError: missingRequiredValue: neither key is there.
        """
        root = self.file_id if self.root_file_id is UNSET else self.root_file_id
        if root is UNSET:
            raise missing("rootFileId")
        return root


class ShareCreated(Document, frozen=True, kw_only=True):
    """The answer of POST P/shares."""

    share_id: ShareId


class ShareChange(Document, frozen=True, kw_only=True):
    """PATCH P/shares/{id} and Z/shares/{id}."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET


class ShareDetails(Document, frozen=True, kw_only=True):
    """GET P/shares/{id}. `root_file_id` is seen through the share; releases differ in the words of `root_file_type`."""

    share_id: ShareId
    space_id: SpaceId | UnsetType = UNSET
    name: str
    description: str | UnsetType = UNSET
    public_url: str
    root_file_id: FileId
    root_file_type: str | UnsetType = UNSET
    handle_id: str | UnsetType | None = UNSET
    public_rest_url: str | UnsetType = UNSET


class PublicShare(Document, frozen=True, kw_only=True):
    """GET Z/shares/{id}/public, for everyone."""

    share_id: ShareId
    name: str
    description: str | UnsetType = UNSET
    public_url: str | UnsetType = UNSET
    public_rest_url: str | UnsetType = UNSET
    root_file_id: FileId
    file_type: Literal["dir", "file"] | UnsetType = UNSET
    handle_id: str | UnsetType | None = UNSET
    creation_time: int | UnsetType = UNSET


class ZoneShare(PublicShare, frozen=True, kw_only=True):
    """GET Z/shares/{id} and Z/spaces/{id}/shares/{sid}."""

    space_id: SpaceId
    creator: SubjectRef | UnsetType = UNSET
