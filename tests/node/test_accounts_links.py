"""One-time links by mail."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.node.account_scene import Scene, open_scene, secret_in

from fs2od.errors import ConfigurationError
from fs2od.node.zone.accounts import (
    AskedTooOften,
)
from fs2od.onedata.errors import NotFound


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with open_scene(tmp_path) as opened:
        yield opened


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
        start.wait(60)
        with contextlib.suppress(NotFound):
            taken.append(scene.links.take(secret, peer=""))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
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
