"""What fs2od's own node adds about copies: how they stand, and what is in the way. `plain` switches it off."""

from __future__ import annotations

from fs2od.onedata.ids import FileId, ProviderId, QosRequirementId, StorageId, UserId
from fs2od.onedata.wire.codec import Document
from fs2od.onedata.wire.qos import QosStatus

__all__ = ["CopiesOnStorage", "Replication", "RequirementState", "WishDetails", "WishRequest", "Wishes"]


class CopiesOnStorage(Document, frozen=True, kw_only=True):
    """How the copies stand that requirements ask of one storage. Sizes in bytes; `problem` is one sentence for people; `waits`: for their turn."""

    storage_id: StorageId
    storage_name: str
    provider_id: ProviderId
    files: int
    size: int
    copied_files: int
    copied_size: int
    bytes_per_second: int
    seconds_left: int | None
    failed_files: int
    problem: str | None
    waits: bool = False


class RequirementState(Document, frozen=True, kw_only=True):
    """A requirement and how it stands; `problem` says why it is impossible, None if it is not."""

    qos_requirement_id: QosRequirementId
    file_id: FileId
    expression: str
    replicas_num: int
    status: QosStatus
    problem: str | None


class Replication(Document, frozen=True, kw_only=True):
    """The answer of GET P/fs2od/spaces/{id}/replication."""

    requirements: tuple[RequirementState, ...]
    copies: tuple[CopiesOnStorage, ...]


class WishRequest(Document, frozen=True, kw_only=True, omit_defaults=True):
    """POST P/fs2od/spaces/{id}/wishes: a space is wanted at a site; without one, wherever it is supported next."""

    provider_id: ProviderId | None = None


class WishDetails(Document, frozen=True, kw_only=True):
    """Where a space is wanted, and by whom. The requirement is there as soon as the site lends storage."""

    provider_id: ProviderId | None
    user_id: UserId
    qos_requirement_id: QosRequirementId | None


class Wishes(Document, frozen=True, kw_only=True):
    """GET P/fs2od/spaces/{id}/wishes, oldest first."""

    wishes: tuple[WishDetails, ...]
