"""Accounts below the pages: sessions, identities, one-time links, what a provider's word brings."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from ipaddress import ip_address
from pathlib import Path

import pytest

from fs2od.errors import ConfigurationError
from fs2od.mail import Outcome
from fs2od.node.zone.accounts import (
    AskedTooOften,
    Blocked,
    Grant,
    LastIdentity,
    NotInvited,
    Pace,
    Proof,
    SealedTransport,
    neighbourhood,
)
from fs2od.node.zone.memberships import GROUP_USER
from fs2od.onedata.errors import Conflict, Forbidden, NotFound
from fs2od.onedata.ids import GroupId, UserId
from fs2od.testing.world import World, open_world

START = datetime(2026, 11, 5, 12, 0, tzinfo=UTC)
ALEX, SAM = Proof.of_address("alex@example.org"), Proof.of_address("sam@example.org")
KIM = Proof("oidc", "https://idp.example.org", "kim-1", "kim@example.org", "Kim Example")


@dataclass
class HandClock:
    """A clock that stands until a test moves it."""

    moment: datetime = START

    def now(self) -> datetime:
        return self.moment

    def now_s(self) -> int:
        return int(self.moment.timestamp())

    def pass_by(self, **how_long: int) -> None:
        self.moment += timedelta(**how_long)


@dataclass
class Scene:
    """A node with a clock of its own, and its letters as their readers get them."""

    world: World
    clock: HandClock
    letters: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        zone = self.world.node.zone
        self.zone, self.accounts, self.links = zone, zone.accounts, zone.links
        self.sessions = zone.accounts.sessions

    def send(self, message: bytes, sender: str, recipients: Sequence[str], *, name: str) -> Outcome:
        assert name
        assert sender
        self.letters.append(message)
        return Outcome.all_delivered(recipients)

    def deliver(self) -> list[EmailMessage]:
        self.letters.clear()
        self.zone.outbox.deliver(SealedTransport(self, self.zone.keys), self.clock.now(), limit=1000)
        return [message_from_bytes(each, policy=default) for each in self.letters]

    def ask(self, address: str = "alex@example.org", *, peer: str = "192.0.2.1", user: UserId | None = None) -> str:
        """Ask for a link and return its secret, as the letter says it."""
        self.links.ask(address, peer=peer, target="/share/1", user=user)
        (letter,) = self.deliver()
        return secret_in(letter)

    def person(self, proof: Proof = ALEX) -> UserId:
        return self.accounts.sign_in(proof, sign_up="anyone")


def secret_in(letter: EmailMessage) -> str:
    part = letter.get_body(("plain",))
    assert part is not None
    (secret,) = re.findall(
        r"^https://zone\.test/sign-in/link/(\S+)$", part.get_content().replace("\r", ""), re.MULTILINE
    )
    return str(secret)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    clock = HandClock()
    with open_world(tmp_path, clock=clock) as world:
        yield Scene(world, clock)


# ---- Sessions


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
        start.wait(10)
        found.append(scene.sessions.resume(cookie))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
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


# ---- Accounts and identities


def test_the_same_proof_leads_to_the_same_account(scene: Scene) -> None:
    alex = scene.person()
    assert scene.person(Proof.of_address("ALEX@example.org")) == alex
    assert scene.person(SAM) != alex
    account = scene.accounts.get(alex)
    assert (account.user.full_name, account.user.emails) == ("alex", ("alex@example.org",))


def test_two_first_sign_ins_at_one_moment_make_one_account(scene: Scene) -> None:
    found, start = [], threading.Barrier(4)

    def sign_in() -> None:
        start.wait(10)
        found.append(scene.person(KIM))

    threads = [threading.Thread(target=sign_in) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 4
    assert len(set(found)) == 1
    assert len(scene.accounts.list(scene.world.administrator.caller)) == 2


def test_where_only_invited_people_may_come_strangers_do_not(scene: Scene) -> None:
    with pytest.raises(NotInvited):
        scene.accounts.sign_in(ALEX, sign_up="invited")
    alex = scene.accounts.sign_in(ALEX, sign_up="invited", invited=True)
    assert scene.accounts.sign_in(ALEX, sign_up="invited") == alex


def test_whom_an_administrator_added_may_come(scene: Scene) -> None:
    admin = scene.world.administrator.caller
    group = scene.world.group(scene.world.administrator)
    alex = scene.accounts.add(admin, "Alex Example", username="alex", addresses=["Alex@example.org"], groups=[group])
    assert scene.accounts.sign_in(ALEX, sign_up="invited") == alex
    assert scene.zone.users.groups(alex) == [group]
    with pytest.raises(Conflict):
        scene.accounts.add(admin, "Other Example", addresses=["alex@EXAMPLE.org"])
    assert len(scene.accounts.list(admin)) == 2
    with pytest.raises(Forbidden):
        scene.accounts.add(scene.world.person().caller, "Other Example")


def test_identities_of_others_cannot_be_added(scene: Scene) -> None:
    alex, kim = scene.person(), scene.person(KIM)
    with pytest.raises(Conflict):
        scene.accounts.link(alex, KIM)
    assert scene.person(KIM) == kim


def test_several_identities_lead_to_one_account_and_all_but_the_last_can_go(scene: Scene) -> None:
    alex = scene.person()
    scene.accounts.link(alex, KIM)
    scene.accounts.link(alex, KIM)
    assert scene.person(KIM) == alex
    mail, oidc = scene.accounts.get(alex).identities
    assert scene.accounts.get(alex).user.emails == ("alex@example.org", "kim@example.org")
    scene.accounts.unlink(alex, mail.id)
    assert scene.accounts.get(alex).user.emails == ("kim@example.org",)
    with pytest.raises(LastIdentity):
        scene.accounts.unlink(alex, oidc.id)
    assert scene.person() != alex
    with pytest.raises(NotFound):
        scene.accounts.unlink(scene.person(), oidc.id)


def test_a_blocked_account_is_out_at_once_everywhere(scene: Scene) -> None:
    alex, admin = scene.person(), scene.world.administrator
    cookie = scene.sessions.open(alex, browser="", address="")
    scene.accounts.block(admin.caller, alex, blocked=True)
    assert scene.sessions.resume(cookie) is None
    with pytest.raises(Blocked):
        scene.person()
    with pytest.raises(Forbidden):
        scene.sessions.open(alex, browser="", address="")
    scene.accounts.block(admin.caller, alex, blocked=False)
    assert scene.sessions.resume(cookie) is None
    assert scene.person() == alex
    with pytest.raises(Forbidden):
        scene.accounts.block(admin.caller, admin.id, blocked=True)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("  Kim\n Example\t", "Kim Example"),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("\u202eevil", "evil"),
        ("", "kim"),
        ("K", "kim"),
        ("x" * 500, "x" * 128),
        ("\ud800\ud800", "kim"),
    ],
)
def test_names_from_elsewhere_are_made_fit_for_one_line(scene: Scene, name: str, kept: str) -> None:
    user = scene.person(Proof("oidc", "https://idp.example.org", "1", "kim@example.org", name))
    assert scene.zone.users.get(user).full_name == kept


# ---- What a provider's word brings


def test_memberships_and_privileges_follow_what_the_provider_says(scene: Scene) -> None:
    group = scene.world.group(scene.world.administrator)
    grants = [Grant(group=group), Grant(privileges=("oz_users_list",))]
    kim = scene.accounts.sign_in(KIM, sign_up="anyone", grants=grants)
    assert scene.zone.users.groups(kim) == [group]
    assert scene.zone.rights.zone_privileges(kim) == {"oz_users_list"}
    scene.accounts.sign_in(KIM, sign_up="anyone", grants=None)
    assert scene.zone.users.groups(kim) == [group]
    epoch = scene.zone.epoch.now
    scene.accounts.sign_in(KIM, sign_up="anyone", grants=[])
    assert scene.zone.users.groups(kim) == []
    assert scene.zone.rights.zone_privileges(kim) == frozenset()
    assert scene.zone.epoch.now > epoch


def test_what_somebody_was_given_otherwise_they_keep(scene: Scene) -> None:
    kim = scene.person(KIM)
    group = scene.world.group(scene.world.administrator)
    scene.zone.memberships.add(GROUP_USER, group, kim, {"group_view"})
    scene.accounts.sign_in(KIM, sign_up="anyone", grants=[Grant(group=group)])
    scene.accounts.sign_in(KIM, sign_up="anyone", grants=[])
    assert scene.zone.users.groups(kim) == [group]


def test_with_an_identity_goes_what_came_through_it(scene: Scene) -> None:
    alex = scene.person()
    scene.accounts.link(alex, KIM)
    group = scene.world.group(scene.world.administrator)
    scene.accounts.sign_in(KIM, sign_up="anyone", grants=[Grant(group=group)])
    scene.accounts.unlink(alex, scene.accounts.get(alex).identities[1].id)
    assert scene.zone.users.groups(alex) == []


def test_a_group_that_does_not_exist_is_no_reason_to_stay_outside(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    kim = scene.accounts.sign_in(KIM, sign_up="anyone", grants=[Grant(group=GroupId("nowhere"))])
    assert scene.zone.users.groups(kim) == []
    assert "nowhere does not exist" in caplog.text


# ---- One-time links


def test_a_link_works_once(scene: Scene) -> None:
    secret = scene.ask()
    for _ in range(3):
        assert scene.links.look(secret, peer="").address == "alex@example.org"
    link = scene.links.take(secret, peer="")
    assert (link.user, link.target, link.invited) == (None, "/share/1", False)
    with pytest.raises(NotFound):
        scene.links.take(secret, peer="")
    with pytest.raises(NotFound):
        scene.links.look(secret, peer="")


def test_of_two_at_one_moment_one_gets_in(scene: Scene) -> None:
    secret, taken, start = scene.ask(), [], threading.Barrier(4)

    def take() -> None:
        start.wait(10)
        with contextlib.suppress(NotFound):
            taken.append(scene.links.take(secret, peer=""))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(taken) == 1


def test_a_link_works_for_a_quarter_of_an_hour(scene: Scene) -> None:
    secret = scene.ask()
    scene.clock.pass_by(minutes=14, seconds=59)
    scene.links.look(secret, peer="")
    scene.clock.pass_by(seconds=1)
    with pytest.raises(NotFound):
        scene.links.take(secret, peer="")


def test_the_letter_names_the_facility_and_both_parts_have_the_link(scene: Scene) -> None:
    scene.links.ask("Alex@Example.org", peer="", target="/")
    (letter,) = scene.deliver()
    assert letter["To"] == "Alex@Example.org"
    assert letter["Subject"] == "Your link to sign in: fs2od node"
    html = letter.get_body(("html",))
    assert html is not None
    assert html.get_content().count(secret_in(letter)) == 3
    assert "15 minutes" in html.get_content()


def test_a_stored_letter_opens_nothing(scene: Scene) -> None:
    scene.links.ask("alex@example.org", peer="", target="/")
    (row,) = scene.zone.outbox.list_letters()
    (stored,) = re.findall(rb"/sign-in/link/(\S+)\r?\n", scene.zone.outbox.message(row.id))[:1]
    with pytest.raises(NotFound):
        scene.links.look(stored.decode(), peer="")


def test_a_letter_carries_no_secret_but_its_own(scene: Scene) -> None:
    scene.links.ask("alex@example.org", peer="", target="/")
    with scene.zone.database.reading() as db:
        (link,) = db.execute("SELECT id FROM sign_in_link").fetchone()
    scene.links.ask(f"~sealed-{link}~@evil.example.org", peer="", target="/")
    first, second = sorted(scene.deliver(), key=lambda letter: "evil" in letter["To"])
    secret = secret_in(first)
    assert secret.startswith(link)
    assert secret not in second.as_string()
    assert secret_in(second) != secret


def test_nobody_learns_who_has_an_account_not_even_by_the_number_of_letters(scene: Scene) -> None:
    scene.person()
    for address in ("alex@example.org", "stranger@example.org"):
        scene.links.ask(address, peer="", target="/")
    assert sorted(letter["To"] for letter in scene.deliver()) == ["alex@example.org", "stranger@example.org"]


def test_to_one_address_go_three_letters_and_nobody_is_told(scene: Scene) -> None:
    for number in range(6):
        scene.links.ask("alex@example.org", peer=f"192.0.2.{number}", target="/")
    assert len(scene.deliver()) == 3
    scene.clock.pass_by(minutes=15)
    scene.links.ask("Alex@example.org", peer="", target="/")
    assert len(scene.deliver()) == 1


def test_from_one_network_address_only_so_many_are_asked_for(scene: Scene) -> None:
    for number in range(10):
        scene.links.ask(f"alex{number}@example.org", peer="192.0.2.1", target="/")
    with pytest.raises(AskedTooOften) as caught:
        scene.links.ask("alex@example.org", peer="192.0.2.1", target="/")
    assert 0 < caught.value.retry_after_s <= 600
    scene.links.ask("alex@example.org", peer="192.0.2.2", target="/")


@pytest.mark.parametrize("address", ["", "alex", "alex@", "a@b@c.org", "alex@example.org, sam@example.org", "x" * 5000])
def test_what_is_no_address_gets_no_letter(scene: Scene, address: str) -> None:
    with pytest.raises(ConfigurationError):
        scene.links.ask(address, peer="", target="/")
    assert scene.deliver() == []


def test_a_thousand_wrong_links_are_slowed_down_and_leave_others_untouched(scene: Scene) -> None:
    good = scene.ask()
    refused = slowed = 0
    for number in range(1000):
        try:
            scene.links.look(f"{number:072x}", peer="192.0.2.66")
        except AskedTooOften:
            slowed += 1
        except NotFound:
            refused += 1
    assert (refused, slowed) == (20, 980)
    assert scene.links.take(good, peer="192.0.2.7").address == "alex@example.org"


@pytest.mark.parametrize("change", [lambda s: s[:-1], lambda s: s[:-1] + "g", lambda s: s.upper(), lambda s: s + "0"])
def test_a_link_that_was_changed_opens_nothing(scene: Scene, change: object) -> None:
    secret = scene.ask()
    assert callable(change)
    changed = change(secret)
    if changed == secret:
        changed = secret[::-1]
    with pytest.raises(NotFound):
        scene.links.take(changed, peer="")


def test_the_language_that_somebody_chose_is_that_of_their_letters(scene: Scene) -> None:
    alex = scene.person()
    scene.accounts.set_language(alex, "en")
    assert scene.accounts.language_for("ALEX@example.org") == "en"
    assert scene.accounts.language_for("stranger@example.org") == ""
    assert scene.accounts.get(alex).language == "en"


# ---- Sign-ins under way, and their pace


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
