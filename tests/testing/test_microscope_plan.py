"""In which order and under which names things are written."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from fs2od.testing.microscope import PARTIAL_SUFFIX, Kind, Remove, Rename, Session, Write, plan

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
SESSION = Session(grid_squares=3, idle_squares=5, holes_per_square=3, images_per_hole=4, seed=11)
STAMP = r"\d{8}_\d{6}"
NAMES = re.compile(
    rf"""(?: EpuSession\.dm | SPA\.yml | \.running | Metadata/GridSquare_\d+\.dm
    | Images-Disc1/GridSquare_\d+/ (?:
        GridSquare_{STAMP}\.(?:xml|jpg|mrc)
      | FoilHoles/FoilHole_\d+_{STAMP}\.(?:xml|jpg|mrc)
      | Data/FoilHole_\d+_Data_\d+_\d+_{STAMP}(?:\.xml|\.jpg|\.mrc|_Fractions\.mrc)
    ) ) (?:\.downloading)? """,
    re.VERBOSE,
)


def test_the_same_session_and_start_give_the_same_plan() -> None:
    assert list(plan(SESSION, start=START)) == list(plan(SESSION, start=START))


def test_another_seed_gives_other_names() -> None:
    other = Session(grid_squares=3, idle_squares=5, holes_per_square=3, images_per_hole=4, seed=12)
    ours = {step.path for step in plan(SESSION, start=START)}
    shared = ours & {step.path for step in plan(other, start=START)}
    assert {str(path) for path in shared} == {"EpuSession.dm", "SPA.yml", ".running"}


def test_every_name_is_one_that_epu_uses() -> None:
    for step in plan(SESSION, start=START):
        assert NAMES.fullmatch(str(step.path)), step.path


def test_the_running_file_lies_there_from_first_to_last() -> None:
    steps = list(plan(SESSION, start=START))
    first, last = steps[0], steps[-1]
    assert isinstance(first, Write)
    assert first.kind is Kind.RUNNING
    assert isinstance(last, Remove)
    assert last.path == first.path


def test_the_metadata_file_comes_within_the_first_second() -> None:
    for duration in (timedelta(hours=3), timedelta(seconds=2), None):
        steps = plan(SESSION, start=START, duration=duration)
        found = next(step for step in steps if str(step.path) == "SPA.yml")
        assert found.after < timedelta(seconds=1)


def test_steps_come_in_order_and_within_the_duration() -> None:
    duration = timedelta(seconds=90)
    times = [step.after for step in plan(SESSION, start=START, duration=duration)]
    assert times == sorted(times)
    assert times[0] == timedelta(0)
    assert abs(times[-1] - duration) < timedelta(milliseconds=1)


def test_files_come_in_bursts_with_pauses_between() -> None:
    duration = timedelta(seconds=100)
    times = [step.after for step in plan(SESSION, start=START, duration=duration)]
    slot = duration / (SESSION.hole_count + 1)
    pauses = [later - earlier for earlier, later in pairwise(times) if later - earlier > 0.4 * slot]
    assert len(pauses) == SESSION.hole_count
    assert max(times.count(each) for each in times) < 5


def test_micrographs_often_come_before_their_holes_overview() -> None:
    early = 0
    seen: set[str] = set()
    for step in plan(SESSION, start=START):
        if isinstance(step, Write) and step.exposure is not None and step.kind is Kind.DOCUMENT:
            name = step.path.name
            hole = "_".join(name.split("_")[:2])
            early += "_Data_" in name and f"overview {hole}" not in seen
            if "_Data_" not in name:
                seen.add(f"overview {hole}")
    assert early > SESSION.hole_count / 2


def test_the_first_squares_overview_comes_after_its_first_micrographs() -> None:
    paths = [str(step.path) for step in plan(SESSION, start=START) if isinstance(step, Write)]
    first_overview = next(i for i, path in enumerate(paths) if re.search(rf"/GridSquare_{STAMP}\.xml", path))
    first_micrograph = next(i for i, path in enumerate(paths) if "/Data/" in path)
    assert first_micrograph < first_overview


def test_mrc_files_have_a_partial_name_until_they_are_whole() -> None:
    waiting: set[str] = set()
    renamed = 0
    between = 0
    for step in plan(SESSION, start=START):
        match step:
            case Write():
                assert step.path.name.endswith(PARTIAL_SUFFIX) == (step.kind in (Kind.TOTAL, Kind.MOVIE))
                between += bool(waiting)
                if step.path.name.endswith(PARTIAL_SUFFIX):
                    waiting.add(str(step.path))
            case Rename():
                waiting.remove(str(step.source))
                assert str(step.source) == str(step.path) + PARTIAL_SUFFIX
                renamed += 1
            case Remove():
                assert not waiting
    assert renamed == 2 * SESSION.image_count + SESSION.hole_count + SESSION.imaged_square_count
    assert between > 0


def test_every_square_has_metadata_also_the_idle_ones() -> None:
    first: set[str] = set()
    again: set[str] = set()
    for step in plan(SESSION, start=START):
        if isinstance(step, Write) and step.kind is Kind.SQUARE:
            (again if str(step.path) in first else first).add(str(step.path))
    assert len(first) == SESSION.known_square_count == 8
    assert len(again) == SESSION.imaged_square_count == 3


def test_names_tell_when_the_exposure_was_taken() -> None:
    duration = timedelta(minutes=30)
    for step in plan(SESSION, start=START, duration=duration):
        if isinstance(step, Write) and step.exposure is not None and step.kind is Kind.DOCUMENT:
            stamp = step.path.stem[-15:]
            taken = datetime.strptime(stamp, "%Y%m%d_%H%M%S").replace(tzinfo=UTC)
            assert taken == step.exposure.acquired_at.replace(microsecond=0)
            assert START <= taken <= START + step.after
