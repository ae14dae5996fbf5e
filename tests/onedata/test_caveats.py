import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.onedata import tokens
from fs2od.onedata.errors import ServiceError
from fs2od.onedata.tokens import Caveat

words = st.text("abcdef0123456789ch", min_size=1, max_size=38)
names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1).filter(
    lambda n: n not in {".", ".."}
)
filters = st.sampled_from(["whitelist", "blacklist"])


def some(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, min_size=1, max_size=4).map(tuple)


caveats: st.SearchStrategy[Caveat] = st.one_of(
    st.builds(tokens.Time, st.integers(0, 2**63 - 1)),
    st.builds(tokens.Ip, some(st.ip_addresses(v=4).map(str) | st.sampled_from(["10.0.0.0/8", "::1", "fe80::/10"]))),
    st.builds(tokens.Asn, some(st.integers(0, 2**32 - 1))),
    st.builds(tokens.GeoCountry, filters, some(st.sampled_from(["PL", "DE", "CZ"]))),
    st.builds(tokens.GeoRegion, filters, some(st.sampled_from(["EU", "Asia", "NorthAmerica"]))),
    st.builds(tokens.Service, some(words.map("opw-{}".format) | st.sampled_from(["opp-*", "ozw-onezone"]))),
    st.builds(tokens.Consumer, some(words.map("usr-{}".format) | st.sampled_from(["grp-*", "prv-*"]))),
    st.builds(tokens.Interface, st.sampled_from(["rest", "oneclient", "graphsync"])),
    st.builds(tokens.Api, some(st.sampled_from(["ozw/all/user.*.*:*", "all/get/space.*.*:*"]))),
    st.just(tokens.DataReadonly()),
    st.builds(tokens.DataPath, some(some(names).map(lambda parts: "/" + "/".join(parts)))),
    st.builds(tokens.DataObjectId, some(st.text("0123456789ABCDEF", min_size=1, max_size=80))),
)


@given(caveats)
def test_a_caveat_survives_its_text_and_its_json(caveat: Caveat) -> None:
    assert tokens.caveat_from_text(tokens.caveat_to_text(caveat)) == caveat
    assert tokens.caveat_from_json(tokens.caveat_to_json(caveat)) == caveat


def encoded(path: str) -> str:
    return base64.b64encode(path.encode()).decode()


@pytest.mark.parametrize(
    ("caveat", "text"),
    [
        (tokens.Time(1571147494), "time < 1571147494"),
        (tokens.Ip(("10.0.0.1", "10.1.0.0/16")), "ip = 10.0.0.1|10.1.0.0/16"),
        (tokens.Asn((1, 2)), "asn = 1|2"),
        (tokens.GeoCountry("whitelist", ("PL", "DE")), "geo.country = PL|DE"),
        (tokens.GeoRegion("blacklist", ("Asia",)), "geo.region != Asia"),
        (tokens.Service(("opw-p1",)), "service = opw-p1"),
        (tokens.Consumer(("usr-a1",)), "consumer = usr-a1"),
        (tokens.Interface("rest"), "interface = rest"),
        (tokens.DataReadonly(), "data.readonly"),
        (tokens.DataPath(("/s1", "/s2/a b")), f"data.path = {encoded('/s1')}|{encoded('/s2/a b')}"),
        (tokens.DataObjectId(("00AB",)), "data.objectid = 00AB"),
    ],
)
def test_texts_are_those_inside_onedatas_tokens(caveat: Caveat, text: str) -> None:
    assert tokens.caveat_to_text(caveat) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "moon = full",
        "time = 5",
        "time < ",
        "time < -5",
        "time < 1_000",
        "time < \u0665",
        "time < 9223372036854775808",
        "time < 5 ",
        "time < 5\n",
        " time < 5",
        "ip = 10.0.0.1|",
        "ip != 10.0.0.1",
        "asn = x",
        "geo.country < PL",
        "interface = telnet",
        "data.readonly = 1",
        "data.path = ???",
        "data.path = " + encoded("s1"),
        "data.path = " + encoded("/s1/"),
        "data.path = " + encoded("/s1/../s2"),
    ],
)
def test_a_text_that_is_not_onedatas_is_unknown(text: str) -> None:
    with pytest.raises(ServiceError) as caught:
        tokens.caveat_from_text(text)
    assert caught.value.error_id == "tokenCaveatUnknown"
    assert caught.value.details == {"caveat": text}


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "time",
        {},
        {"type": "moon"},
        {"type": ["time"]},
        {"type": "time"},
        {"type": "time", "validUntil": "5"},
        {"type": "time", "validUntil": True},
        {"type": "time", "validUntil": -1},
        {"type": "time", "validUntil": 1.5},
        {"type": "ip", "whitelist": []},
        {"type": "ip", "whitelist": "10.0.0.1"},
        {"type": "ip", "whitelist": ["10.0.0.1/33"]},
        {"type": "ip", "whitelist": ["10.0.0.1|8.8.8.8"]},
        {"type": "asn", "whitelist": ["631"]},
        {"type": "asn", "whitelist": [True]},
        {"type": "asn", "whitelist": []},
        {"type": "geo.country", "filter": "greylist", "list": ["PL"]},
        {"type": "geo.country", "filter": "whitelist", "list": ["Poland"]},
        {"type": "geo.country", "filter": ["whitelist"], "list": ["PL"]},
        {"type": "geo.region", "filter": "whitelist", "list": ["Atlantis"]},
        {"type": "geo.region", "filter": "whitelist", "list": []},
        {"type": "service", "whitelist": ["opx-1"]},
        {"type": "service", "whitelist": ["opw-"]},
        {"type": "service", "whitelist": [5]},
        {"type": "consumer", "whitelist": ["usr"]},
        {"type": "interface", "interface": "telnet"},
        {"type": "interface", "interface": ["rest"]},
        {"type": "api", "whitelist": ["anything"]},
        {"type": "data.path", "whitelist": ["/s1"]},
        {"type": "data.path", "whitelist": [encoded("/s1/")]},
        {"type": "data.path", "whitelist": [encoded("/")]},
        {"type": "data.path", "whitelist": [encoded("/s1//a")]},
        {"type": "data.path", "whitelist": [encoded("/s1/a\0b")]},
        {"type": "data.path", "whitelist": [base64.b64encode(b"/s1/\xff").decode()]},
        {"type": "data.objectid", "whitelist": ["XYZ"]},
    ],
)
def test_an_object_that_is_no_caveat_is_refused(document: object) -> None:
    with pytest.raises(ServiceError) as caught:
        tokens.caveat_from_json(document)
    assert caught.value.error_id == "badValueCaveat"
    assert caught.value.details == {"caveat": document}


def test_keys_that_a_caveat_does_not_have_are_ignored() -> None:
    assert tokens.caveat_from_json({"type": "time", "validUntil": 5, "whitelist": []}) == tokens.Time(5)


def test_a_list_of_caveats_is_read_whole_or_not_at_all() -> None:
    assert tokens.caveats_from_json([{"type": "data.readonly"}]) == (tokens.DataReadonly(),)
    for documents in ({"type": "data.readonly"}, None, [{"type": "data.readonly"}, 5]):
        with pytest.raises(ServiceError) as caught:
            tokens.caveats_from_json(documents)
        assert caught.value.error_id == "badValueCaveat"
