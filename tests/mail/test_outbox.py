import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fs2od.mail import (
    DeliveryPass,
    FolderTransport,
    Letter,
    LetterError,
    Mailbox,
    NotDelivered,
    Outbox,
    Outcome,
    pause_after,
)
from fs2od.sqlite import Database

OpenDatabase = Callable[[], Database]
ALEX, BO = "alex@example.org", "bo@example.org"


def letter(*to: str, subject: str = "Your data: Größe 2") -> Letter:
    mailboxes = tuple(Mailbox(address) for address in to or (ALEX,))
    return Letter(sender=Mailbox("data@example.org"), to=mailboxes, subject=subject, text="https://x/share/1\n")


def enqueue(database: Database, now: datetime, *, key: str = "1/announced", what: Letter | None = None) -> bool:
    with database.writing() as connection:
        return Outbox(database).enqueue(connection, what or letter(), key=key, now=now)


class Scripted:
    """A way out that answers as it was told to, and remembers what it was given."""

    def __init__(self, *answers: Callable[[Sequence[str]], Outcome]) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[bytes, tuple[str, ...], str]] = []

    def send(self, message: bytes, sender: str, recipients: Sequence[str], *, name: str) -> Outcome:
        assert sender == "data@example.org"
        self.calls.append((message, tuple(recipients), name))
        return self.answers.pop(0)(recipients)

    def stop(self) -> None:
        pass


def later(recipients: Sequence[str]) -> Outcome:
    return Outcome.all_retry(recipients, "451 try later")


def down(recipients: Sequence[str]) -> Outcome:
    return Outcome.all_retry(recipients, "no connection", unreachable=True)


def never(recipients: Sequence[str]) -> Outcome:
    return Outcome.all_refused(recipients, "550 no such user")


def test_pauses_grow_to_an_hour() -> None:
    seconds = [pause_after(attempts).total_seconds() for attempts in range(1, 11)]
    assert seconds == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


@settings(deadline=None)
@given(st.integers(0, 10**9))
def test_no_pause_is_shorter_than_the_one_before(attempts: int) -> None:
    assert timedelta(seconds=30) <= pause_after(attempts) <= pause_after(attempts + 1) <= timedelta(hours=1)


def test_one_event_is_one_mail(open_database: OpenDatabase, now: datetime, tmp_path: Path) -> None:
    database = open_database()
    assert enqueue(database, now)
    assert not enqueue(database, now, what=letter(BO, subject="another"))
    assert enqueue(database, now, key="1/complete")
    done = Outbox(database).deliver(FolderTransport(tmp_path / "outbox"), now)
    assert done == DeliveryPass(sent=2)
    assert Outbox(database).deliver(FolderTransport(tmp_path / "outbox"), now) == DeliveryPass()
    names = [path.name for path in (tmp_path / "outbox").iterdir()]
    assert len(names) == 2
    assert all(name.startswith("20261105T140203Z-your-data-groe-2-") for name in names)


def test_an_event_that_is_rolled_back_sends_no_mail(open_database: OpenDatabase, now: datetime) -> None:
    database = open_database()

    def half_an_event() -> None:
        with database.writing() as connection:
            assert Outbox(database).enqueue(connection, letter(), key="1/announced", now=now)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_an_event()
    assert Outbox(database).list_letters() == ()
    assert Outbox(database).next_attempt_at() is None


def test_a_letter_that_cannot_be_made_leaves_the_transaction_as_it_was(
    open_database: OpenDatabase, now: datetime
) -> None:
    database = open_database()
    long = Letter(sender=Mailbox(BO), to=(Mailbox(ALEX),), subject="x", text="t" * 3000)
    with database.writing() as connection:
        connection.execute("INSERT INTO seen VALUES ('grid 2')")
        with pytest.raises(LetterError, match="3000 bytes"):
            Outbox(database).enqueue(connection, long, key="1/announced", now=now)
    with database.reading() as connection:
        assert connection.execute("SELECT name FROM seen").fetchone()["name"] == "grid 2"
    assert Outbox(database).counts() == {"queued": 0, "sent": 0, "partly refused": 0, "refused": 0}


def test_in_vain_it_is_tried_again_after_each_pause_with_the_same_bytes(
    open_database: OpenDatabase, now: datetime
) -> None:
    enqueue(open_database(), now)
    way = Scripted(later, later, later, Outcome.all_delivered)
    time = now
    for attempts in range(1, 4):
        outbox = Outbox(open_database())
        assert outbox.deliver(way, time) == DeliveryPass(put_off=1)
        (row,) = outbox.list_letters()
        assert (row.state, row.attempts, row.last_error) == ("queued", attempts, "451 try later")
        assert row.next_attempt_at == time + pause_after(attempts)
        assert outbox.deliver(way, row.next_attempt_at - timedelta(microseconds=1)) == DeliveryPass()
        assert outbox.next_attempt_at() == row.next_attempt_at
        time = row.next_attempt_at
    outbox = Outbox(open_database())
    assert outbox.deliver(way, time) == DeliveryPass(sent=1)
    (row,) = outbox.list_letters()
    assert (row.state, row.attempts, row.last_error, row.next_attempt_at) == ("sent", 4, "", None)
    assert row.finished_at == time
    assert len({(message, name) for message, _, name in way.calls}) == 1
    assert row.message_id.encode() in way.calls[0][0]


@pytest.mark.parametrize("attempts", range(12))
def test_a_clock_that_was_set_back_puts_no_letter_off(
    open_database: OpenDatabase, now: datetime, attempts: int
) -> None:
    enqueue(open_database(), now)
    outbox, time = Outbox(open_database()), now
    for _ in range(attempts):
        outbox.deliver(Scripted(later), time)
        (row,) = outbox.list_letters()
        assert row.next_attempt_at is not None
        tried_at, time = time, row.next_attempt_at
        assert not outbox.due(tried_at), "it waits for as long as it should"
        assert outbox.due(tried_at - timedelta(microseconds=1))
    outbox = Outbox(open_database())
    assert outbox.deliver(Scripted(Outcome.all_delivered), now - timedelta(days=1)) == DeliveryPass(sent=1)


def test_a_refusal_is_shown_and_not_repeated_until_the_operator_asks(
    open_database: OpenDatabase, now: datetime
) -> None:
    database = open_database()
    enqueue(database, now)
    outbox, way = Outbox(database), Scripted(never, Outcome.all_delivered)
    assert outbox.deliver(way, now) == DeliveryPass(refused=1)
    (row,) = outbox.list_letters()
    assert (row.state, row.last_error, row.next_attempt_at) == ("refused", "550 no such user", None)
    assert outbox.due(now + timedelta(days=9)) == ()
    assert outbox.retry(row.id, now)
    assert outbox.deliver(way, now) == DeliveryPass(sent=1)
    assert not outbox.retry(row.id, now)
    assert not outbox.retry(77, now)


def test_each_recipient_is_remembered_by_itself(open_database: OpenDatabase, now: datetime) -> None:
    database = open_database()
    enqueue(database, now, what=letter(ALEX, BO, "cy@example.org"))
    way = Scripted(
        lambda _: Outcome(delivered=(ALEX,), refused=(NotDelivered(BO, "550 no such user"),)), Outcome.all_delivered
    )
    outbox = Outbox(database)
    assert outbox.deliver(way, now) == DeliveryPass(put_off=1)
    assert outbox.deliver(way, now + timedelta(hours=1)) == DeliveryPass(refused=1)
    assert [to for _, to, _ in way.calls] == [(ALEX, BO, "cy@example.org"), ("cy@example.org",)]
    (row,) = outbox.list_letters()
    assert [(each.address[:2], each.state) for each in row.recipients] == [
        ("al", "sent"),
        ("bo", "refused"),
        ("cy", "sent"),
    ]
    assert (row.state, row.last_error) == ("partly refused", "550 no such user")
    assert outbox.counts() == {"queued": 0, "sent": 0, "partly refused": 1, "refused": 0}
    assert outbox.refused_letters() == outbox.letters_under("1") == (row,)
    assert outbox.letters_under("1/announced") == ()
    assert outbox.retry(row.id, now)
    assert outbox.due(now)[0].recipients[1].state == "queued"


def test_one_letter_in_trouble_does_not_hold_up_the_others(open_database: OpenDatabase, now: datetime) -> None:
    database = open_database()
    for key in "abc":
        enqueue(database, now, key=key)
    assert Outbox(database).deliver(Scripted(later, *[Outcome.all_delivered] * 2), now) == DeliveryPass(
        sent=2, put_off=1
    )


def test_an_unreachable_server_costs_one_attempt_a_pass(open_database: OpenDatabase, now: datetime) -> None:
    database = open_database()
    for key in "abc":
        enqueue(database, now, key=key)
    way = Scripted(down, down)
    for _ in range(2):
        assert Outbox(database).deliver(way, now) == DeliveryPass(put_off=1, hindrance="no connection")
    assert [row.attempts for row in Outbox(database).list_letters()] == [0, 1, 1]


def test_a_pass_is_bounded_and_the_longest_waiting_goes_first(open_database: OpenDatabase, now: datetime) -> None:
    database = open_database()
    for minute in (2, 0, 1):
        enqueue(database, now + timedelta(minutes=minute), key=str(minute))
    outbox = Outbox(database)
    assert outbox.deliver(Scripted(*[Outcome.all_delivered] * 2), now + timedelta(hours=1), limit=2) == DeliveryPass(
        sent=2
    )
    assert [row.key for row in outbox.due(now + timedelta(hours=1))] == ["2"]
    assert outbox.counts() == {"queued": 1, "sent": 2, "partly refused": 0, "refused": 0}


def test_letters_are_listed_newest_first_page_by_page(open_database: OpenDatabase, now: datetime) -> None:
    database = open_database()
    for number in range(5):
        enqueue(database, now, key=str(number))
    outbox = Outbox(database)
    first = outbox.list_letters(limit=3)
    rest = outbox.list_letters(limit=3, before=first[-1].id)
    assert [row.key for row in (*first, *rest)] == ["4", "3", "2", "1", "0"]
    assert first[0].queued_at == now
    assert outbox.message(first[0].id).startswith(b"Date: ")
    with pytest.raises(KeyError):
        outbox.message(77)


def test_two_letters_have_two_names_and_two_message_ids(open_database: OpenDatabase, now: datetime) -> None:
    database = open_database()
    enqueue(database, now, key="a", what=letter(subject="../../x\n"))
    enqueue(database, now, key="b", what=letter(subject="../../x\n"))
    one, other = Outbox(database).list_letters()
    assert one.name != other.name
    assert one.message_id != other.message_id
    assert one.name.rpartition("-")[0] == "20261105T140203Z-x"


def test_a_state_that_is_none_cannot_be_written(open_database: OpenDatabase, now: datetime) -> None:
    database = open_database()
    enqueue(database, now)
    with pytest.raises(sqlite3.IntegrityError), database.writing() as connection:
        connection.execute("UPDATE mail_letters SET state = 'lost'")
