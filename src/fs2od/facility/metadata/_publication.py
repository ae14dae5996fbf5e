"""What everybody may read about a dataset: the share's description as Markdown, and the root's JSON metadata."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from fs2od.configuration import FacilitySection
from fs2od.facility.journal import Phase, Record
from fs2od.onedata.wire import JsonObject
from fs2od.quantities import human_bytes, human_count

__all__ = ["Publication", "available_until", "publication_of"]

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+.!|~&-])")


@dataclass(frozen=True)
class Publication:
    """A description in Markdown and a metadata document; `fingerprint` tells whether it is published already."""

    description: str
    metadata: JsonObject

    @property
    def fingerprint(self) -> str:
        """A hash of all of it."""
        text = json.dumps([self.description, self.metadata], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def publication_of(record: Record, facility: FacilitySection) -> Publication:
    """Write what is published about a dataset as it stands; pure. It needs the record's facts."""
    return Publication(_description(record, facility), _metadata(record, facility))


def available_until(record: Record, facility: FacilitySection) -> date | None:
    """Return until when the dataset stays available, where that is promised."""
    if facility.keep is None:
        return None
    return ((record.completed_at or record.detected_at) + facility.keep).date()


def _description(record: Record, facility: FacilitySection) -> str:
    facts = record.facts
    if facts is None:
        return ""
    until = available_until(record, facility)
    lines = [f"# {_text(facts.title)}", "", f"{_text(facts.instrument)}, {_text(facility.name)}", ""]
    lines.append(_state(record))
    lines += ["", *(f"- **{_text(path)}**: {_shown(value)}" for path, value in facts.published.items())]
    if until is not None:
        lines += ["", f"Available until {until.isoformat()}."]
    lines += ["", f"Questions: {_text(facility.contact)}"]
    return "\n".join(lines) + "\n"


def _state(record: Record) -> str:
    tally = record.tally
    if record.phase is not Phase.COMPLETE or tally is None:
        return "Acquisition goes on."
    said = f"Complete: {human_count(tally.files)} files, {human_bytes(tally.size_bytes)}."
    if tally.undeliverable:
        said += f" {human_count(tally.undeliverable)} cannot be delivered."
    return _text(said)


def _shown(value: object) -> str:
    items = value if isinstance(value, list) else [value]
    return _text(", ".join(map(str, items)))


def _text(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)


def _metadata(record: Record, facility: FacilitySection) -> JsonObject:
    facts = record.facts
    document: dict[str, Any] = {}
    for path, value in (facts.published if facts else {}).items():
        _put(document, path.split("."), value)
    document["fs2od"] = _own(record, facility)
    return document


def _own(record: Record, facility: FacilitySection) -> JsonObject:
    complete = record.phase is Phase.COMPLETE
    until = available_until(record, facility)
    own: dict[str, Any] = {
        "name": record.name,
        "title": record.facts.title if record.facts else record.name,
        "instrument": record.facts.instrument if record.facts else facility.instrument,
        "facility": facility.name,
        "contact": facility.contact,
        "state": "complete" if complete else "acquiring",
        "since": record.detected_at.isoformat(timespec="seconds"),
    }
    if record.sidecar:
        own["checksums"] = _checksums(record.sidecar)
    if until is not None:
        own["available_until"] = until.isoformat()
    if complete and record.tally is not None:
        own["files"] = record.tally.files
        own["size_bytes"] = record.tally.size_bytes
        own["undeliverable"] = record.tally.undeliverable
        own["undeliverable_names"] = list(record.tally.undeliverable_names)
    if complete and record.completed_at is not None:
        own["completed"] = record.completed_at.isoformat(timespec="seconds")
    return own


def _checksums(sidecar: str) -> str:
    return sidecar if sidecar == "none" else "complete" if sidecar.endswith("sealed") else "growing"


def _put(document: dict[str, Any], keys: list[str], value: object) -> None:
    *above, last = keys
    for key in above:
        below = document.setdefault(key, {})
        if not isinstance(below, dict):
            return  # two allowed paths where one is the other's beginning: the plain value stands
        document = below
    document.setdefault(last, value)
