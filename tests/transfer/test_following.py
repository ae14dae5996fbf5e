"""What can be followed: a whole dataset, for that alone says one day that it is complete."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fs2od.testing.downloading import Published, publish
from fs2od.testing.network import HostileShare, listed, reply_of
from fs2od.testing.world import ServedWorld, serve_world
from fs2od.transfer import AccessToken, Download, NeverComplete, Options, Place, Report, parse_link, parse_place

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


def test_a_folder_with_a_sidecar_of_its_own_is_a_dataset_whatever_lies_above(here: Here) -> None:
    stop = threading.Event()
    options = Options(follow=True, ca_file=str(here.world.ca))

    def stop_when_it_has_come(_: object) -> None:
        if (here.out / "fs2od-sidecar" / "seal").exists():
            stop.set()

    assert Download(here.link("own"), here.out, options).run(stop_when_it_has_come, stop).exit_code == 130


def test_a_link_to_a_file_of_any_onedata_is_refused(tmp_path: Path) -> None:
    with HostileShare([listed("a.mrc", 1)], {"a.mrc": b"a"}) as share:
        share.answers["facts of root"] = lambda _: reply_of(listed("a.mrc", 1, fileId="root"))
        with pytest.raises(NeverComplete):
            followed(parse_link(share.link), tmp_path / "out", Options(follow=True))
