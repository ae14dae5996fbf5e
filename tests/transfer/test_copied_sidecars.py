"""Results that hold a copy of a dataset's sidecar: it vouches for nothing there, and the node knows what was put."""

import os
import ssl
import time
from pathlib import Path

import httpx
import pytest

from fs2od.manifests import MANIFEST, SIDECAR
from fs2od.testing.sidecars import extend_sidecar
from fs2od.testing.world import ServedWorld, wait_until, write_files
from fs2od.transfer import AccessToken, Download, Options, Patience, Place, SpacePlace, parse_link

QUICK = Patience(tries=4, first_pause_s=0.01, longest_pause_s=0.05)
NS = 1_000_000_000
PART = f"{SIDECAR}/{MANIFEST}/000001.jsonl"


class Desk:
    """Somebody with a folder of results, and a space that they are written into as they are: with all that lies there."""

    def __init__(self, world: ServedWorld, home: Path) -> None:
        self.world = world
        self.home = home
        self.alex = world.person()
        self.dataset = world.results(self.alex)
        self.options = Options(ca_file=str(world.ca), patience=QUICK, token=AccessToken(self.alex.token.reveal))

    def put(self, below: str, only: str = "**/*") -> None:
        top = self.world.id_of(self.dataset, "")
        headers = {"X-Auth-Token": self.alex.token.reveal()}
        with httpx.Client(headers=headers, verify=ssl.create_default_context(cafile=str(self.world.ca))) as client:
            for path in [path for path in self.home.glob(only) if path.is_file()]:
                url = f"{self.world.node.settings.provider_url}/api/v3/oneprovider/data/{top}/path"
                url += f"/{below}{path.relative_to(self.home)}?create_parents=true"
                assert client.put(url, content=path.read_bytes()).status_code == 201
        # A list of checksums does not speak of what was written in the same moment.
        written_s = time.time()
        wait_until(lambda: time.time() > written_s + 5, 60.0)

    def put_sidecar(self) -> None:
        """Put it into the root, as a node took it that let one be written there."""
        (self.home / SIDECAR).rename(self.home / "sidecar")
        self.put("", "sidecar/**/*")
        with self.world.node.provider.indexes.using(self.dataset.space) as index, index.database.writing() as db:
            db.execute("UPDATE entry SET name = ? WHERE name = 'sidecar'", (SIDECAR,))
        (self.dataset.folder / "sidecar").rename(self.dataset.folder / SIDECAR)

    def place(self, path: str) -> Place:
        return SpacePlace(self.world.node.settings.zone_url, self.dataset.space, path)

    def link(self, path: str) -> Place:
        share = self.world.share(self.alex, self.dataset, path, name="part")
        return parse_link(f"{self.world.node.settings.zone_url}/share/{share}")


@pytest.fixture
def desk(world: ServedWorld, tmp_path: Path) -> Desk:
    return Desk(world, tmp_path / "home")


def a_part_of_a_dataset_and_mine(desk: Desk) -> None:
    write_files(desk.home, {"Grids/a.xml": b"raw", "movie.mrc": b"m" * 5000})
    extend_sidecar(desk.home, seal=True)
    (desk.home / "movie.mrc").unlink()
    write_files(desk.home, {"my.star": b"mine"})


@pytest.mark.parametrize("damaged", [False, True], ids=["sound", "damaged"])
def test_results_that_hold_a_copied_sidecar_come_whole_and_are_compared(
    desk: Desk, tmp_path: Path, *, damaged: bool
) -> None:
    a_part_of_a_dataset_and_mine(desk)
    if damaged:
        (desk.home / PART).write_bytes(b"{}\n")
    desk.put("pp/p1/")
    files = [path for path in desk.home.rglob("*") if path.is_file()]
    for number, place in enumerate([desk.place("pp/p1"), desk.link("pp/p1")]):
        download = Download(place, tmp_path / f"out{number}", desk.options)
        for report in (download.run(), download.run()):
            assert (report.exit_code, report.sealed) == (0, False), report.summary()
            assert report.summary().endswith("all intact"), report.summary()
        checked = download.verify()
        assert (checked.exit_code, checked.files_done) == (0, len(files)), checked.summary()
        (tmp_path / f"out{number}" / "my.star").write_bytes(b"MINE")
        checked = download.verify()
        assert checked.exit_code == 8, checked.summary()


def test_nothing_is_missed_in_a_part_of_results_for_what_a_copied_sidecar_above_it_says(
    desk: Desk, tmp_path: Path
) -> None:
    a_part_of_a_dataset_and_mine(desk)
    (desk.home / "Grids/a.xml").rename(desk.home / "Grids/b.xml")
    desk.put("pp/p1/")
    report = Download(desk.place("pp/p1/Grids"), tmp_path / "out", desk.options).run()
    assert (report.exit_code, report.files_intact, report.sealed) == (0, 1, False), report.summary()


@pytest.mark.parametrize("is_earlier", [False, True], ids=["of-that-second", "of-an-earlier-one"])
def test_what_a_sidecar_does_not_vouch_for_is_compared_with_what_the_node_knows(
    desk: Desk, tmp_path: Path, *, is_earlier: bool
) -> None:
    write_files(desk.home, {"Grids/a.xml": b"raw", "maps/my.star": b"mine"})
    desk.put("")
    # The manifest is of another state of the one, and has not heard of the other.
    put_s = (desk.dataset.folder / "Grids/a.xml").stat().st_mtime_ns // NS
    (desk.home / "maps/my.star").unlink()
    os.utime(desk.home / "Grids/a.xml", ns=(0, (put_s - 9 * is_earlier) * NS))
    extend_sidecar(desk.home, seal=True)
    desk.put_sidecar()
    download = Download(desk.place(""), tmp_path / "out", desk.options)
    report = download.run()
    assert (report.exit_code, report.sealed) == (0, True), report.summary()
    assert report.summary().endswith("all intact"), report.summary()
    # It is the bytes that were compared, and by what they are now.
    (tmp_path / "out/Grids/a.xml").write_bytes(b"RAW")
    again = download.run()
    assert (again.exit_code, again.files_fetched) == (0, 1), again.summary()
    assert (tmp_path / "out/Grids/a.xml").read_bytes() == b"raw"
