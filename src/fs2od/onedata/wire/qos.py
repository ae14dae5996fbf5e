"""QoS requirements on the wire. Their expressions are read by `fs2od.onedata.qos`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from fs2od.onedata.ids import FileId, ProviderId, QosRequirementId, StorageId
from fs2od.onedata.wire.codec import Document

__all__ = [
    "MatchingStorage",
    "MatchingStorages",
    "QosAuditLog",
    "QosEvent",
    "QosExpressionRequest",
    "QosLogEntry",
    "QosRequirementCreated",
    "QosRequirementDetails",
    "QosRequirementRequest",
    "QosStatus",
    "QosSummary",
]

QosStatus = Literal["fulfilled", "pending", "impossible"]


class QosRequirementRequest(Document, frozen=True, kw_only=True):
    """POST P/qos_requirements."""

    file_id: FileId
    expression: str
    replicas_num: Annotated[int, Meta(ge=1)] = 1


class QosRequirementCreated(Document, frozen=True, kw_only=True):
    """The answer of POST P/qos_requirements."""

    qos_requirement_id: QosRequirementId


class QosRequirementDetails(Document, frozen=True, kw_only=True):
    """GET P/qos_requirements/{id}."""

    qos_requirement_id: QosRequirementId
    file_id: FileId
    expression: str
    replicas_num: int
    status: QosStatus


class QosSummary(Document, frozen=True, kw_only=True):
    """GET P/data/{id}/qos/summary."""

    requirements: dict[QosRequirementId, QosStatus]
    status: QosStatus


class QosEvent(Document, frozen=True, kw_only=True):
    """What happened to a file for a requirement."""

    file_id: FileId
    severity: Literal["info", "error"]
    status: Literal["completed", "failed"]
    description: str


class QosLogEntry(Document, frozen=True, kw_only=True):
    """An event, its number in the log, and when it was, in milliseconds since 1970."""

    index: int
    timestamp: int
    content: QosEvent


class QosAuditLog(Document, frozen=True, kw_only=True):
    """GET P/qos_requirements/{id}/audit_log."""

    is_last: bool
    log_entries: tuple[QosLogEntry, ...]


class QosExpressionRequest(Document, frozen=True, kw_only=True):
    """POST P/spaces/{id}/evaluate_qos_expression."""

    expression: str


class MatchingStorage(Document, frozen=True, kw_only=True):
    """A storage that an expression matches."""

    id: StorageId
    name: str
    provider_id: ProviderId


class MatchingStorages(Document, frozen=True, kw_only=True):
    """The answer of POST P/spaces/{id}/evaluate_qos_expression."""

    matching_storages: tuple[MatchingStorage, ...]
