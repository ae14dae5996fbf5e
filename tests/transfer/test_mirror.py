"""Mirrors: what is brought again and what is not, several at one folder, what is removed; and their bad days."""

import os
import random
import shutil
import signal
import ssl
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from fs2od.manifests import PIECE_BYTES, SIDECAR
from fs2od.testing.downloading import BehindProxy, Downloader, Published, behind_proxy, publish
from fs2od.testing.network import Cut, Refuse, Throttle
from fs2od.testing.sidecars import extend_sidecar
from fs2od.testing.small_disks import resized, small_disk
from fs2od.testing.system import tree
from fs2od.testing.world import ServedWorld, wait_until
from fs2od.transfer import AccessToken, Crew, KeptLedger, Mirror, Options, SpacePlace, parse_link

BIG = random.Random(9).randbytes(2 * PIECE_BYTES + 99)
OTHER = random.Random(10).randbytes(PIECE_BYTES + 7)
FILES = {"SPA.yml": b"User: {}\n", "big.mrc": BIG} | {
    f"Grids/{number:03}.mrc": bytes([number % 256]) * 5000 for number in range(120)
}
STATE = ".fs2od-mirror"
LONGEST_S = 100.0
Site = tuple[BehindProxy, Published]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with behind_proxy(tmp_path / "site") as behind:
        yield behind, publish(behind.world, FILES, seal=False)


def mirror_of(site: Site, out: Path) -> Downloader:
    behind, published = site
    return Downloader((sys.executable, "-m", "fs2od", "mirror"), published.link, out, behind.world.ca)


def shown(out: Path) -> dict[str, str]:
    return {path: said for path, said in tree(out).items() if path.split("/")[0] != STATE}


def test_a_second_run_brings_and_reads_nothing_until_the_record_is_deleted(site: Site, tmp_path: Path) -> None:
    _, published = site
    mirror = mirror_of(site, tmp_path / "out")
    assert mirror.run().code == 0
    assert shown(mirror.out) == published.files()
    file = mirror.out / "Grids/007.mrc"
    facts = file.stat()
    with file.open("r+b") as opened:
        opened.write(b"!")
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    told = mirror.run().told
    assert (told["files_fetched"], told["files_intact"]) == (0, len(FILES))
    assert file.read_bytes()[:1] == b"!", "what was found right is not read again"
    shutil.rmtree(mirror.out / STATE)
    assert mirror.run().told["files_fetched"] == 1
    assert shown(mirror.out) == published.files()


def test_what_changed_comes_and_what_is_new_comes(site: Site, tmp_path: Path) -> None:
    behind, published = site
    mirror = mirror_of(site, tmp_path / "out")
    assert mirror.run().code == 0
    (published.folder / "later.mrc").write_bytes(b"later")
    (published.folder / "SPA.yml").write_bytes(b"User: {name: x}\n")
    extend_sidecar(published.folder, seal=True)
    behind.world.rescan(published.dataset.space)
    told = mirror.run().told
    assert told["complete"]
    assert told["files_fetched"] <= 5
    assert shown(mirror.out) == published.files()


def test_a_file_that_somebody_changed_at_the_same_size_is_found(site: Site, tmp_path: Path) -> None:
    _, published = site
    mirror = mirror_of(site, tmp_path / "out")
    assert mirror.run().code == 0
    file = mirror.out / "Grids/007.mrc"
    facts = file.stat()
    file.write_bytes(b"x" * 5000)
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns + 5_000_000))
    assert mirror.run().code == 0
    assert shown(mirror.out) == published.files()


def test_two_mirrors_share_the_work_and_both_end_whole(site: Site, tmp_path: Path) -> None:
    _, published = site
    mirror = mirror_of(site, tmp_path / "out")
    running = [mirror.start("--limit-rate", "8M") for _ in range(2)]
    ended = [mirror.wait(process) for process in running]
    assert [each.code for each in ended] == [0, 0], [each.said for each in ended]
    assert shown(mirror.out) == published.files()
    fetched = [each.told["files_fetched"] for each in ended]
    assert sum(fetched) <= len(FILES) * 1.8
    assert not list((mirror.out / STATE / "crew").iterdir())


def test_who_dies_is_replaced(site: Site, tmp_path: Path) -> None:
    _, published = site
    mirror = mirror_of(site, tmp_path / "out")
    with mirror.start("--limit-rate", "1M") as process:
        wait_until(lambda: any(mirror.out.glob("Grids/*.mrc")), LONGEST_S)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    crew = mirror.out / STATE / "crew"
    for left in crew.iterdir():
        os.utime(left, (1, 1))
    assert mirror.run().code == 0
    assert shown(mirror.out) == published.files()


def test_it_goes_on_where_it_was_cut_off(site: Site, tmp_path: Path) -> None:
    behind, published = site
    mirror = mirror_of(site, tmp_path / "out")
    behind.proxy.strike(Cut(PIECE_BYTES + 5), when=behind.about_pieces, times=3)
    behind.proxy.strike(Refuse(503), when=behind.about_bytes, times=2)
    assert mirror.run().code == 0
    assert shown(mirror.out) == published.files()
    assert behind.proxy.body_bytes() < 1.6 * sum(map(len, FILES.values())) + 2 * PIECE_BYTES


def test_nothing_is_removed_unless_asked_and_shown(site: Site, tmp_path: Path) -> None:
    mirror = mirror_of(site, tmp_path / "out")
    assert mirror.run().code == 0
    (mirror.out / "mine" / "deep").mkdir(parents=True)
    (mirror.out / "mine" / "deep" / "notes.txt").write_text("x")
    (mirror.out / "Grids" / "old.mrc").write_text("y")
    assert mirror.run().code == 0
    assert mirror.run("--delete").code == 2
    rehearsed = mirror.run("--delete", "--dry-run")
    assert rehearsed.code == 0
    assert "Grids/old.mrc" in rehearsed.said
    assert "mine/ (1 files)" in rehearsed.said
    assert (mirror.out / "mine" / "deep" / "notes.txt").exists()
    removed = mirror.run("--delete", "--yes")
    assert removed.code == 0
    assert "mine/" in removed.said
    assert not (mirror.out / "mine").exists()
    assert not (mirror.out / "Grids" / "old.mrc").exists()
    assert shown(mirror.out) == site[1].files()


def test_what_the_selection_leaves_out_is_not_removed(site: Site, tmp_path: Path) -> None:
    behind, published = site
    options = Options(exclude=("*.txt",), ca_file=str(behind.world.ca))
    mirror = Mirror(parse_link(published.link), tmp_path / "out", options)
    assert mirror.run().exit_code == 0
    (tmp_path / "out" / "mine").mkdir()
    for name in ("keep.txt", "go.mrc"):
        (tmp_path / "out" / "mine" / name).write_text("x")
    assert [each.path for each in mirror.extras()] == [("mine", "go.mrc")]


@pytest.mark.parametrize("words", [("mirror",), ("stage", "in")], ids=" ".join)
def test_a_list_of_files_is_mirrored_and_nothing_else_is_touched(
    site: Site, tmp_path: Path, words: tuple[str, ...]
) -> None:
    chosen, out = tmp_path / "chosen.txt", tmp_path / "out"
    chosen.write_text("Grids/001.mrc\nGrids/002.mrc\n")
    command = replace(mirror_of(site, out), words=(sys.executable, "-m", "fs2od", *words), more=())
    ended = command.run("--files-from", str(chosen))
    assert ended.code == 0, ended
    of_data = {path for path, said in shown(out).items() if said != "dir" and not path.startswith(SIDECAR)}
    assert of_data == {"Grids/001.mrc", "Grids/002.mrc"}
    chosen.write_text("Grids/001.mrc\nGrids/gone.mrc\n")
    (out / "Grids" / "mine.mrc").write_bytes(b"x")
    missed = command.run("--files-from", str(chosen), *(["--delete", "--yes"] if words == ("mirror",) else []))
    assert missed.code == 6, missed
    assert "gone.mrc" in missed.said
    assert f"--files-from {chosen}" in missed.said
    assert {"Grids/002.mrc", "Grids/mine.mrc"} <= shown(out).keys()


def test_what_a_list_of_files_leaves_out_is_not_removed(site: Site, tmp_path: Path) -> None:
    behind, published = site
    out = tmp_path / "out"
    options = Options(only=("Grids/001.mrc", "SPA.yml", "mine/listed"), ca_file=str(behind.world.ca))
    for name in ("top.txt", "Grids/old.mrc", "mine/listed/old.mrc", "mine/other.mrc"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("x")
    mirror = Mirror(parse_link(published.link), out, options)
    assert [each.path for each in mirror.extras()] == [("mine", "listed", "old.mrc")]


def test_nothing_is_removed_when_something_is_missing(site: Site, tmp_path: Path) -> None:
    behind, _ = site
    mirror = mirror_of(site, tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x")
    behind.proxy.strike(Refuse(403), when=behind.about_bytes, times=10_000)
    assert mirror.run("--delete", "--yes").code != 0
    assert (tmp_path / "out" / "mine.txt").exists()


def nothing_is_undeliverable(site: Site) -> None:
    """Let the facility say so; else a link that leads out may be one of the dataset's."""
    behind, published = site
    world, root = behind.world, behind.world.id_of(published.dataset)
    url = f"{world.node.settings.provider_url}/api/v3/oneprovider/data/{root}/metadata/json"
    with httpx.Client(verify=ssl.create_default_context(cafile=world.ca), trust_env=False) as client:
        said = {"fs2od": {"undeliverable": 0, "undeliverable_names": []}}
        client.put(url, json=said, headers=world.administrator.headers).raise_for_status()


def test_a_link_in_the_mirror_is_removed_and_not_followed(site: Site, tmp_path: Path) -> None:
    mirror = mirror_of(site, tmp_path / "out")
    assert mirror.run().code == 0
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "x").write_text("x")
    (mirror.out / "link").symlink_to(tmp_path / "precious")
    nothing_is_undeliverable(site)
    assert mirror.run("--delete", "--yes").code == 0
    assert (tmp_path / "precious" / "x").exists()
    assert not (mirror.out / "link").is_symlink()


def test_a_space_is_mirrored_with_a_token(world: ServedWorld, tmp_path: Path) -> None:
    dataset = world.dataset(world.administrator, FILES)
    token = AccessToken(world.administrator.token.reveal)
    place = SpacePlace(world.node.settings.zone_url, dataset.space)
    report = Mirror(place, tmp_path / "out", Options(token=token, ca_file=str(world.ca))).run()
    assert report.exit_code == 0, report.summary()
    assert shown(tmp_path / "out") == tree(dataset.folder)


def test_a_folder_that_has_the_name_of_the_mirrors_own_is_named_when_it_is_left_out(
    world: ServedWorld, tmp_path: Path
) -> None:
    dataset, said = world.dataset(world.administrator, {"a": b"1", f"{STATE}/checked/x": b"2"}), list[str]()
    options = Options(token=AccessToken(world.administrator.token.reveal), ca_file=str(world.ca), say=said.append)
    place = SpacePlace(world.node.settings.zone_url, dataset.space)
    report = Mirror(place, tmp_path / "out", options).run()
    assert (report.exit_code, set(shown(tmp_path / "out"))) == (0, {"a"})
    assert said == [f"{STATE} of the dataset is left out, for a mirror keeps its own there: fs2od download brings it"]


def test_what_an_inherited_dataset_lost_is_named_as_lost(world: ServedWorld, tmp_path: Path) -> None:
    owner, site = world.person(), world.site("second")
    dataset = world.dataset(owner, {"a": b"1", "late": b"22"})
    world.also_support(dataset.space, site.node_provider)
    world.node.provider.supports.end(dataset.space)
    options = Options(token=AccessToken(owner.token.reveal), ca_file=str(world.ca))
    report = Mirror(SpacePlace(world.node.settings.zone_url, dataset.space), tmp_path / "out", options).run()
    assert report.exit_code == 6
    assert "2 could not be fetched: a: it is lost: the site that had it ended before it was copied" in report.summary()


def test_damaged_lines_of_the_ledger_are_passed_over(tmp_path: Path) -> None:
    first = KeptLedger(tmp_path, "first")
    first.remember("a", ("s", 1, 2, 3))
    first.flush()
    with (tmp_path / "first.jsonl").open("ab") as file:
        file.write(b'[1]\n"x"\n{}\n[["d"]\n["b", "s", 1, 2, 3]\n["c", "s", 1')
    second = KeptLedger(tmp_path, "second")
    assert [second.get(name) for name in "abc"] == [("s", 1, 2, 3), ("s", 1, 2, 3), None]


def test_each_file_is_the_affair_of_one(tmp_path: Path) -> None:
    with Crew(tmp_path) as one, Crew(tmp_path) as other:
        for each in (one, other):
            each.work()
        mine = [name for name in map(str, range(200)) if one.is_mine(name)]
        others = [name for name in map(str, range(200)) if other.is_mine(name)]
        assert sorted(mine + others) == sorted(map(str, range(200)))
        assert min(len(mine), len(others)) > 50


def test_nothing_is_left_to_who_only_looks_again_later(site: Site, tmp_path: Path) -> None:
    """Who follows may have no mind to bring what another wants, or no right to."""
    behind, published = site
    link, out, stop = parse_link(published.link), tmp_path / "out", threading.Event()
    of_grids = Options(follow=True, follow_every_s=3600.0, include=("Grids",), ca_file=str(behind.world.ca))
    following = threading.Thread(target=lambda: Mirror(link, out, of_grids).run(stop=stop))
    following.start()
    try:
        wait_until(lambda: len(list(out.glob("Grids/*.mrc"))) == 120, LONGEST_S)
        ended = mirror_of(site, out).run()
    finally:
        stop.set()
        following.join(LONGEST_S)
    assert ended.code == 0, ended.said
    assert shown(out) == published.files()


def test_a_live_acquisition_is_followed_until_it_is_complete(site: Site, tmp_path: Path) -> None:
    behind, published = site
    stop = threading.Event()
    options = Options(follow=True, follow_every_s=0.5, ca_file=str(behind.world.ca))
    mirror = Mirror(parse_link(published.link), tmp_path / "out", options)
    reports = []
    running = threading.Thread(target=lambda: reports.append(mirror.run(stop=stop)))
    running.start()
    try:
        wait_until((tmp_path / "out" / "big.mrc").exists, LONGEST_S)
        for number in range(3):
            (published.folder / f"later{number}.mrc").write_bytes(b"later" * (number + 1))
            extend_sidecar(published.folder, seal=number == 2)
            behind.world.rescan(published.dataset.space)
        running.join(LONGEST_S)
    finally:
        stop.set()
        running.join(LONGEST_S)
    (report,) = reports
    assert (report.exit_code, report.sealed) == (0, True), (report.summary(), report.failures)
    assert shown(tmp_path / "out") == published.files()


def test_what_a_microscope_renames_while_it_is_mirrored_comes_and_alarms_nobody(site: Site, tmp_path: Path) -> None:
    behind, _ = site
    published = publish(behind.world, FILES | {"next.downloading": OTHER}, seal=False, name="growing")
    behind.proxy.strike(Throttle(10e6), when=behind.about_bytes, times=10_000)
    mirror = mirror_of((behind, published), tmp_path / "out")
    with mirror.start("-j", "1") as process:
        wait_until(lambda: behind.proxy.body_bytes() > 3_000_000, LONGEST_S)
        (published.folder / "next.downloading").rename(published.folder / "next.mrc")
        behind.world.rescan(published.dataset.space)
        behind.proxy.forgive()
        ended = mirror.wait(process)
    assert ended.code == 0, ended
    assert ended.told["renamed_or_removed"] == ["next.downloading"]
    assert mirror.partials() == []
    assert shown(mirror.out) == published.files()
    again = mirror.run()
    assert (again.code, again.told["files_fetched"]) == (0, 0)
    assert shown(mirror.out) == published.files()


def test_a_full_disk_is_said_and_the_same_command_goes_on(site: Site, tmp_path: Path) -> None:
    _, published = site
    with small_disk(tmp_path / "disk", size_mb=4) as disk:
        mirror = mirror_of(site, disk / "out")
        assert mirror.run().code == 7
        resized(disk, size_mb=60)
        assert mirror.run().code == 0
        assert shown(mirror.out) == published.files()
