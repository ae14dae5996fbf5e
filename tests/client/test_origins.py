"""Addresses, redirects and Locations: what is taken, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.client import https_origin, parse_share_link
from fs2od.client._origins import id_at_end, redirect_target
from fs2od.errors import ConfigurationError
from fs2od.onedata.errors import MalformedAnswer

ID = "0123456789abcdef0123456789abcdefch0a1b"
BASE = "https://zone.test/api/v3/onezone"


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://zone.test", "https://zone.test"),
        ("https://zone.test/", "https://zone.test"),
        ("https://Zone.Test:443", "https://zone.test"),
        ("HTTPS://zone.test:8443/", "https://zone.test:8443"),
        ("https://[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_an_origin_is_a_host_and_a_port(url: str, origin: str) -> None:
    assert https_origin(url) == origin


@pytest.mark.parametrize(
    "url",
    [
        "http://zone.test",
        "zone.test",
        "//zone.test",
        "https://",
        "https://zone.test/api",
        "https://zone.test?a=b",
        "https://zone.test#a",
        "https://alex:word@zone.test",
        "https://zone.test:99999",
        "https://zone.test:x",
        "https://zone\\.test",
        "https://zone test",
        "https://zone%2etest",
        "file:///etc/passwd",
    ],
)
def test_anything_else_is_a_setting_to_correct(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        https_origin(url)
    assert "word" not in str(caught.value)


@given(st.text(max_size=80))
def test_no_text_is_too_odd_to_be_judged(text: str) -> None:
    for judge in (https_origin, parse_share_link):
        try:
            judge(text)
        except ConfigurationError:
            continue


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://p.test/data/1", "https://p.test/data/1"),
        ("/data/1?x=y", "https://zone.test/data/1?x=y"),
        ("//p.test:81/x", "https://p.test:81/x"),
    ],
)
def test_a_redirect_leads_on(location: str, target: str) -> None:
    assert redirect_target(f"{BASE}/shares/data/1", location) == target


@pytest.mark.parametrize(
    "location",
    [
        None,
        "",
        "http://zone.test/x",
        "file:///etc/passwd",
        "https://",
        "https://a@b.test/",
        "https://[x/",
        "https://a\\b/",
    ],
)
def test_a_redirect_away_from_https_is_refused(location: str | None) -> None:
    with pytest.raises(MalformedAnswer):
        redirect_target(BASE, location)


def test_an_id_is_read_off_a_location() -> None:
    assert id_at_end(f"{BASE}/groups/{ID}/spaces/abc", collection="spaces") == "abc"
    assert id_at_end(f"/api/v3/onezone/groups/{ID}", collection="groups") == ID


@pytest.mark.parametrize(
    "location",
    [
        None,
        "",
        f"{BASE}/groups/{ID}/spaces/",
        f"{BASE}/groups/{ID}/spaces/{ID}/",
        f"{BASE}/groups/{ID}",
        f"{BASE}/spaces/xyz",
        f"{BASE}/spaces/..",
        f"{BASE}/spaces/{ID.upper()}",
        f"{BASE}/spaces/{'a' * 65}",
        "https://[x/spaces/ab",
    ],
)
def test_a_location_that_names_no_id_is_malformed(location: str | None) -> None:
    with pytest.raises(MalformedAnswer):
        id_at_end(location, collection="spaces")


@given(st.text(max_size=80))
def test_an_id_has_always_the_alphabet_of_ids(text: str) -> None:
    try:
        found = id_at_end(f"{BASE}/spaces/{text}", collection="spaces")
    except MalformedAnswer:
        return
    assert set(found) <= set("0123456789abcdefgh")
