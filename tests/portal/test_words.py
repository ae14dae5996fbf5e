from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from fs2od.portal._language import ENGLISH
from fs2od.portal._words import shown_name

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


def test_what_cannot_be_seen_in_a_name_is_made_visible() -> None:
    assert shown_name("a\nb\tc") == "a\u240ab\u2409c"
    assert shown_name("photo\u202egpj.exe") == "photo[U+202E]gpj.exe"
    assert shown_name("\x7f\x85\u2028") == "\u2421[U+0085][U+2028]"
    assert shown_name("Größe 試料 🧊") == "Größe 試料 🧊"
