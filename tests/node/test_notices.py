"""Letters about sharing: each event one letter, to the one whom it concerns, and no token in the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from fs2od.errors import StorageFull
from fs2od.mail import Letter, Mailbox, Outcome, SharingEvent, SharingNews, render_sharing
from fs2od.node.zone.link_rules import Rule
from fs2od.node.zone.notice_letters import TokenTransport
from fs2od.node.zone.notices import AccessEnded
from fs2od.onedata.errors import ServiceError
from fs2od.onedata.tokens import InviteToken, InviteType
from fs2od.testing.world import Person, World

EVENTS: tuple[SharingEvent, ...] = ("invited", "accepted", "access-ended", "link-ending")


class Box:
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []

    def send(self, message: bytes, sender: str, recipients: Sequence[str], *, name: str) -> Outcome:
        del sender, name
        found = message_from_bytes(message, policy=policy.default)
        assert isinstance(found, EmailMessage)
        self.letters.append(found)
        return Outcome(delivered=tuple(recipients))


def delivered(world: World) -> list[tuple[str, str, str]]:
    """Return recipient, subject and text of the letters that were waiting."""
    zone, box = world.node.zone, Box()
    zone.outbox.deliver(TokenTransport(box, zone.tokens), zone.clock.now())
    return [(letter["To"], letter["Subject"], body(letter)) for letter in box.letters]


def body(letter: EmailMessage) -> str:
    part = letter.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def somebody(world: World, name: str) -> Person:
    user = world.node.zone.users.add(name, emails=[f"{name.split(maxsplit=1)[0].lower()}@example.org"])
    return Person(user, world.node.zone.tokens.issue_named(user, "access").token)


def test_each_event_of_an_invite_is_one_letter(world: World) -> None:
    zone = world.node.zone
    olive, blair = somebody(world, "Olive Example"), somebody(world, "Blair Example")
    dataset, group = world.dataset(olive, name="grid 7"), world.group(olive, "members")
    world.join_space(dataset.space, group)
    kind = InviteToken(InviteType.USER_JOIN_GROUP, group)
    made = zone.invite_book.make(olive.caller, kind, address="Blair@example.org")
    for path in (world.node.settings.data).glob("zone.db*"):
        assert made.token.reveal().encode() not in path.read_bytes()
    ((to, subject, text),) = delivered(world)
    assert (to, subject) == ("Blair@example.org", "Olive Example invites you: grid 7")
    assert made.token.reveal() in text.splitlines()
    assert f"https://zone.test/join#{made.token.reveal()}" in text.splitlines()
    zone.invites.join(blair.caller, made.token, InviteType.USER_JOIN_GROUP, peer_ip=None)
    ((to, subject, _),) = delivered(world)
    assert (to, subject) == ("olive@example.org", "Blair Example accepted your invite: grid 7")
    zone.invite_book.end(olive.caller, made.id, with_members=True)
    ((to, subject, _),) = delivered(world)
    assert (to, subject) == ("blair@example.org", "Your access has ended: grid 7")


@contextmanager
def full(world: World) -> Iterator[None]:
    """Let the zone's database take nothing more for a while."""

    def limit(pages: int) -> None:
        with world.node.zone.database.writing() as db:
            db.execute(f"PRAGMA max_page_count = {pages}")

    with world.node.zone.database.reading() as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
    limit(pages)
    try:
        yield
    finally:
        limit(1_000_000)


def test_a_letter_that_the_disk_does_not_take_is_written_later_and_once(world: World) -> None:
    zone, olive = world.node.zone, somebody(world, "Olive Example")
    dataset = world.dataset(olive, name="grid 7")
    with full(world):
        for _ in range(20):
            zone.notices.tell(AccessEnded(olive.id, dataset.space, "space"))
        waiting = len(zone.notice_letters.unwritten)
        assert 10 < waiting <= 20
        with pytest.raises(StorageFull):
            zone.notice_letters.write_unwritten()
        assert len(zone.notice_letters.unwritten) == waiting
    zone.notice_letters.write_unwritten()
    zone.notice_letters.write_unwritten()
    assert zone.outbox.counts()["queued"] == 20
    assert not zone.notice_letters.unwritten


def test_letters_that_wait_have_a_bound(world: World, caplog: pytest.LogCaptureFixture) -> None:
    zone, olive = world.node.zone, somebody(world, "Olive Example")
    dataset = world.dataset(olive)
    letter = Letter(Mailbox("a@example.org"), (Mailbox("b@example.org"),), "subject", "text")
    zone.notice_letters.unwritten.extend((str(number), letter) for number in range(1000))
    with full(world):
        for _ in range(10):
            zone.notices.tell(AccessEnded(olive.id, dataset.space, "space"))
    assert len(zone.notice_letters.unwritten) == 1000
    assert "a letter could not be written" in caplog.text
    zone.notice_letters.unwritten.clear()


def test_a_link_about_to_end_is_told_to_who_made_it(world: World) -> None:
    zone, olive = world.node.zone, somebody(world, "Olive Example")
    dataset = world.dataset(olive)
    share = world.share(olive, dataset, name="for the review")
    zone.link_rules.set_for_share(olive.caller, share, Rule(until_s=zone.clock.now_s() + 86_400), label="")
    zone.remind()
    ((to, subject, text),) = delivered(world)
    assert (to, subject) == ("olive@example.org", "A link ends soon: for the review")
    assert f"https://zone.test/share/{share}" in text.splitlines()


def test_nobody_without_an_address_is_written_to_and_invites_by_mail_have_a_bound(world: World) -> None:
    zone, alex = world.node.zone, world.person()
    group = world.group(alex)
    kind = InviteToken(InviteType.USER_JOIN_GROUP, group)
    made = zone.invite_book.make(alex.caller, kind)
    zone.invites.join(world.person().caller, made.token, InviteType.USER_JOIN_GROUP, peer_ip=None)
    assert delivered(world) == []
    with pytest.raises(ServiceError, match="no mail address"):
        zone.invite_book.make(alex.caller, kind, address="nobody")
    for number in range(50):
        zone.invite_book.make(alex.caller, kind, address=f"guest{number}@example.org")
    with pytest.raises(ServiceError) as caught:
        zone.invite_book.make(alex.caller, kind, address="guest@example.org")
    assert caught.value.status == 429
    zone.tokens.delete(zone.tokens.invites_to(group)[-1].id)
    assert delivered(world)  # an invite that was deleted meanwhile stops no other letter


@pytest.mark.parametrize("language", ["en", "cs", "de"])
@pytest.mark.parametrize("event", EVENTS)
def test_letters_are_whole_in_each_language_and_harmless(event: SharingEvent, language: str, tmp_path: Path) -> None:
    news = SharingNews(
        facility_name="Facility\r\nBcc: eve@example.org",
        dataset="<script>alert(1)</script>",
        person="Olive Example",
        link="https://zone.example.org/join#abc",
        token="abc",
        until=datetime(2026, 12, 31, 12, tzinfo=UTC),
    )
    words = render_sharing(news, event=event, language=language, templates_folder=tmp_path)
    assert "\n" not in words.subject
    assert "\r" not in words.text
    assert "<script>" not in words.html
    assert "<script>" in words.text
    assert ("Dobrý den" in words.text) == (language == "cs")
    assert "abc" not in repr(news)
