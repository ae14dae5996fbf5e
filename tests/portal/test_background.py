from __future__ import annotations

import threading

from fs2od.errors import StateError
from fs2od.portal._background import Background

LONG_S = 10.0


def test_an_answer_is_looked_up_once_for_each_state() -> None:
    background, asked = Background[int](), list[int]()

    def look() -> int:
        asked.append(1)
        return len(asked)

    assert background.ask("a", 1, look, wait_s=LONG_S) == 1
    assert background.ask("a", 1, look, wait_s=LONG_S) == 1
    assert background.ask("b", 1, look, wait_s=LONG_S) == 2


def test_who_cannot_wait_gets_nothing_first_and_the_answer_later() -> None:
    background, may_go, gone = Background[str](), threading.Event(), threading.Event()

    def look() -> str:
        assert may_go.wait(LONG_S)
        gone.set()
        return "found"

    assert background.ask("a", 1, look, wait_s=0) is None
    may_go.set()
    assert gone.wait(LONG_S)
    assert background.ask("a", 1, look, wait_s=LONG_S) == "found"


def test_while_a_new_state_is_looked_at_the_last_answer_holds() -> None:
    background, may_go = Background[str](), threading.Event()
    assert background.ask("a", 1, lambda: "first", wait_s=LONG_S) == "first"

    def look() -> str:
        assert may_go.wait(LONG_S)
        return "second"

    assert background.ask("a", 2, look, wait_s=0) == "first"
    may_go.set()
    for _ in range(1000):  # it may also have been too soon to begin
        if background.ask("a", 2, look, wait_s=0.01) == "second":
            return
    raise AssertionError


def test_what_fails_is_no_answer() -> None:
    def look() -> str:
        raise StateError("gone")

    assert Background[str]().ask("a", 1, look, wait_s=LONG_S) is None
