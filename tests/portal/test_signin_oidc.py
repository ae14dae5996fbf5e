"""Signing in at a provider of identities: one that is right, and one that is wrong in each way that matters."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc.jwk import RSAKey
from tests.portal.identities import SECRET, Liar, lying_provider
from tests.portal.signing_in import Hall, Person, open_hall

from fs2od.node.certificates import LocalCertificate, ensure_certificate
from fs2od.node.zone.accounts import Grant, Proof
from fs2od.onedata.ids import GroupId
from fs2od.portal.signin import ClaimGrant, SignInSettings
from fs2od.testing.world import World

ANSWER = "/sign-in/oidc/lab/answer"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> LocalCertificate:
    return ensure_certificate(tmp_path_factory.mktemp("certificates"), ["localhost"])


@pytest.fixture
def liar(certificate: LocalCertificate) -> Iterator[Liar]:
    with lying_provider(certificate) as running:
        yield running


@pytest.fixture
def hall(tmp_path: Path, liar: Liar) -> Iterator[Hall]:
    with open_hall(tmp_path, SignInSettings(providers=(liar.provider,))) as opened:
        liar.now_s = opened.clock.now_s
        yield opened


async def to_provider(person: Person, liar: Liar, *, target: str = "/join", page: str = "") -> dict[str, str]:
    """Press the provider's button, and return what it would be asked."""
    await person.open(page or f"/sign-in?{urlencode({'next': target})}")
    await person.press("/sign-in/oidc/lab")
    if person.status != 200:
        return {}
    (address,) = re.findall(r'http-equiv="refresh" content="0; url=([^"]*)"', person.page)
    asked = {key: values[0] for key, values in parse_qs(urlsplit(html.unescape(address)).query).items()}
    liar.nonce = asked["nonce"]
    return asked


async def back(person: Person, asked: dict[str, str], **more: str) -> str:
    return await person.open(f"{ANSWER}?{urlencode({'code': 'c', 'state': asked['state'], **more})}")


async def there_and_back(person: Person, liar: Liar, **more: str) -> str:
    return await back(person, await to_provider(person, liar), **more)


async def test_who_signed_in_there_is_signed_in_here(hall: Hall, liar: Liar) -> None:
    kim = hall.person()
    liar.userinfo = {"name": "Kim Example"}
    asked = await to_provider(kim, liar)
    assert asked["redirect_uri"] == "https://zone.test/sign-in/oidc/lab/answer"
    assert (asked["code_challenge_method"], asked["response_type"], asked["scope"]) == (
        "S256",
        "code",
        "openid email profile groups",
    )
    await back(kim, asked)
    assert (kim.status, kim.place) == (303, "/join")
    document = json.loads(await kim.open("/account.json"))
    assert (document["name"], document["addresses"]) == ("Kim Example", ["kim@example.org"])
    assert document["identities"][0]["label"] == "Example Lab: kim@example.org"
    (redeemed,) = liar.asked
    shown = base64.b64decode(redeemed["authorization"].removeprefix("Basic ")).decode()
    assert shown == "fs2od:a+secret%3A+of+%26+the+client"
    assert SECRET not in repr(hall.settings)
    assert redeemed["grant_type"] == "authorization_code"
    again = hall.person()
    await there_and_back(again, liar)
    assert json.loads(await again.open("/account.json"))["user"] == document["user"]


async def refused(hall: Hall, liar: Liar, sentence: str, **more: str) -> None:
    kim = hall.person()
    await there_and_back(kim, liar, **more)
    assert kim.status == 403, kim.page
    (said,) = re.findall(r'role="alert">([^<]*)<', kim.page)
    assert sentence in html.unescape(said)
    assert "__Host-fs2od" not in kim.client.cookies
    assert len(hall.node.zone.accounts.list(hall.world.administrator.caller)) == 1


@pytest.mark.parametrize(
    ("claims", "sentence"),
    [
        ({"nonce": "another"}, "belongs to another sign-in"),
        ({"nonce": None}, "belongs to another sign-in"),
        ({"iss": "https://evil.test"}, "issued by somebody else"),
        ({"iss": None}, "issued by somebody else"),
        ({"aud": "another"}, "meant for another service"),
        ({"aud": ["fs2od", "another"]}, "meant for another service"),
        ({"aud": ["fs2od", "another"], "azp": "another"}, "meant for another service"),
        ({"aud": None}, "meant for another service"),
        ({"sub": ""}, "does not say who you are"),
        ({"sub": "x" * 256}, "does not say who you are"),
        ({"exp": None}, "until when its word holds"),
        ({"exp": "soon"}, "until when its word holds"),
    ],
)
async def test_a_wrong_word_is_one_sentence(hall: Hall, liar: Liar, claims: dict[str, Any], sentence: str) -> None:
    liar.claims = claims
    await refused(hall, liar, sentence)


@pytest.mark.parametrize("minutes", [-5, 5])
async def test_clocks_may_differ_by_two_minutes_and_no_more(hall: Hall, liar: Liar, minutes: int) -> None:
    start = hall.clock.moment.timestamp()
    lasts = 10 if minutes < 0 else 300
    liar.claims = {"iat": start + 60 * minutes, "exp": start + 60 * minutes + lasts}
    await refused(hall, liar, "clocks of Example Lab and of this server differ too much")
    sign = 1 if minutes > 0 else -1
    liar.claims = {"iat": start + sign * 110, "exp": start + sign * 110 + lasts}
    kim = hall.person()
    await there_and_back(kim, liar)
    assert kim.status == 303


async def test_a_signature_by_another_key_is_wrong(hall: Hall, liar: Liar) -> None:
    liar.announced = RSAKey.generate_key(2048, {"kid": "1"})
    await refused(hall, liar, "The signature of what Example Lab says is wrong")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJraW0ifQ."])
async def test_what_is_not_signed_is_not_believed(hall: Hall, liar: Liar, token: str) -> None:
    liar.raw_token = token
    await refused(hall, liar, "The signature of what Example Lab says is wrong")


async def test_a_secret_shared_with_everybody_signs_nothing(hall: Hall, liar: Liar) -> None:
    liar.discovery = {"id_token_signing_alg_values_supported": ["HS256", "none"]}
    kim = hall.person()
    await to_provider(kim, liar)
    assert kim.status == 403
    assert "signs in no way that can be checked" in kim.page


async def test_a_provider_may_change_its_keys(hall: Hall, liar: Liar) -> None:
    app = hall.person()
    await there_and_back(app, liar)
    liar.key = RSAKey.generate_key(2048, {"kid": "1"})
    asked = await to_provider(app, liar, page="/account")
    await back(app, asked)
    assert app.place == "/account"


async def test_a_provider_that_is_not_the_configured_one_is_not_asked(hall: Hall, liar: Liar) -> None:
    liar.discovery = {"issuer": "https://evil.test"}
    kim = hall.person()
    await to_provider(kim, liar)
    assert kim.status == 403
    assert "calls itself another issuer" in kim.page


@pytest.mark.parametrize(
    "lack", [{"token_endpoint": None}, {"jwks_uri": "http://plain.test/"}, {"authorization_endpoint": 1}]
)
async def test_a_provider_that_says_not_where_it_is_asked(hall: Hall, liar: Liar, lack: dict[str, object]) -> None:
    liar.discovery = lack
    kim = hall.person()
    await to_provider(kim, liar)
    assert kim.status == 403
    assert "does not say where it is asked" in kim.page


async def test_an_answer_that_names_another_issuer_is_refused(hall: Hall, liar: Liar) -> None:
    await refused(hall, liar, "The answer did not come from Example Lab", iss="https://evil.test")
    liar.discovery = {"authorization_response_iss_parameter_supported": True}


async def test_a_provider_that_says_its_name_always_has_to(tmp_path: Path, liar: Liar) -> None:
    liar.discovery = {"authorization_response_iss_parameter_supported": True}
    with open_hall(tmp_path, SignInSettings(providers=(liar.provider,))) as hall:
        liar.now_s = hall.clock.now_s
        await refused(hall, liar, "The answer did not come from Example Lab")
        kim = hall.person()
        await there_and_back(kim, liar, iss=liar.issuer)
        assert kim.status == 303


async def test_who_declines_is_told_that_nothing_happened(hall: Hall, liar: Liar) -> None:
    await refused(hall, liar, "so nothing was done", error="access_denied")
    await refused(hall, liar, "could not sign you in", error="<script>alert(1)</script>")


async def test_a_code_that_is_worth_nothing(hall: Hall, liar: Liar) -> None:
    liar.token_status = 400
    await refused(hall, liar, "refused to say who you are")


async def test_an_answer_is_used_once_and_in_its_own_browser(hall: Hall, liar: Liar) -> None:
    kim, mallory = hall.person(), hall.person()
    asked = await to_provider(kim, liar)
    for wrong in (mallory, hall.person()):
        await wrong.open("/sign-in")
        await back(wrong, asked)
        assert wrong.status == 403
        assert "belongs to another browser" in wrong.page
    await back(kim, asked)
    assert kim.status == 303
    await back(kim, asked)
    assert kim.status == 403
    assert "used already" in kim.page


async def test_an_answer_that_comes_too_late_is_refused(hall: Hall, liar: Liar) -> None:
    kim = hall.person()
    asked = await to_provider(kim, liar)
    hall.clock.moment += timedelta(minutes=15)
    await back(kim, asked)
    assert kim.status == 403
    for query in ("", "?state=", "?code=x", f"?state={'x' * 9000}"):
        await kim.open(f"{ANSWER}{query}")
        assert kim.status == 403


async def test_userinfo_about_somebody_else_is_refused(hall: Hall, liar: Liar) -> None:
    liar.userinfo = {"sub": "another"}
    await refused(hall, liar, "spoke of two different people")


async def test_an_address_that_the_provider_did_not_verify_counts_for_nothing(hall: Hall, liar: Liar) -> None:
    alex = await hall.signed_in("kim@example.org")
    liar.userinfo = {"email_verified": False}
    kim = hall.person()
    await there_and_back(kim, liar)
    mine, theirs = [json.loads(await each.open("/account.json")) for each in (alex, kim)]
    assert theirs["user"] != mine["user"]
    assert theirs["addresses"] == []


async def test_nobody_gets_into_an_account_by_having_its_address_elsewhere(hall: Hall, liar: Liar) -> None:
    alex = await hall.signed_in("kim@example.org")
    kim = hall.person()
    await there_and_back(kim, liar)
    mine, theirs = [json.loads(await each.open("/account.json")) for each in (alex, kim)]
    assert theirs["user"] != mine["user"]


async def test_an_unreachable_provider_is_one_sentence_and_the_link_by_mail_still_there(
    tmp_path: Path, certificate: LocalCertificate
) -> None:
    with lying_provider(certificate) as liar:
        gone = liar.provider
    with open_hall(tmp_path, SignInSettings(providers=(gone,))) as hall:
        kim = hall.person()
        await to_provider(kim, liar)
        assert kim.status == 403
        assert "Example Lab cannot be reached at the moment" in kim.page
        assert "Send me a link" in kim.page


async def test_a_provider_whose_certificate_is_nobody_s_is_not_believed(tmp_path: Path, liar: Liar) -> None:
    with open_hall(tmp_path, SignInSettings(providers=(replace(liar.provider, ca_file=None),))) as hall:
        kim = hall.person()
        await to_provider(kim, liar)
        assert "cannot be reached" in kim.page


async def test_an_identity_is_added_to_an_account_by_its_own_browser(hall: Hall, liar: Liar) -> None:
    alex = await hall.signed_in()
    asked = await to_provider(alex, liar, page="/account")
    other = await hall.signed_in("sam@example.org")
    other.client.cookies.set("__Host-fs2od-guest", alex.client.cookies["__Host-fs2od-guest"], domain="zone.test")
    await back(other, asked)
    assert other.status == 403
    asked = await to_provider(alex, liar, page="/account")
    await back(alex, asked)
    assert alex.place == "/account"
    document = json.loads(await alex.open("/account.json"))
    assert [each["kind"] for each in document["identities"]] in (["mail", "oidc"], ["oidc", "mail"])
    kim = hall.person()
    await there_and_back(kim, liar)
    assert json.loads(await kim.open("/account.json"))["user"] == document["user"]


async def test_an_identity_of_another_account_cannot_be_added(hall: Hall, liar: Liar) -> None:
    await there_and_back(hall.person(), liar)
    alex = await hall.signed_in()
    await back(alex, await to_provider(alex, liar, page="/account"))
    assert alex.status == 409
    assert "belongs to another account" in alex.page


async def test_groups_and_privileges_follow_the_claims(tmp_path: Path, liar: Liar) -> None:
    with open_hall(tmp_path) as hall:
        liar.now_s = hall.clock.now_s
        group = group_of(hall.world)
        grants = (
            ClaimGrant("groups", "staff", Grant(group=group)),
            ClaimGrant("eduperson_entitlement", "urn:example:admin", Grant(privileges=("oz_users_list",))),
        )
        hall.settings = SignInSettings(
            sign_up="invited", providers=(replace(liar.provider, grants=grants, sign_up="anyone"),)
        )
        liar.userinfo = {"groups": ["staff", 7], "eduperson_entitlement": "urn:example:admin"}
        await there_and_back(hall.person(), liar)
        kim = hall.node.zone.accounts.sign_in(Proof("oidc", liar.issuer, "kim"), sign_up="invited")
        assert hall.node.zone.users.groups(kim) == [group]
        assert hall.node.zone.rights.zone_privileges(kim) == {"oz_users_list"}
        liar.userinfo = {"groups": "other"}
        await there_and_back(hall.person(), liar)
        assert hall.node.zone.users.groups(kim) == []
        assert hall.node.zone.rights.zone_privileges(kim) == frozenset()


def group_of(world: World) -> GroupId:
    return world.group(world.administrator, "staff")


async def test_there_is_no_other_provider(hall: Hall) -> None:
    kim = hall.person()
    await kim.open("/sign-in/oidc/other/answer?state=x&code=y")
    assert kim.status == 404
