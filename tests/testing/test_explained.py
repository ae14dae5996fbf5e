"""What is shown beside a failed assertion."""

import subprocess
import sys

import pytest
from tests.explained import explained

from fs2od.testing.downloading import Ended
from fs2od.transfer import Failure, NotFound, Report


def test_a_report_in_a_list_says_why() -> None:
    reports = [Report(1, 0, 0, 0, 0, (Failure(("a", "b"), NotFound("it is gone")),), 0.0)]
    with pytest.raises(AssertionError) as failed:
        assert [report.exit_code for report in reports] == [0]
    ((title, text),) = explained(failed.value)
    assert title == "what Report says"
    assert text.startswith("exit code 6: 0 of 1 files")
    assert text.endswith("\na/b: it is gone")


def test_what_has_no_name_says_why() -> None:
    with pytest.raises(AssertionError) as failed:
        assert ended().code == 0
    assert explained(failed.value) == [("what Ended says", "exit code 4: the service is away")]


def test_what_a_command_wrote_to_standard_error_is_shown() -> None:
    words = [sys.executable, "-c", "raise SystemExit('no')"]
    with pytest.raises(AssertionError) as failed:
        assert subprocess.run(words, capture_output=True, text=True, check=False).returncode == 0
    assert explained(failed.value) == [("what CompletedProcess says", "exit code 1: no\n")]


def ended() -> Ended:
    return Ended(4, "", "the service is away")
