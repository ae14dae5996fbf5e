"""Looking at folders: what is found, what it costs, and what wakes us."""

from __future__ import annotations

import asyncio
import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fs2od.configuration import Watch
from fs2od.errors import StorageMissing
from fs2od.facility.hashing._walking import Walk
from fs2od.facility.watching import Settling, Survey, Uncounted, Waking, look, require_watchable
from fs2od.manifests import MOST_UNDELIVERABLE_NAMES
from fs2od.storage import PosixStorage, generation_of, noted_root
from fs2od.transfer._undeliverable import told_of

NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)


def dataset(root: Path, name: str, file: str = "SPA.yml") -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / file).write_text("a: 1\n")
    return folder


def found(root: Path, **settings: object) -> dict[str, str]:
    watch = Watch.model_validate({"path": root, **settings})
    return {each.shown: each.metadata.name if each.metadata else "" for each in look([watch]).folders}


def test_direct_children_are_seen_with_their_metadata_file(tmp_path: Path) -> None:
    dataset(tmp_path, "one")
    dataset(tmp_path, "two", "TOMO.yml")
    dataset(tmp_path, "three/below")
    (tmp_path / "file").touch()
    (tmp_path / ".hidden").mkdir()
    assert found(tmp_path) == {"one": "SPA.yml", "two": "TOMO.yml", "three": ""}


def test_a_glob_looks_deeper(tmp_path: Path) -> None:
    dataset(tmp_path, "2026/one")
    dataset(tmp_path, "2026/two")
    dataset(tmp_path, "old/three")
    assert found(tmp_path, glob="20*/*") == {"2026/one": "SPA.yml", "2026/two": "SPA.yml"}


def test_of_several_metadata_files_the_first_by_rank_counts(tmp_path: Path) -> None:
    (dataset(tmp_path, "one", "experiment.yml") / "TOMO.yml").write_text("b: 2\n")
    (folder,) = look([Watch(path=tmp_path)]).folders
    assert [file.name for file in folder.metadata_files] == ["TOMO.yml", "experiment.yml"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    elsewhere = dataset(tmp_path / "elsewhere", "real")
    (tmp_path / "watched" / "one").mkdir(parents=True)
    (tmp_path / "watched" / "link").symlink_to(elsewhere)
    (tmp_path / "watched" / "one" / "SPA.yml").symlink_to(elsewhere / "SPA.yml")
    assert found(tmp_path / "watched") == {"one": ""}


def test_a_folder_that_two_watches_match_is_seen_once(tmp_path: Path) -> None:
    dataset(tmp_path, "krios/one")
    seen = look([Watch(path=tmp_path, glob="*/*"), Watch(path=tmp_path / "krios")])
    assert [each.shown for each in seen.folders] == ["krios/one"]


def test_a_name_that_is_not_utf8_is_seen(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/grid\xff")).mkdir()
    (folder,) = look([Watch(path=tmp_path)]).folders
    assert folder.shown == "grid\\xff"


def test_a_missing_root_is_said_to_be_missing_and_hides_no_other(tmp_path: Path) -> None:
    dataset(tmp_path / "there", "one")
    seen = look([Watch(path=tmp_path / "gone"), Watch(path=tmp_path / "there")])
    assert seen.missing == {str(tmp_path / "gone"): "No such file or directory"}
    assert len(seen.folders) == 1


def test_at_the_start_a_missing_root_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(
        StorageMissing, match=r"the watched folder .*gone cannot be read .*: create it, mount it or correct"
    ):
        require_watchable([Watch(path=tmp_path / "gone")])


def test_all_of_2000_folders_are_seen(tmp_path: Path) -> None:
    for number in range(2000):
        dataset(tmp_path, f"dataset_{number:04}")
    assert len(look([Watch(path=tmp_path)]).folders) == 2000


def test_settling_counts_from_when_we_saw_it_first(tmp_path: Path) -> None:
    folder = dataset(tmp_path, "one")
    os.utime(folder / "SPA.yml", (0, 0))
    settling, watches = Settling(), [Watch(path=tmp_path)]

    def since(now: datetime) -> datetime:
        (sighting,) = settling.note(look(watches).folders, now).values()
        return sighting.unchanged_since

    assert since(NOW) == NOW
    assert since(NOW + timedelta(seconds=1)) == NOW
    (folder / "SPA.yml").write_text("a: 2, longer\n")
    assert since(NOW + timedelta(seconds=2)) == NOW + timedelta(seconds=2)


def test_a_survey_names_as_many_as_a_mirror_needs_to_tell_them_from_what_is_to_go(tmp_path: Path) -> None:
    for number in range(MOST_UNDELIVERABLE_NAMES + 1):
        (tmp_path / f"{number:03}").symlink_to("/etc/passwd")
    tally = Survey(tmp_path).look()
    assert tally.undeliverable == MOST_UNDELIVERABLE_NAMES + 1
    own = {"undeliverable": tally.undeliverable, "undeliverable_names": tally.undeliverable_names}
    assert told_of(json.dumps({"fs2od": own}).encode()) == (tally.undeliverable, tally.undeliverable_names)
    assert len(tally.undeliverable_names) == MOST_UNDELIVERABLE_NAMES


def test_a_survey_counts_files_bytes_and_what_cannot_be_delivered(tmp_path: Path) -> None:
    (tmp_path / "below" / "deep").mkdir(parents=True)
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "below" / "deep" / "b").write_bytes(b"123")
    (tmp_path / "SPA.yml").write_text("not counted\n")
    (tmp_path / "inside").symlink_to("below/deep/b")
    (tmp_path / "outside").symlink_to("/etc/passwd")
    (tmp_path / "up").symlink_to("../elsewhere")
    os.mkfifo(tmp_path / "below" / "pipe")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/odd\xff")).touch()
    tally = Survey(tmp_path, Uncounted(frozenset({"SPA.yml"}))).look()
    assert (tally.files, tally.size_bytes, tally.undeliverable) == (2, 8, 4)
    assert tally.undeliverable_names == (
        "below/pipe (special file)",
        "odd\\xff (name is not UTF-8)",
        "outside (link leaves the dataset)",
        "up (link leaves the dataset)",
    )


def test_a_survey_says_of_every_link_what_the_node_says(tmp_path: Path) -> None:
    (tmp_path / "d" / "e").mkdir(parents=True)
    (tmp_path / "ok").touch()
    links = {
        "abs": str(tmp_path / "ok"),
        "loop": "loop",
        "odd": "d/../ok",
        "d/up": "..",
        "out": "d/up/../ok",
        "no": "d/e/no",
    }
    for name, target in {**links, "far": "abs", "bad": os.fsdecode(b"t\xff"), "d/away": "../../x"}.items():
        (tmp_path / name).symlink_to(target)
    storage = PosixStorage(tmp_path)
    seen = {folder: [*storage.list(folder)] for folder in ("", "d")}
    by_node = [
        f"{folder}/{each.name}".lstrip("/") + f" ({each.refused})"
        for folder in seen
        for each in seen[folder]
        if each.refused
    ]
    assert sorted(by_node) == list(Survey(tmp_path).look().undeliverable_names)
    assert [said.partition(" ")[0] for said in sorted(by_node)] == ["abs", "bad", "d/away", "far", "out"]


def test_copies_of_a_metadata_file_are_no_data_for_survey_manifest_and_onedata_alike(tmp_path: Path) -> None:
    (tmp_path / "kept" / "SPA.yml files").mkdir(parents=True)
    copies = ("SPA.yml", ".SPA.yml.swp", "kept/spa.yml~", "kept/SPA.yml files/SPA.yml.bak")
    data = ("movie.mrc", "kept/SPA.yml files/movie.mrc")
    for path in (*copies, *data):
        (tmp_path / path).write_text("x")
    uncounted = Uncounted(resembled=frozenset({"SPA.yml"}))
    tally = Survey(tmp_path, uncounted).look()
    assert (tally.files, tally.undeliverable) == (2, 0)
    assert [path for path in (*copies, *data) if not uncounted.covers(path)] == list(data)
    walked = Walk(PosixStorage(tmp_path), frozenset(), frozenset({"SPA.yml"})).files()
    assert sorted(path for path, _ in walked) == sorted(data)


def test_a_survey_notices_new_growing_and_vanished_files(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    growing = tmp_path / "below" / "growing"
    growing.write_bytes(b"1")
    survey, seen = Survey(tmp_path), []
    seen.append(survey.look())
    with growing.open("ab") as file:
        file.write(b"2")
    seen.append(survey.look())
    (tmp_path / "below" / "new").touch()
    seen.append(survey.look())
    growing.unlink()
    seen.append(survey.look())
    assert len({tally.signature for tally in seen}) == 4
    assert [(tally.files, tally.size_bytes) for tally in seen] == [(1, 1), (1, 2), (2, 2), (1, 0)]


def test_a_survey_that_finds_nothing_new_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    survey = Survey(tmp_path)
    assert survey.look() == survey.look() == Survey(tmp_path).look()


def test_a_second_survey_of_settled_files_says_the_same(tmp_path: Path) -> None:
    for number in range(2000):
        (tmp_path / f"movie_{number}").touch()
    much_later_ns = time.time_ns() + 3600 * 10**9
    survey = Survey(tmp_path)
    first = survey.look(now_ns=much_later_ns)
    assert survey.look(now_ns=much_later_ns) == first


def test_a_file_that_grows_where_it_lies_is_noticed_though_it_stood_still_for_long(tmp_path: Path) -> None:
    (tmp_path / "stack").mkdir()
    grows = tmp_path / "stack" / "TS_1.mrc"
    grows.write_bytes(b"x" * 100)
    old_s = time.time() - 600
    os.utime(tmp_path / "stack", (old_s, old_s))
    survey, now_ns = Survey(tmp_path), time.time_ns() + 300 * 10**9
    first = survey.look(now_ns=now_ns)
    with grows.open("ab") as file:
        file.write(b"x" * 50)
    assert survey.look(now_ns=now_ns + 10**9, anew=True).size_bytes == 150
    with grows.open("ab") as file:
        file.write(b"x" * 50)
    last = survey.look(now_ns=now_ns + 62 * 10**9)
    assert last.size_bytes == 200, "by itself a minute later"
    assert last.signature != first.signature


def test_a_time_ahead_of_our_clock_counts_from_when_we_first_saw_it(tmp_path: Path) -> None:
    for name in ("odd", "hour"):
        (tmp_path / name).write_bytes(b"x")
    now_ns = time.time_ns() + 10**9
    os.utime(tmp_path / "odd", ns=(0, 4_102_444_800 * 10**9))
    os.utime(tmp_path / "hour", ns=(0, now_ns + 3600 * 10**9))
    survey = Survey(tmp_path)
    first = survey.look(now_ns=now_ns)
    assert first.newest_ns == now_ns
    for later_s in (1, 30, 61, 3700, 7200):
        assert survey.look(now_ns=now_ns + later_s * 10**9) == first
        assert survey.look(now_ns=now_ns + later_s * 10**9, anew=True) == first
    (tmp_path / "hour").write_bytes(b"xx")
    os.utime(tmp_path / "hour", ns=(0, now_ns + 9000 * 10**9))
    changed = survey.look(now_ns=now_ns + 7300 * 10**9)
    assert changed.newest_ns == now_ns + 7300 * 10**9
    assert changed.signature != first.signature


def test_files_and_folders_that_may_not_be_read_are_counted_as_such(tmp_path: Path) -> None:
    (tmp_path / "open").write_bytes(b"x")
    (tmp_path / "closed").write_bytes(b"x")
    (tmp_path / "closed").chmod(0)
    (tmp_path / "vault").mkdir(mode=0)
    tally = Survey(tmp_path).look()
    if os.geteuid() == 0:
        assert (tally.files, tally.undeliverable) == (2, 0), "root may read everything"
    else:
        assert (tally.files, tally.size_bytes) == (1, 1)
        assert tally.undeliverable_names == ("closed (may not be read)", "vault (may not be read)")
    (tmp_path / "vault").chmod(0o700)


changes = st.lists(
    st.tuples(st.sampled_from(["write", "append", "delete", "mkdir"]), st.sampled_from(["a", "b", "d/a", "d/e/a"])),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(changes)
def test_looking_again_finds_what_looking_for_the_first_time_finds(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]]
) -> None:
    root = tmp_path_factory.mktemp("survey")
    survey = Survey(root)
    for what, name in steps:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        match what:
            case "write":
                path.write_bytes(b"x" * len(name))
            case "append":
                with path.open("ab") as file:
                    file.write(b"more")
            case "delete":
                path.unlink(missing_ok=True)
            case _:
                (root / "d" / "e").mkdir(parents=True, exist_ok=True)
        assert survey.look() == Survey(root).look()


async def test_a_new_folder_wakes_us_at_once(tmp_path: Path) -> None:
    waking = Waking()
    waking.listen(flat=[tmp_path], deep=[])
    try:
        await asyncio.sleep(0.3)
        (tmp_path / "new").mkdir()
        async with asyncio.timeout(60):
            await waking.wait(at_most_s=600)
    finally:
        waking.close()


async def test_a_folder_whose_name_is_not_utf8_takes_nobody_s_notices(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"bad\xff name")
    odd.mkdir()
    waking = Waking()
    waking.listen(flat=[tmp_path, odd], deep=[odd])
    try:
        await asyncio.sleep(0.3)
        (tmp_path / "new").mkdir()
        async with asyncio.timeout(60):
            await waking.wait(at_most_s=600)
    finally:
        waking.close()


async def test_a_file_deep_in_a_dataset_wakes_us(tmp_path: Path) -> None:
    waking = Waking()
    (tmp_path / "a" / "b").mkdir(parents=True)
    waking.listen(flat=[], deep=[tmp_path])
    try:
        await asyncio.sleep(0.3)
        (tmp_path / "a" / "b" / "movie").touch()
        async with asyncio.timeout(60):
            await waking.wait(at_most_s=600)
    finally:
        waking.close()


async def test_a_folder_that_cannot_be_listened_to_costs_only_time(tmp_path: Path) -> None:
    waking = Waking()
    waking.listen(flat=[tmp_path / "gone"], deep=[])
    await waking.wait(at_most_s=0.2)
    waking.close()


def test_a_look_tells_which_of_the_folders_with_one_number_it_saw(tmp_path: Path) -> None:
    (tmp_path / "A").mkdir()
    (tmp_path / "B").mkdir()
    (tmp_path / "A" / "SPA.yml").touch()
    (seen, _) = look([Watch(path=tmp_path)]).folders
    assert seen.generation == noted_root(tmp_path / "A", kept_out=()).generation
    facts = (tmp_path / "A").lstat()
    assert generation_of(str(tmp_path / "A"), facts) == seen.generation
    assert generation_of(str(tmp_path / "B"), facts) == 0, "it is another one by now"
    assert generation_of(str(tmp_path / "C"), facts) == 0
