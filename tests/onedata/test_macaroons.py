import pymacaroons
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.onedata.macaroons import Macaroon, MalformedMacaroon, deserialize, mint, serialize, verify_chain

words = st.text(st.characters(codec="utf-8"), max_size=200)
# The witness counts characters where it should count bytes, so it is only asked about ASCII.
ascii_words = st.text(st.characters(codec="ascii"), max_size=200)
keys = st.binary(min_size=1, max_size=64)


def build(location: str, identifier: str, caveats: list[str], key: bytes) -> Macaroon:
    macaroon = mint(location, identifier, key)
    for caveat in caveats:
        macaroon = macaroon.add_caveat(caveat)
    return macaroon


def witness(location: str, identifier: str, caveats: list[str], key: bytes) -> pymacaroons.Macaroon:
    macaroon = pymacaroons.Macaroon(location=location, identifier=identifier, key=key, version=pymacaroons.MACAROON_V1)
    for caveat in caveats:
        macaroon.add_first_party_caveat(caveat)
    return macaroon


@given(ascii_words, ascii_words, st.lists(ascii_words, max_size=4), keys)
def test_what_we_mint_has_the_bytes_that_the_witness_mints(
    location: str, identifier: str, caveats: list[str], key: bytes
) -> None:
    theirs = pymacaroons.serializers.BinarySerializer().serialize_raw(witness(location, identifier, caveats, key))
    assert serialize(build(location, identifier, caveats, key)) == theirs


@given(ascii_words, ascii_words, st.lists(ascii_words, max_size=4), keys)
def test_what_the_witness_mints_we_read_and_accept(
    location: str, identifier: str, caveats: list[str], key: bytes
) -> None:
    theirs = pymacaroons.serializers.BinarySerializer().serialize_raw(witness(location, identifier, caveats, key))
    macaroon = deserialize(theirs)
    assert macaroon == Macaroon(location, identifier, tuple(caveats), macaroon.signature)
    assert verify_chain(macaroon, key)


@given(ascii_words, ascii_words, st.lists(ascii_words, max_size=4), keys)
def test_what_we_mint_the_witness_accepts(location: str, identifier: str, caveats: list[str], key: bytes) -> None:
    theirs = pymacaroons.serializers.BinarySerializer().deserialize_raw(
        serialize(build(location, identifier, caveats, key))
    )
    verifier = pymacaroons.Verifier()
    for caveat in caveats:
        verifier.satisfy_exact(caveat)
    assert verifier.verify(theirs, key)


@given(words, words, st.lists(words, max_size=4), keys)
def test_a_macaroon_survives_its_bytes(location: str, identifier: str, caveats: list[str], key: bytes) -> None:
    macaroon = build(location, identifier, caveats, key)
    assert deserialize(serialize(macaroon)) == macaroon
    assert verify_chain(macaroon, key)


@given(words, st.lists(words, min_size=1, max_size=4), keys, keys)
def test_no_caveat_comes_off_and_no_other_key_fits(
    identifier: str, caveats: list[str], key: bytes, other: bytes
) -> None:
    macaroon = build("zone", identifier, caveats, key)
    assert not verify_chain(Macaroon("zone", identifier, macaroon.caveats[:-1], macaroon.signature), key)
    assert not verify_chain(Macaroon("zone", identifier + "x", macaroon.caveats, macaroon.signature), key)
    # HMAC pads short keys with zero bytes, so keys that differ only in those are one key.
    assert verify_chain(macaroon, other) == (key.rstrip(b"\0") == other.rstrip(b"\0"))


def test_the_location_is_only_a_hint_and_not_signed() -> None:
    macaroon = build("zone", "id", [], b"key")
    assert verify_chain(Macaroon("elsewhere", "id", (), macaroon.signature), b"key")


def test_the_signature_is_not_in_the_repr() -> None:
    macaroon = build("zone", "id", ["time < 5"], b"key")
    assert "signature" not in repr(macaroon)
    assert repr(macaroon.signature) not in repr(macaroon)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_or_read_and_never_break_anything(data: bytes) -> None:
    try:
        macaroon = deserialize(data)
    except MalformedMacaroon:
        return
    assert deserialize(serialize(macaroon)) == macaroon


@given(st.data())
def test_a_macaroon_cut_short_is_refused(data: st.DataObject) -> None:
    whole = serialize(build("zone", "id", ["time < 5"], b"key"))
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(MalformedMacaroon):
        deserialize(whole[:cut])


GOOD = serialize(build("zone", "id", ["time < 5"], b"key"))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"0x1flocation zone\n", id="a size that only int() would take"),
        pytest.param(b"0004", id="a packet without content"),
        pytest.param(b"0000", id="a packet that would never end"),
        pytest.param(b"0012location zone\n", id="no identifier"),
        pytest.param(GOOD + b"000fcid true()\n", id="a caveat after the signature"),
        pytest.param(GOOD.replace(b"0011cid time < 5\n", b"0013cid time < 5\n0006vid x"), id="a third-party caveat"),
        pytest.param(GOOD.replace(b"identifier id", b"identifier \xff\xfe"), id="not UTF-8"),
        pytest.param(GOOD.replace(b"location ", b"location_"), id="no separator"),
        pytest.param(
            b"0012location zone\n0012identifier id\n0010signature x\n",
            id="a short signature",
        ),
    ],
)
def test_damaged_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedMacaroon):
        deserialize(data)


def test_a_caveat_that_no_packet_holds_is_refused_on_writing() -> None:
    with pytest.raises(MalformedMacaroon):
        serialize(build("zone", "id", ["x" * 65536], b"key"))


def test_the_longest_caveat_that_a_packet_holds_is_kept() -> None:
    macaroon = build("zone", "id", ["x" * (65535 - len("ffffcid \n"))], b"key")
    assert deserialize(serialize(macaroon)) == macaroon
