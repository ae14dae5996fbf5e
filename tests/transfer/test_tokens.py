"""Data that needs an access token: spaces and links for members; tokens that end, are renewed, and are shown to nobody else."""

import json
import os
import random
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from fs2od.errors import ConfigurationError
from fs2od.manifests import PIECE_BYTES
from fs2od.node.zone.link_rules import Rule
from fs2od.node.zone.memberships import SPACE_USER
from fs2od.onedata.tokens import DataPath, Time, Token
from fs2od.testing.network import HostileShare, Reply, Request, Server, Tunnels, listed, reply_of
from fs2od.testing.system import tree
from fs2od.testing.world import Dataset, ServedWorld
from fs2od.transfer import (
    AccessToken,
    ConnectionLost,
    Download,
    Forbidden,
    Link,
    LinkEnded,
    NeverReached,
    Options,
    Patience,
    SpaceDataset,
    SpacePlace,
    TokenRefused,
    UnknownSpace,
    open_dataset,
    parse_link,
    parse_place,
    proxies_of,
)
from fs2od.transfer._http import Http

BIG = random.Random(5).randbytes(2 * PIECE_BYTES + 1234)
FILES = {"SPA.yml": b"User: {}\n", "Grids/a.mrc": bytes(range(256)) * 400, "Grids/b.mrc": b"", "big.mrc": BIG}


def place_of(world: ServedWorld, space: str) -> SpacePlace:
    return SpacePlace(world.node.settings.zone_url, space)


def options_of(world: ServedWorld, token: Token | AccessToken) -> Options:
    shown = token if isinstance(token, AccessToken) else AccessToken(token.reveal)
    return Options(token=shown, ca_file=str(world.ca), patience=Patience(tries=4, first_pause_s=0.01))


def for_members(world: ServedWorld, dataset: Dataset) -> str:
    share = world.share(world.administrator, dataset)
    world.node.zone.link_rules.set_for_share(world.administrator.caller, share, Rule("members"), label="")
    return f"{world.node.settings.zone_url}/share/{share}"


def test_a_space_comes_by_its_name_and_a_token(world: ServedWorld, tmp_path: Path) -> None:
    dataset = world.dataset(world.administrator, FILES, name="ribosome")
    out = tmp_path / "out"
    report = Download(place_of(world, "ribosome"), out, options_of(world, world.administrator.token)).run()
    assert report.exit_code == 0, report.summary()
    assert tree(out) == tree(dataset.folder)


def test_a_folder_of_a_space_comes_with_a_token_for_it_alone(world: ServedWorld, tmp_path: Path) -> None:
    dataset = world.dataset(world.administrator, FILES)
    token = world.token(world.administrator, DataPath((f"/{dataset.space}/Grids",)))
    place = parse_place(f"{dataset.space}/Grids", world.node.settings.zone_url)
    report = Download(place, tmp_path / "out", options_of(world, token)).run()
    assert report.exit_code == 0, report.summary()
    assert tree(tmp_path / "out") == tree(dataset.folder / "Grids")


def test_many_small_files_of_a_space_come_in_bulk(world: ServedWorld, tmp_path: Path) -> None:
    files = {f"f{number:03}": str(number).encode() for number in range(60)}
    dataset = world.dataset(world.administrator, files)
    options = options_of(world, world.administrator.token)
    with open_dataset(place_of(world, dataset.space), token=options.token, ca_file=options.ca_file) as reached:
        address = reached.entrance().address
        assert address is not None
        with reached.bulk(address, ["f001", "f059"]) as answer:
            assert b"59" in answer.read_all(1 << 20)
    assert Download(place_of(world, dataset.space), tmp_path / "out", options).run().exit_code == 0
    assert tree(tmp_path / "out") == tree(dataset.folder)


def test_bulk_and_checksums_are_refused_without_a_token_and_to_strangers(world: ServedWorld) -> None:
    dataset = world.dataset(world.administrator, FILES)
    stranger = options_of(world, world.person("Stranger").token)
    mine = options_of(world, world.administrator.token)
    place = place_of(world, dataset.space)
    with open_dataset(place, token=mine.token, ca_file=mine.ca_file) as reached:
        address = reached.entrance().address
        assert address is not None
        with reached.http.opened("POST", f"{address.url}/bulk", body=b'{"paths":["SPA.yml"]}') as answer:
            assert answer.status == 404
        with reached.http.opened("GET", f"{address.url}/SHA256SUMS") as answer:
            assert answer.status == 404
    other = SpaceDataset(place, token=AccessToken(world.person("Other").token.reveal), ca_file=mine.ca_file)
    with other:
        with pytest.raises(Forbidden), other.bulk(address, ["SPA.yml"]):
            pass
        with pytest.raises(Forbidden), other.sums(f"{address.url}/SHA256SUMS"):
            pass
    with open_dataset(place, token=stranger.token, ca_file=mine.ca_file) as reached, pytest.raises(UnknownSpace):
        reached.root()


def test_a_link_for_members_opens_with_a_members_token(world: ServedWorld, tmp_path: Path) -> None:
    dataset = world.dataset(world.administrator, FILES)
    link = parse_link(for_members(world, dataset))
    with pytest.raises(Forbidden, match="members need an access token"):
        Download(link, tmp_path / "none", Options(ca_file=str(world.ca))).run()
    report = Download(link, tmp_path / "out", options_of(world, world.administrator.token)).run()
    assert report.exit_code == 0, report.summary()
    assert tree(tmp_path / "out") == tree(dataset.folder)
    with pytest.raises(Forbidden):
        Download(link, tmp_path / "other", options_of(world, world.person("Stranger").token)).run()


def test_a_token_is_not_shown_to_another_zone(world: ServedWorld, tmp_path: Path) -> None:
    with HostileShare() as share:
        link = parse_link(share.link.replace("localhost", "127.0.0.1"))
        share.answers[f"/api/v3/onezone/shares/{link.share}/public"] = lambda _: reply_of({"error": {}}, status=401)
        with pytest.raises(Forbidden, match="is not of"):
            Download(link, tmp_path / "out", options_of(world, world.administrator.token)).run()
    assert share.asked
    assert all("x-auth-token" not in map(str.lower, request.headers) for request in share.asked)


def test_a_token_does_not_follow_a_provider_elsewhere() -> None:
    seen: list[Request] = []

    def elsewhere(request: Request) -> Reply:
        seen.append(request)
        return reply_of({})

    http = Http()
    with HostileShare() as here, HostileShare() as there:
        there.answers["/there"] = elsewhere
        here.answers["/here"] = lambda _: reply_of(b"", status=307, headers={"Location": f"{there.url}/there"})
        for carries in (False, True):
            with http.opened("GET", f"{here.url}/here", secrets={"X-Auth-Token": "secret"}, carries_secrets=carries):
                pass
    http.close()
    assert ["x-auth-token" in set(map(str.lower, request.headers)) for request in seen] == [False, True]


def test_a_token_that_never_worked_is_refused_at_once(world: ServedWorld) -> None:
    token = AccessToken(world.token(world.administrator, Time(1)).reveal, wait_s=1e9)
    with SpaceDataset(place_of(world, "x"), token=token, ca_file=str(world.ca)) as dataset, pytest.raises(TokenRefused):
        dataset.root()


def test_a_token_that_ends_in_the_middle_is_renewed_from_its_file(world: ServedWorld, tmp_path: Path) -> None:
    dataset = world.dataset(world.administrator, FILES)
    file = tmp_path / "token"
    zone = world.node.zone
    first = zone.tokens.issue_named(world.administrator.id, "first")
    file.write_text(first.token.reveal())
    said: list[str] = []
    waited: list[float] = []

    def renewed(seconds: float) -> None:
        waited.append(seconds)
        file.write_text(world.token(world.administrator).reveal() + "\n")

    token = AccessToken(file.read_text, wait_s=3600, say=said.append)
    with SpaceDataset(place_of(world, dataset.space), token=token, ca_file=str(world.ca), sleep=renewed) as reached:
        entry = reached.stat("big.mrc")
        half = reached.read(entry, 0, PIECE_BYTES)
        zone.tokens.change(first.id, revoked=True)
        assert half + reached.read(entry, PIECE_BYTES, len(BIG)) == BIG
    assert len(said) == 2
    assert waited
    assert first.token.reveal() not in "".join(said)


def test_a_membership_that_ends_in_the_middle_ends_the_run_at_once(world: ServedWorld, tmp_path: Path) -> None:
    person = world.person("Member")
    dataset = world.dataset(world.administrator, FILES | {f"more/{number}": b"x" * 3000 for number in range(50)})
    world.join_space(dataset.space, person)
    place = parse_place(f"{dataset.space}/more", world.node.settings.zone_url)
    left = threading.Event()

    def leave(_: object) -> None:
        if not left.is_set():
            left.set()
            world.node.zone.memberships.remove(SPACE_USER, dataset.space, person.id)

    options = replace(options_of(world, person.token), jobs=1, limit_rate=10_000.0)
    report = Download(place, tmp_path / "out", options).run(leave)
    assert report.exit_code == 5, report.summary()
    assert isinstance(report.stopped_by, LinkEnded)


def test_without_a_file_the_run_ends_and_says_what_to_do(world: ServedWorld) -> None:
    dataset = world.dataset(world.administrator, FILES)
    first = world.node.zone.tokens.issue_named(world.administrator.id, "first")
    token = AccessToken(first.token.reveal)
    with SpaceDataset(place_of(world, dataset.space), token=token, ca_file=str(world.ca)) as reached:
        entry = reached.stat("SPA.yml")
        world.node.zone.tokens.change(first.id, revoked=True)
        with pytest.raises(TokenRefused, match="get a new one"):
            reached.read(entry, 0, 10)


def test_nobody_waits_a_second_time_for_a_token_that_did_not_come(world: ServedWorld, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(world.administrator.token.reveal())
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        time.sleep(seconds)  # a hundredth of a second: the wait ends by the clock of the code

    token = AccessToken(file.read_text, wait_s=0.001, every_s=0.01)
    token.worked()
    for _ in range(3):
        with pytest.raises(TokenRefused):
            token.renew(token.text(), sleep)
    assert len(waited) <= 1
    file.write_text(world.token(world.administrator).reveal())
    token.renew(token.text(), waited.append)
    assert token.text() == file.read_text()


def test_a_token_is_in_no_repr_and_no_message(world: ServedWorld) -> None:
    text = world.administrator.token.reveal()
    token = AccessToken(lambda: text)
    assert text not in repr(token) + repr(options_of(world, token))
    with pytest.raises(ConfigurationError) as raised:
        AccessToken(lambda: f"{text} !")
    assert text not in str(raised.value)


def test_the_command_reads_a_space_by_the_environments_token(world: ServedWorld, tmp_path: Path) -> None:
    dataset = world.dataset(world.administrator, FILES)
    words = [
        sys.executable,
        "-m",
        "fs2od",
        "download",
        dataset.space,
        str(tmp_path / "out"),
        "--ca",
        str(world.ca),
        "--json",
    ]
    environment = {
        **os.environ,
        "FS2OD_ZONE": world.node.settings.zone_url,
        "FS2OD_CA": str(world.ca),
        "ONECLIENT_ACCESS_TOKEN": world.administrator.token.reveal(),
    }
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["complete"]
    assert tree(tmp_path / "out") == tree(dataset.folder)


def test_a_proxy_that_the_environment_names_is_used(authority: trustme.CA, authority_file: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("zone.test").configure_cert(context)
    with HostileShare([listed("a")], context=context) as share:
        port = int(share.url.rpartition(":")[2])
        with Tunnels({"zone.test:443": port}) as tunnels:
            proxies = proxies_of({"HTTPS_PROXY": f"http://me:s%40d@127.0.0.1:{tunnels.port}"})
            link = Link("https://zone.test", parse_link(share.link).share)
            with open_dataset(link, proxies=proxies, ca_file=str(authority_file)) as dataset:
                assert dataset.name() == "share"
    assert tunnels.asked == ["zone.test:443"]
    assert tunnels.shown == [f"Basic {b64encode(b'me:s@d').decode()}"]
    assert "s@d" not in repr(proxies)


class Ssh(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        self.request.recv(65536)


def test_what_is_no_proxy_is_told_as_soon_as_one_that_is_not_there() -> None:
    waited: list[float] = []
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Ssh) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,)).start()
        there = f"127.0.0.1:{server.server_address[1]}"
        proxies = proxies_of({"HTTPS_PROXY": there})
        link = Link("https://zone.test", "a" * 32)
        told = pytest.raises(NeverReached, match=rf"by the proxy {there}\) is no HTTP")
        with open_dataset(link, proxies=proxies, sleep=waited.append) as dataset, told:
            dataset.name()
        server.shutdown()
    assert sum(waited) < 10


@pytest.mark.parametrize("spared", ["zone.test", ".test", "*", "zone.test:443", "x, *.test"])
def test_no_proxy_leads_past_it(spared: str) -> None:
    proxies = proxies_of({"https_proxy": "proxy.test:3128", "NO_PROXY": spared})
    assert proxies.before("zone.test", 443) is None
    assert (proxies.before("zone.example", 443) is None) == (spared == "*")


def test_networks_are_spared_too() -> None:
    proxies = proxies_of({"https_proxy": "proxy.test:3128", "NO_PROXY": "10.0.0.0/8"})
    assert proxies.before("10.1.2.3", 443) is None
    assert proxies.before("11.1.2.3", 443) is not None


def test_a_proxy_address_that_is_none_is_not_repeated() -> None:
    with pytest.raises(ConfigurationError) as raised:
        proxies_of({"HTTPS_PROXY": "socks5://me:secret@proxy.test"}).before("zone.test", 443)
    assert str(raised.value).startswith("HTTPS_PROXY is no address of a proxy that can be used")
    assert "secret" not in str(raised.value)


def test_a_proxy_address_is_read_only_where_a_proxy_leads() -> None:
    with HostileShare([listed("a")]) as share:
        proxies = proxies_of({"ALL_PROXY": "socks5h://proxy.test:1080", "NO_PROXY": "localhost,.test"})
        assert proxies.before("zone.test", 443) is None
        with open_dataset(parse_link(share.link), proxies=proxies) as dataset:
            assert dataset.name() == "share"
    link = Link("https://zone.example", parse_link(share.link).share)
    with open_dataset(link, proxies=proxies) as dataset, pytest.raises(ConfigurationError):
        dataset.name()


def test_what_is_for_http_alone_and_a_port_that_is_not_said_are_as_elsewhere() -> None:
    assert proxies_of({"HTTP_PROXY": "proxy.test:1", "http_proxy": "proxy.test:1"}).before("zone.test", 443) is None
    found = proxies_of({"HTTPS_PROXY": "http://proxy.test"}).before("zone.test", 443)
    assert found is not None
    assert (found.host, found.port) == ("proxy.test", 80)


def refusing(request: Request) -> Reply:
    return reply_of(b"", status=403 if request.method == "CONNECT" else 200)


def test_a_connection_that_fails_at_a_proxy_names_it_without_what_it_is_shown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    few = Patience(tries=1)
    with Server(refusing) as server:
        for where, reason in ((port, "refused"), (server.ports[0], "403")):
            proxies = proxies_of({"HTTPS_PROXY": f"http://me:secret@127.0.0.1:{where}"})
            link = Link("https://zone.test", "5f785efc3a98d2190a03813a097ff8eacha577")
            opened = open_dataset(link, proxies=proxies, patience=few)
            with opened as dataset, pytest.raises(ConnectionLost) as raised:
                dataset.name()
            said = str(raised.value)
            assert said.startswith(f"zone.test (by the proxy 127.0.0.1:{where}) cannot be reached (")
            assert reason in said
            assert "secret" not in said
