"""Letters about sharing: each event one letter, to the one whom it concerns, and no token in the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from fs2od.errors import StorageFull
from fs2od.mail import Letter, Mailbox, Outcome, SharingEvent, SharingNews, render_sharing
from fs2od.node.zone.job_tokens import Job
from fs2od.node.zone.link_rules import Rule
from fs2od.node.zone.notice_letters import TokenTransport
from fs2od.node.zone.notices import AccessEnded
from fs2od.onedata.errors import ServiceError
from fs2od.onedata.tokens import IdentityToken, InviteToken, InviteType, Time
from fs2od.testing.world import Person, World, open_world

EVENTS: tuple[SharingEvent, ...] = ("invited", "accepted", "access-ended", "link-ending", "token-ending")


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

    def stop(self) -> None:
        pass


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


class Watch:
    """A clock that goes only where it is told to."""

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 5, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment

    def now_s(self) -> int:
        return int(self.moment.timestamp())


def test_a_token_about_to_end_is_told_once_to_whose_it_is(tmp_path: Path) -> None:
    watch = Watch()

    def hours_later(hours: float) -> list[tuple[str, str, str]]:
        watch.moment += timedelta(hours=hours)
        world.node.zone.remind()
        return delivered(world)

    with open_world(tmp_path, clock=watch) as world:
        olive = somebody(world, "Olive Example")
        dataset, results = world.dataset(olive, name="grid 7"), world.results(olive)
        job = Job("motion correction", dataset.space, with_results=True, results=results.space)
        made = world.node.zone.job_tokens.make(olive.caller, job)
        assert hours_later(53.9) == []
        ((to, subject, text),) = hours_later(0.2)
        assert (to, subject) == ("olive@example.org", "Your access token ends soon: motion correction")
        page = f"https://zone.test/space/{dataset.space}/compute?results={results.space}#token"
        assert page in text.splitlines()
        assert "ends on 8 November 2026, 00:00 UTC" in " ".join(text.split())
        assert made.token.token.reveal() not in text
        assert hours_later(1) == []
    with open_world(tmp_path, clock=watch) as world:
        assert hours_later(1) == []
        assert hours_later(100) == []


def test_only_tokens_of_use_are_told_of_and_every_one_of_them(tmp_path: Path) -> None:
    watch = Watch()
    with open_world(tmp_path, clock=watch) as world:
        zone, olive, nobody = world.node.zone, somebody(world, "Olive Example"), world.person()
        until = Time(watch.now_s() + 72 * 3600)
        invite = InviteToken(InviteType.USER_JOIN_GROUP, world.group(olive))
        zone.tokens.issue_named(olive.id, "invite", kind=invite, caveats=[until])
        zone.tokens.issue_named(olive.id, "identity", kind=IdentityToken(), caveats=[until])
        zone.tokens.issue_named(olive.id, "revoked", caveats=[until], revoked=True)
        zone.tokens.issue_named(nobody.id, "without an address", caveats=[until])
        zone.tokens.issue_named(olive.id, "short", caveats=[Time(watch.now_s() + 20 * 3600)])
        for number in range(130):
            zone.tokens.issue_named(olive.id, f"job {number}", caveats=[Time(until.valid_until_s + 9), until])
        zone.tokens.issue_named(olive.id, "a year", caveats=[Time(watch.now_s() + 365 * 86_400)])
        told: set[str] = set()
        for _ in range(24):
            watch.moment += timedelta(hours=3)
            zone.remind()
            found = [subject for _ in range(8) for _, subject, text in delivered(world) if "/tokens/new" in text]
            assert told.isdisjoint(found)
            told |= set(found)
        assert told == {f"Your access token ends soon: job {number}" for number in range(130)}
        watch.moment += timedelta(days=361, hours=1)
        zone.remind()
        assert [subject for _, subject, _ in delivered(world)] == ["Your access token ends soon: a year"]


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
