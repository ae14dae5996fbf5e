"""Whether and when a call is tried again: the pure part."""

import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.client import Retries, UntrustedCertificate
from fs2od.client._retries import is_transient, next_pause_s, parse_retry_after
from fs2od.onedata import errors

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LOST = errors.ConnectionLost("gone")


def busy(retry_after_s: float | None) -> errors.ServiceError:
    return errors.from_document(503, None, retry_after_s=retry_after_s)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_statuses_that_pass_are_transient(status: int) -> None:
    assert is_transient(errors.from_document(status, None))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 416, 500, 501])
def test_statuses_that_stay_are_not(status: int) -> None:
    assert not is_transient(errors.from_document(status, None))


def test_a_lost_connection_is_transient_but_neither_a_bad_certificate_nor_nonsense_is() -> None:
    assert is_transient(LOST)
    assert not is_transient(UntrustedCertificate("who?"))
    assert not is_transient(errors.MalformedAnswer("what?"))


@given(failed=st.integers(1, 20), spent_s=st.floats(0, 1e6), chance=st.floats(0, 1, exclude_max=True))
def test_tries_and_time_are_bounded(failed: int, spent_s: float, chance: float) -> None:
    policy = Retries()
    pause_s = next_pause_s(policy, LOST, failed=failed, spent_s=spent_s, chance=chance)
    if pause_s is None:
        assert (
            failed >= policy.tries or spent_s + policy.longest_pause.total_seconds() > policy.total.total_seconds() - 1
        )
    else:
        assert failed < policy.tries
        assert 0 < pause_s <= policy.longest_pause.total_seconds()
        assert spent_s + pause_s <= policy.total.total_seconds()


@given(
    asked_s=st.floats(0, 50),
    failed=st.integers(1, 3),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_a_service_is_never_asked_again_before_it_wants_to_be(asked_s: float, failed: int, chance: float) -> None:
    pause_s = next_pause_s(Retries(), busy(asked_s), failed=failed, spent_s=0, chance=chance)
    assert pause_s is not None
    assert pause_s >= asked_s


def test_a_service_that_asks_for_more_than_the_time_left_is_given_up() -> None:
    assert next_pause_s(Retries(), busy(3600), failed=1, spent_s=0, chance=0) is None
    assert next_pause_s(Retries(), busy(math.inf), failed=1, spent_s=0, chance=0) is None


def test_pauses_grow() -> None:
    policy = Retries(tries=10, total=timedelta(hours=1))
    pauses = [next_pause_s(policy, LOST, failed=failed, spent_s=0, chance=0.5) or 0 for failed in range(1, 10)]
    assert pauses == sorted(pauses)
    assert pauses[1] == 2 * pauses[0]
    assert pauses[-1] == pauses[-2]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("9" * 400, math.inf),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("", None),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("Mon, 23 Nov 2026 12:00:30 -0000", 30.0),
        ("Mon, 99 Nov 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text, now=NOW) == seconds


@given(st.integers(0, 10**8))
def test_a_date_and_its_seconds_mean_the_same(seconds: int) -> None:
    date = format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)
    assert parse_retry_after(date, now=NOW) == parse_retry_after(str(seconds), now=NOW) == seconds


@given(st.text(max_size=60))
def test_no_text_is_too_odd_to_be_ignored(text: str) -> None:
    seconds = parse_retry_after(text, now=NOW)
    assert seconds is None or seconds >= 0
