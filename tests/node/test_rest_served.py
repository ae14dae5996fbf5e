"""The node on real sockets, over TLS: what only a real server and a real client can show."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fs2od.testing.world import ServedWorld, serve_world


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedWorld]:
    with serve_world(tmp_path) as world:
        yield world


@pytest.fixture
def http(served: ServedWorld) -> Iterator[httpx.Client]:
    context = ssl.create_default_context(cafile=str(served.ca))
    with httpx.Client(verify=context, trust_env=False, timeout=60) as client:
        yield client


def test_nobody_is_served_who_does_not_trust_the_authority(served: ServedWorld) -> None:
    with httpx.Client(trust_env=False, timeout=60) as client, pytest.raises(httpx.ConnectError, match="certificate"):
        client.get(f"{served.node.settings.zone_url}/api/v3/onezone/health")


def test_panel_and_provider_share_an_origin_that_is_not_the_zones(served: ServedWorld, http: httpx.Client) -> None:
    settings = served.node.settings
    assert settings.zone_url != settings.provider_url
    for path, key in (("oneprovider", "providerId"), ("onepanel", "providerId")):
        said = http.get(f"{settings.provider_url}/api/v3/{path}/configuration").json()
        assert said[key] == served.node.provider.record.id
    assert http.get(f"{settings.zone_url}/api/v3/onezone/configuration").json()["domain"] == settings.zone_domain


def test_head_has_the_length_and_no_body(served: ServedWorld, http: httpx.Client) -> None:
    admin = served.administrator
    dataset = served.dataset(admin, {"a.txt": b"hello"})
    url = f"{served.node.settings.provider_url}/api/v3/oneprovider/data/{served.id_of(dataset, 'a.txt')}"
    for noun in ("", "/content"):
        head = http.head(url + noun, headers=admin.headers)
        whole = http.get(url + noun, headers=admin.headers)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Length"] == str(len(whole.content))


def test_a_share_is_read_across_both_origins_with_bodies_on_get(served: ServedWorld, http: httpx.Client) -> None:
    names = [f"{number}.txt" for number in range(3)]
    dataset = served.dataset(served.administrator, dict.fromkeys(names, b"12345"))
    root = served.id_of(dataset, share=served.share(served.administrator, dataset))
    url = f"{served.node.settings.zone_url}/api/v3/onezone/shares/data/{root}/children"
    moved = http.get(url)
    assert moved.status_code == 307
    page = http.request("GET", moved.headers["Location"], json={"limit": 2, "attributes": ["fileId"]}).json()
    assert (len(page["children"]), page["isLast"]) == (2, False)
    content = url.replace(root + "/children", page["children"][0]["fileId"] + "/content")
    part = http.get(content, headers={"Range": "bytes=1-2"}, follow_redirects=True)
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (206, b"23", "bytes 1-2/5")
    beyond = http.get(content, headers={"Range": "bytes=5-"}, follow_redirects=True)
    assert (beyond.status_code, beyond.content, beyond.headers["Content-Range"]) == (416, b"", "bytes */5")
