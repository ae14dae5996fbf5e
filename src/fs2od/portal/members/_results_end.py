"""Results that nobody needs any more, removed with their data."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import BaseRoute

from fs2od.node.index.schema import ROOT
from fs2od.onedata import errors
from fs2od.portal.members._rooms import Form, Rooms, Visit, to

__all__ = ["ResultsEndPages", "may_remove"]

_REMOVES = "space_delete"


@dataclass(frozen=True)
class ResultsEndPages:
    """The page that asks, and its button."""

    rooms: Rooms

    def routes(self) -> list[BaseRoute]:
        """Return the routes of these pages."""
        address = "/space/{id}/remove"
        return [self.rooms.asked(address, self.ask), self.rooms.pressed(address, self.remove)]

    def ask(self, visit: Visit) -> Response:
        """Say what is lost, and ask."""
        _require(self.rooms, visit)
        files, size_bytes = 0, 0
        if visit.space.supports:
            with self.rooms.provider.indexes.using(visit.space.id) as index:
                root = index.get(ROOT)
            files, size_bytes = (root.files, root.size_bytes) if root else (0, 0)
        return self.rooms.page(visit, "results_end.html", "people", {"files": files, "size_bytes": size_bytes})

    def remove(self, visit: Visit, _: Form) -> Response:
        """Remove them."""
        _require(self.rooms, visit)
        self.rooms.zone.spaces.remove(visit.caller, visit.space.id)
        return to("/datasets")


def may_remove(rooms: Rooms, visit: Visit) -> bool:
    """Say whether a visitor may remove what they look at here: results only, for datasets are the facility's."""
    return _REMOVES in visit.standing.held and rooms.zone.results.is_one(visit.space.id)


def _require(rooms: Rooms, visit: Visit) -> None:
    if not may_remove(rooms, visit):
        raise errors.forbidden()
