"""The downloader as one file, at /get.py: the node serves the text that it was given, and knows nothing of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from fs2od.node.http.routing import Route

__all__ = ["script_route"]


def script_route(text: Callable[[], str]) -> BaseRoute:
    """Return the route of /get.py; `text` is called in a worker thread with every request, and should remember its answer."""

    def script(request: Request) -> Response:
        body = text().encode()
        etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {"Cache-Control": "no-cache", "Content-Security-Policy": "default-src 'none'; sandbox", "ETag": etag}
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="text/x-python; charset=utf-8", headers=headers)

    return Route("/get.py", script)
