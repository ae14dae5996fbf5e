import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.onedata import wire
from fs2od.onedata.errors import MalformedAnswer, ServiceError
from fs2od.onedata.ids import FileId, ProviderId, ShareId, UserId

FILE = wire.FileAttributes(
    file_id=FileId("AB"),
    index="i",
    type="REG",
    posix_permissions="664",
    name="movie.mrc",
    parent_file_id=FileId("CD"),
    display_gid=2,
    display_uid=1,
    atime=3,
    mtime=4,
    ctime=5,
    size=6,
    origin_provider_id=ProviderId("f1"),
    direct_share_ids=(ShareId("e1"),),
    owner_user_id=UserId("a1"),
    hardlink_count=1,
)
PRIVATE_PAIRS = (
    "file_id+fileId parent_id+parentFileId name mode+posixPermissions atime mtime ctime type size shares+directShareIds "
    "index storage_user_id+displayUid storage_group_id+displayGid owner_id+ownerUserId provider_id+originProviderId "
    "hardlinks_count+hardlinkCount"
)
HIDDEN = {"storage_user_id", "displayUid", "storage_group_id", "displayGid", "owner_id", "ownerUserId"} | {
    "provider_id", "originProviderId", "hardlinks_count", "hardlinkCount"
}  # fmt: skip


def select(body: bytes, *, public: bool = False) -> wire.Selection:
    return wire.read_request(body, wire.AttributesRequest).selection(public=public)


def test_without_a_selection_both_generations_are_answered() -> None:
    everything = {key for pair in PRIVATE_PAIRS.split() for key in pair.split("+")}
    answer = select(b"").of(FILE)
    assert set(answer) == everything
    assert (answer["mode"], answer["posixPermissions"], answer["shares"]) == ("664", "664", ["e1"])
    assert set(select(b"", public=True).of(FILE)) == everything - HIDDEN


def test_a_selection_is_answered_exactly() -> None:
    selection = select(b'{"attributes":["size","path","xattr.color","xattr.none"]}')
    assert selection.xattrs() == ("color", "none")
    assert selection.wants("size")
    assert not selection.wants("name")
    answer = selection.of(FILE, {"color": "red"})
    assert answer == {"size": 6, "path": None, "xattr.color": "red", "xattr.none": None}


def test_the_older_keys_are_selected_by_the_query() -> None:
    assert select(b'{"attribute":["mode","name","file_id"]}').of(FILE) == {
        "mode": "664",
        "name": "movie.mrc",
        "file_id": "AB",
    }


@pytest.mark.parametrize(
    ("body", "key", "public"),
    [
        (b'{"attributes":["mode"]}', "attributes", False),
        (b'{"attributes":["xattr."]}', "attributes", False),
        (b'{"attributes":["displayUid"]}', "attributes", True),
        (b'{"attribute":["posixPermissions"]}', "attribute", False),
        (b'{"attribute":["owner_id"]}', "attribute", True),
    ],
)
def test_a_key_that_is_unknown_or_not_for_the_public_is_refused(body: bytes, key: str, *, public: bool) -> None:
    with pytest.raises(ServiceError) as caught:
        select(body, public=public)
    assert caught.value.error_id == "badValueNotAllowed"
    assert caught.value.details["key"] == key
    assert "name" in caught.value.details["allowed"]


def test_items_of_a_listing_hold_ids_and_names_unless_told_otherwise() -> None:
    listing = wire.read_request(b'{"token":"t"}', wire.ListingRequest)
    assert (listing.limit, listing.token) == (1000, "t")
    assert listing.selection(public=True).of(FILE) == {"fileId": "AB", "file_id": "AB", "name": "movie.mrc"}
    sizes = wire.read_request(b'{"attribute":["size","file_id"]}', wire.ListingRequest)
    assert sizes.selection(public=False).of(FILE) == {"size": 6, "file_id": "AB"}


@pytest.mark.parametrize(
    "item",
    [
        {"file_id": "AB", "name": "n"},
        {"id": "AB", "name": "n", "type": "reg"},
        {"fileId": "AB", "file_id": "old", "name": "n"},
    ],
)
def test_a_page_of_any_release_is_read(item: dict[str, Any]) -> None:
    body = json.dumps({"children": [item], "nextPageToken": None, "isLast": True}).encode()
    (entry,) = wire.read_answer(body, wire.Children).entries()
    assert (entry.file_id, entry.name) == ("AB", "n")


@pytest.mark.parametrize("missing", ["children", "isLast"])
def test_a_page_without_its_end_marks_is_malformed(missing: str) -> None:
    page: dict[str, object] = {"children": [], "nextPageToken": None, "isLast": True}
    del page[missing]
    with pytest.raises(MalformedAnswer):
        wire.read_answer(json.dumps(page).encode(), wire.Children)


def test_attributes_of_another_type_are_malformed() -> None:
    for item in ({"size": "x"}, {"type": 5}, {"mode": 511}, {"name": 7}):
        with pytest.raises(MalformedAnswer):
            wire.read_attributes(item)


def test_what_the_node_answers_the_client_reads_back() -> None:
    assert wire.read_attributes(select(b"").of(FILE)) == FILE
    directory = wire.read_attributes({"type": "DIR", "size": None, "parentFileId": None})
    assert (directory.size, directory.parent_file_id) == (None, None)


def test_files_below_are_read() -> None:
    body = b'{"files":[{"fileId":"AB","path":"a/b"}],"inaccessiblePaths":[],"nextPageToken":null}'
    (entry,) = wire.read_answer(body, wire.FilesBelow).entries()
    assert entry.path == "a/b"


@given(st.integers(0, 0o7777))
def test_permissions_are_three_octal_digits_and_those_of_others_in_public(bits: int) -> None:
    text = wire.permissions_text(bits)
    assert len(text) == 3
    assert int(text, 8) == bits & 0o777
    assert int(wire.permissions_text(bits, public=True), 8) == bits & 0o007


@pytest.mark.parametrize(
    ("body", "bits"),
    [(b'{"mode":"0775"}', 0o775), (b'{"mode":"1777"}', 0o1777), (b'{"posixPermissions":"640"}', 0o640)],
)
def test_a_change_of_permissions_is_octal(body: bytes, bits: int) -> None:
    assert wire.read_request(body, wire.PermissionsChange).permissions() == bits


@pytest.mark.parametrize(
    ("body", "error_id"),
    [
        (b"{}", "missingRequiredValue"),
        (b'{"mode":"0493"}', "badValueInteger"),
        (b'{"mode":""}', "badValueInteger"),
        (b'{"mode":"-1"}', "badValueInteger"),
        (b'{"mode":"2000"}', "badValueNotInRange"),
        (b'{"mode":"%s"}' % (b"7" * 5000), "badValueInteger"),
    ],
)
def test_permissions_that_are_not_octal_or_too_large_are_refused(body: bytes, error_id: str) -> None:
    request = wire.read_request(body, wire.PermissionsChange)
    with pytest.raises(ServiceError) as caught:
        request.permissions()
    assert caught.value.error_id == error_id
