from __future__ import annotations

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from fs2od.node.http.routing import Route


async def test_routes_of_the_same_address_lead_each_to_its_own() -> None:
    def saying(word: str) -> Route:
        def say(request: Request) -> Response:
            return PlainTextResponse(f"{word} {request.path_params['name']}")

        return Route("/say/{name}", say)

    def asked(request: Request) -> Response:
        return PlainTextResponse(f"asked {request.path_params['name']}")

    for word in ("one", "other"):
        app = Starlette(routes=[saying(word), Route("/say/{name}", asked, methods=["POST"])])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://node.test") as client:
            assert (await client.get("/say/it")).text == f"{word} it"
            assert (await client.post("/say/it")).text == "asked it"
            assert (await client.head("/say/it")).status_code == 200
            assert (await client.put("/say/it")).status_code == 405


def test_what_a_route_finds_out_of_its_address_is_found_out_once() -> None:
    def answer(_: Request) -> Response:
        return Response()

    one, other = Route("/a/{path:path}", answer, methods=["POST"]), Route("/a/{path:path}", answer, methods=["POST"])
    assert one.path_regex is other.path_regex
    assert one.methods == {"POST"}
    assert Route("/a/{path:path}", answer).methods == {"GET", "HEAD"}
