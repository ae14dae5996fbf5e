from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from fs2od.portal._language import ENGLISH

NOW = datetime(2026, 11, 5, 14, 2, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-30, "just now"),
        (0, "just now"),
        (12, "12 s ago"),
        (89, "89 s ago"),
        (300, "5 min ago"),
        (3 * 3600, "3 h ago"),
        (5 * 86400, "5 days ago"),
        (40 * 86400, "on 26 September 2026"),
    ],
)
def test_time_that_passed_is_said_in_the_unit_that_fits(seconds: int, words: str) -> None:
    assert ENGLISH.ago(NOW - timedelta(seconds=seconds), NOW) == words


def test_a_moment_names_its_zone_and_is_told_in_it() -> None:
    assert (
        ENGLISH.moment(datetime(2026, 11, 5, 15, 2, tzinfo=timezone(timedelta(hours=1))))
        == "5 November 2026, 14:02 UTC"
    )
