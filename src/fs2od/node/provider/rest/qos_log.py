"""What happened for a QoS requirement: Onedata's audit log, made of what is known of each file's copies."""

from __future__ import annotations

from fs2od.node.http import Answer, Call, Endpoint, json_answer
from fs2od.node.index.replicas import Event
from fs2od.node.provider.provider import Oneprovider
from fs2od.onedata import errors
from fs2od.onedata.ids import FileRef, QosRequirementId, file_id
from fs2od.onedata.wire.qos import QosAuditLog, QosEvent, QosLogEntry

__all__ = ["endpoints"]

_MOST = 1000
_LARGEST = 2**53


def endpoints(provider: Oneprovider) -> list[Endpoint]:
    """Return the endpoints of this noun."""

    def get(call: Call) -> Answer:
        requirement = provider.qos.get(call.caller, QosRequirementId(call.path("qid")))
        since_ms, offset = _number(call, "timestamp", 0, 0, _LARGEST), _number(call, "offset", 0, 0, _LARGEST)
        limit = _number(call, "limit", _MOST, 1, _MOST)
        # Times are known to the second: one that began before the moment that is asked for does not count.
        since_s = -(-since_ms // 1000)
        found = provider.qos.events(requirement, since_s=since_s, offset=offset, limit=limit + 1)
        entries = [_entry(ref, event) for ref, event in found[:limit]]
        return json_answer(QosAuditLog(is_last=len(found) <= limit, log_entries=tuple(entries)))

    return [Endpoint("GET", "/qos_requirements/{qid}/audit_log", "get_qos_requirement_audit_log", get)]


def _entry(ref: FileRef, event: Event) -> QosLogEntry:
    content = QosEvent(
        file_id=file_id(ref),
        severity="info" if event.problem is None else "error",
        status="completed" if event.problem is None else "failed",
        description="The copy was made and checked." if event.problem is None else event.problem,
    )
    return QosLogEntry(index=event.number, timestamp=event.at_s * 1000, content=content)


def _number(call: Call, key: str, default: int, low: int, high: int) -> int:
    given = (call.values(key) or [str(default)])[-1]
    if not given.isdecimal() or len(given) > len(str(high)):
        raise errors.bad_value("Integer", key, "is not an integer")
    if not low <= int(given) <= high:
        raise errors.bad_value("NotInRange", key, f"must be between {low} and {high}", low=low, high=high)
    return int(given)
