"""A person's own pages: joining with an invite, their datasets, their tokens, machines to sign in."""

from __future__ import annotations

from starlette.routing import BaseRoute

from fs2od.node.provider.provider import Oneprovider
from fs2od.portal.mine._datasets import DatasetsPage
from fs2od.portal.mine._devices import DevicePages
from fs2od.portal.mine._joining import JoinPages
from fs2od.portal.mine._places import Places
from fs2od.portal.mine._summaries import Summaries
from fs2od.portal.mine._tokens import TokenPages
from fs2od.portal.signin import Desk

__all__ = ["own_routes"]


def own_routes(desk: Desk, provider: Oneprovider) -> list[BaseRoute]:
    """Return the routes of these pages; `attended` has to know them with all other pages."""
    summaries = Summaries(provider)
    places = Places(provider, summaries)
    pages = (
        JoinPages(desk, summaries),
        DatasetsPage(desk, summaries),
        TokenPages(desk, places),
        DevicePages(desk, places),
    )
    return [route for each in pages for route in each.routes()]
