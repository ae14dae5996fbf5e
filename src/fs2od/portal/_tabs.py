"""The tabs above a dataset's pages, for those who are in; others see none."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from fs2od.node.zone.callers import Caller
from fs2od.node.zone.zone import Zone
from fs2od.onedata import errors
from fs2od.onedata.ids import ShareId, SpaceId, space_root_uuid

__all__ = ["Tab", "main_link", "new_link", "tabs_of"]


@dataclass(frozen=True)
class Tab:
    """One tab: its key, which templates turn into words, and where it leads."""

    key: str
    href: str


def tabs_of(zone: Zone, caller: Caller | None, space: SpaceId) -> tuple[Tab, ...]:
    """Return the tabs of a dataset for whoever looks at it: none for guests, strangers and plain nodes."""
    if caller is None or caller.user is None or zone.settings.plain:
        return ()
    held = zone.rights.space_privileges(caller.user, space, needed={"space_view"})
    if held is None or "space_view" not in held:
        return ()
    base = f"/space/{space}"
    return (
        Tab("overview", base),
        Tab("people", f"{base}/people"),
        Tab("links", f"{base}/links"),
        Tab("compute", f"{base}/compute"),
        Tab("activity", f"{base}/activity"),
    )


def new_link(zone: Zone, caller: Caller | None, space: SpaceId, path: str) -> str:
    """Return the address of the form that makes a link to a path of a dataset; empty for those who may not make links."""
    if caller is None or caller.user is None or zone.settings.plain:
        return ""
    held = zone.rights.space_privileges(caller.user, space, needed={"space_manage_shares"}) or frozenset()
    return f"/space/{space}/links/new?{urlencode({'path': path})}" if "space_manage_shares" in held else ""


def main_link(zone: Zone, caller: Caller, space: SpaceId) -> ShareId | None:
    """Return the link that shows all of a space, the oldest that `caller` may follow now; None if there is none."""
    for share in zone.shares.rooted_at(space, space_root_uuid(space)):
        try:
            return zone.shares.public(share, caller).id
        except errors.ServiceError:
            continue
    return None
