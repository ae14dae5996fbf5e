from hypothesis import given
from hypothesis import strategies as st

from fs2od.transfer import Busy, ConnectionLost, Patience, UntrustedCertificate
from fs2od.transfer._pace import Pace, RateLimit
from fs2od.transfer._patience import Tries, patiently


def walked(pace: Pace, rate_at: dict[int, float], windows: int, *, now: float = 0.0) -> list[int]:
    """Let time pass on a line that brings so much with so many connections; return how many there were."""
    moved, seen = 0.0, []
    pace.observe(now, 0)
    for _ in range(windows):
        now += 0.5
        moved += 0.5 * rate_at[pace.allowed]
        pace.observe(now, int(moved))
        seen.append(pace.allowed)
    return seen


def test_while_more_connections_bring_more_there_are_more() -> None:
    assert walked(Pace(16), {2: 10e6, 4: 20e6, 8: 40e6, 16: 80e6}, 6)[-1] == 16


def test_a_line_that_is_full_is_not_given_more_connections() -> None:
    seen = walked(Pace(16), {4: 100e6, 8: 102e6, 16: 102e6}, 10)
    assert seen[:5] == [4, 8, 8, 4, 4]
    assert max(seen) == 8


def test_connections_that_are_still_coming_up_to_speed_are_not_given_more() -> None:
    pace, now, moved = Pace(16), 0.0, 0
    for rate in (0, 5e6, 10e6, 20e6, 40e6):
        now, moved = now + 0.5, moved + int(rate * 0.5)
        pace.observe(now, moved)
        assert pace.allowed == 4


def looked(pace: Pace, rate_at: dict[int, float], looks: int) -> list[int]:
    """Look every tenth of a second at a line that brings so much with so many connections; return how many there were."""
    moved, seen = 0.0, []
    pace.observe(0.0, 0)
    for number in range(1, looks + 1):
        moved += 0.1 * rate_at[pace.allowed]
        pace.observe(0.1 * number, int(moved))
        seen.append(pace.allowed)
    return seen


def test_connections_that_losses_hold_back_are_soon_given_company() -> None:
    rates = {2: 2e6, 4: 4e6, 8: 8e6, 16: 16e6}
    assert 8 in looked(Pace(8, round_trip_s=0.02), rates, 9)
    assert looked(Pace(8), rates, 9) == [4] * 9, "near, nothing is known so soon"


def test_connections_that_losses_hold_back_keep_their_company() -> None:
    assert looked(Pace(8, round_trip_s=0.02), {4: 4e6, 8: 4.1e6}, 30)[-1] == 8
    assert looked(Pace(8), {4: 4e6, 8: 4.1e6}, 60)[-1] == 4


def test_connections_that_fill_a_far_line_are_not_given_company_so_soon() -> None:
    assert looked(Pace(8, round_trip_s=0.02), {4: 100e6, 8: 100e6}, 9) == [4] * 9


def test_a_line_on_which_nothing_came_yet_is_not_judged() -> None:
    assert looked(Pace(8, round_trip_s=0.02), {4: 0.0}, 4) == [4] * 4
    assert looked(Pace(8, round_trip_s=float("inf")), {4: 0.0, 8: 0.0}, 4) == [4] * 4


def test_a_busy_service_gets_half_as_many() -> None:
    pace = Pace(16)
    walked(pace, {2: 10e6, 4: 20e6, 8: 40e6, 16: 80e6}, 6)
    pace.busy()
    assert walked(pace, dict.fromkeys(range(1, 17), 1e6), 2, now=10.0)[-1] == 8


@given(st.integers(1, 64), st.lists(st.tuples(st.floats(0, 1e9), st.booleans()), max_size=60))
def test_there_is_always_one_and_never_more_than_allowed(most: int, windows: list[tuple[float, bool]]) -> None:
    pace, now, moved = Pace(most), 0.0, 0
    for rate, is_busy in windows:
        now, moved = now + 0.5, moved + int(rate)
        if is_busy:
            pace.busy()
        pace.observe(now, moved)
        assert 1 <= pace.allowed <= most


def test_a_limited_rate_is_kept_over_time() -> None:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    limit = RateLimit(1000, clock=lambda: now, sleep=sleep)
    for _ in range(100):
        limit.take(100)
    assert 9.0 <= now <= 10.0
    now += 1000
    before = now
    limit.take(400)
    assert now == before, "what was not used for a moment may be used now, but not more than half a second's worth"
    limit.take(600)
    assert now > before


def test_pauses_grow_to_a_bound_and_are_never_shorter_than_asked_for() -> None:
    patience = Patience(first_pause_s=1, longest_pause_s=10)
    assert [patience.pause_s(misses) for misses in (1, 2, 3, 4, 5, 9)] == [1, 2, 4, 8, 10, 10]
    busy = Busy("later", retry_after_s=30)
    assert all(patience.jittered_s(1, busy) == 30 for _ in range(20))
    assert all(0.7 <= patience.jittered_s(1) <= 1 for _ in range(20))


def test_what_will_not_pass_is_not_tried_again() -> None:
    calls, pauses = 0, list[float]()

    def refused() -> None:
        nonlocal calls
        calls += 1
        raise UntrustedCertificate("no")

    try:
        patiently(refused, Patience(), pauses.append)
    except UntrustedCertificate:
        assert (calls, pauses) == (1, [])


def test_progress_makes_patient_again() -> None:
    tries = Tries(Patience(tries=3), lambda _: None)
    for _ in range(10):
        tries.missed(ConnectionLost("gone"))
        tries.progressed()
    tries.missed(ConnectionLost("gone"))
    tries.missed(ConnectionLost("gone"))
    try:
        tries.missed(ConnectionLost("gone"))
    except ConnectionLost:
        return
    raise AssertionError("three misses in a row are too many")
