"""What lies in the watched folders and is not taken up: said once, with what to do, and no longer when it is mended."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.facility.conftest import METADATA, World
from tests.nobody import as_nobody

from fs2od.cli.main import fs2od
from fs2od.configuration import Watch
from fs2od.facility import Datasets, Unheeded
from fs2od.facility.deciding import passed_over, to_be_told
from fs2od.facility.watching import SeenFile, look

NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)


def said(*watches: Watch) -> dict[str, str]:
    roots = {str(watch.path) for watch in watches}
    found = {}
    for path, words in passed_over(look(watches), ()):
        root = next(root for root in sorted(roots, key=len, reverse=True) if path.startswith(root))
        found[path.removeprefix(root).lstrip("/")] = words
    return found


def dataset(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "SPA.yml").write_text("a: 1\n")
    return folder


@pytest.fixture
def open_root(tmp_path: Path) -> Path:
    for folder in (tmp_path, *list(tmp_path.parents)[:3]):
        folder.chmod(folder.stat().st_mode | 0o011)
    root = tmp_path / "watched"
    root.mkdir(mode=0o755)
    return root


@pytest.mark.parametrize("mode", [0o000, 0o444, 0o111], ids=oct)
def test_a_folder_that_may_not_be_read_or_entered_is_said(open_root: Path, mode: int) -> None:
    folder = dataset(open_root / "A")
    dataset(open_root / "2026" / "B")
    (open_root / "lost+found").mkdir(mode=0o700)
    folder.chmod(mode)
    (open_root / "2026").chmod(0o000)
    with as_nobody():
        flat, deep = said(Watch(path=open_root)), said(Watch(path=open_root, glob="20*/*"))
    for closed in (folder, open_root / "2026"):
        closed.chmod(0o755)
    assert sorted(flat) == ["2026", "A"]
    assert flat["A"].startswith("the folder may not be read or entered: let the user that fs2od runs as")
    assert list(deep) == ["2026"]


def test_a_root_that_may_be_read_and_not_entered_is_said_not_its_folders(open_root: Path) -> None:
    dataset(open_root / "A")
    open_root.chmod(0o444)
    with as_nobody():
        found = said(Watch(path=open_root))
    open_root.chmod(0o755)
    assert found == {
        "": "the watched folder cannot be read (Permission denied): mount it, or correct its rights or 'watch.path'"
    }


def test_links_to_datasets_are_said_and_others_are_not(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "watched", dataset(tmp_path / "elsewhere" / "real")
    dataset(root / "A")
    (root / "link").symlink_to(elsewhere)
    (root / "latest").symlink_to("A")
    (root / "tools").symlink_to(tmp_path)
    (root / "dangling").symlink_to("nowhere")
    (root / "file").symlink_to("A/SPA.yml")
    (root / "B").mkdir()
    (root / "B" / "SPA.yml").symlink_to("../A/SPA.yml")
    found = said(Watch(path=root))
    assert sorted(found) == ["B/SPA.yml", "link"]
    assert found["link"] == "a link to a folder is not followed: watch the folder that it leads to, or mount it here"
    deeper = said(Watch(path=root, glob="*/*"))
    assert sorted(deeper) == ["A/SPA.yml", "link", "tools"]


def test_a_metadata_file_above_the_datasets_is_said_unless_another_watch_takes_the_folder(tmp_path: Path) -> None:
    dataset(tmp_path / "krios" / "one")
    (tmp_path / "krios" / "SPA.yml").write_text("a: 1\n")
    (tmp_path / "SPA.yml").write_text("a: 1\n")
    assert sorted(said(Watch(path=tmp_path, glob="*/*"))) == ["SPA.yml", "krios/SPA.yml"]
    assert sorted(said(Watch(path=tmp_path, glob="*/*"), Watch(path=tmp_path))) == ["SPA.yml"]


def test_of_very_many_the_last_says_how_many_there_are() -> None:
    since = {(f"/data/{number:04}", "closed"): NOW for number in range(130)}
    rows = to_be_told(since, (), [Watch(path=Path("/data"), settle=timedelta(0))], NOW)
    assert len(rows) == 101
    assert rows[-1] == Unheeded("…", "and 30 more like these", NOW)


async def test_it_is_said_once_also_after_a_restart_and_goes_when_it_is_mended(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="fs2od.facility")
    (world.watched / "SPA.yml").write_text(METADATA)

    def told() -> list[str]:
        with world.database() as database:
            return [each.path for each in Datasets(database).passed_over()]

    async with world.facility().opened() as one_pass:
        await one_pass()
        assert told() == []
        world.clock.move(seconds=5)
        await one_pass()
        assert told() == [str(world.watched / "SPA.yml")]
        await one_pass()
    state = ["--data", str(world.state), "--json"]
    listed = CliRunner().invoke(fs2od, ["datasets", *state])
    assert (listed.stdout, listed.stderr.count("\n")) == ("[]\n", 1)
    assert listed.stderr.startswith(f"passed over: {world.watched}/SPA.yml: a metadata file belongs into")
    (row,) = json.loads(CliRunner().invoke(fs2od, ["datasets", "passed-over", *state]).stdout)
    assert row["path"] == str(world.watched / "SPA.yml")
    async with world.facility().opened() as one_pass:
        await one_pass()
        assert [record.getMessage() for record in caplog.records if "passed over" in record.message] == [
            f"passed over: {world.watched}/SPA.yml: a metadata file belongs into its dataset's folder: move it there, "
            "or correct watch.glob"
        ]
        (world.watched / "A").mkdir()
        (world.watched / "SPA.yml").rename(world.watched / "A" / "SPA.yml")
        await one_pass()
        assert told() == []
        assert caplog.messages[-1] == f"no longer passed over: {world.watched}/SPA.yml"
        await world.until(one_pass, world.is_in("acquiring", "A"))


async def test_a_watched_folder_that_goes_is_said_and_hides_nothing_that_was_said_of_it(world: World) -> None:
    (world.watched / "SPA.yml").write_text(METADATA)
    async with world.facility().opened() as one_pass:
        await one_pass()
        world.clock.move(seconds=5)
        await one_pass()
        world.watched.rename(world.folder / "unmounted")
        await one_pass()
        world.clock.move(seconds=5)
        await one_pass()
        with world.database() as database:
            assert [Path(each.path).name for each in Datasets(database).passed_over()] == ["watched", "SPA.yml"]
        (world.folder / "unmounted").rename(world.watched)
        await one_pass()
        with world.database() as database:
            assert [Path(each.path).name for each in Datasets(database).passed_over()] == ["SPA.yml"]


def test_a_metadata_file_is_another_sight_once_it_may_be_read(open_root: Path) -> None:
    file, watch = dataset(open_root / "A") / "SPA.yml", Watch(path=open_root)

    def seen() -> SeenFile | None:
        with as_nobody():
            (folder,) = look([watch]).folders
        return folder.metadata

    readable = seen()
    file.chmod(0o000)
    assert seen() != readable
    file.chmod(0o644)
    assert seen() == readable
