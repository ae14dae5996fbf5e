"""The node's two ASGI applications: the zone's origin, and the provider's with its panel."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fs2od.node.http.endpoints import Doors, Endpoint, consumer_text, error_answer, mount, peer_ip, token_text
from fs2od.node.http.forwarding import Forwarding
from fs2od.node.http.routing import Route
from fs2od.node.panel.rest import direct as panel_direct
from fs2od.node.panel.rest import endings as panel_endings
from fs2od.node.panel.rest import requests as panel_requests
from fs2od.node.panel.rest import storages as panel_storages
from fs2od.node.panel.rest import support as panel_support
from fs2od.node.provider import cdmi
from fs2od.node.provider.archives.routes import archive_routes
from fs2od.node.provider.counting import Counter
from fs2od.node.provider.data import discovery_routes, file_routes
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.provider.rest import content, copies, direct, files, qos_log, replication, writing
from fs2od.node.provider.rest import service as provider_service
from fs2od.node.provider.rest import shares as provider_shares
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.rest import (
    accounts,
    clusters,
    devices,
    groups,
    jobs,
    members,
    providers,
    shares,
    sharing,
    sites,
    spaces,
    tokens,
    users,
)
from fs2od.node.zone.rest import service as zone_service
from fs2od.node.zone.zone import Zone
from fs2od.onedata import errors

__all__ = ["endpoints_of", "provider_app", "zone_app"]

# What is done with files of a web interface.
_READING = ("GET", "HEAD", "OPTIONS")
_ZONE_NOUNS = (
    zone_service,
    users,
    accounts,
    groups,
    members,
    spaces,
    shares,
    sharing,
    tokens,
    providers,
    clusters,
    sites,
    devices,
    jobs,
)
_PROVIDER_NOUNS = (provider_service, files, content, writing, provider_shares, replication, qos_log, copies, direct)
_PANEL_NOUNS = (panel_storages, panel_support, panel_requests, panel_direct, panel_endings)


def endpoints_of(provider: Oneprovider) -> list[tuple[str, Endpoint]]:
    """Return every endpoint of the three APIs with its service: "onezone", "oneprovider" or "onepanel"."""
    return [
        *(("onezone", endpoint) for noun in _ZONE_NOUNS for endpoint in noun.endpoints(provider.zone)),
        *(("oneprovider", endpoint) for noun in _PROVIDER_NOUNS for endpoint in noun.endpoints(provider)),
        *(("onepanel", endpoint) for noun in _PANEL_NOUNS for endpoint in noun.endpoints(provider)),
    ]


def zone_app(zone: Zone, *, pages: Iterable[BaseRoute] = ()) -> ASGIApp:
    """Return the application of the zone's origin: its API, and the pages that the portal hands in."""

    def authenticate(request: Request) -> Caller:
        return _authenticated(zone, request, service="ozw-onezone")

    def authenticate_panel(request: Request) -> Caller:
        return _authenticated(zone, request, service="ozp-onezone", data_access=False)

    endpoints = [endpoint for noun in _ZONE_NOUNS for endpoint in noun.endpoints(zone)]
    body_bytes = zone.settings.limits.body_bytes
    doors = Doors(authenticate, zone.audit.record, body_bytes, _slowed(zone))
    api = mount(endpoints, doors, prefix="/api/v3/onezone")
    panel_doors = Doors(authenticate_panel, zone.audit.record, body_bytes)
    panel = mount(accounts.panel_endpoints(zone), panel_doors, prefix="/api/v3/onepanel")
    # At the origin itself as well: a program that signs in knows of no API yet.
    signing_in = mount(devices.endpoints(zone), doors, prefix="")
    routes = [*api, *signing_in, *panel, *discovery_routes(zone), *pages]
    return Forwarding(_application(routes, pages_below=_pages_below(zone, "/")), zone.settings.trusted_proxies)


def provider_app(
    provider: Oneprovider, *, front: Oneprovider | None = None, extra: Iterable[BaseRoute] = ()
) -> ASGIApp:
    """Return the application of the provider's origin: its API, its panel and its downloads, and routes handed in.

    Args:
        provider: The provider.
        front: What its downloads and plain addresses are served by, where that is another view of it.
        extra: More routes.
    """
    served = front or provider
    zone, body_bytes = provider.zone, provider.zone.settings.limits.body_bytes
    worker, panel = f"opw-{provider.record.id}", f"opp-{provider.record.id}"

    def authenticate(request: Request) -> Caller:
        return _authenticated(zone, request, service=worker)

    def authenticate_panel(request: Request) -> Caller:
        return _authenticated(zone, request, service=panel, data_access=False)

    async def download(request: Request) -> Response:
        try:
            return await content.download(served, str(request.path_params["ticket"]), request)
        except errors.ServiceError as error:
            return error_answer(error)

    async def share_page(request: Request) -> Response:
        return RedirectResponse(f"{zone.settings.zone_url}/share/{request.path_params['id']}", 302)

    def authenticate_plain(request: Request) -> Caller:
        try:
            return authenticate(request)
        except errors.ServiceError as error:
            raise _slowed(zone)(request, error) from error

    # What is asked for most comes first, here and below: routes are tried one after the other.
    nouns = sorted(_PROVIDER_NOUNS, key=lambda noun: noun is not content)
    files_api = [endpoint for noun in nouns for endpoint in noun.endpoints(provider)]
    panel_api = [endpoint for noun in _PANEL_NOUNS for endpoint in noun.endpoints(provider)]
    doors = Doors(authenticate, zone.audit.record, body_bytes, _slowed(zone))
    application = _application(
        [
            *file_routes(served, authenticate_plain),
            *mount(files_api, doors, prefix="/api/v3/oneprovider"),
            *mount(panel_api, replace(doors, authenticate=authenticate_panel), prefix="/api/v3/onepanel"),
            *mount(cdmi.endpoints(provider), doors, prefix="/cdmi"),
            Route("/download/{ticket}", download),
            *archive_routes(served, authenticate_plain),
            Route("/share/{id}", share_page),
            *extra,
        ],
        pages_below=_pages_below(zone, "/api/v3/onepanel/"),
        allow_origin=True,
    )
    counted = application if zone.settings.plain else Counter(application, served)
    return Forwarding(counted, zone.settings.trusted_proxies)


def _slowed(zone: Zone) -> Callable[[Request, errors.ServiceError], errors.ServiceError]:
    return lambda request, error: zone.wrong_tokens.judged(error, peer_ip(request))


def _authenticated(zone: Zone, request: Request, *, service: str, data_access: bool = True) -> Caller:
    text = token_text(request)
    return zone.credentials.authenticate(
        text,
        service=service,
        peer_ip=peer_ip(request),
        data_access=data_access,
        consumer=None if text is None else consumer_text(request),
    )


def _pages_below(zone: Zone, path: str) -> str | None:
    """Return below which path a plain node does as Onedata: there, what it has no route for is a file of its web interface."""
    return path if zone.settings.plain else None


def _application(routes: list[BaseRoute], *, pages_below: str | None, allow_origin: bool = False) -> ASGIApp:
    async def unknown(request: Request, _: Exception) -> Response:
        is_page = pages_below is not None and request.url.path.startswith(pages_below)
        if is_page and request.method not in _READING:
            return Response(b"", 405, headers={"Allow": ", ".join(_READING)})
        if pages_below is not None:
            return Response(b"", 404)
        return error_answer(errors.not_found())

    async def other_method(_: Request, error: Exception) -> Response:
        # Without a document, as Onedata does (cowboy_rest's allowed_methods); RFC 9110 §15.5.6 asks for the header.
        given = error.headers if isinstance(error, HTTPException) else None
        allowed = sorted((given or {}).get("Allow", "").split(", "))
        return Response(b"", 405, headers={"Allow": ", ".join(allowed)})

    async def failed(_: Request, __: Exception) -> Response:
        return error_answer(errors.error_of("internalServerError", "The service could not complete the request."))

    app = Starlette(routes=routes, exception_handlers={404: unknown, 405: other_method, Exception: failed})
    app.router.redirect_slashes = False
    return _Edges(app, allow_origin=allow_origin)


class _Edges:
    """What holds for every answer: trailing slashes are tolerated, and nothing may be guessed from the content."""

    def __init__(self, app: ASGIApp, *, allow_origin: bool) -> None:
        self._app = app
        self._headers = [(b"x-content-type-options", b"nosniff")]
        if allow_origin:
            self._headers.append((b"access-control-allow-origin", b"*"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"].rstrip("/") or "/"

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", []), *self._headers]}
            await send(message)

        await self._app({**scope, "path": path}, receive, with_headers)
