import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.manifests.conftest import HASHES, entries, entry, part

from fs2od.manifests import BrokenPart, Manifest, ManifestEntry, Seal, dump_seal, parse_seal, seal_of

FEW_PATHS = st.sampled_from(["a", "b", "a/c", "d"])
STEPS = st.lists(
    st.tuples(
        st.lists(entries(FEW_PATHS), max_size=3, unique_by=lambda each: each.path),
        st.lists(FEW_PATHS, max_size=2, unique=True),
    ),
    max_size=6,
)


@given(STEPS)
@settings(max_examples=60)
def test_later_parts_come_before_earlier_ones(steps: list[tuple[list[ManifestEntry], list[str]]]) -> None:
    expected: dict[str, ManifestEntry] = {}
    manifest = Manifest()
    for number, (files, gone) in enumerate(steps, 1):
        missing = [path for path in gone if path not in {each.path for each in files}]
        manifest.add(part(number, files, missing))
        for path in missing:
            expected.pop(path, None)
        expected.update({each.path: each for each in files})
    assert dict(manifest) == expected
    assert (manifest.files, len(manifest), manifest.parts) == (len(expected), len(expected), len(steps))
    assert manifest.size_bytes == sum(each.size_bytes for each in expected.values())


@given(STEPS)
@settings(max_examples=30)
def test_the_seal_of_parts_is_the_seal_of_their_manifest(steps: list[tuple[list[ManifestEntry], list[str]]]) -> None:
    parts = [part(number, files) for number, (files, _) in enumerate(steps, 1)]
    seal = seal_of(parts)
    assert seal == seal_of(Manifest(parts))
    assert parse_seal(dump_seal(seal)) == seal
    assert seal.parts == len(parts)


def test_the_seal_differs_with_the_order_of_what_the_parts_hold() -> None:
    one, other = [entry("a", 1)], [entry("b", 2)]
    assert seal_of([part(1, one), part(2, other)]).sha256 != seal_of([part(1, other), part(2, one)]).sha256


def test_the_seal_can_be_made_with_common_tools() -> None:
    parts = [part(1, [entry("a", 1)]), part(2, [entry("b", 2)])]
    over = "".join(f"{each.sha256}\n" for each in parts).encode()
    assert seal_of(parts) == Seal(2, 2, 3, hashlib.sha256(over).hexdigest())


def test_a_gap_between_parts_is_refused() -> None:
    manifest = Manifest([part(1, [entry("a")])])
    for number in (1, 3):
        with pytest.raises(BrokenPart, match="part 2 is missing"):
            manifest.add(part(number, [entry("b")]))
    assert list(manifest) == ["a"]


def test_a_file_that_no_part_names_is_unknown() -> None:
    manifest = Manifest([part(1, [entry("a")])])
    assert manifest.get("b") is None
    assert manifest.get("a") == entry("a")


@given(st.binary(max_size=100))
def test_any_bytes_are_a_seal_or_refused(data: bytes) -> None:
    with pytest.raises(BrokenPart):
        parse_seal(data)


@pytest.mark.parametrize(
    "change",
    [
        (b'"seal"', b'"manifest"'), (b'"version":1', b'"version":2'), (b'"parts":1', b'"parts":-1'),
        (b'"files":1', b'"files":"1"'), (b'"bytes":1', b'"bytes":1.5'), (b'"sha256":"', b'"sha256":"0'), (b"}", b""),
        (b'"parts":1', b'"parts":' + b"1" * 70_000),
    ],
)  # fmt: skip
def test_a_changed_seal_is_refused(change: tuple[bytes, bytes]) -> None:
    with pytest.raises(BrokenPart):
        parse_seal(dump_seal(seal_of([part(1, [entry("a")])])).replace(*change))


@given(st.builds(Seal, st.integers(0, 9), st.integers(0, 2**60), st.integers(0, 2**60), HASHES))
def test_what_was_sealed_is_read_again(seal: Seal) -> None:
    assert parse_seal(dump_seal(seal)) == seal
