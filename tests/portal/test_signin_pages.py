"""Signing in by a link, one's account, and what bad pages try with both; without a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response
from tests.portal.signing_in import ORIGIN, Hall, open_hall

from fs2od.node.zone.accounts import Proof
from fs2od.portal.signin import SignInSettings, local_path, vouch
from fs2od.portal.signin._browsers import browser_family

COOKIE = "__Host-fs2od"


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    with open_hall(tmp_path) as opened:
        yield opened


async def test_a_link_signs_in_and_leads_to_where_one_wanted_to_go(hall: Hall) -> None:
    alex = hall.person()
    await alex.open("/join")
    assert '<a href="/sign-in?next=%2Fjoin">Sign in</a>' in alex.page
    await alex.open("/sign-in?next=%2Fjoin")
    await alex.press("/sign-in/mail", {"address": "alex@example.org"})
    assert "Look into your mailbox" in alex.page
    link = hall.link()
    assert "Sign in?" in await alex.open(link)
    assert "alex@example.org" in alex.page
    assert COOKIE not in alex.client.cookies
    await alex.press(link)
    assert (alex.status, alex.place) == (303, "/join")
    said = next(each for each in alex.headers.get_list("set-cookie") if each.startswith(f"{COOKIE}="))
    for word in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age=604800"):
        assert word in said
    assert "Domain" not in said
    assert 'href="/account">alex</a>' in await alex.follow()


async def test_the_answer_is_the_same_for_whoever_has_an_account_or_not(hall: Hall) -> None:
    await hall.signed_in("alex@example.org")
    hall.clock.moment += timedelta(hours=1)
    answers = []
    for address in ("alex@example.org", "stranger@example.org"):
        person = hall.person()
        await person.open("/sign-in")
        page = await person.press("/sign-in/mail", {"address": address})
        answers.append((person.status, page.replace(address, "ADDRESS"), sorted(person.headers.keys())))
    assert answers[0] == answers[1]


async def test_a_scanner_that_opens_every_link_uses_none_up(hall: Hall) -> None:
    alex, scanner = hall.person(), hall.person("192.0.2.9")
    await alex.open("/sign-in")
    await alex.press("/sign-in/mail", {"address": "alex@example.org"})
    link = hall.link()
    for _ in range(3):
        assert "Sign in?" in await scanner.open(link)
        await scanner.client.head(link)
    await alex.open(link)
    await alex.press(link)
    assert alex.status == 303
    await alex.open(link)
    assert alex.status == 404
    assert "works no more" in alex.page


async def test_where_only_invited_people_may_come_the_reader_of_the_mailbox_is_told(tmp_path: Path) -> None:
    with open_hall(tmp_path, SignInSettings(sign_up="invited")) as hall:
        alex = hall.person()
        await alex.open("/sign-in")
        await alex.press("/sign-in/mail", {"address": "alex@example.org"})
        assert "Look into your mailbox" in alex.page
        link = hall.link()
        await alex.open(link)
        await alex.press(link)
        assert alex.status == 403
        assert "by invitation only" in alex.page
        hall.node.zone.accounts.add(hall.world.administrator.caller, "Sam Example", addresses=["sam@example.org"])
        await hall.signed_in("sam@example.org")


async def test_a_blocked_account_stays_outside(hall: Hall) -> None:
    alex = await hall.signed_in()
    user = hall.node.zone.accounts.sign_in(Proof.of_address("alex@example.org"), sign_up="invited")
    hall.node.zone.accounts.block(hall.world.administrator.caller, user, blocked=True)
    await alex.open("/account")
    assert alex.place == "/sign-in?next=/account"
    await alex.open("/sign-in")
    await alex.press("/sign-in/mail", {"address": "alex@example.org"})
    link = hall.link()
    await alex.open(link)
    await alex.press(link)
    assert alex.status == 403
    assert "This account is blocked" in alex.page


async def test_what_is_no_address_is_said_at_once(hall: Hall) -> None:
    alex = hall.person()
    await alex.open("/sign-in")
    await alex.press("/sign-in/mail", {"address": "alex at example"})
    assert alex.status == 400
    assert "no mail address" in alex.page


async def test_too_many_letters_from_one_place_are_refused_with_a_time(hall: Hall) -> None:
    alex = hall.person("192.0.2.1")
    for number in range(11):
        await alex.open("/sign-in")
        await alex.press("/sign-in/mail", {"address": f"alex{number}@example.org"})
    assert alex.status == 429
    assert int(alex.headers["Retry-After"]) > 0
    other = hall.person("192.0.2.2")
    await other.open("/sign-in")
    await other.press("/sign-in/mail", {"address": "alex@example.org"})
    assert other.status == 200


async def test_a_thousand_wrong_links_from_one_address_are_slowed_and_others_are_not(hall: Hall) -> None:
    bad, alex = hall.person("192.0.2.66"), hall.person("192.0.2.7")
    statuses = [0] * 1000
    for number in range(1000):
        await bad.open(f"/sign-in/link/{number:072x}")
        statuses[number] = bad.status
    assert (statuses.count(404), statuses.count(429)) == (20, 980)
    await alex.open("/sign-in")
    await alex.press("/sign-in/mail", {"address": "alex@example.org"})
    assert "Sign in?" in await alex.open(hall.link())


# ---- The account


async def test_sessions_are_listed_and_a_stolen_one_is_out_at_once(hall: Hall) -> None:
    alex = await hall.signed_in(address="alex@example.org")
    thief = hall.person("198.51.100.66", browser="Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537")
    thief.client.cookies.update(alex.client.cookies)
    other = await hall.signed_in()
    await other.open("/account")
    assert other.page.count("Firefox on Linux") >= 2
    await thief.open("/account")
    assert thief.status == 200
    await other.press("/account/sessions/end", {"session": "others"})
    assert other.place == "/account"
    await thief.open("/account")
    assert thief.place == "/sign-in?next=/account"
    await alex.open("/account")
    assert alex.status == 303
    assert (await other.open("/account")).count("this one") == 1
    await other.press("/account/sessions/end", {"session": "all"})
    assert other.place == "/sign-in"
    await other.open("/account")
    assert other.status == 303


async def test_one_session_is_ended_by_its_button(hall: Hall) -> None:
    alex, there = await hall.signed_in(), await hall.signed_in()
    document = json.loads(await alex.open("/account.json"))
    (session,) = [each["id"] for each in document["sessions"] if not each["this"]]
    await alex.open("/account")
    await alex.press("/account/sessions/end", {"session": session})
    await there.open("/account")
    assert there.status == 303
    await alex.open("/account")
    assert alex.status == 200


async def test_signing_out_ends_the_session_and_takes_the_cookie(hall: Hall) -> None:
    alex = await hall.signed_in()
    kept = dict(alex.client.cookies)
    await alex.open("/datasets")
    await alex.press("/sign-out")
    assert alex.place == "/"
    assert COOKIE not in alex.client.cookies
    again = hall.person()
    again.client.cookies.update(kept)
    await again.open("/account")
    assert again.status == 303


async def test_the_twin_says_what_the_page_says(hall: Hall) -> None:
    alex = await hall.signed_in()
    document = json.loads(await alex.open("/account", accept="application/json"))
    assert document == json.loads(await alex.open("/account.json"))
    assert (document["name"], document["addresses"], document["language"]) == ("alex", ["alex@example.org"], "")
    assert [each["label"] for each in document["identities"]] == ["Link by mail to alex@example.org"]
    assert document["sessions"][0]["browser"] == "Firefox on Linux"
    stranger = hall.person()
    assert json.loads(await stranger.open("/account.json"))["problem"]["title"] == "Sign in first"
    assert stranger.status == 401
    ways = json.loads(await stranger.open("/sign-in.json"))
    assert ways == {"mail": True, "providers": [], "sign_up": "anyone"}


async def test_the_language_of_mails_is_chosen_among_those_there_are(hall: Hall) -> None:
    alex = await hall.signed_in()
    await alex.open("/account")
    await alex.press("/account/language", {"language": "en"})
    assert json.loads(await alex.open("/account.json"))["language"] == "en"
    await alex.open("/account")
    await alex.press("/account/language", {"language": "../../etc"})
    assert alex.status == 400


async def test_another_address_is_added_by_a_link_and_all_but_the_last_can_go(hall: Hall) -> None:
    alex = await hall.signed_in()
    await alex.open("/account")
    await alex.press("/account/identities/add", {"address": "alex@other.example.org"})
    link = hall.link()
    assert "Add this address to your account?" in await alex.open(link)
    await alex.press(link)
    assert alex.place == "/account"
    document = json.loads(await alex.open("/account.json"))
    assert sorted(document["addresses"]) == ["alex@example.org", "alex@other.example.org"]
    for identity, status in zip(
        sorted(document["identities"], key=lambda each: str(each["label"])), (303, 409), strict=True
    ):
        await alex.open("/account")
        await alex.press("/account/identities/remove", {"identity": identity["id"]})
        assert alex.status == status
    assert "only way into your account" in alex.page
    again = await hall.signed_in("alex@other.example.org")
    assert json.loads(await again.open("/account.json"))["user"] == document["user"]


async def test_an_address_is_not_added_to_the_account_of_somebody_else_who_asked(hall: Hall) -> None:
    mallory, alex = await hall.signed_in("mallory@example.org"), await hall.signed_in("alex@example.org")
    await mallory.open("/account")
    await mallory.press("/account/identities/add", {"address": "kim@example.org"})
    link = hall.link()
    for person in (alex, hall.person()):
        await person.open(link)
        assert person.status == 403
        assert "Open this link where you are signed in" in person.page
        await person.open("/account" if person is alex else "/sign-in")
        key = re.findall(r'name="form_key" value="(\w+)"', person.page)[0]
        await person.send(link, {"form_key": key})
        assert person.status == 403
    assert len(json.loads(await mallory.open("/account.json"))["identities"]) == 1


async def test_an_address_of_another_account_cannot_be_added(hall: Hall) -> None:
    alex = await hall.signed_in("alex@example.org")
    await hall.signed_in("sam@example.org")
    await alex.open("/account")
    await alex.press("/account/identities/add", {"address": "sam@example.org"})
    link = hall.link()
    await alex.open(link)
    await alex.press(link)
    assert alex.status == 409
    assert "belongs to another account" in alex.page


async def test_a_new_sign_in_ends_the_session_that_the_browser_had(hall: Hall) -> None:
    alex = await hall.signed_in()
    old = hall.person()
    old.client.cookies.update(alex.client.cookies)
    await alex.open("/account")
    await alex.press("/account/identities/add", {"address": "ignored@example.org"})
    other = hall.person()
    await other.open("/sign-in")
    await other.press("/sign-in/mail", {"address": "sam@example.org"})
    link = hall.link()
    assert "that session ends" in await alex.open(link)
    await alex.press(link)
    assert json.loads(await alex.open("/account.json"))["name"] == "sam"
    await old.open("/account")
    assert old.status == 303


async def test_the_cookie_is_renewed_by_whatever_page_is_opened_after_an_hour(hall: Hall) -> None:
    alex = await hall.signed_in()
    before = alex.client.cookies[COOKIE]
    hall.clock.moment += timedelta(hours=1)
    await alex.open("/")
    after = alex.client.cookies[COOKIE]
    assert after != before
    hall.clock.moment += timedelta(minutes=2)
    await alex.open("/account")
    assert alex.status == 200
    thief = hall.person()
    thief.client.cookies.set(COOKIE, before, domain="zone.test")
    await thief.open("/account")
    assert thief.status == 303


# ---- Bad days

BUTTONS = [
    "/account/language",
    "/account/sessions/end",
    "/account/identities/remove",
    "/account/identities/add",
    "/sign-out",
]


@pytest.mark.parametrize("path", BUTTONS)
@pytest.mark.parametrize(
    ("origin", "site"),
    [
        ("https://evil.test", None),
        ("https://evil.test", "cross-site"),
        ("https://zone.test:9", "same-site"),
        (None, None),
        ("null", None),
        ("null", "cross-site"),
        (ORIGIN, "cross-site"),
        ("https://evil.test", "same-origin"),
    ],
)
async def test_a_form_from_elsewhere_does_nothing(hall: Hall, path: str, origin: str | None, site: str | None) -> None:
    alex = await hall.signed_in()
    before = json.loads(await alex.open("/account.json"))
    await alex.open("/account")
    key = re.findall(r'name="form_key" value="(\w+)"', alex.page)[0]
    form = {"form_key": key, "session": "all", "language": "en", "address": "evil@example.org"}
    await alex.send(path, form, origin=origin, site=site)
    assert alex.status == 403
    assert "did not come from this page" in alex.page
    assert json.loads(await alex.open("/account.json")) == before


@pytest.mark.parametrize("path", BUTTONS)
@pytest.mark.parametrize("key", ["", "0" * 32, "\udcff"])
async def test_a_form_without_our_key_does_nothing_even_from_our_own_origin(hall: Hall, path: str, key: str) -> None:
    alex, sam = await hall.signed_in(), await hall.signed_in("sam@example.org")
    await sam.open("/account")
    others = re.findall(r'name="form_key" value="(\w+)"', sam.page)[0]
    for given_key in (key, others):
        body = b"session=all&form_key=" + given_key.encode("utf-8", "surrogateescape")
        answer = await alex.client.post(path, content=body, headers={"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"})
        assert answer.status_code == 403
    await alex.open("/account")
    assert alex.status == 200


async def test_nobody_is_signed_in_by_a_form_of_another_site(hall: Hall) -> None:
    mallory, alex = hall.person(), hall.person("192.0.2.7")
    await mallory.open("/sign-in")
    await mallory.press("/sign-in/mail", {"address": "mallory@example.org"})
    link = hall.link()
    await mallory.open(link)
    key = re.findall(r'name="form_key" value="(\w+)"', mallory.page)[0]
    await alex.open("/sign-in")
    await alex.send(link, {"form_key": key}, origin="https://evil.test")
    assert alex.status == 403
    await alex.send(link, {"form_key": key})
    assert alex.status == 403
    assert COOKIE not in alex.client.cookies


async def test_a_form_that_is_too_long_is_no_form(hall: Hall) -> None:
    alex = await hall.signed_in()
    await alex.send("/account/language", {"form_key": "x", "language": "y" * 20_000})
    assert alex.status == 403


ELSEWHERE = [
    "https://evil.test/", "//evil.test/", "/\\evil.test/", "\\\\evil.test", "/\t/evil.test", "/\n/evil.test", "javascript:alert(1)",
    "", "share/1", "///evil.test", "https:/evil.test", "/\u2028/evil.test", " //evil.test", "/a\r\nSet-Cookie: x=y", "x" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("target", ELSEWHERE)
async def test_no_address_given_along_leads_elsewhere(hall: Hall, target: str) -> None:
    alex = hall.person()
    await alex.open("/sign-in")
    await alex.press("/sign-in/mail", {"address": "alex@example.org", "next": target})
    link = hall.link()
    await alex.open(link)
    await alex.press(link)
    assert alex.place == "/account"


@given(st.text(max_size=40) | st.text("/\\.:@?#\t\n evil", max_size=20))
def test_what_is_taken_for_a_place_here_is_one(text: str) -> None:
    assert urlsplit(urljoin(f"{ORIGIN}/sign-in", local_path(text))).netloc == "zone.test"


@pytest.mark.parametrize("place", ["/", "/share/1?after=a%20b#files", "/join", "/account"])
def test_places_here_are_kept(place: str) -> None:
    assert local_path(place) == place


@pytest.mark.parametrize("path", ["/sign-in", "/account", "/", "/join", "/sign-in/link/x"])
async def test_no_page_can_be_framed_or_kept(hall: Hall, path: str) -> None:
    alex = await hall.signed_in()
    await alex.open(path)
    policy = alex.headers.get("Content-Security-Policy", "frame-ancestors 'none'")
    assert "frame-ancestors 'none'" in policy
    assert alex.headers["Cache-Control"] == "no-store"
    assert "Cookie" in alex.headers["Vary"]


async def test_scripts_in_what_people_type_stay_text(hall: Hall) -> None:
    alex = hall.person(browser="<script>alert(1)</script>")
    await alex.open('/sign-in?next="><script>alert(1)</script>')
    assert "<script>alert" not in alex.page
    await alex.press("/sign-in/mail", {"address": "<script>alert(1)</script>@example.org"})
    assert "<script>alert" not in alex.page
    user = hall.node.zone.accounts.sign_in(
        Proof("oidc", "https://idp.test", "1", name="<script>alert(1)</script>"), sign_up="anyone"
    )
    cookie = hall.node.zone.accounts.sessions.open(user, browser="<script>alert(1)</script>", address="<b>")
    alex.client.cookies.set(COOKIE, cookie, domain="zone.test")
    for path in ("/datasets", "/account"):
        await alex.open(path)
        assert alex.status == 200
        assert "&lt;script&gt;" in alex.page
        assert "<script>alert" not in alex.page


async def test_no_secret_is_logged(hall: Hall, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(0):
        alex = await hall.signed_in()
        await alex.open("/account")
    secret = hall.link().rpartition("/")[2]
    assert secret not in caplog.text.replace(f"/sign-in/link/{secret} ", "")
    assert alex.client.cookies[COOKIE] not in caplog.text


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537 Chrome/140.0 Safari/537 Edg/140.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537", "Chrome on Android"),
        ("curl/8.5", ""),
    ],
)
def test_a_browser_is_recognised_by_two_words(agent: str, words: str) -> None:
    assert browser_family(agent) == words


def vouched(hall: Hall) -> str:
    """Return the cookie that a page which saw an invite hands out."""
    answer = Response()
    vouch(hall.node.zone, answer)
    return answer.headers["Set-Cookie"].partition(";")[0].partition("=")[2]


@pytest.mark.parametrize(
    ("minutes", "change", "status"), [(0, "", 303), (59, "", 303), (60, "", 403), (0, "0", 403), (0, "\u00e9", 403)]
)
async def test_whom_a_page_vouches_for_may_have_an_account_within_the_hour(
    tmp_path: Path, minutes: int, change: str, status: int
) -> None:
    with open_hall(tmp_path, SignInSettings(sign_up="invited")) as hall:
        alex = hall.person()
        cookie = vouched(hall)
        await alex.open("/sign-in")
        hall.clock.moment += timedelta(minutes=minutes)
        alex.client.headers["Cookie"] = f"__Host-fs2od-invited={quote(cookie + change)}"
        key = re.findall(r'name="form_key" value="(\w+)"', alex.page)[0]
        guest = alex.client.cookies["__Host-fs2od-guest"]
        alex.client.headers["Cookie"] += f"; __Host-fs2od-guest={guest}"
        await alex.send("/sign-in/mail", {"form_key": key, "address": "alex@example.org"})
        link = hall.link()
        await alex.open(link)
        await alex.press(link)
        assert alex.status == status
