"""What holds for all tests: which begin first, and where coverage is measured."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import coverage
import pytest

# Many processes, browsers, bad networks and whatever is given more time go again over what other tests cover already, and
# tracing doubles their work.
_UNMEASURED = ("tests/portal/browser/", "tests/system/", "tests/transfer/bad_days/", "tests/witness/")
_FOR_CHILDREN = "COVERAGE_PROCESS_CONFIG"


def pytest_configure() -> None:
    """Let Ctrl-C mean something to the commands that tests start, also where a shell runs the tests in its background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let those that are given the most time begin first, so that no worker works on long after the others."""
    items.sort(key=_given_s, reverse=True)


def _given_s(item: pytest.Item) -> float:
    given = item.get_closest_marker("timeout")
    return float(given.args[0]) if given else 0.0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Measure no coverage where it would tell nothing new."""
    measuring = coverage.Coverage.current()
    if measuring is None or not (item.nodeid.startswith(_UNMEASURED) or _given_s(item)):
        return (yield)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(_FOR_CHILDREN, raising=False)
        measuring.stop()
        try:
            return (yield)
        finally:
            measuring.start()
