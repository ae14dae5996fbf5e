from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from tests.portal.conftest import KEY, ORIGIN, START, OperatorPages, OperatorWorld, needs_you

from fs2od.facility.journal import Phase
from fs2od.portal._sessions import Attempts, Sessions
from fs2od.portal.operator import operator_app

EVERY_PAGE = ["/", "/datasets.json", "/outbox", "/outbox.json", "/dataset/A", "/outbox/1", "/outbox/1/html"]
EVERY_BUTTON = ["/retry/A", "/outbox/1/retry"]


def fill(world: OperatorWorld) -> None:
    world.add("A", Phase.SEEN, problem=needs_you("the reason"))
    world.letter("The subject")


@pytest.mark.parametrize("path", EVERY_PAGE)
async def test_a_stranger_is_led_to_the_sign_in_and_told_nothing(operator: OperatorPages, path: str) -> None:
    fill(operator.world)
    answer = await operator.client.get(path)
    assert answer.status_code == (401 if path.endswith(".json") else 303)
    assert "reason" not in answer.text
    assert "subject" not in answer.text


@pytest.mark.parametrize("path", EVERY_BUTTON)
async def test_a_stranger_presses_no_button(operator: OperatorPages, path: str) -> None:
    fill(operator.world)
    assert (await operator.post(path)).headers["Location"] == "/sign-in"
    assert not operator.world.journal.wishes()


@pytest.mark.parametrize(
    "origin", ["https://evil.test", "null", "http://operator.test", "https://operator.test:9", None]
)
async def test_a_button_pressed_from_elsewhere_does_nothing(operator: OperatorPages, origin: str | None) -> None:
    fill(operator.world)
    await operator.sign_in()
    for path in [*EVERY_BUTTON, "/sign-out"]:
        answer = await operator.post(path, origin=origin)
        assert answer.status_code == 403
        assert "did not come from this page" in answer.text
    assert not operator.world.journal.wishes()
    assert (await operator.client.get("/")).status_code == 200


async def test_signing_in_from_elsewhere_is_refused(operator: OperatorPages) -> None:
    assert (await operator.post("/sign-in", {"key": KEY}, origin="https://evil.test")).status_code == 403
    assert not operator.client.cookies


async def test_the_cookie_is_kept_from_scripts_and_other_sites(operator: OperatorPages) -> None:
    answer = await operator.post("/sign-in", {"key": KEY})
    said = answer.headers["Set-Cookie"]
    assert said.startswith("__Host-")
    for word in ("HttpOnly", "Secure", "SameSite=strict", "Path=/"):
        assert word in said
    assert "Domain" not in said
    assert KEY not in said


@pytest.mark.parametrize("given", ["", "wrong", KEY + "x", KEY[:-1], "\udcff", "x" * 10_000, KEY.upper()])
async def test_what_is_not_the_key_opens_nothing(operator: OperatorPages, given: str) -> None:
    body = b"key=" + given.encode("utf-8", "surrogateescape")
    answer = await operator.client.post("/sign-in", content=body, headers={"Origin": ORIGIN})
    assert answer.status_code == 403
    assert "That is not the key" in answer.text
    assert "Set-Cookie" not in answer.headers
    assert (await operator.client.get("/")).status_code == 303


async def test_keys_cannot_be_tried_by_the_thousand(operator: OperatorPages) -> None:
    for _ in range(10):
        assert (await operator.post("/sign-in", {"key": "wrong"})).status_code == 403
    answer = await operator.post("/sign-in", {"key": KEY})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    operator.world.now += timedelta(seconds=61)
    await operator.sign_in()


async def test_signing_out_ends_the_session_also_for_a_copied_cookie(operator: OperatorPages) -> None:
    await operator.sign_in()
    copied = dict(operator.client.cookies)
    await operator.post("/sign-out")
    assert (
        await operator.client.get("/", headers={"Cookie": "; ".join(f"{k}={v}" for k, v in copied.items())})
    ).status_code == 303


async def test_a_session_ends_by_itself(operator: OperatorPages) -> None:
    await operator.sign_in()
    assert (await operator.client.get("/")).status_code == 200
    operator.world.now += timedelta(hours=12, seconds=1)
    assert (await operator.client.get("/")).status_code == 303


async def test_a_session_ends_with_the_process(operator: OperatorPages) -> None:
    await operator.sign_in()
    transport = httpx.ASGITransport(operator.world.app())
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, cookies=operator.client.cookies) as client:
        assert (await client.get("/")).status_code == 303


def test_no_cookie_can_be_made_or_changed() -> None:
    sessions = Sessions("key", lambda: START)
    cookie = sessions.open("key")
    assert cookie is not None
    assert sessions.stands(cookie)
    until, nonce, signature = cookie.split(".")
    for forged in (
        f"{int(until) + 9}.{nonce}.{signature}",
        f"{until}.{nonce}.",
        "..",
        "",
        "x",
        f"{until}.{nonce}.{'0' * 64}",
        "é.ü.\udcff",
    ):
        assert not sessions.stands(forged)


async def test_an_empty_key_opens_nothing(operator: OperatorPages) -> None:
    app = operator_app(operator.world.database, key="", origin=ORIGIN, facility_name="F")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as client:
        assert (await client.post("/sign-in", data={"key": ""}, headers={"Origin": ORIGIN})).status_code == 403


def test_attempts_are_limited_for_everybody_together() -> None:
    attempts = Attempts(lambda: START, each=2, everybody=3)
    for number in range(3):
        assert attempts.wait_s(f"10.0.0.{number}") == 0
        attempts.failed(f"10.0.0.{number}")
    assert attempts.wait_s("10.0.0.1") == 60


async def test_others_who_try_keys_do_not_keep_the_operator_out(operator: OperatorPages) -> None:
    """Anybody could, with a hundred attempts a minute, as long as they liked."""
    async with strangers(operator, *(f"192.0.2.{number}" for number in range(20))) as clients:
        for client in clients * 10:
            await client.post("/sign-in", data={"key": "wrong"}, headers={"Origin": ORIGIN})
        refused = [await client.post("/sign-in", data={"key": "x"}, headers={"Origin": ORIGIN}) for client in clients]
    assert {answer.status_code for answer in refused} == {429}
    await operator.sign_in()


async def test_all_addresses_of_one_client_count_together(operator: OperatorPages) -> None:
    async with strangers(operator, *(f"2001:db8::{number:x}" for number in range(11))) as clients:
        answers = [await client.post("/sign-in", data={"key": "x"}, headers={"Origin": ORIGIN}) for client in clients]
    assert [answer.status_code for answer in answers] == [403] * 10 + [429]


@asynccontextmanager
async def strangers(operator: OperatorPages, *addresses: str) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Yield a browser at each of these addresses, before the very pages that the operator looks at."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                httpx.AsyncClient(transport=httpx.ASGITransport(operator.app, client=(address, 4711)), base_url=ORIGIN)
            )
            for address in addresses
        ]


async def test_operator_s_pages_keep_to_themselves(operator: OperatorPages) -> None:
    fill(operator.world)
    await operator.sign_in()
    for path in EVERY_PAGE:
        answer = await operator.client.get(path)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        if not path.endswith("/html"):
            assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\bsrc=)", answer.text)


async def test_the_form_leads_on_whoever_is_signed_in(operator: OperatorPages) -> None:
    assert 'type="password"' in await operator.get("/sign-in")
    await operator.sign_in()
    assert (await operator.client.get("/sign-in")).headers["Location"] == "/"
