"""Accounts and their identities, and what a provider's word brings."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.node.account_scene import ALEX, KIM, SAM, Scene, open_scene

from fs2od.node.zone.accounts import (
    Blocked,
    Grant,
    LastIdentity,
    NotInvited,
    Proof,
)
from fs2od.node.zone.memberships import GROUP_USER
from fs2od.onedata.errors import Conflict, Forbidden, NotFound
from fs2od.onedata.ids import GroupId


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with open_scene(tmp_path) as opened:
        yield opened


def test_the_same_proof_leads_to_the_same_account(scene: Scene) -> None:
    alex = scene.person()
    assert scene.person(Proof.of_address("ALEX@example.org")) == alex
    assert scene.person(SAM) != alex
    account = scene.accounts.get(alex)
    assert (account.user.full_name, account.user.emails) == ("alex", ("alex@example.org",))


def test_two_first_sign_ins_at_one_moment_make_one_account(scene: Scene) -> None:
    found, start = [], threading.Barrier(4)

    def sign_in() -> None:
        start.wait(60)
        found.append(scene.person(KIM))

    threads = [threading.Thread(target=sign_in) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
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
