"""Answers that say otherwise what the published ones say: null for what is absent, text for numbers, words that are new."""

from __future__ import annotations

import json
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from fs2od.onedata import wire
from fs2od.onedata.errors import MalformedAnswer
from fs2od.onedata.ids import ProviderId, SpaceId
from fs2od.onedata.wire.files import FilesBelow
from fs2od.onedata.wire.storage_import import ImportInfo

SPACE = "c" * 32
PROVIDER = "f" * 32


T = TypeVar("T")


def read(kind: type[T], **values: object) -> T:
    return wire.read_answer(json.dumps(values).encode(), kind)


def test_a_space_is_read_of_which_a_provider_has_not_told_its_zone_how_it_keeps_statistics() -> None:
    # What a Onezone answers between the grant and the provider's first word.
    untold = {"accountingEnabled": None, "dirStatsServiceEnabled": None, "dirStatsServiceStatus": None}
    space = read(
        wire.SpaceDetails,
        spaceId=SPACE,
        name="grid",
        providers={PROVIDER: 10},
        supportParametersRegistry={PROVIDER: untold},
        creator={"type": "nobody", "id": None},
        creationTime=1,
        new={"key": 1},
    )
    assert (space.name, space.providers) == ("grid", {PROVIDER: 10})
    assert space.support_parameters_registry
    assert space.support_parameters_registry[ProviderId(PROVIDER)].accounting_enabled is UNSET


def test_what_older_releases_lack_of_a_space_is_not_missed() -> None:
    space = read(wire.SpaceDetails, spaceId=SPACE, name="grid", providers={})
    assert (space.name, space.tags) == ("grid", UNSET)


def test_null_counts_as_absent_where_it_may_not_be() -> None:
    info = read(ImportInfo, status="running", totalScans=1, start=1700000000, stop=None, nextScan=None)
    assert (info.start, info.stop, info.next_scan) == (1700000000, UNSET, UNSET)


def test_numbers_and_truth_values_may_come_as_text() -> None:
    info = read(ImportInfo, status="completed", totalScans="3", start="1700000000")
    assert (info.total_scans, info.start) == (3, 1700000000)
    scope = read(
        wire.AccessTokenScope,
        validUntil="17",
        dataAccessScope={
            "readonly": "false",
            "spaces": {SPACE: {"name": "s", "supports": {PROVIDER: {"readonly": "true", "storages": {}}}}},
            "providers": {PROVIDER: {"name": "p", "domain": "p.test", "version": "25.0", "online": True}},
        },
    )
    assert scope.valid_until == 17
    reached = scope.data_access_scope
    assert reached is not None
    assert not reached.readonly
    assert reached.spaces[SpaceId(SPACE)].supports[ProviderId(PROVIDER)].readonly


def test_a_word_that_is_new_is_kept() -> None:
    assert str(read(ImportInfo, status="paused", totalScans=1).status) == "paused"
    summary = read(wire.QosSummary, requirements={"a" * 32: "stopped"}, status="stopped")
    assert str(summary.status) == "stopped"


def test_a_kind_of_file_that_is_new_does_not_hide_the_others() -> None:
    children = [
        {"fileId": "00", "name": "a", "type": "FIFO"},
        {"fileId": "01", "name": "b", "type": "REG", "size": "7"},
    ]
    page = read(wire.Children, children=children, isLast=True)
    assert [(each.type, each.size) for each in page.entries()] == [("FIFO", UNSET), ("REG", 7)]
    assert page.next_page_token is None


def test_paths_that_could_not_be_listed_need_not_be_told() -> None:
    assert read(FilesBelow, files=[], isLast=True).inaccessible_paths == ()


@pytest.mark.parametrize("key", ["fileId", "dirId"])
def test_the_root_of_a_space_is_known_by_either_key(key: str) -> None:
    assert read(wire.ProviderSpace, spaceId=SPACE, name="grid", **{key: "00AB"}).root() == "00AB"
    with pytest.raises(MalformedAnswer, match="root of a space"):
        read(wire.ProviderSpace, spaceId=SPACE, name="grid").root()


@pytest.mark.parametrize(
    "values",
    [{}, {"spaceId": None, "name": "grid", "providers": {}}, {"spaceId": SPACE, "name": "grid", "providers": 7}],
)
def test_what_is_needed_and_is_not_there_cannot_be_read(values: dict[str, object]) -> None:
    with pytest.raises(MalformedAnswer, match="SpaceDetails"):
        read(wire.SpaceDetails, **values)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KINDS: list[type[wire.Document]] = [
    wire.SpaceDetails,
    wire.AccessTokenScope,
    ImportInfo,
    wire.TransferDetails,
    wire.Distribution,
    wire.Children,
]


@given(st.sampled_from(KINDS), st.data())
def test_whatever_an_answer_holds_it_is_read_or_malformed(kind: type[wire.Document], data: st.DataObject) -> None:
    keys = st.sampled_from(kind.__struct_encode_fields__)
    body = json.dumps(data.draw(st.dictionaries(keys, JSON, max_size=len(kind.__struct_fields__)) | JSON)).encode()
    try:
        found = wire.read_answer(body, kind)
    except MalformedAnswer:
        return
    assert isinstance(found, kind)
