import pytest

from fs2od.errors import Fs2odError, IntegrityFailure, StorageError
from fs2od.onedata.errors import ConnectionLost, forbidden, not_found, posix, unauthorized
from fs2od.transfer import Failure, LinkEnded, Report, readable_size, shown_path


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
    failure = Failure(("a", "b.mrc"), forbidden())
    said = "9,119 of 9,120 files, 1.84 TB; 1 could not be fetched: a/b.mrc: the link gives no access to it"
    assert report(failure).summary() == said


def test_what_the_link_does_not_give_is_told_apart_and_is_no_failure() -> None:
    withheld = report(Failure(("SPA.yml",), posix("eacces")))
    assert withheld.summary() == "9,119 of 9,119 files, 1.84 TB; 1 for members only: SPA.yml"
    assert withheld.exit_code == 0
    assert not withheld.missing


def test_the_summary_names_a_few_and_counts_the_rest() -> None:
    failures = [Failure((str(number),), not_found()) for number in range(5)]
    assert report(*failures).summary().endswith(", and 2 more")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConnectionLost("gone"), 4),
        (unauthorized(), 5),
        (forbidden(), 5),
        (not_found(), 6),
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
    errors = [ConnectionLost("gone"), IntegrityFailure("bad"), not_found()]
    assert report(*(Failure(("a",), error) for error in errors)).exit_code == 8


def test_what_stopped_the_run_speaks_before_single_failures() -> None:
    assert report(Failure(("a",), IntegrityFailure("bad")), stopped_by=ConnectionLost("gone")).exit_code == 4


def test_a_whole_download_ends_with_zero() -> None:
    assert report().exit_code == 0


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
