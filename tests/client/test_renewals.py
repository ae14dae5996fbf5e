"""A token that ends while calls go on, and a proxy on the way: what the connection makes of them over real TLS."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.client.conftest import Connect, Serve, reply

from fs2od.client import Connection, Onezone, ProxyAddress
from fs2od.errors import ConfigurationError
from fs2od.onedata import errors
from fs2od.onedata.ids import GroupId
from fs2od.onedata.tokens import Token
from fs2od.testing.network import Tunnels
from fs2od.testing.world import ServedWorld, serve_world

GROUPS = reply(body=b'{"groups":["ab"]}')
FIRST, SECOND = "MDAxFirstFirstFirst", "MDAxSecondSecondSecond"


def refusal(inner: dict[str, object]) -> bytes:
    error = {"id": "unauthorized", "description": "no", "details": {"authError": inner}}
    return reply(401, json.dumps({"error": error}).encode())


REVOKED = refusal({"id": "tokenRevoked", "description": "revoked"})
EXPIRED = refusal({"id": "tokenCaveatUnverified", "description": "late", "details": {"caveat": {"type": "time"}}})
ELSEWHERE = refusal({"id": "tokenCaveatUnverified", "description": "ip", "details": {"caveat": {"type": "ip"}}})


class Successor:
    """Has another token, once."""

    def __init__(self) -> None:
        self.used: list[str] = []
        self.successes = 0

    def worked(self) -> None:
        self.successes += 1

    async def renew(self, used: Token) -> Token:
        self.used.append(used.reveal())
        await asyncio.sleep(0)
        if used.reveal() == SECOND:
            raise ConfigurationError("there is no third one")
        return Token(SECOND)


@pytest.mark.parametrize("ended", [REVOKED, EXPIRED])
async def test_a_call_is_sent_again_with_the_next_token(serve: Serve, connect: Connect, ended: bytes) -> None:
    server, successor = await serve(ended, GROUPS), Successor()
    connection = connect(token=FIRST, renewal=successor)
    assert await Onezone(connection, server.origin).user.groups() == (GroupId("ab"),)
    assert [seen.headers["x-auth-token"] for seen in server.seen] == [FIRST, SECOND]
    assert (successor.used, successor.successes) == ([FIRST], 1)


async def test_even_a_creation_is_sent_again_for_nothing_was_done(serve: Serve, connect: Connect) -> None:
    server = await serve(REVOKED, reply(201, location="/api/v3/onezone/groups/ab"))
    await Onezone(connect(token=FIRST, renewal=Successor()), server.origin).groups.create("crew")
    assert len(server.seen) == 2


async def test_a_token_that_never_opened_this_is_not_waited_for(serve: Serve, connect: Connect) -> None:
    server, successor = await serve(ELSEWHERE), Successor()
    with pytest.raises(errors.Unauthorized):
        await Onezone(connect(token=FIRST, renewal=successor), server.origin).user.groups()
    assert (len(server.seen), successor.used) == (1, [])


async def test_the_end_of_all_tokens_is_the_end(serve: Serve, connect: Connect) -> None:
    server = await serve(REVOKED, REVOKED, GROUPS)
    with pytest.raises(ConfigurationError, match="no third one"):
        await Onezone(connect(token=FIRST, renewal=Successor()), server.origin).user.groups()
    assert len(server.seen) == 2


async def test_a_proxy_carries_what_it_is_named_for(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serve_world(tmp_path_factory.mktemp("world")) as world, Tunnels() as tunnels:
        assert await _groups(world, ProxyAddress("127.0.0.1", tunnels.port, {"Proxy-Authorization": "Basic x"})) == ()
        host = world.node.settings.zone_url.removeprefix("https://")
        assert (tunnels.asked, tunnels.shown) == ([host], ["Basic x"])
        assert await _groups(world, None) == ()
        assert tunnels.asked == [host]


async def test_a_proxy_that_is_away_is_a_matter_of_the_network(serve: Serve, connect: Connect) -> None:
    server = await serve(GROUPS)
    headers = {"Proxy-Authorization": "Basic secret"}
    connection = connect(proxy_of=lambda _host, _port: ProxyAddress("127.0.0.1", 1, headers))
    with pytest.raises(errors.ConnectionLost, match=r"cannot be reached \(by the proxy 127\.0\.0\.1:1: ") as raised:
        await Onezone(connection, server.origin).user.groups()
    assert "secret" not in str(raised.value)
    assert server.seen == []


async def _groups(world: ServedWorld, proxy: ProxyAddress | None) -> tuple[GroupId, ...]:
    person = world.person()
    async with Connection(token=person.token, ca_file=world.ca, proxy_of=lambda _host, _port: proxy) as connection:
        return await Onezone(connection, world.node.settings.zone_url).user.groups()
