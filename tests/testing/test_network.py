"""The network that fails on purpose, asked by a plain client: what it hands on, what it does to it, what it counts."""

from __future__ import annotations

import gzip
import http.client
import json
import random
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import trustme

from fs2od.testing.network import (
    Broken,
    Cut,
    Delay,
    FlipBit,
    Gzip,
    HostileShare,
    NoLength,
    Proxy,
    Refuse,
    Relabel,
    Reply,
    Request,
    Server,
    Stall,
    SwapRanges,
    Throttle,
    WholeForRange,
    asked_for,
    is_about_bytes,
    listed,
    reply_of,
    server_context,
)

DATA = random.Random(7).randbytes(300_000)
PATH = "/api/v3/oneprovider/data/abc/content"
SECONDS = 20


def answer(request: Request) -> Reply:
    if request.range is None or request.range[1] is None:
        return reply_of(DATA if is_about_bytes(request) else {"asked": request.target, "body": request.body.decode()})
    first, last = request.range
    said = {"Content-Range": f"bytes {first}-{last}/{len(DATA)}"}
    return reply_of(DATA[first : (last or 0) + 1], status=206, headers=said)


@pytest.fixture
def service() -> Iterator[Server]:
    with Server(answer) as running:
        yield running


@pytest.fixture
def proxy(service: Server) -> Iterator[Proxy]:
    with Proxy({0: ("127.0.0.1", service.ports[0])}) as running:
        yield running


@pytest.fixture
def client(proxy: Proxy) -> Iterator[http.client.HTTPConnection]:
    with closing(http.client.HTTPConnection("127.0.0.1", proxy.ports[0], timeout=SECONDS)) as connection:
        yield connection


def fetch(client: http.client.HTTPConnection, path: str = PATH, **headers: str) -> tuple[int, dict[str, str], bytes]:
    client.request("GET", path, headers=headers)
    response = client.getresponse()
    return response.status, dict(response.getheaders()), response.read()


def until_it_breaks(response: http.client.HTTPResponse) -> bytes:
    arrived = bytearray()
    with suppress(OSError, http.client.IncompleteRead):
        while block := response.read1(10_000):
            arrived += block
    return bytes(arrived)


def test_without_a_rule_everything_passes_and_is_counted(client: http.client.HTTPConnection, proxy: Proxy) -> None:
    assert fetch(client)[2] == DATA
    status, headers, body = fetch(client, Range="bytes=10-19")
    assert (status, headers["Content-Range"], body) == (206, f"bytes 10-19/{len(DATA)}", DATA[10:20])
    client.request("GET", "/words?x=1", body=b"{}")
    assert json.loads(client.getresponse().read()) == {"asked": "/words?x=1", "body": "{}"}
    assert proxy.body_bytes() == len(DATA) + 10
    assert [found.request.range for found in proxy.exchanges] == [None, (10, 19), None]
    assert proxy.struck() == []
    proxy.forget()
    assert proxy.exchanges == []


def test_a_rule_strikes_as_often_as_it_says_and_only_what_fits(
    client: http.client.HTTPConnection, proxy: Proxy
) -> None:
    proxy.strike(Refuse(503, {"Retry-After": "3"}), times=2, passing=1)
    assert [fetch(client)[0] for _ in range(4)] == [200, 503, 503, 200]
    proxy.strike(Refuse(429), when=lambda request: request.path == "/x")
    assert [fetch(client)[0], fetch(client, "/x")[0], fetch(client, "/x")[0]] == [200, 429, 200]
    proxy.strike(Refuse(416), times=100)
    proxy.forgive()
    assert fetch(client)[0] == 200
    assert [found.status for found in proxy.struck()] == [503, 503, 429]


def test_a_cut_leaves_what_came_before(client: http.client.HTTPConnection, proxy: Proxy) -> None:
    proxy.strike(Cut(100_000))
    client.request("GET", PATH)
    response = client.getresponse()
    arrived = until_it_breaks(response)
    client.close()
    assert DATA.startswith(arrived)
    assert proxy.body_bytes() <= 100_000
    assert fetch(client)[2] == DATA


def test_one_bit_is_flipped_and_nothing_else(client: http.client.HTTPConnection, proxy: Proxy) -> None:
    proxy.strike(FlipBit(200_001))
    body = fetch(client)[2]
    assert [i for i, (a, b) in enumerate(zip(body, DATA, strict=True)) if a != b] == [200_001]
    assert (body[200_001] ^ DATA[200_001]).bit_count() == 1


def test_two_ranges_change_places(client: http.client.HTTPConnection, proxy: Proxy) -> None:
    proxy.strike(SwapRanges(1_000, 150_000, 5_000))
    body = fetch(client)[2]
    assert body[1_000:6_000] == DATA[150_000:155_000]
    assert body[150_000:155_000] == DATA[1_000:6_000]
    assert sorted(body) == sorted(DATA)
    assert fetch(client)[2] == DATA
    with pytest.raises(ValueError, match="overlap"):
        SwapRanges(0, 10, 11)


def test_a_range_is_answered_with_everything(client: http.client.HTTPConnection, proxy: Proxy) -> None:
    proxy.strike(WholeForRange())
    assert fetch(client, Range="bytes=10-19")[::2] == (200, DATA)


def test_a_body_without_a_length_ends_with_its_connection(client: http.client.HTTPConnection, proxy: Proxy) -> None:
    proxy.strike(NoLength())
    _, headers, body = fetch(client)
    assert "Content-Length" not in headers
    assert body == DATA
    assert fetch(client)[2] == DATA  # by a new connection


def test_a_body_comes_compressed(client: http.client.HTTPConnection, proxy: Proxy) -> None:
    proxy.strike(Gzip())
    _, headers, body = fetch(client, **{"Accept-Encoding": "identity"})
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(body) == DATA


def test_headers_say_something_else(client: http.client.HTTPConnection, proxy: Proxy) -> None:
    proxy.strike(Relabel({"Content-Range": "bytes 0-9/10", "Content-Type": None}, status=206))
    status, headers, _ = fetch(client)
    assert (status, headers["content-range"]) == (206, "bytes 0-9/10")
    assert "Content-Type" not in headers


def test_a_stalled_connection_stays_open_and_silent(client: http.client.HTTPConnection, proxy: Proxy) -> None:
    proxy.strike(Stall(50_000))
    client.request("GET", PATH)
    response = client.getresponse()
    client.sock.settimeout(0.5)
    assert until_it_breaks(response) == DATA[:50_000]


def test_it_comes_late_and_slowly(client: http.client.HTTPConnection, proxy: Proxy) -> None:
    proxy.strike(Delay(0.1), Throttle(1_500_000))
    began = time.monotonic()
    assert fetch(client)[2] == DATA
    assert time.monotonic() - began > 0.25


def test_when_the_service_is_away_the_connection_breaks_and_comes_back_with_it() -> None:
    with Server(answer) as service, Proxy({0: ("127.0.0.1", service.ports[0])}) as proxy:
        port = service.ports[0]
        with closing(http.client.HTTPConnection("127.0.0.1", proxy.ports[0], timeout=SECONDS)) as client:
            assert fetch(client)[0] == 200
            service.__exit__()
            with pytest.raises((OSError, http.client.HTTPException)):
                fetch(client)
            client.close()
            with Server(answer, ports=(port,)):
                assert fetch(client)[2] == DATA


def test_a_service_that_breaks_off_is_handed_on_as_such() -> None:
    def broken(_: Request) -> Reply:
        def body() -> Iterator[bytes]:
            yield DATA[:1000]
            raise Broken("on purpose")

        return Reply(200, {"Content-Length": str(len(DATA))}, body())

    with (
        Server(broken) as service,
        Proxy({0: ("127.0.0.1", service.ports[0])}) as proxy,
        closing(http.client.HTTPConnection("127.0.0.1", proxy.ports[0], timeout=SECONDS)) as client,
    ):
        with pytest.raises((OSError, http.client.IncompleteRead)):
            fetch(client)
        assert not proxy.exchanges[0].ended


def test_dropping_everything_ends_what_is_under_way(client: http.client.HTTPConnection, proxy: Proxy) -> None:
    proxy.strike(Stall(10))
    client.request("GET", PATH)
    response = client.getresponse()
    threading.Timer(0.1, proxy.drop_all).start()
    with pytest.raises((OSError, http.client.IncompleteRead)):
        response.read()


def test_over_tls_at_both_ends(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.private_key_pem.write_to_path(str(tmp_path / "key"))
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "certificate"))
    ours = server_context(tmp_path / "certificate", tmp_path / "key")
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with (
        Server(answer, context=ours, address="127.0.0.2") as service,
        Proxy({0: ("127.0.0.2", service.ports[0])}, serving=ours, asking=trusting) as proxy,
        closing(http.client.HTTPSConnection("localhost", proxy.ports[0], timeout=SECONDS, context=trusting)) as client,
    ):
        assert fetch(client)[2] == DATA
        assert proxy.body_bytes() == len(DATA)


@pytest.mark.parametrize(
    "sent", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"\x16\x03\x01", b""]
)
def test_what_is_no_http_ends_the_connection_only(
    proxy: Proxy, client: http.client.HTTPConnection, sent: bytes
) -> None:
    # It may be reset at once.
    with suppress(OSError), socket.create_connection(("127.0.0.1", proxy.ports[0]), SECONDS) as bare:
        bare.sendall(sent)
        bare.shutdown(socket.SHUT_WR)
        assert bare.recv(1) == b""
    assert fetch(client)[2] == DATA


def test_a_hostile_share_says_what_it_is_told_to_say() -> None:
    with HostileShare([listed("../../x", 3), listed("a", 1)], {"a": b"1"}) as share:
        share.answers["content of id-../../x"] = lambda _: reply_of(b"longer than said")
        with closing(
            http.client.HTTPConnection("localhost", int(share.url.rpartition(":")[2]), timeout=SECONDS)
        ) as client:
            name = share.link.rpartition("/")[2]
            public = json.loads(fetch(client, f"/api/v3/onezone/shares/{name}/public")[2])
            base = "/api/v3/onezone/shares/data"
            client.request("GET", f"{base}/{public['rootFileId']}/children", body=b'{"limit":1}')
            names = [item["name"] for item in json.loads(client.getresponse().read())["children"]]
            assert names == ["../../x", "a"]
            assert asked_for(share.asked[-1]) == {"limit": 1}
            assert fetch(client, f"{base}/id-a/content", Range="bytes=0-")[::2] == (206, b"1")
            assert fetch(client, f"{base}/id-a/content", Range="bytes=5-")[0] == 416
            assert fetch(client, f"{base}/id-a")[2] == json.dumps(listed("a", 1)).encode()
            assert fetch(client, f"{base}/id-b/content")[0] == 404
            assert fetch(client, "/.well-known/fs2od.json")[0] == 404
