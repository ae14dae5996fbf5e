"""The results that were made from a dataset, for those of its members who belong to these as well."""

from __future__ import annotations

from fs2od.node.zone.callers import Caller
from fs2od.node.zone.provenance import Results
from fs2od.node.zone.zone import Zone
from fs2od.onedata import errors
from fs2od.onedata.ids import SpaceId

__all__ = ["results_of"]


def results_of(zone: Zone, caller: Caller | None, space: SpaceId) -> tuple[Results, ...]:
    """Return the results of a dataset, newest first: none for guests, strangers and plain nodes."""
    if caller is None or caller.user is None or zone.settings.plain:
        return ()
    try:
        return tuple(zone.provenance.results_of(caller, space))
    except errors.ServiceError:
        return ()
