"""No address of the node, its pages or the operator's passes over a part of what was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.convertors import PathConvertor
from starlette.types import ASGIApp
from tests.portal.conftest import open_operator_world

from fs2od.node.apps import provider_app, zone_app
from fs2od.node.http.routing import Route
from fs2od.node.http.script import script_route
from fs2od.portal.public import public_pages
from fs2od.testing.world import World, open_world


def routes_of(app: ASGIApp) -> Iterator[Route]:
    """Yield the routes of an application, however it is wrapped."""
    while not isinstance(app, Starlette):
        app = next(inner for name, inner in vars(app).items() if name == "_app")
    for route in app.routes:
        assert isinstance(route, Route), route
        yield route


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with open_world(tmp_path / "node") as opened:
        yield opened


def test_every_route_sees_every_byte_of_an_address(world: World, tmp_path: Path) -> None:
    node, operator = world.node, open_operator_world(tmp_path)
    script = [script_route(lambda: "")]
    apps = [
        zone_app(node.zone, pages=[*script, *public_pages(node.zone, node.provider)]),
        provider_app(node.provider, front=node.sites.front, extra=script),
        operator.app(),
    ]
    counts = []
    for app in apps:
        routes = list(routes_of(app))
        counts.append(len(routes))
        for route in routes:
            paths = {key for key, kind in route.param_convertors.items() if isinstance(kind, PathConvertor)}
            given = {key: "a\nb" if key in paths else "1" for key in route.param_convertors}
            address = route.path_format.format(**given)
            assert (found := route.path_regex.match(address)) is not None
            assert found.groupdict() == given
            longer = route.path_regex.match(f"{address}\n")
            assert longer is None or route.path_format.format(**longer.groupdict()) == f"{address}\n", route
    operator.database.close()
    assert min(counts) > 10
