"""Behind a reverse proxy: X-Forwarded-For counts from our own proxies, and from nobody else."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response
from starlette.types import ASGIApp

from fs2od.node.apps import provider_app, zone_app
from fs2od.node.http.forwarding import Forwarding, client_of
from fs2od.node.running import open_node
from fs2od.node.settings import NodeSettings
from fs2od.onedata.tokens import Ip
from fs2od.portal.public import public_pages

TRUSTED = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", ["203.0.113.9"], "192.0.2.1"),  # not our proxy: what it says is nothing
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["1.1.1.1, 203.0.113.9"], "203.0.113.9"),  # the client wrote the first one itself
        ("10.0.0.1", ["1.1.1.1", "203.0.113.9, 10.0.0.7"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.7"], "10.0.0.3"),
        ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("fd00::1", ["2001:db8::1"], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, , 10.0.0.7"], "10.0.0.7"),
        ("testclient", ["203.0.113.9"], "testclient"),
    ],
)
def test_the_client_is_the_first_address_on_the_way_back_that_is_none_of_ours(
    peer: str, forwarded: list[str], client: str
) -> None:
    assert client_of(peer, forwarded, TRUSTED) == client


@given(st.lists(st.text()), st.sampled_from(["192.0.2.1", "::1", "203.0.113.9"]))
def test_who_is_no_proxy_of_ours_cannot_pose_as_another(forwarded: list[str], peer: str) -> None:
    assert client_of(peer, forwarded, TRUSTED) == peer


async def test_limits_caveats_and_sessions_see_the_client_and_not_the_proxy(tmp_path: Path) -> None:
    settings = NodeSettings(tmp_path / "node", "zone.test", "provider.test", trusted_proxies=("10.0.0.1",))
    with open_node(settings) as node:
        node.ensure_administrator(tmp_path / "admin.token")
        user = node.zone.users.by_username("admin").id
        token = node.zone.tokens.issue_named(user, "here", caveats=[Ip(("203.0.113.9",))]).token
        zone, provider = zone_app(node.zone, pages=public_pages(node.zone, node.provider)), provider_app(node.provider)

        async def ask(app: ASGIApp, url: str, client: str, *, proxy: str = "10.0.0.1", shown: str = "") -> int:
            headers = {"X-Forwarded-For": client} | ({"X-Auth-Token": shown} if shown else {})
            transport = httpx.ASGITransport(app, client=(proxy, 1))
            async with httpx.AsyncClient(transport=transport, trust_env=False) as browser:
                return (await browser.get(url, headers=headers)).status_code

        right, wrong = token.reveal(), "wrong" * 10
        me, spaces = "https://zone.test/api/v3/onezone/user", "https://provider.test/api/v3/oneprovider/spaces"
        for app, url in ((zone, me), (provider, spaces)):
            assert await ask(app, url, "203.0.113.9", shown=right) == 200
            assert await ask(app, url, "203.0.113.8", shown=right) == 401
            assert await ask(app, url, "203.0.113.9", shown=right, proxy="10.0.0.2") == 401
        statuses = [await ask(zone, me, "198.51.100.1", shown=wrong) for _ in range(31)]
        assert statuses[-1] == 429
        assert await ask(zone, me, "198.51.100.2", shown=wrong) == 401


async def test_a_proxy_nearby_that_is_not_named_is_told_once_and_strangers_are_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    forwarding = Forwarding(Response(status_code=204), ["10.0.0.1"])
    for peer in ("8.8.8.8", "10.0.0.1", "127.0.0.1", "127.0.0.1"):
        transport = httpx.ASGITransport(forwarding, client=(peer, 1))
        async with httpx.AsyncClient(transport=transport, trust_env=False) as browser:
            await browser.get("https://zone.test/", headers={"X-Forwarded-For": "203.0.113.9"})
    assert caplog.messages == [
        "X-Forwarded-For from 127.0.0.1 is not believed: if your proxy is there, name it in network.trusted_proxies"
    ]
