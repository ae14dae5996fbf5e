"""Signing in a machine without a browser, by RFC 8628: the machine over REST, the person in the pages."""

from __future__ import annotations

import html
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.portal.signing_in import Hall, Person, open_hall

from fs2od.onedata import tokens
from fs2od.onedata.tokens import DataReadonly, Time, Token
from fs2od.testing.world import open_world

NAME = "cluster node 7"
READONLY = [{"type": "data.readonly"}]


class Machine:
    """A machine that wants to sign in."""

    def __init__(self, hall: Hall) -> None:
        self.hall = hall
        self.begun: dict[str, Any] = {}

    async def begin(self, **body: object) -> httpx.Response:
        path = "/fs2od/device_authorization"
        answer = await self.hall.world.zone.post(path, json={"name": NAME, "caveats": READONLY, **body})
        if answer.status_code == 200:
            self.begun = answer.json()
        return answer

    async def poll(self, after_s: int = 5) -> httpx.Response:
        self.hall.clock.moment += timedelta(seconds=after_s)
        body = {"device_code": self.begun["device_code"]}
        return await self.hall.world.zone.post("/fs2od/device_token", json=body)


@pytest.fixture
async def hall(tmp_path: Path) -> AsyncIterator[Hall]:
    with open_hall(tmp_path) as opened:
        yield opened


@pytest.fixture
def machine(hall: Hall) -> Machine:
    return Machine(hall)


@pytest.fixture
async def alex(hall: Hall) -> Person:
    return await hall.signed_in()


async def look(person: Person, code: str) -> str:
    await person.open("/device")
    return html.unescape(await person.press("/device", {"code": code}))


async def test_a_machine_gets_a_token_once_a_person_allowed_it(hall: Hall, machine: Machine, alex: Person) -> None:
    begun = (await machine.begin()).json()
    assert begun["verification_uri"] == "https://zone.test/device"
    assert begun["verification_uri_complete"] == f"https://zone.test/device?code={begun['user_code']}"
    assert (begun["expires_in"], begun["interval"]) == (900, 5)
    pending = await machine.poll()
    assert (pending.status_code, pending.json()) == (400, {"error": "authorization_pending"})
    page = await look(alex, begun["user_code"].lower().replace("-", " "))
    assert NAME in page
    assert "Reads all data that you can reach and does nothing else, until 5 December 2026, 12:00 UTC." in page
    page = await alex.press("/device/answer", {"do": "allow"})
    assert "The machine is signed in" in page
    answer = await machine.poll()
    assert answer.headers["Cache-Control"] == "no-store"
    assert (answer.json()["token_type"], answer.json()["name"]) == ("bearer", NAME)
    caveats = tokens.examine(Token(answer.json()["access_token"])).caveats
    assert DataReadonly() in caveats
    assert any(isinstance(caveat, Time) for caveat in caveats)
    me = await hall.world.zone.get("/user", headers={"X-Auth-Token": answer.json()["access_token"]})
    assert me.json()["emails"] == ["alex@example.org"]
    assert NAME in await alex.open("/tokens")
    assert (await machine.poll()).json() == {"error": "expired_token"}


async def test_a_refused_machine_gets_nothing(machine: Machine, alex: Person) -> None:
    await machine.begin()
    await look(alex, machine.begun["user_code"])
    assert "The machine was refused" in await alex.press("/device/answer", {"do": "refuse"})
    assert (await machine.poll()).json() == {"error": "access_denied"}
    assert "No machine waits with this code" in await look(alex, machine.begun["user_code"])


async def test_who_asks_too_often_is_told_to_slow_down(machine: Machine, alex: Person) -> None:
    await machine.begin()
    assert (await machine.poll()).json() == {"error": "authorization_pending"}
    assert (await machine.poll(after_s=1)).json() == {"error": "slow_down"}
    assert (await machine.poll(after_s=6)).json() == {"error": "slow_down"}
    assert (await machine.poll(after_s=15)).json() == {"error": "authorization_pending"}
    await look(alex, machine.begun["user_code"])
    await alex.press("/device/answer", {"do": "allow"})
    assert "access_token" in (await machine.poll(after_s=1)).json()


async def test_a_code_ends_after_a_quarter_of_an_hour(machine: Machine, alex: Person) -> None:
    await machine.begin()
    assert (await machine.poll(after_s=900)).json() == {"error": "expired_token"}
    assert "No machine waits with this code" in await look(alex, machine.begun["user_code"])
    assert alex.status == 400


async def test_wrong_codes_are_bounded(machine: Machine, alex: Person) -> None:
    await machine.begin()
    for _ in range(10):
        await look(alex, "BBBB-BBBB")
        assert alex.status == 400
    assert "Too many wrong codes" in await look(alex, machine.begun["user_code"])
    assert (alex.status, bool(alex.headers["Retry-After"])) == (429, True)


async def test_wishes_are_bounded_and_judged(machine: Machine) -> None:
    assert (await machine.begin(name="a?")).json()["error"]["id"] == "badValueName"
    assert (await machine.begin(caveats=[{"type": "no"}])).status_code == 400
    codes = [(await machine.begin()).status_code for _ in range(25)]
    assert set(codes) == {200, 429}
    assert codes[0] == 200
    assert codes[-1] == 429


async def test_no_token_is_for_longer_than_a_year(hall: Hall, machine: Machine, alex: Person) -> None:
    far_s = hall.clock.now_s() + 10 * 365 * 86_400
    await machine.begin(caveats=[{"type": "time", "validUntil": far_s}])
    page = await look(alex, machine.begun["user_code"])
    assert "until 5 November 2027" in page
    assert "as good as your own sign-in" in page


async def test_the_page_is_for_whoever_is_signed_in_and_changes_nothing_by_a_link(
    hall: Hall, machine: Machine, alex: Person
) -> None:
    await machine.begin()
    code = machine.begun["user_code"]
    guest = hall.person()
    await guest.open(f"/device?code={code}")
    assert (guest.status, guest.place) == (303, f"/sign-in?next=%2Fdevice%3Fcode%3D{code}")
    page = await alex.open(f"/device?code={code}")
    assert f'value="{code}"' in page
    assert (await machine.poll()).json() == {"error": "authorization_pending"}
    await alex.send("/device/answer", {"code": code, "do": "allow"}, origin="https://elsewhere.test")
    assert (await machine.poll()).json() == {"error": "authorization_pending"}


async def test_a_name_that_is_taken_gets_something_behind(machine: Machine, alex: Person) -> None:
    names = []
    for _ in range(2):
        await machine.begin()
        await look(alex, machine.begun["user_code"])
        await alex.press("/device/answer", {"do": "allow"})
        names.append((await machine.poll()).json()["name"])
    assert names[0] == NAME
    assert names[1].startswith(f"{NAME} ")


async def test_no_code_and_no_token_is_in_the_database(hall: Hall, machine: Machine) -> None:
    await machine.begin()
    for file in hall.node.settings.data.glob("zone.db*"):
        content = file.read_bytes()
        assert machine.begun["device_code"].encode() not in content
        assert machine.begun["user_code"].replace("-", "").encode() not in content


async def test_none_of_it_is_there_in_plain_mode(tmp_path: Path) -> None:
    with open_world(tmp_path / "plain", plain=True) as world:
        answer = await world.zone.post("/fs2od/device_authorization", json={"name": NAME})
    assert answer.status_code == 405  # as a Onezone says of what it takes for one of its pages
