"""Being asked to stop: signals as fast as the system delivers them, within whatever the process is just doing."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable

from fs2od.stopping import SAME_S, Requests, stopping

LONGEST_S = 60
STORM = """
import signal, threading, time
from fs2od.stopping import stopping

SIGNALS = 200

with stopping(insist=False) as stop:  # under load, a storm may last longer than a moment
    main = threading.main_thread().ident
    def storm():
        for number in [signal.SIGINT, signal.SIGTERM] * (SIGNALS // 2):
            signal.pthread_kill(main, number)
            if number == signal.SIGINT:
                time.sleep(20e-6)  # so that what comes next finds the main thread at ever other steps
    storming = threading.Thread(target=storm)
    storming.start()
    while not stop.is_set() or storming.is_alive():
        stop.wait(1e-5)
print("ended in order")
"""


def test_signals_close_together_are_one_request_also_while_the_main_thread_waits_for_them() -> None:
    for _ in range(3):
        ended = subprocess.run(
            [sys.executable, "-c", STORM],
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
        assert (ended.returncode, ended.stdout) == (0, "ended in order\n"), ended.stderr


def at(*times_s: float) -> Callable[[], float]:
    return iter(times_s).__next__


def test_a_signal_within_a_moment_says_the_same_and_one_that_comes_later_ends_the_process() -> None:
    requests = Requests(clock=at(0.0, SAME_S))
    assert requests.take(signal.SIGINT)
    assert requests.have_come
    assert not requests.take(signal.SIGTERM)
    script = (
        "import signal\nfrom fs2od.stopping import SAME_S, Requests\n"
        "requests = Requests(clock=iter([0.0, SAME_S + 0.1]).__next__)\n"
        "requests.take(signal.SIGTERM)\nrequests.take(signal.SIGTERM)"
    )
    ended = subprocess.run([sys.executable, "-c", script], timeout=LONGEST_S, check=False)
    assert ended.returncode == -signal.SIGTERM


def test_where_nobody_may_insist_later_ones_say_the_same_too() -> None:
    requests = Requests(insist=False, clock=at(0.0, 100.0))
    assert requests.take(signal.SIGTERM)
    assert not requests.take(signal.SIGTERM)


def test_one_who_was_asked_to_stop_takes_no_repetition_for_more_while_it_says_its_last_words() -> None:
    script = (
        "import signal\nfrom fs2od.stopping import stopping\n"
        "with stopping() as stop:\n    signal.raise_signal(signal.SIGTERM)\n    stop.wait()\n"
        "signal.raise_signal(signal.SIGTERM)\nprint('last words')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=LONGEST_S, check=False
    )
    assert (ended.returncode, ended.stdout) == (0, "last words\n"), ended.stderr


def test_one_who_was_not_asked_leaves_signals_as_they_were() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stopping() as stop:
        assert signal.getsignal(signal.SIGTERM) is not before
        assert not stop.wait(0)
    assert signal.getsignal(signal.SIGTERM) is before
    assert stop.wait(LONGEST_S)
