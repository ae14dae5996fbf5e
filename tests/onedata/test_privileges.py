import json
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.onedata import privileges
from fs2od.onedata.errors import ServiceError
from fs2od.onedata.privileges import ClusterPrivilege, GroupPrivilege, SpacePrivilege, ZonePrivilege

OPENAPI = Path(__file__).parents[3] / "shared" / "onedata" / "openapi" / "onezone-21.02.7.json"

Parser = Callable[[object], frozenset[StrEnum]]
PARSERS = [
    (privileges.parse_space_privileges, SpacePrivilege),
    (privileges.parse_group_privileges, GroupPrivilege),
    (privileges.parse_cluster_privileges, ClusterPrivilege),
    (privileges.parse_zone_privileges, ZonePrivilege),
]


@pytest.mark.parametrize(("parse", "kind"), PARSERS)
def test_every_word_is_read_back(parse: Parser, kind: type[StrEnum]) -> None:
    assert parse([word.value for word in kind]) == frozenset(kind)
    assert parse([]) == frozenset()


@given(st.sets(st.sampled_from(SpacePrivilege)))
def test_a_list_of_words_survives(chosen: set[SpacePrivilege]) -> None:
    words = privileges.listed(chosen)
    assert words == sorted(words)
    assert privileges.parse_space_privileges(words + words) == chosen


@pytest.mark.parametrize(("parse", "kind"), PARSERS)
def test_an_unknown_word_is_refused_with_all_known_ones(parse: Parser, kind: type[StrEnum]) -> None:
    with pytest.raises(ServiceError) as caught:
        parse([next(iter(kind)).value, "space_fly"])
    assert caught.value.error_id == "badValueListNotAllowed"
    assert caught.value.details == {"key": "privileges", "allowed": sorted(word.value for word in kind)}


@pytest.mark.parametrize("value", [None, "space_view", 5, {"space_view": True}, [5], [None], ["space_view", ["x"]]])
def test_what_is_no_list_of_words_is_refused(value: object) -> None:
    with pytest.raises(ServiceError) as caught:
        privileges.parse_space_privileges(value, key="grant")
    assert caught.value.error_id == "badValueListOfStrings"
    assert caught.value.details == {"key": "grant"}


def test_the_bundles_grow_from_member_over_manager_to_admin() -> None:
    assert privileges.SPACE_MEMBER < privileges.SPACE_MANAGER < privileges.SPACE_ADMIN
    assert privileges.GROUP_MEMBER < privileges.GROUP_MANAGER < privileges.GROUP_ADMIN
    assert privileges.CLUSTER_MEMBER < privileges.CLUSTER_MANAGER < privileges.CLUSTER_ADMIN
    assert privileges.ZONE_VIEWER < privileges.ZONE_ADMIN
    assert privileges.listed(privileges.SPACE_MEMBER) == [
        "space_read_data",
        "space_view",
        "space_view_transfers",
        "space_write_data",
    ]
    assert privileges.listed(privileges.GROUP_MEMBER) == ["group_view"]


@pytest.mark.skipif(not OPENAPI.exists(), reason="the published API descriptions are not here")
@pytest.mark.parametrize(
    ("definition", "bundle"),
    [
        ("SpacePrivileges", privileges.SPACE_ADMIN),
        ("SpaceManagerPrivileges", privileges.SPACE_MANAGER),
        ("SpaceMemberPrivileges", privileges.SPACE_MEMBER),
        ("GroupPrivileges", privileges.GROUP_ADMIN),
        ("GroupManagerPrivileges", privileges.GROUP_MANAGER),
        ("GroupMemberPrivileges", privileges.GROUP_MEMBER),
        ("ClusterPrivileges", privileges.CLUSTER_ADMIN),
        ("ClusterManagerPrivileges", privileges.CLUSTER_MANAGER),
        ("ClusterMemberPrivileges", privileges.CLUSTER_MEMBER),
        ("AdminPrivileges", privileges.ZONE_ADMIN),
        ("ViewerPrivileges", privileges.ZONE_VIEWER),
    ],
)
def test_every_published_word_is_in_its_bundle(definition: str, bundle: frozenset[StrEnum]) -> None:
    # The published lists lag behind the services by a few words, so ours may hold more.
    published = json.loads(OPENAPI.read_text())["definitions"][definition]["items"]["enum"]
    assert {word.value for word in bundle} >= set(published)
