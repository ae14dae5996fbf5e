import json
import re
import time
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest

from fs2od.errors import Fs2odError, IntegrityFailure, StorageError
from fs2od.transfer import (
    Busy,
    ConnectionLost,
    Estimate,
    Failure,
    FileReport,
    LinkEnded,
    Report,
    extras_document,
    readable_size,
    shown_path,
)
from fs2od.transfer._refusals import refusal_of


def posix(errno: str) -> Fs2odError:
    body = {"error": {"id": "posix", "description": "no", "details": {"errno": errno}}}
    return refusal_of(400, json.dumps(body).encode())


def report(*failures: Failure, stopped_by: Fs2odError | None = None) -> Report:
    return Report(
        files_total=9120,
        files_fetched=9119,
        files_present=0,
        bytes_done=1_840_000_000_000,
        bytes_fetched=0,
        failures=failures,
        elapsed_s=1.0,
        stopped_by=stopped_by,
    )


def test_the_summary_says_how_many_and_which_one_is_missing() -> None:
    failure = Failure(("a", "b.mrc"), refusal_of(403, b""))
    said = "9,119 of 9,120 files, 1.84 TB, checked by size only; 1 could not be fetched: a/b.mrc: the link gives no access to it"
    assert report(failure).summary() == said


def test_what_the_link_does_not_give_is_told_apart_and_is_no_failure() -> None:
    withheld = report(Failure(("SPA.yml",), posix("eacces")))
    assert withheld.summary() == "9,119 of 9,119 files, 1.84 TB, checked by size only; 1 for members only: SPA.yml"
    assert withheld.exit_code == 0
    assert not withheld.missing


def test_the_summary_names_a_few_and_counts_the_rest() -> None:
    failures = [Failure((str(number),), refusal_of(404, b"")) for number in range(5)]
    assert report(*failures).summary().endswith(", and 2 more")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConnectionLost("gone"), 4),
        (refusal_of(401, b""), 5),
        (refusal_of(403, b""), 5),
        (refusal_of(404, b""), 6),
        (posix("enoent"), 6),
        (posix("eio"), 4),
        (StorageError("no"), 7),
        (IntegrityFailure("bad"), 8),
        (LinkEnded("ended"), 5),
    ],
)
def test_each_reason_has_its_exit_code(error: Fs2odError, code: int) -> None:
    assert report(Failure(("a",), error)).exit_code == code


def test_the_gravest_failure_speaks_for_all() -> None:
    errors = [ConnectionLost("gone"), IntegrityFailure("bad"), refusal_of(404, b"")]
    assert report(*(Failure(("a",), error) for error in errors)).exit_code == 8


def test_what_stopped_the_run_speaks_before_single_failures() -> None:
    assert report(Failure(("a",), IntegrityFailure("bad")), stopped_by=ConnectionLost("gone")).exit_code == 4


def test_a_whole_download_ends_with_zero() -> None:
    assert report().exit_code == 0


def test_what_is_known_only_by_its_size_is_never_called_intact() -> None:
    some = replace(report(), files_total=9119, files_intact=9000)
    assert some.summary() == "9,119 of 9,119 files, 1.84 TB, intact but for 119 checked by size only"
    one = replace(some, files_intact=9100, files_beside=18, unchecked=("SPA.yml",))
    assert one.summary().endswith("TB, intact but for 1 checked by size only (SPA.yml)")
    assert replace(some, files_intact=9119).summary() == "9,119 of 9,119 files, 1.84 TB, all intact"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_service_that_is_busy_is_asked_again_as_late_as_it_says(status: int) -> None:
    error = refusal_of(status, b"<html>", retry_after="17")
    assert isinstance(error, Busy)
    assert error.retry_after_s == 17


@pytest.mark.parametrize(("at_s", "asked_s"), [(100, 100), (-100, 0)])
def test_a_service_that_says_until_when_it_is_busy_is_left_alone_so_long(at_s: int, asked_s: int) -> None:
    error = refusal_of(503, b"", retry_after=formatdate(time.time() + at_s, usegmt=True))
    assert isinstance(error, Busy)
    assert error.retry_after_s == pytest.approx(asked_s, abs=5)


@pytest.mark.parametrize("said", ["", "soon", "-1", "9" * 20, "Mon, 99 Nov 99999 12:00:20 GMT"])
def test_a_time_that_is_none_is_as_good_as_none(said: str) -> None:
    error = refusal_of(503, b"", retry_after=said)
    assert isinstance(error, Busy)
    assert error.retry_after_s is None


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"error":7}', b'{"error":{"id":["x"]}}', b"[" * 100_000])
def test_no_refusal_is_too_strange_to_be_understood(body: bytes) -> None:
    assert refusal_of(400, body).exit_code == 4


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.00 kB"),
        (9_995, "10.0 kB"),
        (99_960, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.00 MB"),
        (1_840_000_000_000, "1.84 TB"),
        (10**21, "1000 EB"),
    ],
)
def test_sizes_have_three_digits(size: int, text: str) -> None:
    assert readable_size(size) == text


def test_a_hostile_name_is_shown_on_one_line_without_commands_to_the_terminal() -> None:
    shown = shown_path(("..", "a/b", "x\n\x1b[2J\u202e"))
    assert shown.isprintable()
    assert "/b" not in shown


def documented(heading: str) -> list[str]:
    """Return the keys that the manual names under a heading, in their order."""
    page = (Path(__file__).parents[2] / "docs" / "reference" / "reports.md").read_text(encoding="utf-8")
    section = page.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    first_cells = re.findall(r"^\|([^|]*)\|", section, re.MULTILINE)
    return re.findall(r"`([^`]+)`", "\n".join(first_cells))


def test_the_manual_names_exactly_the_keys_of_the_json() -> None:
    files = [FileReport("a", "failed", 1, fetched=False, reason="why")]
    of_report = replace(report(Failure(("a",), ConnectionLost("why"))), files=tuple(files)).document("out")
    [failure] = of_report["failures"] if isinstance(of_report["failures"], list) else []
    assert documented("The report") == list(of_report)
    assert documented("One of the failures") == list(failure)
    states = ["intact", "size", "failed", "withheld", "left out", "gone"]
    assert documented("One of the files") == [*files[0].document(), *states]
    assert documented("What --dry-run says") == list(Estimate(0, 0, 0, 0, 0.0).document())
    assert documented("The extras") == list(extras_document([]))
