"""A dataset's own address: it leads to the page of its link, or shows what members may know where there is none."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import BaseRoute

from fs2od.node.index.schema import ROOT
from fs2od.portal._rendering import wants_twin
from fs2od.portal._results import results_of
from fs2od.portal._tabs import main_link
from fs2od.portal.members._rooms import Rooms, Visit, to

__all__ = ["OverviewPages"]


@dataclass(frozen=True)
class OverviewPages:
    """The page at /space/ID."""

    rooms: Rooms

    def routes(self) -> list[BaseRoute]:
        """Return the routes of this page."""
        return [*self.rooms.seen("/space/{id}", self.overview)]

    def overview(self, visit: Visit) -> Response:
        """Lead to the page of the dataset's link, or show what there is."""
        zone, space = self.rooms.zone, visit.space
        share, count, size = main_link(zone, visit.caller, space.id), zone.people.count(space.id), self._size(visit)
        results = results_of(zone, visit.caller, space.id)
        if wants_twin(visit.request):
            document = {
                "share": share,
                "url": None if share is None else zone.public_url(share),
                "description": space.description,
                "people": count,
                "files": None if size is None else size[0],
                "size_bytes": None if size is None else size[1],
                "you": visit.standing.role,
                "results": [{"space": each.space, "name": each.name, "noted": each.noted_s} for each in results],
            }
            return self.rooms.twin(visit, document)
        if share is not None:
            return to(f"/share/{share}")
        return self.rooms.page(visit, "space.html", "overview", {"count": count, "size": size, "results": results})

    def _size(self, visit: Visit) -> tuple[int, int] | None:
        """Return how many files and bytes there are; None where no provider supports the space."""
        if not visit.space.supports:
            return None
        with self.rooms.provider.indexes.using(visit.space.id) as index:
            root = index.get(ROOT)
        return None if root is None else (root.files, root.size_bytes)
