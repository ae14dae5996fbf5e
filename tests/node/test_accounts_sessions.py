"""Sessions of browsers, and sign-ins that are under way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.node.account_scene import SAM, HandClock, Scene, open_scene

from fs2od.node.http.neighbours import neighbourhood
from fs2od.node.zone.accounts import (
    Pace,
)
from fs2od.onedata.errors import NotFound


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with open_scene(tmp_path) as opened:
        yield opened


def test_a_session_opens_its_users_doors_until_it_is_ended(scene: Scene) -> None:
    alex = scene.person()
    cookie = scene.sessions.open(alex, browser="Firefox on Linux", address="192.0.2.1")
    resumed = scene.sessions.resume(cookie)
    assert resumed is not None
    assert (resumed.caller.user, resumed.caller.data_only, resumed.cookie) == (alex, False, "")
    assert resumed.caller.still_holds()
    epoch = scene.zone.epoch.now
    scene.sessions.end(alex, resumed.session.id)
    assert scene.sessions.resume(cookie) is None
    assert not resumed.caller.still_holds()
    assert scene.zone.epoch.now > epoch


def test_the_database_holds_no_value_of_a_cookie(scene: Scene) -> None:
    cookie = scene.sessions.open(scene.person(), browser="", address="")
    secret = scene.ask()
    data = scene.world.folder / "node"
    scene.zone.database.close()
    for path in data.glob("zone.db*"):
        assert cookie.encode() not in path.read_bytes()
        assert secret.encode() not in path.read_bytes()
    assert cookie not in repr(scene.sessions.resume("x" * 43))


def test_a_session_gets_a_new_value_hourly_and_the_old_one_holds_for_a_minute(scene: Scene) -> None:
    old = scene.sessions.open(scene.person(), browser="", address="")
    scene.clock.pass_by(minutes=59)
    assert scene.sessions.resume(old).cookie == ""  # type: ignore[union-attr]  # it stands
    scene.clock.pass_by(minutes=1)
    resumed = scene.sessions.resume(old)
    assert resumed is not None
    assert resumed.cookie
    assert resumed.cookie not in repr(resumed)
    scene.clock.pass_by(seconds=60)
    again = scene.sessions.resume(old)
    assert again is not None
    assert again.cookie == ""
    scene.clock.pass_by(seconds=1)
    assert scene.sessions.resume(old) is None
    assert scene.sessions.resume(resumed.cookie) is not None


def test_of_two_requests_at_the_hour_one_gets_the_new_value_and_both_pass(scene: Scene) -> None:
    cookie = scene.sessions.open(scene.person(), browser="", address="")
    scene.clock.pass_by(hours=1)
    found, start = [], threading.Barrier(4)

    def ask() -> None:
        start.wait(60)
        found.append(scene.sessions.resume(cookie))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 4
    assert all(found)
    assert len([each for each in found if each and each.cookie]) == 1


def test_a_session_ends_eight_hours_after_its_last_use_and_after_seven_days(scene: Scene) -> None:
    idle = scene.sessions.open(scene.person(), browser="", address="")
    scene.clock.pass_by(hours=8)
    assert scene.sessions.resume(idle) is None
    used = scene.sessions.open(scene.person(), browser="", address="")
    for _ in range(7 * 4 - 1):
        scene.clock.pass_by(hours=6)
        resumed = scene.sessions.resume(used)
        assert resumed is not None
        used = resumed.cookie
    scene.clock.pass_by(hours=6)
    assert scene.sessions.resume(used) is None
    assert scene.sessions.of(scene.person()) == []


def test_all_sessions_of_an_account_end_at_once_also_the_stolen_one(scene: Scene) -> None:
    alex, sam = scene.person(), scene.person(SAM)
    mine, stolen, others = (scene.sessions.open(who, browser=str(who), address="") for who in (alex, alex, sam))
    session = scene.sessions.resume(mine)
    assert session is not None
    assert scene.sessions.end_all(alex, but=session.session.id) == 1
    assert scene.sessions.resume(stolen) is None
    assert scene.sessions.resume(mine) is not None
    assert scene.sessions.end_all(alex) == 1
    assert scene.sessions.resume(mine) is None
    assert scene.sessions.resume(others) is not None


def test_nobody_ends_the_sessions_of_others(scene: Scene) -> None:
    cookie = scene.sessions.open(scene.person(), browser="", address="")
    (session,) = scene.sessions.of(scene.person())
    with pytest.raises(NotFound):
        scene.sessions.end(scene.person(SAM), session.id)
    assert scene.sessions.resume(cookie) is not None


def test_of_very_many_sessions_the_longest_unused_end(scene: Scene) -> None:
    alex = scene.person()
    first = scene.sessions.open(alex, browser="", address="")
    for _ in range(50):
        scene.clock.pass_by(seconds=1)
        scene.sessions.open(alex, browser="", address="")
    assert len(scene.sessions.of(alex)) == 50
    assert scene.sessions.resume(first) is None


@pytest.mark.parametrize("cookie", ["", "x", "x" * 101, "\udcff", "a" * 43, "' OR 1=1 --"])
def test_what_is_no_cookie_of_ours_is_nobody(scene: Scene, cookie: str) -> None:
    scene.sessions.open(scene.person(), browser="", address="")
    assert scene.sessions.resume(cookie) is None


def test_a_sign_in_under_way_ends_once_in_its_own_browser(scene: Scene) -> None:
    flows = scene.zone.flows
    flow = flows.begin("lab", browser="one", target="/share/1", invited=True)
    assert flow.state not in repr(flow)
    for wrong in ({"browser": "two"}, {"provider": "other"}, {"state": "x"}):
        asked = {"provider": "lab", "state": flow.state, "browser": "one"} | wrong
        with pytest.raises(NotFound):
            flows.end(asked["provider"], state=asked["state"], browser=asked["browser"])
    assert flows.end("lab", state=flow.state, browser="one") == flow
    with pytest.raises(NotFound):
        flows.end("lab", state=flow.state, browser="one")


def test_a_sign_in_under_way_ends_within_a_quarter_of_an_hour(scene: Scene) -> None:
    flow = scene.zone.flows.begin("lab", browser="one", target="/")
    scene.clock.pass_by(minutes=15)
    with pytest.raises(NotFound):
        scene.zone.flows.end("lab", state=flow.state, browser="one")


def test_a_pace_forgets_after_its_while_and_keeps_to_its_bound() -> None:
    clock = HandClock()
    pace = Pace(clock, most=2, within=timedelta(minutes=1))
    for _ in range(2):
        assert pace.wait_s("a") == 0
        pace.note("a")
    assert pace.wait_s("a") == 60
    clock.pass_by(seconds=59)
    assert pace.wait_s("a") == 1
    clock.pass_by(seconds=1)
    assert pace.wait_s("a") == 0
    for number in range(10_001):
        pace.note(str(number))
    assert len(pace._times) == 10_000


def test_an_ipv6_client_is_its_whole_network() -> None:
    assert neighbourhood(ip_address("2001:db8::1")) == neighbourhood(ip_address("2001:db8::ffff:1"))
    assert neighbourhood(ip_address("2001:db8:0:1::1")) != neighbourhood(ip_address("2001:db8::1"))
    assert neighbourhood(ip_address("::ffff:192.0.2.1")) == neighbourhood(ip_address("192.0.2.1")) == "192.0.2.1"
    assert neighbourhood(None) == ""
