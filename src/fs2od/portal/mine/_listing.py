"""One dataset in somebody's list, as pages and their JSON twins say it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fs2od.node.zone.catalogue import Listed
from fs2od.node.zone.zone import Zone
from fs2od.portal._words import iso

__all__ = ["listed_document", "newest_of"]


def newest_of(listed: Listed) -> datetime | None:
    """Return when the newest file of a dataset was written; None if there is none, or nobody looked yet."""
    known = listed.summary
    return None if known is None or known.newest_s is None else datetime.fromtimestamp(known.newest_s, UTC)


def listed_document(zone: Zone, listed: Listed) -> dict[str, Any]:
    """Return the twin of one line of the list; what is not known yet is None."""
    known, newest = listed.summary, newest_of(listed)
    return {
        "space_id": listed.space,
        "name": listed.name,
        "title": listed.title,
        "role": listed.role,
        "share_id": listed.share,
        "url": None if listed.share is None else zone.public_url(listed.share),
        "state": (known.state or None) if known else None,
        "facility": (known.facility or None) if known else None,
        "instrument": (known.instrument or None) if known else None,
        "files": known.files if known else None,
        "size_bytes": known.size_bytes if known else None,
        "newest": iso(newest),
    }
