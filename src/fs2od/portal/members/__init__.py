"""The pages of a dataset that only its members see: overview, people and invites, links, activity.

A plain node has the overview only.
"""

from __future__ import annotations

from starlette.routing import BaseRoute

from fs2od.node.provider.provider import Oneprovider
from fs2od.portal.members._activity import ActivityPages
from fs2od.portal.members._compute import ComputePages
from fs2od.portal.members._invites import InvitePages
from fs2od.portal.members._links import LinkPages
from fs2od.portal.members._overview import OverviewPages
from fs2od.portal.members._people import PeoplePages
from fs2od.portal.members._results_end import ResultsEndPages
from fs2od.portal.members._rooms import Rooms
from fs2od.portal.signin import Desk

__all__ = ["member_routes"]


def member_routes(desk: Desk, provider: Oneprovider) -> list[BaseRoute]:
    """Return the routes below /space; `attended` has to know them with all other pages."""
    rooms = Rooms(desk, provider)
    overview = OverviewPages(rooms).routes()
    if desk.zone.settings.plain:
        return overview
    people = PeoplePages(rooms)
    return [
        *overview,
        *people.routes(),
        *InvitePages(rooms, people.show).routes(),
        *LinkPages(rooms).routes(),
        *ComputePages(rooms).routes(),
        *ResultsEndPages(rooms).routes(),
        *ActivityPages(rooms).routes(),
    ]
