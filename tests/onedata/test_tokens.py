import copy
import re
import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.onedata import tokens
from fs2od.onedata.errors import ServiceError
from fs2od.onedata.ids import TokenId
from fs2od.onedata.macaroons import mint
from fs2od.onedata.tokens import (
    AccessToken,
    Caveat,
    Context,
    DataAccess,
    Identifier,
    IdentityToken,
    InviteToken,
    InviteType,
    Named,
    Subject,
    Temporary,
    Token,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
KEY = b"k" * 32
ALEX = Subject("user", "a1" * 16)
SPACE = "c" * 32

ids = st.text("0123456789abcdefch", min_size=1, max_size=38)
kinds = st.one_of(
    st.builds(AccessToken, st.none() | ids),
    st.just(IdentityToken()),
    st.builds(InviteToken, st.sampled_from(InviteType), ids),
)
identifiers = st.builds(
    Identifier,
    st.just(Named()) | st.builds(Temporary, st.integers(0, 10**9)),
    st.builds(Subject, st.sampled_from(["user", "oneprovider"]), ids),
    kinds,
    ids.map(TokenId),
)
safe_caveats = st.one_of(
    st.builds(tokens.Time, st.integers(0, 2**40)),
    st.just(tokens.Ip(("10.0.0.0/8", "::1"))),
    st.just(tokens.Consumer(("usr-*",))),
)


def access_token(*caveats: Caveat, kind: tokens.TokenKind = AccessToken()) -> Token:  # noqa: B008 - frozen
    return tokens.create("zone.example", Identifier(Named(), ALEX, kind, TokenId("d" * 32)), KEY, caveats)


def context(*, now: datetime = NOW) -> Context:
    return Context(now=now)


def refusal(token: Token, where: Context, key: bytes = KEY) -> str | None:
    try:
        tokens.verify(token, key, where)
    except ServiceError as error:
        return error.error_id
    return None


@given(st.text(min_size=1, max_size=60), identifiers, st.lists(safe_caveats, max_size=3), st.binary(min_size=1))
def test_a_token_tells_what_it_was_made_of(
    location: str, identifier: Identifier, caveats: list[Caveat], key: bytes
) -> None:
    token = tokens.create(location, identifier, key, caveats)
    assert set(token.reveal()) <= set(string.ascii_letters + string.digits)
    examined = tokens.examine(token)
    assert (examined.location, examined.identifier, list(examined.caveats)) == (location, identifier, caveats)
    assert tokens.examine(tokens.confine(token, caveats)).caveats == (*caveats, *caveats)


def test_the_text_form_is_the_one_that_onedata_documents() -> None:
    # "001a" is the first packet's size; the base64 of "001alocation zone…" holds a zero, which is escaped as "00".
    assert access_token().reveal().startswith("MDAxYWxvY2F00aW9uIHpvbmUu")


@given(key=st.binary(min_size=1), padded=st.booleans(), standard=st.booleans())
def test_a_padded_and_a_standard_base64_form_are_read_as_well(key: bytes, *, padded: bool, standard: bool) -> None:
    token = tokens.create("zone.example", Identifier(Named(), ALEX, AccessToken(), TokenId("d1")), key)
    escapes = {"01": "03", "02": "04"} if standard else {}
    text = re.sub("0[0-5]", lambda found: escapes.get(found[0], found[0]), token.reveal())
    characters = len(re.sub("0[0-5]", "x", text))
    other = Token(text + "05" * (-characters % 4 if padded else 0))
    assert refusal(other, context(), key) is None


@given(st.text(string.ascii_letters + string.digits, min_size=1, max_size=200))
def test_an_opaque_text_is_held_but_not_understood(text: str) -> None:
    token = Token(text)
    assert token.reveal() == text
    with pytest.raises(ServiceError) as caught:
        tokens.examine(token)
    assert caught.value.error_id == "badToken"


@pytest.mark.parametrize(
    "text", ["", " ", "a b", "a\nb", "a-b", "\u00e9", "\u0661", "a" * (tokens.MAX_TOKEN_BYTES + 1)]
)
def test_what_cannot_be_a_token_is_refused(text: str) -> None:
    with pytest.raises(ServiceError) as caught:
        Token(text)
    assert caught.value.error_id == "badToken"


@pytest.mark.parametrize("damage", ["06", "0", "09a"])
def test_an_unknown_escape_is_refused(damage: str) -> None:
    with pytest.raises(ServiceError):
        tokens.examine(Token(access_token().reveal() + damage))


def test_no_error_shows_a_token() -> None:
    token = access_token(tokens.Time(1))
    with pytest.raises(ServiceError) as caught:
        tokens.verify(token, KEY, context())
    assert token.reveal() not in str(caught.value.document())
    assert caught.value.status == 400


def test_a_token_does_not_show_itself() -> None:
    token = Token("MDAxZsecret")
    shown = f"{token} {token!r} {token!s} {[token]} {Context(now=NOW)}"
    assert "secret" not in shown
    assert token.fingerprint in repr(token)


def test_tokens_with_the_same_text_are_equal() -> None:
    assert Token("abc") == Token("abc") == copy.copy(Token("abc"))
    assert len({Token("abc"), Token("abc"), Token("abd")}) == 2
    assert Token("abc") != "abc"


@given(identifiers)
def test_an_identifier_survives_its_text(identifier: Identifier) -> None:
    assert tokens.parse_identifier(str(identifier)) == identifier


def test_identifiers_have_the_documented_text() -> None:
    kind = InviteToken(InviteType.SUPPORT_SPACE, "c1", {"dataWrite": "global", "metadataReplication": "eager"})
    assert str(Identifier(Named(), Subject("user", "a1"), kind, TokenId("d1"))) == "2/nmd/usr-a1/ssp:c1:ge/d1"
    temporary = Identifier(Temporary(7), Subject("oneprovider", "b1"), AccessToken("s1"), TokenId("d1"))
    assert str(temporary) == "2/tmp-7/prv-b1/act:s1/d1"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a1b2",
        "1/nmd/usr-a/act/d",
        "2/nmd/usr-a/act",
        "2/nmd/usr-/act/d",
        "2/tmp/usr-a/act/d",
        "2/tmp--1/usr-a/act/d",
        "2/nmd/grp-a/act/d",
        "2/nmd/usr-a/xxx:c:/d",
        "2/nmd/usr-a/ujg:c/d",
        "2/nmd/usr-a/ujg:c:ge/d",
        "2/nmd/usr-a/ujg:../d:/d",
        "2/nmd/usr-a/act/d\n",
    ],
)
def test_an_identifier_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ServiceError) as caught:
        tokens.parse_identifier(text)
    assert caught.value.error_id == "badToken"


@given(kinds)
def test_a_kind_survives_its_json(kind: tokens.TokenKind) -> None:
    assert tokens.kind_from_json(tokens.kind_to_json(kind)) == kind


def test_every_invite_type_names_its_target() -> None:
    for invite_type in InviteType:
        inner = tokens.kind_to_json(InviteToken(invite_type, "e1"))["inviteToken"]
        assert inner == {"inviteType": invite_type.value, invite_type.target_key: "e1", "parameters": {}}
    assert len({invite_type.code for invite_type in InviteType}) == len(InviteType)


def test_unknown_keys_inside_a_type_are_ignored() -> None:
    given = {"inviteToken": {"inviteType": "userJoinGroup", "groupId": "e1", "x": 1}, "usageLimit": 5}
    assert tokens.kind_from_json(given) == InviteToken(InviteType.USER_JOIN_GROUP, "e1")


@pytest.mark.parametrize(
    ("document", "error_id", "key"),
    [
        (None, "badValueTokenType", "type"),
        ("accessToken", "badValueTokenType", "type"),
        ({}, "badValueTokenType", "type"),
        ({"accessToken": 1}, "badValueTokenType", "type"),
        ({"inviteToken": {}}, "missingRequiredValue", "inviteType"),
        ({"inviteToken": {"inviteType": "userJoinClub"}}, "badValueInviteType", "inviteType"),
        ({"inviteToken": {"inviteType": "userJoinGroup"}}, "missingRequiredValue", "groupId"),
        ({"inviteToken": {"inviteType": "userJoinGroup", "spaceId": "e"}}, "missingRequiredValue", "groupId"),
        ({"inviteToken": {"inviteType": "userJoinGroup", "groupId": "a/b"}}, "badValueIdentifier", "groupId"),
        ({"inviteToken": {"inviteType": "userJoinGroup", "groupId": 5}}, "badValueIdentifier", "groupId"),
    ],
)
def test_a_type_that_means_nothing_is_refused(document: object, error_id: str, key: str) -> None:
    with pytest.raises(ServiceError) as caught:
        tokens.kind_from_json(document)
    assert (caught.value.error_id, caught.value.details["key"]) == (error_id, key)


def test_a_token_is_accepted_with_its_key_and_with_no_other() -> None:
    token = access_token()
    assert refusal(token, context()) is None
    assert refusal(token, context(), b"other") == "tokenInvalid"
    assert refusal(Token("abc"), context()) == "badToken"


def test_a_token_whose_letters_were_changed_is_refused() -> None:
    text = access_token(tokens.Time(1)).reveal()
    for position in range(0, len(text), 7):
        letter = "A" if text[position] != "A" else "B"
        assert refusal(Token(text[:position] + letter + text[position + 1 :]), context()) is not None


def test_a_time_caveat_ends_a_token() -> None:
    end = int(NOW.timestamp())
    token = access_token(tokens.Time(end))
    assert refusal(token, context(now=NOW - timedelta(seconds=1))) is None
    assert refusal(token, context(now=NOW)) == "tokenCaveatUnverified"


def test_every_caveat_must_hold_and_none_can_be_widened_again() -> None:
    end = int(NOW.timestamp())
    token = tokens.confine(access_token(tokens.Time(end - 5)), [tokens.Time(end + 5)])
    assert refusal(token, context()) == "tokenCaveatUnverified"
    assert tokens.valid_until_s(tokens.examine(token).caveats) == end - 5
    assert tokens.valid_until_s([]) is None


@pytest.mark.parametrize(
    ("peer", "accepted"),
    [
        ("189.99.1.2", True),
        ("::ffff:189.99.1.2", True),
        ("2001:db8::5", True),
        ("8.8.8.8", False),
        ("2001:db9::5", False),
        (None, False),
    ],
)
def test_an_ip_caveat_asks_for_the_clients_address(peer: str | None, *, accepted: bool) -> None:
    token = access_token(tokens.Ip(("189.34.15.0/8", "2001:db8::/32")))
    where = replace(context(), peer_ip=ip_address(peer) if peer else None)
    assert (refusal(token, where) is None) == accepted


@pytest.mark.parametrize(
    ("whitelist", "accepted"),
    [
        ((str(ALEX),), True),
        (("usr-*",), True),
        (("grp-e1",), True),
        (("grp-*",), True),
        (("prv-*",), False),
        (("usr-b2", "grp-e2"), False),
    ],
)
def test_a_consumer_caveat_asks_who_uses_the_token(whitelist: tuple[str, ...], *, accepted: bool) -> None:
    token = access_token(tokens.Consumer(whitelist))
    known = replace(context(), consumer=ALEX, consumer_groups=lambda: ["e1"])
    assert (refusal(token, known) is None) == accepted
    assert refusal(token, context()) == "tokenCaveatUnverified"


def test_a_service_and_an_interface_caveat_ask_where_the_token_is_used() -> None:
    service = access_token(tokens.Service(("opw-*", "ozw-onezone")))
    assert refusal(service, replace(context(), service="opw-p1")) is None
    assert refusal(service, replace(context(), service="ozw-onezone")) is None
    assert refusal(service, replace(context(), service="opp-p1")) == "tokenCaveatUnverified"
    assert refusal(service, context()) == "tokenCaveatUnverified"
    rest = access_token(tokens.Interface("rest"))
    assert refusal(rest, replace(context(), interface="rest")) is None
    assert refusal(rest, replace(context(), interface="graphsync")) == "tokenCaveatUnverified"
    assert refusal(rest, context()) == "tokenCaveatUnverified"


def test_inferring_a_scope_ignores_service_interface_and_api_and_nothing_else() -> None:
    inferring = replace(context(), ignored=frozenset({"service", "interface", "api"}), allow_data_access=True)
    ignored: list[Caveat] = [
        tokens.Service(("opw-p1",)),
        tokens.Interface("oneclient"),
        tokens.Api(("all/all/user.*.*:*",)),
    ]
    assert refusal(access_token(*ignored, tokens.DataReadonly()), inferring) is None
    for caveat in (tokens.Time(1), tokens.Ip(("10.0.0.1",)), tokens.Consumer(("usr-*",)), tokens.Asn((1,))):
        assert refusal(access_token(caveat), inferring) == "tokenCaveatUnverified"


PLACES: list[Caveat] = [
    tokens.Asn((631,)),
    tokens.GeoCountry("whitelist", ("PL",)),
    tokens.GeoCountry("blacklist", ("PL",)),
    tokens.GeoRegion("blacklist", ("Asia",)),
    tokens.Api(("all/get/space.*.*:*",)),
]


@pytest.mark.parametrize("caveat", PLACES)
def test_a_caveat_that_cannot_be_judged_is_refused_and_named(caveat: Caveat) -> None:
    everywhere = Context(
        now=NOW,
        peer_ip=ip_address("127.0.0.1"),
        consumer=ALEX,
        interface="rest",
        service="opw-1",
        allow_data_access=True,
    )
    with pytest.raises(ServiceError) as caught:
        tokens.verify(access_token(caveat), KEY, everywhere)
    assert caught.value.error_id == "tokenCaveatUnverified"
    assert caught.value.details["caveat"] == tokens.caveat_to_json(caveat)


DATA: list[Caveat] = [
    tokens.DataReadonly(),
    tokens.DataPath((f"/{SPACE}",)),
    tokens.DataObjectId(("00AB",)),
    tokens.Interface("oneclient"),
]


@pytest.mark.parametrize("caveat", DATA)
def test_a_data_caveat_is_good_for_data_access_only(caveat: Caveat) -> None:
    assert tokens.is_data_access_caveat(caveat)
    where = replace(context(), interface="oneclient")
    assert refusal(access_token(caveat), where) == "tokenCaveatUnverified"
    assert refusal(access_token(caveat), replace(where, allow_data_access=True)) is None


def test_an_interface_caveat_for_rest_is_no_data_caveat() -> None:
    assert not tokens.is_data_access_caveat(tokens.Interface("rest"))
    assert not tokens.is_data_access_caveat(tokens.Time(1))


def test_an_unknown_caveat_is_refused_by_name_and_survives_confining() -> None:
    macaroon = mint("zone", str(Identifier(Named(), ALEX, AccessToken(), TokenId("d"))), KEY)
    token = tokens.confine(tokens._to_text(macaroon.add_caveat("moon = full")), [tokens.DataReadonly()])
    with pytest.raises(ServiceError) as caught:
        tokens.verify(token, KEY, replace(context(), allow_data_access=True))
    assert caught.value.error_id == "tokenCaveatUnknown"
    assert caught.value.details["caveat"] == "moon = full"


INVITE = InviteToken(InviteType.USER_JOIN_GROUP, "e1")


@pytest.mark.parametrize("caveat", [*DATA, tokens.Interface("rest"), tokens.Service(("opw-*",)), PLACES[-1]])
def test_an_invitation_carries_no_caveat_about_data_or_services(caveat: Caveat) -> None:
    with pytest.raises(ServiceError) as caught:
        access_token(caveat, kind=INVITE)
    assert caught.value.error_id == "badValueCaveat"
    smuggled = tokens.confine(access_token(kind=INVITE), [caveat])
    lenient = Context(
        now=NOW,
        interface="oneclient",
        service="opw-1",
        allow_data_access=True,
        ignored=frozenset({"service", "interface", "api"}),
    )
    assert refusal(smuggled, lenient) == "tokenCaveatUnverified"


def test_an_invitation_for_one_consumer_is_good_for_them() -> None:
    token = access_token(tokens.Consumer((str(ALEX),)), tokens.Time(2**33), kind=INVITE)
    assert refusal(token, replace(context(), consumer=ALEX)) is None


def test_caveats_that_are_too_long_for_a_token_are_refused() -> None:
    with pytest.raises(ServiceError) as caught:
        access_token(tokens.DataPath(tuple(f"/{SPACE}/{n}" for n in range(3000))))
    assert caught.value.error_id == "badValueCaveat"
    many = [tokens.DataPath(tuple(f"/{SPACE}/{n}" for n in range(900)))] * 20
    with pytest.raises(ServiceError) as caught:
        access_token(*many)
    assert caught.value.error_id == "badValueCaveat"


def test_examining_answers_as_the_zone_does() -> None:
    token = access_token(tokens.Time(1571147494), kind=INVITE)
    assert tokens.examine(token).to_json() == {
        "onezoneDomain": "zone.example",
        "id": "d" * 32,
        "persistence": "named",
        "subject": {"type": "user", "id": ALEX.id},
        "type": {"inviteToken": {"inviteType": "userJoinGroup", "groupId": "e1", "parameters": {}}},
        "caveats": [{"type": "time", "validUntil": 1571147494}],
    }


paths = st.lists(st.sampled_from(["a", "b", "ab", "a-", "b0"]), min_size=1, max_size=4).map(lambda p: "/" + "/".join(p))
path_sets = st.lists(paths, min_size=1, max_size=5).map(tuple)


def lies_in(path: str, sets: tuple[str, ...]) -> bool:
    return any(path == one or path.startswith(one + "/") for one in sets)


@given(st.lists(path_sets, max_size=3), paths)
def test_paths_of_several_caveats_cover_what_each_of_them_covers(sets: list[tuple[str, ...]], path: str) -> None:
    access = tokens.data_access([tokens.DataPath(one) for one in sets])
    assert access.covers(path) == all(lies_in(path, one) for one in sets)


@given(st.lists(path_sets, min_size=1, max_size=3), paths)
def test_the_way_to_a_covered_path_may_be_walked(sets: list[tuple[str, ...]], path: str) -> None:
    access = tokens.data_access([tokens.DataPath((path, *one)) for one in sets])
    parts = path.split("/")
    assert all(access.leads_on("/".join(parts[:length])) for length in range(2, len(parts) + 1))
    assert not access.leads_on("/elsewhere")


def test_tens_of_thousands_of_paths_are_intersected_at_once() -> None:
    left = tokens.DataPath(tuple(f"/s/{n}" for n in range(40_000)))
    right = tokens.DataPath(tuple(f"/s/{n}/x" for n in range(20_000, 60_000)))
    paths = tokens.data_access([left, right]).paths
    assert paths is not None
    assert len(paths) == 20_000


def test_data_access_sums_up_what_is_left() -> None:
    assert tokens.data_access([tokens.Time(1)]) == DataAccess()
    assert DataAccess().unrestricted
    assert DataAccess().covers("/anything")
    assert DataAccess().leads_on("/anything")
    narrow = tokens.data_access(
        [tokens.DataReadonly(), tokens.DataObjectId(("AB", "CD")), tokens.DataObjectId(("EF",))]
    )
    assert narrow == DataAccess(readonly=True, object_ids=(frozenset({"AB", "CD"}), frozenset({"EF"})))
    assert not narrow.unrestricted
    nowhere = tokens.data_access([tokens.DataPath(("/s/a",)), tokens.DataPath(("/t",))])
    assert nowhere.paths == frozenset()
    assert not nowhere.covers("/s/a")
