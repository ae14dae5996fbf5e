"""The pages of a site's administrators: what it is asked for, what it grants, its storages, its offer, its people.

A plain node has none of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.routing import BaseRoute

from fs2od.node.provider.provider import Oneprovider
from fs2od.portal.signin import Desk
from fs2od.portal.sites._counters import Counters
from fs2od.portal.sites._offer import OfferPages
from fs2od.portal.sites._overview import SitesPage
from fs2od.portal.sites._people import PeoplePages
from fs2od.portal.sites._requests import RequestPages
from fs2od.portal.sites._spaces import SpacePages
from fs2od.portal.sites._storages import StoragePages

__all__ = ["site_routes"]


def site_routes(desk: Desk, sites: Iterable[Oneprovider]) -> list[BaseRoute]:
    """Return the routes below /sites; `attended` has to know them with all other pages."""
    if desk.zone.settings.plain:
        return []
    counters = Counters(desk, sites)
    pages = (
        SitesPage(counters),
        RequestPages(counters),
        SpacePages(counters),
        StoragePages(counters),
        OfferPages(counters),
        PeoplePages(counters),
    )
    return [route for each in pages for route in each.routes()]
