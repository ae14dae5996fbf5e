import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.onedata import ids
from fs2od.onedata.ids import FileRef, InvalidFileId, ShareId, SpaceId

FOLDER = Path(__file__).parents[3] / "shared" / "onedata" / "openapi"

words = st.text(st.characters(codec="utf-8", exclude_characters="#"), min_size=1, max_size=20)
refs = st.builds(FileRef, words, words.map(SpaceId), st.none() | words.map(ShareId))


@given(refs)
def test_a_file_id_says_what_it_was_made_of(ref: FileRef) -> None:
    text = ids.file_id(ref)
    assert re.fullmatch("0000000000[0-9A-F]+", text)
    assert ids.parse_file_id(text) == ref
    assert ids.parse_file_id(text.lower()) == ref


def test_the_check_sum_is_crc_16_arc() -> None:
    # The check value that the catalogue of CRC algorithms gives for CRC-16/ARC.
    assert ids._crc16(b"123456789") == 0xBB3D


@given(st.binary(max_size=400))
def test_the_check_sum_is_that_of_single_bits(data: bytes) -> None:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xA001 if crc & 1 else 0)
    assert ids._crc16(data) == crc


def texts(node: object) -> Iterator[str]:
    if isinstance(node, dict | list):
        for inner in node.values() if isinstance(node, dict) else node:
            yield from texts(inner)
    elif isinstance(node, str):
        yield re.sub(r"[\\\s]", "", node)


@pytest.mark.skipif(not FOLDER.exists(), reason="the published API descriptions are not here")
@pytest.mark.parametrize("service", ["onezone", "oneprovider"])
def test_every_published_file_id_is_reproduced(service: str) -> None:
    document = json.loads((FOLDER / f"{service}-21.02.7.json").read_text())
    published = {text for text in texts(document) if re.fullmatch(r"0000000000[0-9A-F]{60,}", text)}
    assert published
    for text in published:
        assert ids.file_id(ids.parse_file_id(text)) == text


def test_length_and_check_sum_are_not_judged_on_reading() -> None:
    text = ids.file_id(FileRef("u", SpaceId("s")))
    assert ids.parse_file_id(text[:10] + "FFFFFF" + text[16:]) == FileRef("u", SpaceId("s"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        "zz",
        "c" * 32,
        "0" * 16,
        "0" * 16 + b"guid#u".hex(),
        "0" * 16 + b"guid#u#s#t".hex(),
        "0" * 16 + b"shareGuid#u#s".hex(),
        "0" * 16 + b"other#u#s".hex(),
        "0" * 16 + "ff" * 5,
        "1" + "0" * 15 + b"guid#u#s".hex(),
        "0" * 2000,
        "0\u0660" * 40,
    ],
)
def test_what_is_no_file_id_is_refused(text: str) -> None:
    with pytest.raises(InvalidFileId):
        ids.parse_file_id(text)


def test_a_file_id_that_would_be_too_long_is_not_made() -> None:
    with pytest.raises(InvalidFileId):
        ids.file_id(FileRef("u" * 400, SpaceId("s")))


def test_a_file_is_seen_through_a_share_and_privately_again() -> None:
    ref = FileRef(ids.space_root_uuid(SpaceId("c1")), SpaceId("c1"))
    shared = ref.through(ShareId("e1"))
    assert shared.share == "e1"
    assert shared.through(None) == ref
    assert ids.file_id(shared) != ids.file_id(ref)
    assert ref.uuid == "space_c1"


def test_entity_ids_have_the_alphabet_that_clients_compute_with() -> None:
    fresh = {ids.new_entity_id() for _ in range(50)}
    assert len(fresh) == 50
    for text in fresh:
        assert ids.is_entity_id(text)
        assert int(text, 18) > 0
        assert len(text) == 38
    assert ids.new_entity_id("seed") == ids.new_entity_id("seed") != ids.new_entity_id("other")
    for text in ("", "i", "A", "a-b", "a" * 65, "\u0661"):
        assert not ids.is_entity_id(text)


@given(st.text(st.characters(codec="utf-8")))
def test_a_page_token_survives_a_query_string_unescaped(text: str) -> None:
    token = ids.page_token(text)
    assert re.fullmatch("[A-Za-z0-9_-]*", token)
    assert ids.parse_page_token(token) == text


@pytest.mark.parametrize("token", ["a", "_w"])
def test_what_is_no_page_token_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="page token"):
        ids.parse_page_token(token)
