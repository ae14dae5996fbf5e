from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.transfer import InvalidLink, Link, parse_link, parse_place

SHARE = "5f785efc3a98d2190a03813a097ff8eacha577"
LINK = Link("https://zone.example.org:9443", SHARE)


@pytest.mark.parametrize(
    "text",
    [
        f"https://zone.example.org:9443/share/{SHARE}",
        f"https://zone.example.org:9443/share/{SHARE}/",
        f"  https://zone.example.org:9443/share/{SHARE}\r\n",
        f'"https://zone.example.org:9443/share/{SHARE}"',
        f"<https://zone.example.org:9443/share/{SHARE}>.",
        f"> https://zone.example.org:9443/share/{SHARE}!",
        f"**https://zone.example.org:9443/share/{SHARE}**",
        f"[https://zone.example.org:9443/share/{SHARE}]",
        f"\ufeffhttps://zone.example.org:9443/share/{SHARE[:9]}\u00ad\n{SHARE[9:]}\u200b\u2026",
        f"\u201chttps://zone.example.org:9443/share/{SHARE}\u201d",
        f"https://zone.example.org:9443/share/{SHARE[:20]}\n{SHARE[20:]}",
        f"HTTPS://Zone.Example.ORG:9443/share/{SHARE}?tab=files#top",
        f"https://zone.example.org:9443/api/v3/onezone/shares/{SHARE}/public",
        f"https://zone.example.org:9443/api/v3/onezone/shares/{SHARE}",
    ],
)
def test_a_link_is_understood_however_it_was_pasted(text: str) -> None:
    assert parse_link(text) == LINK


def test_the_usual_port_is_not_shown() -> None:
    assert str(parse_link(f"https://zone.example.org:443/share/{SHARE}")) == f"https://zone.example.org/share/{SHARE}"


def test_an_ipv6_address_keeps_its_brackets() -> None:
    assert parse_link(f"https://[::1]:9443/share/{SHARE}").zone_url == "https://[::1]:9443"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "share",
        SHARE,
        "https://zone.example.org/",
        "https://zone.example.org/share/",
        "https://zone.example.org/share/not-an-id",
        f"https://zone.example.org/share/{SHARE}/more",
        f"https://user:secret@zone.example.org/share/{SHARE}",
        f"https:///share/{SHARE}",
        f"https://zone.example.org:port/share/{SHARE}",
        f"ftp://zone.example.org/share/{SHARE}",
        f"https://[::1/share/{SHARE}",
        f"https://zone.example.org/share/{'a' * 3000}",
    ],
)
def test_anything_else_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(InvalidLink, match="link") as refused:
        parse_link(text)
    assert refused.value.exit_code == 2
    assert "secret" not in str(refused.value)


def test_a_link_without_encryption_is_refused_and_the_message_says_why() -> None:
    with pytest.raises(InvalidLink, match="https://"):
        parse_link(f"http://zone.example.org/share/{SHARE}")


@pytest.mark.parametrize("origin", ["http://localhost:9443", "http://127.0.0.1:9443", "http://[::1]:9443"])
def test_on_this_very_machine_encryption_may_be_left_out(origin: str) -> None:
    assert str(parse_link(f"{origin}/share/{SHARE}")) == f"{origin}/share/{SHARE}"


@given(st.text(max_size=200))
def test_no_text_at_all_breaks_the_parser(text: str) -> None:
    try:
        link = parse_link(text)
    except InvalidLink:
        return
    parts = urlsplit(str(link))
    assert parts.scheme == "https" or parts.hostname in {"localhost", "127.0.0.1", "::1"}


@given(
    st.from_regex(r"[a-z][a-z0-9-]{0,20}(\.[a-z]{2,6}){1,3}", fullmatch=True),
    st.integers(1, 65535),
    st.from_regex("[0-9a-h]{32,38}", fullmatch=True),
)
def test_what_a_link_shows_is_understood_again(host: str, port: int, share: str) -> None:
    link = parse_link(f"https://{host}:{port}/share/{share}")
    assert parse_link(str(link)) == link


@pytest.mark.parametrize("host", ["zone.example.org", "zone.example.org:9443", "localhost:9443"])
def test_a_link_that_was_copied_without_its_beginning_is_one(host: str) -> None:
    for zone in (None, "https://other.example.org"):
        assert str(parse_place(f" {host}/share/{SHARE}/\n", zone)) == f"https://{host}/share/{SHARE}"
    assert parse_link(f"<{host}/share/{SHARE}>") == parse_link(f"https://{host}/share/{SHARE}")


@pytest.mark.parametrize(
    "text", ["v1/share/0123456789abcdef", "v1.2/share/deed", "a.b/share/0123456789abcdef/x", "x:y"]
)
def test_what_only_looks_a_little_like_a_link_is_a_space(text: str) -> None:
    assert str(parse_place(text, "https://zone.example.org")) == text
    with pytest.raises(InvalidLink, match="no link, which begins with https://"):
        parse_place(text, None)


@pytest.mark.parametrize("text", ["", "/ID/x", "ID/../x", " "])
def test_what_names_no_space_is_not_called_a_bad_link_alone(text: str) -> None:
    with pytest.raises(InvalidLink, match="This names no space"):
        parse_place(text, "https://zone.example.org")
