"""How long tries go on: by what the thing itself brings, and by what others at the same service bring."""

from __future__ import annotations

import pytest

from fs2od.errors import Fs2odError
from fs2od.transfer import ConnectionLost, NeverReached, NotFound, Patience
from fs2od.transfer._patience import News, Tries

PATIENCE = Patience(tries=4, first_pause_s=1.0, jitter=0.0)


class Service:
    """Holds what all tries at it have in common, and the pauses that were made for it."""

    def __init__(self) -> None:
        self.news = News()
        self.pauses: list[float] = []

    def tries(self) -> Tries:
        return Tries(PATIENCE, self.pauses.append, self.news)


def misses(tries: Tries, service: Service, *, giving: bool) -> int:
    """Return how many misses in a row are borne."""
    for count in range(1000):
        service.news.count += giving
        try:
            tries.missed(ConnectionLost("away"))
        except Fs2odError:
            return count
    pytest.fail("it never ends")


def test_a_service_that_gives_nothing_is_given_up_after_so_many_tries() -> None:
    service = Service()
    assert misses(service.tries(), service, giving=False) == PATIENCE.tries - 1
    assert service.pauses == [1.0, 2.0, 4.0]


def test_a_service_that_was_never_reached_is_given_up_sooner() -> None:
    service = Service()
    tries = Tries(Patience(tries=9, tries_unmet=3, first_pause_s=1.0, jitter=0.0), service.pauses.append, service.news)
    tries.missed(NeverReached("no such name"))
    tries.missed(NeverReached("no such name"))
    with pytest.raises(NeverReached):
        tries.missed(NeverReached("no such name"))
    assert service.pauses == [1.0, 2.0]


def test_what_others_bring_says_that_the_service_is_there_but_not_for_ever() -> None:
    service = Service()
    assert misses(service.tries(), service, giving=True) == 4 * PATIENCE.tries - 1
    assert set(service.pauses) == {1.0}


def test_misses_while_the_service_is_away_for_all_do_not_speak_against_one_thing() -> None:
    service = Service()
    tries = service.tries()
    for _ in range(4 * PATIENCE.tries - 1):  # started again and again, and others were quicker each time
        service.news.count += 1
        for _ in range(PATIENCE.tries - 1):
            tries.missed(ConnectionLost("away"))
    service.news.count += 1
    with pytest.raises(ConnectionLost):
        tries.missed(ConnectionLost("away"))


def test_what_it_brings_itself_makes_it_patient_again() -> None:
    service = Service()
    tries = service.tries()
    for _ in range(10):
        tries.missed(ConnectionLost("away"))
        tries.progressed()
    assert misses(tries, service, giving=False) == PATIENCE.tries - 1


def test_what_will_not_pass_is_not_tried_again() -> None:
    service = Service()
    with pytest.raises(NotFound):
        service.tries().missed(NotFound("gone"))
    assert service.pauses == []
