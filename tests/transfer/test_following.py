"""What can be followed: a whole dataset, for that alone says one day that it is complete."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fs2od.testing.downloading import Published, command, publish
from fs2od.testing.network import HostileShare, Reply, listed, reply_of
from fs2od.testing.world import ServedWorld, serve_world
from fs2od.transfer import (
    AccessToken,
    Download,
    NeverComplete,
    Options,
    Place,
    Report,
    bundle,
    parse_duration,
    parse_link,
    parse_place,
)
from fs2od.transfer._following import QUIET_S, Following, Shown

FILES = {"Grids/a.mrc": b"a" * 1000, "own/fs2od-sidecar/seal": b"", "b.mrc": b"b"}
LONGEST_S = 20.0


def followed(place: Place, out: Path, options: Options) -> Report:
    stop = threading.Event()
    timer = threading.Timer(LONGEST_S, stop.set)
    timer.start()
    try:
        return Download(place, out, options).run(stop=stop)
    finally:
        timer.cancel()


@dataclass(frozen=True)
class Here:
    """A node with a complete dataset, and a place for what comes of it."""

    world: ServedWorld
    published: Published
    out: Path

    def link(self, path: str) -> Place:
        share = self.world.share(self.world.administrator, self.published.dataset, path, name="part")
        return parse_link(f"{self.world.node.settings.zone_url}/share/{share}")

    def space(self, path: str) -> Place:
        return parse_place(f"{self.published.dataset.space}/{path}", self.world.node.settings.zone_url)

    def followed(self, place: Place) -> Report:
        token = AccessToken(self.world.administrator.token.reveal)
        return followed(place, self.out, Options(follow=True, ca_file=str(self.world.ca), token=token))


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    with serve_world(tmp_path / "world") as world:
        yield Here(world, publish(world, FILES), tmp_path / "out")


def test_a_file_or_a_folder_out_of_a_dataset_is_refused_before_anything_is_written(here: Here) -> None:
    for place, what in (
        (here.link("b.mrc"), "a single file"),
        (here.link("Grids"), "a folder inside a dataset"),
        (here.link("own"), "a folder inside a dataset"),
        (here.space("Grids/a.mrc"), "a single file"),
    ):
        with pytest.raises(NeverComplete, match=f"{what} cannot be followed.*Leave --follow away") as refused:
            here.followed(place)
        assert refused.value.exit_code == 2
    assert not here.out.exists()


def test_whole_datasets_are_followed_by_link_and_by_space_and_folders_where_the_whole_is_seen(here: Here) -> None:
    for place in (parse_link(here.published.link), here.space(""), here.space("Grids")):
        report = here.followed(place)
        assert (report.exit_code, report.sealed) == (0, True)


def test_a_link_to_a_file_of_any_onedata_is_refused(tmp_path: Path) -> None:
    with HostileShare([listed("a.mrc", 1)], {"a.mrc": b"a"}) as share:
        share.answers["facts of root"] = lambda _: reply_of(listed("a.mrc", 1, fileId="root"))
        with pytest.raises(NeverComplete):
            followed(parse_link(share.link), tmp_path / "out", Options(follow=True))


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s

    def passes(self, seconds: float) -> None:
        self.now_s += seconds


def test_a_dataset_without_a_sidecar_is_followed_until_it_was_quiet_for_long() -> None:
    clock, said = Clock(), list[str]()
    following = Following(None, say=said.append, clock=clock)
    following.announce(has_sidecar=False)
    shown = Shown(has_sidecar=False, files=3, size_bytes=30)
    assert not following.is_over(shown)
    clock.passes(QUIET_S - 1)
    assert not following.is_over(shown)
    for news in (shown._replace(files=4), shown._replace(size_bytes=31), shown._replace(fetched=1)):
        clock.passes(1)
        assert not following.is_over(news)
        clock.passes(QUIET_S - 1)
        assert not following.is_over(news._replace(fetched=0))
    clock.passes(1)
    assert following.is_over(shown._replace(fetched=0))
    assert said == [
        "the dataset has no fs2od-sidecar, which would say when it is complete: following until its facility says so, "
        "or until nothing new has come for 2 h (--until-quiet)",
        "nothing new has come for 2 h: this ends here, and the same command looks again",
    ]


def test_a_dataset_with_a_sidecar_is_followed_as_long_as_it_takes_unless_told_otherwise() -> None:
    clock, said = Clock(), list[str]()
    shown = Shown(has_sidecar=True, says_complete=True)
    patient, told = Following(None, say=said.append, clock=clock), Following(90, say=said.append, clock=clock)
    for following in (patient, told):
        following.announce(has_sidecar=True)
        following.announce(has_sidecar=True)
        assert not following.is_over(shown)
    clock.passes(89)
    assert not told.is_over(shown._replace(parts=1))
    clock.passes(90)
    assert told.is_over(shown._replace(parts=1))
    clock.passes(1e9)
    assert not patient.is_over(shown)
    assert said[:2] == [
        "following until the dataset is complete",
        "following until the dataset is complete, or until nothing new has come for 2 min (--until-quiet)",
    ]


def test_where_no_sidecar_may_be_written_the_facility_says_it_and_one_more_look_has_seen_everything() -> None:
    following = Following(None, say=None, clock=Clock())
    complete = Shown(has_sidecar=False, says_complete=True)
    assert not following.is_over(complete)
    assert not following.is_over(complete._replace(says_complete=False))
    assert not following.is_over(complete)
    assert following.is_over(complete)


def test_a_share_that_never_says_it_ends_when_nothing_new_comes(tmp_path: Path) -> None:
    rounds, said = 0, list[str]()
    items = [listed("a.mrc", 1)]

    def grow(_: object) -> Reply:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            items.append(listed("b.mrc", 1))
        return reply_of({"children": items, "isLast": True, "nextPageToken": None})

    with HostileShare(items, {"a.mrc": b"a", "b.mrc": b"b"}) as share:
        share.answers["children of root"] = grow
        options = Options(follow=True, follow_every_s=0.02, follow_quiet_s=3.0, say=said.append)
        report = followed(parse_link(share.link), tmp_path / "out", options)
    assert (report.exit_code, report.files_done, report.sealed) == (0, 2, False)
    assert [line.split(":")[0] for line in said] == [
        "the dataset has no fs2od-sidecar, which would say when it is complete",
        "nothing new has come for 3 s",
    ]


def test_a_share_without_a_sidecar_ends_when_its_facility_says_so(tmp_path: Path) -> None:
    asked = 0

    def say(_: object) -> Reply:
        nonlocal asked
        asked += 1
        return reply_of({"fs2od": {"state": "complete" if asked > 2 else "acquiring"}})

    with HostileShare([listed("a.mrc", 1)], {"a.mrc": b"a"}) as share:
        share.answers["/api/v3/onezone/shares/data/root/metadata/json"] = say
        report = followed(parse_link(share.link), tmp_path / "out", Options(follow=True, follow_every_s=0.02))
    assert (report.exit_code, report.files_done) == (0, 1)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), (" 45 min", 2700), ("1.5h", 5400), ("2d", 172_800)])
def test_durations_are_understood(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "-1h", "0s", "1m", "nan s", "1e3s", "2 h 3"])
def test_what_is_no_duration_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="45min"):
        parse_duration(text)


@pytest.mark.parametrize("front", [command(), (sys.executable, "get.py")], ids=["fs2od", "get.py"])
def test_an_end_without_following_and_no_duration_are_wrong_usage(front: tuple[str, ...], tmp_path: Path) -> None:
    if front[-1] == "get.py":
        (tmp_path / "get.py").write_text(bundle())
    link = "https://localhost:1/share/1a2b"
    for options in (["--until-quiet", "2h"], ["--follow", "--until-quiet", "soon"]):
        words = [*front, link, "out", *options]
        said = subprocess.run(words, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert (said.returncode, "--until-quiet" in said.stderr) == (2, True), said.stderr


def test_what_was_brought_and_is_no_longer_in_the_dataset_stays_and_is_told(tmp_path: Path) -> None:
    rounds = 0
    given = [listed("kept", 1), listed("SPA.yml", 9)]
    items = [*given, listed(".running", 0), listed("a.tmp", 1), listed("for members now", 1), listed("lost here", 1)]
    contents = {".running": b"", "a.tmp": b"a", "a.mrc": b"a", "kept": b"k", "lost here": b"l"}
    members_only = reply_of({"error": {"id": "posix", "description": "", "details": {"errno": "eacces"}}}, status=400)

    def rename(_: object) -> Reply:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            items[:] = [*given, listed("a.mrc", 1), listed("for members now", 2)]
            share.answers["content of id-for members now"] = lambda _: members_only
            (tmp_path / "out" / "lost here").unlink()
        return reply_of({"children": items, "isLast": True, "nextPageToken": None})

    with HostileShare(items, {**contents, "for members now": b"f"}) as share:
        share.answers["children of root"] = rename
        share.answers["content of id-SPA.yml"] = lambda _: members_only
        options = Options(follow=True, follow_every_s=0.02, follow_quiet_s=0.3)
        report = followed(parse_link(share.link), tmp_path / "out", options)
    assert (report.exit_code, report.files_done) == (0, 2)
    assert [each.path[-1] for each in report.withheld] == ["SPA.yml", "for members now"]
    assert list(report.left_behind) == [".running", "a.tmp"]
    assert "; 2 files that stand here are no longer in the dataset: .running, a.tmp" in report.summary()
    assert report.document("out")["no_longer_in_dataset"] == [".running", "a.tmp"]
    stand = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert stand == [".running", "a.mrc", "a.tmp", "for members now", "kept"]
