"""What a session consists of, before anything is written."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fs2od.errors import ConfigurationError
from fs2od.testing.microscope import Remove, Rename, Session, Write, plan

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def final_paths(session: Session) -> set[str]:
    present: set[str] = set()
    for step in plan(session, start=START):
        match step:
            case Write():
                present.add(str(step.path))
            case Rename():
                present.remove(str(step.source))
                present.add(str(step.path))
            case Remove():
                present.remove(str(step.path))
    return present


@settings(max_examples=40, deadline=None)
@given(count=st.integers(13, 3000))
def test_a_session_of_so_many_files_ends_with_exactly_so_many(count: int) -> None:
    session = Session.of_files(count)
    assert session.file_count == count
    assert len(final_paths(session)) == count


@settings(max_examples=30, deadline=None)
@given(
    squares=st.integers(1, 4),
    idle=st.integers(0, 5),
    holes=st.integers(1, 4),
    images=st.integers(1, 4),
    stop_after=st.none() | st.integers(1, 80),
)
def test_the_number_of_files_is_known_beforehand(
    squares: int, idle: int, holes: int, images: int, stop_after: int | None
) -> None:
    session = Session(
        grid_squares=squares,
        idle_squares=idle,
        holes_per_square=holes,
        images_per_hole=images,
        images=stop_after,
    )
    assert len(final_paths(session)) == session.file_count


def test_a_session_can_be_given_a_size() -> None:
    small = Session.of_files(250, total_bytes=20_000_000)
    large = Session.of_files(250, total_bytes=100_000_000)
    assert small.file_count == large.file_count == 250
    assert small.frame_shape[0] * small.frames < large.frame_shape[0] * large.frames


def test_a_session_takes_names_and_seed_from_another() -> None:
    like = Session(name="Ribosome", seed=7, experimenter_email="kim@example.org")
    session = Session.of_files(100, like=like)
    assert (session.name, session.seed, session.experimenter_email) == ("Ribosome", 7, "kim@example.org")


def test_a_very_large_session_is_cheap_to_describe() -> None:
    session = Session.of_files(200_000)
    assert session.file_count == 200_000
    assert session.frame_shape[0] * session.frame_shape[1] < 300


def test_a_rate_in_files_or_movies_gives_the_duration() -> None:
    session = Session.of_files(200)
    assert session.duration_at(files_per_second=4) == timedelta(seconds=50)
    assert session.duration_at(movies_per_minute=session.image_count) == timedelta(minutes=1)


@pytest.mark.parametrize(
    ("files", "movies"), [(None, None), (1.0, 1.0), (0.0, None), (None, -3.0), (float("nan"), None)]
)
def test_a_rate_that_makes_no_sense_is_refused(files: float | None, movies: float | None) -> None:
    with pytest.raises(ConfigurationError, match="rate"):
        Session().duration_at(files_per_second=files, movies_per_minute=movies)


@pytest.mark.parametrize("count", [-1, 0, 12, 2_000_001])
def test_too_few_or_too_many_files_are_refused(count: int) -> None:
    with pytest.raises(ConfigurationError, match="13 to 2,000,000 files"):
        Session.of_files(count)


@pytest.mark.parametrize(("total_bytes", "reason"), [(1000, "need at least"), (10**15, "cannot hold")])
def test_a_size_that_does_not_fit_the_number_of_files_is_refused(total_bytes: int, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        Session.of_files(100, total_bytes=total_bytes)


@pytest.mark.parametrize(
    "change",
    [
        {"grid_squares": 0},
        {"idle_squares": -1},
        {"frames": 0},
        {"frame_shape": (0, 64)},
        {"images": 0},
        {"seed": -1},
        {"name": " "},
        {"sample": "two\nlines"},
        {"experimenter_name": "nul\0"},
        {"experimenter_email": "nobody"},
        {"operator_email": "a b@example.org"},
    ],
    ids=str,
)
def test_a_session_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        replace(Session(), **change)
