import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.manifests.conftest import PATHS, entries, entry

from fs2od.errors import IntegrityFailure
from fs2od.manifests import (
    MOST_PART_BYTES,
    BrokenPart,
    Gone,
    ManifestEntry,
    dump_part,
    is_listable,
    parse_part,
    part_name,
    part_number,
)

HEADER = {"fs2od": "manifest", "version": 1, "part": 1, "piece_bytes": 8 << 20}
FILE = {"path": "a", "size": 1, "mtime_ns": 1, "sha256": "0" * 64, "crc32": "00000000"}


def lines(*documents: object, header: object = HEADER) -> bytes:
    """Return a part with a fitting trailer, whatever stands in it."""
    body = b"".join(
        (each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n" for each in (header, *documents)
    )
    files = [each for each in documents if isinstance(each, dict) and "gone" not in each]
    sizes = sum(each["size"] for each in files if isinstance(each.get("size"), int))
    trailer = {"files": len(files), "bytes": sizes, "sha256": hashlib.sha256(body).hexdigest()}
    return body + json.dumps(trailer).encode() + b"\n"


@given(
    st.integers(1, 10**12 - 1),
    st.lists(entries(), max_size=5, unique_by=lambda each: each.path),
    st.lists(PATHS, max_size=3, unique=True),
)
@settings(max_examples=60)
def test_what_was_written_is_read_again(number: int, files: list[ManifestEntry], missing: list[str]) -> None:
    gone = tuple(Gone(path) for path in missing if path not in {each.path for each in files})
    read = parse_part(dump_part(number, files, gone))
    assert (read.number, read.entries, read.gone) == (number, tuple(files), gone)
    assert read.size_bytes == sum(each.size_bytes for each in files)


@given(st.lists(entries(), min_size=1, max_size=3, unique_by=lambda each: each.path), st.data())
@settings(max_examples=60)
def test_a_part_cut_off_anywhere_is_refused(files: list[ManifestEntry], data: st.DataObject) -> None:
    whole = dump_part(1, files)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(BrokenPart):
        parse_part(whole[:cut])


@given(st.lists(entries(), min_size=1, max_size=3, unique_by=lambda each: each.path), st.data())
@settings(max_examples=60)
def test_a_part_with_one_bit_changed_is_refused_or_says_the_same(
    files: list[ManifestEntry], data: st.DataObject
) -> None:
    changed = bytearray(dump_part(1, files))
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        read = parse_part(bytes(changed))
    except BrokenPart:
        return
    assert read == parse_part(dump_part(1, files))


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_a_part_or_refused(data: bytes) -> None:
    with pytest.raises(BrokenPart):
        parse_part(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("a" * 64),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*FILE, "gone", "pieces"]), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*FILE, "gone", "pieces"]), JSON))
def test_any_line_is_a_file_or_refused(changes: dict[str, object]) -> None:
    try:
        read = parse_part(lines({**FILE, **changes}))
    except BrokenPart:
        return
    for each in read.entries:
        assert is_listable(each.path)
        assert each.size_bytes >= 0


def test_a_part_is_written_as_the_documentation_shows_it() -> None:
    digest = "ab" * 32
    written = dump_part(3, [ManifestEntry("é/b.mrc", 5, 7, digest, 255)], [Gone("c")]).decode().splitlines()
    assert written[:3] == [
        '{"fs2od":"manifest","version":1,"part":3,"piece_bytes":8388608}',
        f'{{"path":"é/b.mrc","size":5,"mtime_ns":7,"sha256":"{digest}","crc32":"000000ff"}}',
        '{"path":"c","gone":true}',
    ]
    body = "".join(f"{line}\n" for line in written[:3]).encode()
    assert json.loads(written[3]) == {"files": 1, "bytes": 5, "sha256": hashlib.sha256(body).hexdigest()}


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/../b", "a/./b", "./a", "a\0b", "\ud800", "a" * 4097,
    ],
)  # fmt: skip
def test_a_path_that_leads_elsewhere_is_neither_read_nor_written(path: str) -> None:
    with pytest.raises(BrokenPart):
        parse_part(lines({**FILE, "path": path}))
    with pytest.raises(BrokenPart):
        parse_part(lines({"path": path, "gone": True}))
    with pytest.raises(ValueError, match="path"):
        dump_part(1, [], [Gone(path)])


@pytest.mark.parametrize("path", ["...", "a\\b", "a\nb", " ", "-", "a" * 4096, "..a/b..", "\u2028"])
def test_an_odd_path_is_listed_as_it_is(path: str) -> None:
    assert parse_part(dump_part(1, [entry(path)])).entries[0].path == path


@pytest.mark.parametrize(
    "line",
    [
        {**FILE, "size": -1},
        {**FILE, "size": 2**62},
        {**FILE, "size": True},
        {**FILE, "size": 1.0},
        {**FILE, "size": "1"},
        {**FILE, "mtime_ns": 2**63},
        {**FILE, "sha256": "0" * 63},
        {**FILE, "sha256": "A" * 64},
        {**FILE, "sha256": "0" * 63 + "\n"},
        {**FILE, "crc32": 0},
        {**FILE, "crc32": "0x000000"},
        {**FILE, "pieces": ["0" * 64]},
        {**FILE, "pieces": {}},
        {**FILE, "size": 9 << 20},
        {**FILE, "size": 9 << 20, "pieces": ["0" * 64]},
        {**FILE, "size": 9 << 20, "pieces": ["0" * 64, 1]},
        {**FILE, "path": 1},
        {**FILE, "gone": 1},
        {"path": "a", "gone": False},
        [],
        "a",
        None,
        b"",
        b" ",
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"path":"a","size":' + b"9" * 1_000_000 + b"}",
        b'{"path":"a","size":1e400}',
        b'{"path":"a","size":NaN}',
        b'{"path":"\xff","gone":true}',
        b'\xef\xbb\xbf{"path":"a","gone":true}',
        b'{"path":"b","gone":true} {}',
    ],
    ids=lambda line: str(line)[:40],
)
def test_a_hostile_line_is_refused(line: object) -> None:
    with pytest.raises(BrokenPart):
        parse_part(lines(line))


@pytest.mark.parametrize(
    "change",
    [
        {"fs2od": "seal"}, {"version": 2}, {"version": True}, {"part": 0}, {"part": 10**12}, {"piece_bytes": 1},
        {"piece_bytes": None}, {"part": "1"},
    ],
)  # fmt: skip
def test_a_header_that_we_do_not_understand_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(BrokenPart):
        parse_part(lines(FILE, header={**HEADER, **change}))


def test_a_part_with_larger_pieces_is_read() -> None:
    read = parse_part(lines({**FILE, "size": 9 << 20}, header={**HEADER, "piece_bytes": 16 << 20}))
    assert read.piece_bytes == 16 << 20
    assert read.entries[0].pieces == ()


def test_unknown_keys_are_left_aside() -> None:
    read = parse_part(lines({**FILE, "blake3": "00"}, header={**HEADER, "made_by": "a newer one"}))
    assert read.entries == (ManifestEntry("a", 1, 1, "0" * 64, 0),)


def test_a_path_stands_in_a_part_once() -> None:
    with pytest.raises(BrokenPart):
        parse_part(lines(FILE, FILE))
    with pytest.raises(BrokenPart):
        parse_part(lines(FILE, {"path": "a", "gone": True}))
    with pytest.raises(ValueError, match="twice"):
        dump_part(1, [entry("a"), entry("a", 2)])


def test_a_trailer_that_counts_otherwise_is_refused() -> None:
    body, _, _ = lines(FILE).rstrip(b"\n").rpartition(b"\n")
    digest = hashlib.sha256(body + b"\n").hexdigest()
    for files, size in ((2, 1), (1, 2), (True, 1), (1, None)):
        trailer = json.dumps({"files": files, "bytes": size, "sha256": digest}).encode()
        with pytest.raises(BrokenPart):
            parse_part(body + b"\n" + trailer + b"\n")


def test_a_part_that_is_too_large_is_refused_unread() -> None:
    with pytest.raises(BrokenPart, match="too large"):
        parse_part(bytes(MOST_PART_BYTES + 1))


def test_what_is_broken_counts_as_failed_integrity() -> None:
    assert issubclass(BrokenPart, IntegrityFailure)


@given(st.integers(1, 10**12 - 1))
def test_a_number_has_one_name(number: int) -> None:
    assert part_number(part_name(number)) == number


@given(st.text(max_size=20) | st.from_regex(r"[0-9]{1,9}\.jsonl\n?"))
def test_only_such_a_name_stands_for_a_part(name: str) -> None:
    number = part_number(name)
    assert number is None or part_name(number) == name


def test_the_first_part_is_one() -> None:
    assert part_name(1) == "000001.jsonl"
    assert part_number("000000.jsonl") is None
    assert part_number("1.jsonl") is None
    assert part_number("\u0661" * 6 + ".jsonl") is None
    with pytest.raises(ValueError, match="counted from 1"):
        part_name(0)
