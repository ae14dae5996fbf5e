"""Bytes that come straight from a store, past the provider: which do, and what happens when the store fails."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from tests.storage.conftest import radosgw
from tests.transfer.centre import BIG, Centre, anything, open_centre

from fs2od.onedata.caveats import Ip
from fs2od.testing.downloading import command, publish, single_file
from fs2od.testing.network import Cut, Fault, FlipBit, Proxy, Refuse, Relabel, Request
from fs2od.testing.radosgw import Radosgw
from fs2od.testing.system import tree
from fs2od.testing.world import serve_world
from fs2od.transfer import (
    STATE,
    AccessToken,
    Busy,
    ConnectionLost,
    Download,
    Entry,
    MalformedAnswer,
    Mirror,
    Options,
    SpaceDataset,
    SpacePlace,
    Timeouts,
    parse_link,
)
from fs2od.transfer._answers import Content
from fs2od.transfer._options import opened_dataset
from fs2od.transfer._store import Addressed, Store, address_in

__all__ = ["radosgw"]

LEAST = 1 << 20
MIRROR = (*command()[:-1], "mirror")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, radosgw: Radosgw) -> Iterator[Centre]:
    folder = tmp_path_factory.mktemp("centre")
    with open_centre(folder, radosgw.bucket(), port=radosgw.port) as opened:
        yield opened


@pytest.fixture
def centre(served: Centre) -> Iterator[Centre]:
    served.proxy.forgive()
    served.proxy.forget()
    yield served
    served.lead_to(f"http://127.0.0.1:{served.proxy.ports[0]}")


def shown(out: Path) -> dict[str, str]:
    return {path: said for path, said in tree(out).items() if path.split("/")[0] != STATE}


@pytest.mark.parametrize("name", ["mirror", "download", "get.py"])
def test_large_files_come_straight_and_small_ones_in_bulk(centre: Centre, tmp_path: Path, name: str) -> None:
    words = {"mirror": MIRROR, "download": command(), "get.py": single_file(tmp_path)}[name]
    ended = centre.run(words, tmp_path / "out")
    assert ended.code == 0, ended.said
    assert shown(tmp_path / "out") == centre.published.files()
    told = ended.told
    # Some of it comes through the provider until the store is known to answer.
    assert told["bytes_straight_from_store"] == centre.from_store() > LEAST
    assert told["bytes_fetched"] > told["bytes_straight_from_store"]
    assert told["files_by_size"] == 0


def test_a_switch_forbids_it(centre: Centre, tmp_path: Path) -> None:
    ended = centre.run(MIRROR, tmp_path / "out", "--through-provider")
    assert ended.code == 0, ended.said
    assert (ended.told["bytes_straight_from_store"], centre.proxy.exchanges) == (0, [])


def test_the_single_file_asks_the_provider_first_that_is_named(centre: Centre, tmp_path: Path) -> None:
    # The other one has no copy in a bucket, and so leads nobody to the store.
    elsewhere = {"ONECLIENT_PROVIDER_HOST": centre.world.node.provider.record.domain}
    ended = centre.run(single_file(tmp_path), tmp_path / "out", environment=elsewhere)
    assert ended.code == 0, ended.said
    assert shown(tmp_path / "out") == centre.published.files()
    assert (ended.told["bytes_straight_from_store"], centre.proxy.exchanges) == (0, [])
    zone = centre.world.node.settings.zone_url
    named = centre.run(single_file(tmp_path), tmp_path / "out", "--zone", zone, environment={"FS2OD_ZONE": "x.test"})
    assert named.code == 0, named.said
    wrong = centre.run(single_file(tmp_path), tmp_path / "out", "--zone", "ftp://zone.test")
    assert (wrong.code, "no address of a zone" in wrong.said) == (2, True)


@pytest.mark.parametrize("fault", [Refuse(503), FlipBit(1_000_000)], ids=["busy", "wrong bytes"])
def test_the_single_file_brings_through_the_provider_what_the_store_fails_to_give(
    centre: Centre, tmp_path: Path, fault: Fault
) -> None:
    centre.proxy.strike(fault, when=anything, times=10_000)
    ended = centre.run(single_file(tmp_path), tmp_path / "out")
    assert ended.code == 0, ended.said
    assert shown(tmp_path / "out") == centre.published.files()
    assert "Traceback" not in ended.said


def test_the_store_is_never_shown_the_token(centre: Centre, tmp_path: Path) -> None:
    assert Mirror(centre.place, tmp_path / "out", centre.options()).run().exit_code == 0
    assert centre.proxy.exchanges
    token = centre.world.administrator.token.reveal()
    for exchange in centre.proxy.exchanges:
        assert not {"x-auth-token", "authorization", "macaroon", "cookie"} & exchange.request.headers.keys()
        assert token not in json.dumps([exchange.request.target, dict(exchange.request.headers)])


def test_a_link_is_read_through_the_provider(centre: Centre, tmp_path: Path) -> None:
    report = Download(parse_link(centre.published.link), tmp_path / "out", centre.options()).run()
    assert (report.exit_code, report.bytes_straight, centre.proxy.exchanges) == (0, 0, [])


def test_a_token_for_a_network_brings_everything_through_the_provider(centre: Centre, tmp_path: Path) -> None:
    bound = centre.world.token(centre.world.administrator, Ip(("127.0.0.0/8",)))
    said: list[str] = []
    options = replace(centre.options(), token=AccessToken(bound.reveal), say=said.append)
    report = Mirror(centre.place, tmp_path / "out", options).run()
    assert (report.exit_code, report.bytes_straight, centre.proxy.exchanges, said) == (0, 0, [], [])


def test_a_service_that_knows_no_stores_is_read_as_ever(tmp_path: Path) -> None:
    with serve_world(tmp_path / "plain", plain=True) as world:
        published = publish(world, {"big.mrc": BIG})
        token, said = AccessToken(world.administrator.token.reveal), list[str]()
        place = SpacePlace(world.node.settings.zone_url, published.dataset.space)
        options = Options(token=token, ca_file=str(world.ca), say=said.append)
        report = Mirror(place, tmp_path / "out", options).run()
        assert (report.exit_code, report.bytes_straight, said) == (0, 0, [])
        assert shown(tmp_path / "out") == published.files()


@pytest.mark.parametrize(
    ("fault", "times"),
    [
        (Refuse(503), 10_000),
        (Refuse(404), 10_000),
        (Refuse(403), 10_000),
        (Cut(0), 10_000),
        (Cut(3_000_000), 10_000),
        (Relabel({}, status=200), 10_000),
        (FlipBit(1_000_000), 10_000),
        (FlipBit(1_000_000), 1),
    ],
    ids=["busy", "gone", "refused", "no answer", "broken off", "not the range", "wrong bytes", "a wrong bit"],
)
def test_what_the_store_does_not_give_rightly_comes_through_the_provider(
    centre: Centre, tmp_path: Path, fault: Fault, times: int
) -> None:
    centre.proxy.strike(fault, when=anything, times=times)
    said: list[str] = []
    report = Mirror(centre.place, tmp_path / "out", replace(centre.options(), say=said.append)).run()
    assert report.exit_code == 0, report.summary()
    assert shown(tmp_path / "out") == centre.published.files()
    assert report.files_by_size == 0
    assert centre.proxy.struck()
    if isinstance(fault, Refuse):
        assert len(centre.proxy.exchanges) == (2 if fault.status == 403 else 1), "it is left alone"
    if not isinstance(fault, FlipBit):
        assert len(said) == 1, said
        assert "bytes come through the provider instead" in said[0]
    assert "X-Amz" not in "".join(said)


def test_an_address_that_has_ended_is_asked_for_anew(centre: Centre, tmp_path: Path) -> None:
    centre.proxy.strike(Refuse(403), when=anything, times=1)
    report = Mirror(centre.place, tmp_path / "out", centre.options()).run()
    assert report.exit_code == 0
    assert report.bytes_straight > LEAST


def test_a_store_that_failed_is_tried_again_after_a_while(centre: Centre) -> None:
    centre.proxy.strike(Refuse(503), when=anything, times=1)
    now_s = 0.0
    with opened_dataset(centre.place, centre.options(), time.sleep) as dataset:
        assert isinstance(dataset, SpaceDataset)
        store, file = Store(dataset.http, dataset._store_address, clock=lambda: now_s), dataset.stat("big.mrc")
        for at_s, has_bytes in ((0.0, False), (60.0, False), (130.0, True)):
            now_s = at_s
            with ExitStack() as stack:
                content = store.opened(stack, file, 5, 2 << 20)
                assert (content is not None) == has_bytes
                if content is not None:
                    view = memoryview(bytearray(1000))
                    assert bytes(view[: content.read_into(view)]) == BIG[5 : 5 + len(view)]
    assert len(centre.proxy.exchanges) == 2


def test_what_breaks_off_is_said_also_where_the_store_was_left_without_a_word_meanwhile(centre: Centre) -> None:
    centre.proxy.strike(Cut(1000), when=anything)
    said: list[str] = []
    with opened_dataset(centre.place, centre.options(), time.sleep) as dataset, ExitStack() as stack:
        assert isinstance(dataset, SpaceDataset)
        asks = iter([dataset._store_address, busy])

        def ask(file: Entry, start: int, count: int) -> Addressed | None:
            return next(asks)(file, start, count)

        store = Store(dataset.http, ask, say=said.append)
        file = dataset.stat("big.mrc")
        content = store.opened(stack, file, 0, 2 << 20)
        assert content is not None
        assert store.opened(stack, file, 2 << 20, 2 << 20) is None
        assert said == []
        with pytest.raises(ConnectionLost):
            read_all(content)
    assert ["bytes come through the provider instead" in line for line in said] == [True], said


def read_all(content: Content) -> None:
    while content.read_into(memoryview(bytearray(1000))):
        pass


def busy(_: Entry, __: int, ___: int) -> Addressed | None:
    raise Busy("no time")


@pytest.mark.parametrize("wait_s", [5.0, 60.0])
def test_a_store_is_waited_for_no_longer_than_for_everything_and_never_for_long(centre: Centre, wait_s: float) -> None:
    options = centre.options()
    with SpaceDataset(
        centre.place,
        token=AccessToken(centre.world.administrator.token.reveal),
        prefer=options.prefer,
        ca_file=options.ca_file,
        timeouts=Timeouts(wait_s, wait_s),
    ) as dataset:
        store = Store(dataset.http, dataset._store_address)
        with ExitStack() as stack:
            assert store.opened(stack, dataset.stat("big.mrc"), 0, LEAST) is not None
            # All others are for TLS.
            sockets = [live.socket for live in dataset.http._connections._live.values()]
            (straight,) = [found for found in sockets if isinstance(found, socket.socket)]
            assert straight.gettimeout() == min(wait_s, 10.0)


@pytest.mark.parametrize("trusted", [True, False])
def test_a_store_whose_certificate_is_not_trusted_is_left_alone_with_one_line(
    centre: Centre, tmp_path: Path, authority: trustme.CA, authority_file: Path, *, trusted: bool
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    both = tmp_path / "both.pem"
    both.write_bytes(centre.world.ca.read_bytes() + (authority_file.read_bytes() if trusted else b""))
    said: list[str] = []
    with Proxy({0: ("127.0.0.1", centre.proxy.ports[0])}, serving=context) as store:
        centre.lead_to(f"https://localhost:{store.ports[0]}")
        options = replace(centre.options(), ca_file=str(both), say=said.append)
        report = Mirror(centre.place, tmp_path / "out", options).run()
    assert report.exit_code == 0
    assert shown(tmp_path / "out") == centre.published.files()
    if trusted:
        assert report.bytes_straight > LEAST
        assert not said
    else:
        assert report.bytes_straight == 0
        assert len(said) == 1
        assert "is not trusted" in said[0]


def test_a_store_that_is_out_of_reach_holds_nobody_up(centre: Centre, tmp_path: Path) -> None:
    centre.lead_to("http://127.0.0.1:1")
    ended = centre.run(MIRROR, tmp_path / "out")
    assert ended.code == 0
    assert shown(tmp_path / "out") == centre.published.files()
    assert ended.told["bytes_straight_from_store"] == 0
    assert ended.said.count("127.0.0.1:1 cannot be reached") == 1
    assert "X-Amz" not in ended.said


def test_a_token_that_ends_on_the_way_gets_nothing_more_from_the_store(centre: Centre, tmp_path: Path) -> None:
    issued = centre.world.node.zone.tokens.issue_named(centre.world.administrator.id, f"job {tmp_path.name}")

    def revokes(_: Request) -> bool:
        centre.world.node.zone.tokens.change(issued.id, revoked=True)
        return False

    centre.proxy.strike(Refuse(403), when=revokes)
    options = replace(centre.options(), token=AccessToken(issued.token.reveal))
    report = Mirror(centre.place, tmp_path / "out", options).run()
    assert report.exit_code == 5
    assert len(centre.proxy.exchanges) <= 8


GOOD = {"addresses": [{"offset": 0, "size": 10, "url": "https://s3.example.org/bucket/key?X-Amz-Signature=abc"}]}


def test_an_address_is_in_no_representation() -> None:
    found = address_in(GOOD, 0, 10, beside="provider.example.org")
    assert found is not None
    assert found.url.endswith("abc")
    assert "abc" not in repr(found)
    assert "abc" not in str(Addressed("abc"))


@pytest.mark.parametrize(
    "url",
    [
        "http://s3.example.org/key",
        "http://127.0.0.1:9000/key",
        "file:///etc/passwd",
        "https://s3.example.org/a key",
        "https://s3.example.org/a\r\nHost: other",
        "https://s3.example.org/č",
        "https://[::1/key",
        "",
        None,
        7,
        {"a": 1},
    ],
)
def test_an_address_that_must_not_be_followed_is_not(url: object) -> None:
    with pytest.raises(MalformedAnswer) as raised:
        address_in({"addresses": [{"offset": 0, "size": 10, "url": url}]}, 0, 10, beside="provider.example.org")
    assert "example" not in str(raised.value)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"addresses": 1},
        {"addresses": [1]},
        {"addresses": [{}]},
        {"addresses": GOOD["addresses"] * 2},
        {"addresses": [GOOD["addresses"][0] | {"offset": 1}]},
        {"addresses": [GOOD["addresses"][0] | {"size": 9}]},
    ],
)
def test_an_answer_that_is_none_is_said_to_be_none(document: dict[str, object]) -> None:
    with pytest.raises(MalformedAnswer):
        address_in(document, 0, 10, beside="provider.example.org")


def test_no_copy_is_no_address() -> None:
    assert address_in({"addresses": [], "validFor": 0}, 0, 10, beside="provider.example.org") is None


def test_a_store_on_this_machine_is_led_to_by_a_provider_on_it_only() -> None:
    here = {"addresses": [{"offset": 0, "size": 10, "url": "http://127.0.0.1:9000/key"}]}
    assert address_in(here, 0, 10, beside="localhost") is not None
