"""What holds for all tests: which begin first, where coverage is measured, and what is shown of those that fail."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Generator, Iterator
from itertools import islice

import coverage
import pytest
from hypothesis import HealthCheck, settings
from tests.explained import explained

# The machine is shared with other tests: how long it takes to make an example or to try it says nothing.
settings.register_profile("fs2od", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("fs2od")

# Beside further cases of one test: many processes, browsers, bad networks, very much of something and whatever is given more
# time go again over what other tests cover already, and tracing doubles their work.
_UNMEASURED = (
    "tests/facility/test_sealing_anew.py::test_killed_anywhere",
    "tests/facility/test_writing_back.py::test_whatever_the_file_says",
    "tests/mount/test_large_folders.py",
    "tests/node/test_archive_layouts.py::test_a_zip_of_more_members",
    "tests/node/test_archive_layouts.py::test_many_members",
    "tests/node/test_data_checksums.py::test_twenty_thousand_files",
    "tests/portal/browser/",
    "tests/system/",
    "tests/transfer/bad_days/",
    "tests/transfer/test_plan.py::test_every_entry_has_one_fate",
    "tests/transfer/test_single_file.py",
    "tests/witness/",
)
_FOR_CHILDREN = "COVERAGE_PROCESS_CONFIG"


def pytest_configure() -> None:
    """Let Ctrl-C mean something to the commands that tests start, also where a shell runs the tests in its background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each worker begin with its share of those that are given the most time, so that none works on long after the others.

    `--dist worksteal` cuts the list, in order, into as many parts as there are workers; who has finished takes from the ends.
    """
    items.sort(key=_given_s, reverse=True)
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    long = [item for item in items if _given_s(item)]
    others = iter(items[len(long) :])
    dealt: list[pytest.Item] = []
    for worker in range(workers):
        part_length = (len(items) - len(dealt)) // (workers - worker)
        first = long[worker::workers]
        dealt += [*first, *islice(others, max(part_length - len(first), 0))]
    items[:] = dealt


def pytest_collection_finish() -> None:
    """Let Python not search thousands of collected tests again each time that it looks for garbage: they stay to the end."""
    gc.freeze()


def _given_s(item: pytest.Item) -> float:
    given = item.get_closest_marker("timeout")
    return float(given.args[0]) if given else 0.0


def _is_further_case(item: pytest.Item) -> bool:
    """Say whether a test is another case of one that is measured: with other values it goes the same ways.

    Parameters of fixtures are no such cases: they choose between storages and other parts, each with code of its own.
    """
    case = getattr(item, "callspec", None)
    if case is None:
        return False
    marks = [mark.args[0] for mark in item.iter_markers("parametrize")]
    names = {name.strip() for each in marks for name in (each.split(",") if isinstance(each, str) else each)}
    return any(index for name, index in case.indices.items() if name in names)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Measure no coverage where it would tell nothing new."""
    measuring = coverage.Coverage.current()
    if measuring is None or not (item.nodeid.startswith(_UNMEASURED) or _given_s(item) or _is_further_case(item)):
        return (yield)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(_FOR_CHILDREN, raising=False)
        measuring.stop()
        try:
            return (yield)
        finally:
            measuring.start()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the downloads and commands of a failed test have said."""
    report = yield
    if report.failed and call.excinfo is not None:
        report.sections += explained(call.excinfo.value)
    return report
