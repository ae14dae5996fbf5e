"""Results brought back: put whole, checked, resumed, and never over what is there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from tests.results.desk import BIG, Desk, is_about_bytes

from fs2od.client import Retries
from fs2od.errors import ConfigurationError, StorageError
from fs2od.onedata.errors import ConnectionLost, NotFound, Unauthorized
from fs2od.onedata.tokens import DataPath, DataReadonly
from fs2od.onedata.wire.results import DERIVED_FROM
from fs2od.results import (
    Choice,
    NotWritable,
    Put,
    Source,
    TargetFull,
    find_origin,
    find_target,
    gather,
    record_origin,
)
from fs2od.storage import Can, PosixStorage
from fs2od.testing.sidecars import extend_sidecar
from fs2od.testing.world import open_world


@pytest.fixture(params=["ours", "plain"])
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """Yield somebody before our own node, and before one without its extensions, which stands for Onedata's."""
    with open_world(tmp_path / "world", plain=request.param == "plain") as world:
        yield Desk(world, tmp_path / "home")


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[Desk]:
    with open_world(tmp_path / "world") as world:
        yield Desk(world, tmp_path / "home")


async def test_a_folder_is_put_whole_and_kept_when_it_is_put_again(desk: Desk) -> None:
    files = {
        "run/a.star": b"a",
        "run/deep/er/b.mrc": BIG,
        "run/empty": b"",
        "run/ü #?%41.txt": b"name",
        "run/y\n": b"break",
        "run/y": b"none",
    }
    desk.write(files)
    (desk.home / "run" / "hollow").mkdir()
    report = await desk.put("run", to="results/grid 7/out")
    assert report.exit_code == 0
    assert desk.there() == {f"grid 7/out/{path}": content for path, content in files.items()}
    assert (desk.dataset.folder / "grid 7" / "out" / "run" / "hollow").is_dir()
    sent = desk.way.bytes_sent()
    again = await desk.put("run", to="results/grid 7/out")
    assert (again.count("kept"), again.count("put"), again.exit_code) == (6, 0, 0)
    assert desk.way.bytes_sent() == sent


class Walked(tuple[Source, ...]):  # noqa: SLOT001 - a tuple takes no slots but empty ones
    """Files, and how often somebody went through them all."""

    walks = 0

    def __iter__(self) -> Iterator[Source]:
        self.walks += 1
        return super().__iter__()


async def test_what_a_file_costs_does_not_grow_with_how_many_there_are(ours: Desk) -> None:
    ours.write({f"run/{number}": b"x" for number in range(20)})
    sources = gather([ours.home / "run"])
    walked = Walked(sources.files)
    async with ours.connection() as connection:
        target = await find_target(connection, ours.world.node.settings.zone_url, ours.token, "results", "")
        report = await Put(replace(sources, files=walked), target).run()
    assert report.count("put") == 20
    assert walked.walks < 20


async def test_a_name_that_is_taken_is_refused_and_the_rest_is_put(desk: Desk) -> None:
    desk.write({"a": b"old", "b": b"same", "big": BIG, "d/x": b"1"})
    await desk.put("a", "b", "big", "d")
    before = desk.there()
    desk.write({"a": b"new", "big": BIG[::-1], "c": b"more"})
    report = await desk.put("a", "b", "big", "c")
    assert {file.path: file.outcome for file in report.files} == {
        "a": "refused", "b": "kept", "big": "refused", "c": "put",
    }  # fmt: skip
    assert report.exit_code == 7
    assert "--replace" in str(report.files[0].problem)
    assert desk.there() == {**before, "c": b"more"}
    (desk.home / "d" / "x").unlink()
    (desk.home / "d").rmdir()
    desk.write({"d": b"a file where a folder is"})
    assert [file.outcome for file in (await desk.put("d", replace=True)).files] == ["refused"]


async def test_what_is_to_be_replaced_is_replaced(desk: Desk) -> None:
    desk.write({"a": b"old", "big": BIG})
    await desk.put("a", "big")
    desk.write({"a": b"newer", "big": BIG[::-1]})
    report = await desk.put("a", "big", replace=True)
    assert [file.outcome for file in report.files] == ["replaced", "replaced"]
    assert desk.there() == {"a": b"newer", "big": BIG[::-1]}


async def test_what_was_cut_off_goes_on_where_it_was(desk: Desk) -> None:
    desk.write({"big": BIG})
    passed = 0

    def cut(request: httpx.Request) -> httpx.Request:
        nonlocal passed
        passed += "offset=" in str(request.url)
        if passed > 1:
            raise httpx.ConnectError("the line is cut")
        return request

    desk.way.judge = cut
    with pytest.raises(ConnectionLost):
        await desk.put("big")
    assert [len(content) for content in desk.there().values()] == [4 << 20]
    assert "big" not in desk.there()
    desk.way.judge = lambda request: request
    desk.way.sent.clear()
    assert (await desk.put("big")).exit_code == 0
    assert desk.there() == {"big": BIG}
    assert desk.way.bytes_sent() == len(BIG) - (4 << 20)


async def test_a_begun_file_with_other_bytes_is_begun_anew(desk: Desk) -> None:
    desk.write({"big": BIG})
    passed = 0

    def spoil(request: httpx.Request) -> httpx.Request:
        nonlocal passed
        passed += "offset=" in str(request.url)
        if passed == 1 and "offset=0" in str(request.url):
            return httpx.Request(request.method, request.url, headers=request.headers, content=bytes(4 << 20))
        if passed > 1:
            raise httpx.ConnectError("the line is cut")
        return request

    desk.way.judge = spoil
    with pytest.raises(ConnectionLost):
        await desk.put("big")
    desk.way.judge = lambda request: request
    assert (await desk.put("big")).exit_code == 0
    assert desk.there() == {"big": BIG}


@pytest.mark.parametrize("name", ["big", "small"])
async def test_what_arrives_otherwise_than_it_was_sent_does_not_stay(desk: Desk, name: str) -> None:
    desk.write({"big": BIG, "small": b"0123456789"})

    def flip(request: httpx.Request) -> httpx.Request:
        content = request.content
        if request.method == "PUT" and content and is_about_bytes(request.url.path):
            content = bytes([content[0] ^ 1]) + content[1:]
            return httpx.Request(request.method, request.url, headers=request.headers, content=content)
        return request

    desk.way.judge = flip
    report = await desk.put(name)
    assert ([file.outcome for file in report.files], report.exit_code) == (["failed"], 8)
    assert desk.there() == {}


async def test_an_answer_that_is_lost_is_no_reason_to_write_twice(desk: Desk) -> None:
    desk.write({"big": BIG, "small": b"1"})
    lost: set[str] = set()
    pass_on = desk.way.handle_async_request

    async def lose(request: httpx.Request) -> httpx.Response:
        answer = await pass_on(request)
        what = "cdmi" if request.url.path.startswith("/cdmi") else "path" if "/path/" in request.url.path else ""
        if what and f"{what} {request.url.path}" not in lost:
            lost.add(f"{what} {request.url.path}")
            raise httpx.ReadError("the answer is lost")
        return answer

    desk.way.handle_async_request = lose  # type: ignore[method-assign]  # this very instance
    report = await desk.put("big", "small")
    assert report.exit_code == 0
    assert desk.there() == {"big": BIG, "small": b"1"}
    assert lost


@pytest.mark.parametrize("kind", ["cut", "busy"])
async def test_a_service_that_is_away_is_waited_for_at_any_step(desk: Desk, kind: str) -> None:
    desk.write({"run/big": BIG, "run/small": b"1", "run/deep/er": b"2"})
    desk.retries = replace(
        Retries.waiting(60), first_pause=timedelta(milliseconds=1), longest_pause=timedelta(milliseconds=5)
    )
    failed: dict[tuple[str, str, str], int] = {}
    pass_on = desk.way.handle_async_request

    async def away(request: httpx.Request) -> httpx.Response:
        # Every request that is new fails more often than four tries would bear, some with what was asked done all the same.
        key = request.method, request.url.path, request.url.query.decode()
        failed[key] = failed.get(key, 0) + 1
        if failed[key] > 6:
            return await pass_on(request)
        if kind == "busy":
            return httpx.Response(503, stream=httpx.ByteStream(b"{}"))
        if failed[key] == 6:
            await (await pass_on(request)).aclose()
        raise httpx.ReadError("the line is cut")

    desk.way.handle_async_request = away  # type: ignore[method-assign]  # this very instance
    report = await desk.put("run")
    assert report.exit_code == 0
    there = desk.there()
    assert {path: len(content) for path, content in there.items()} == {
        "run/big": len(BIG),
        "run/small": 1,
        "run/deep/er": 1,
    }
    assert there["run/big"] == BIG or pytest.fail("other bytes")


async def test_what_never_comes_on_is_given_up_once_patience_has_ended(ours: Desk) -> None:
    ours.write({"big": BIG})
    ours.retries = replace(Retries.waiting(0.5), longest_pause=timedelta(milliseconds=50))
    told: list[float] = []

    def refuse(request: httpx.Request) -> httpx.Request:
        if "offset=4194304" in str(request.url):
            raise httpx.ConnectError("no way")
        return request

    ours.way.judge, ours.pausing = refuse, lambda _, pause_s: told.append(pause_s)
    with pytest.raises(ConnectionLost, match="no way"):
        await ours.put("big")
    assert 5 < len(told) < 50
    assert sum(told) < 1.1


async def test_a_space_that_is_full_is_said_once_and_what_is_whole_stays(tmp_path: Path) -> None:
    with open_world(tmp_path / "world") as world:
        desk = Desk(world, tmp_path / "home", size_bytes=5 << 20)
        desk.write({"a": b"1" * 1000, "b": BIG})
        with pytest.raises(TargetFull, match="full"):
            await desk.put("a", "b", jobs=1)
        assert desk.there()["a"] == b"1" * 1000
        assert "b" not in desk.there()


async def test_a_token_that_ends_is_said_and_another_one_goes_on(ours: Desk) -> None:
    ours.write({"big": BIG})
    zone = ours.world.node.zone
    issued = zone.tokens.issue_named(ours.alex.id, "job")
    ours.token = issued.token

    def revoke(request: httpx.Request) -> httpx.Request:
        if "offset=4194304" in str(request.url):
            zone.tokens.change(issued.id, revoked=True)
        return request

    ours.way.judge = revoke
    with pytest.raises(Unauthorized):
        await ours.put("big")
    ours.token = ours.alex.token
    ours.way.sent.clear()
    assert (await ours.put("big")).exit_code == 0
    assert (ours.there(), ours.way.bytes_sent()) == ({"big": BIG}, len(BIG) - (4 << 20))


async def test_where_nothing_may_be_written_that_is_said_first(ours: Desk) -> None:
    ours.write({"a": b"1"})
    ours.world.dataset(ours.alex, {"raw": b"1"}, name="acquired")
    with pytest.raises(NotWritable, match="takes no files"):
        await ours.put("a", to="acquired")
    with pytest.raises(NotFound, match="it reaches: acquired, results"):
        await ours.put("a", to="nowhere")
    ours.world.results(ours.alex)
    with pytest.raises(ConfigurationError, match="several spaces"):
        await ours.put("a")
    assert (await ours.put("a", to=ours.dataset.space)).exit_code == 0
    ours.token = ours.world.token(ours.alex, DataReadonly())
    with pytest.raises(NotWritable, match="only reads"):
        await ours.put("a")


async def test_a_token_for_one_folder_is_enough_for_that_folder(ours: Desk) -> None:
    ours.write({"a": b"1", "big": BIG})
    await ours.put("a", to="results/run 1")
    ours.token = ours.world.token(ours.alex, DataPath((f"/{ours.dataset.space}/run 1",)))
    assert (await ours.put("a", "big", to="results/run 1/deep")).exit_code == 0
    report = await ours.put("a", to="results/run 1")
    assert report.count("kept") == 1


async def test_a_file_that_changes_while_it_is_sent_is_not_put(ours: Desk) -> None:
    ours.write({"big": BIG})

    def grow(request: httpx.Request) -> httpx.Request:
        if "offset=4194304" in str(request.url):
            with (ours.home / "big").open("ab") as file:
                file.write(b"more")
        return request

    ours.way.judge = grow
    report = await ours.put("big")
    assert (report.files[0].outcome, report.exit_code) == ("failed", 7)
    assert "changed" in str(report.files[0].problem)
    assert ours.there() == {}


async def test_where_files_are_only_written_whole_they_are_sent_whole(
    ours: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PosixStorage, "can", PosixStorage.can & ~Can.WRITE_AT)  # as a bucket is
    ours.write({"big": BIG, "small": b"1"})
    assert (await ours.put("big", "small")).exit_code == 0
    assert ours.there() == {"big": BIG, "small": b"1"}


async def test_origins_are_named_once_beside_what_is_there(ours: Desk) -> None:
    raw = ours.world.dataset(ours.alex, {"raw": b"1"}, name="acquired")
    share = ours.world.share(ours.alex, raw, name="shown")
    link = f"{ours.world.node.settings.zone_url}/share/{share}"
    async with ours.connection() as connection:
        zone = ours.world.node.settings.zone_url
        target = await find_target(connection, zone, ours.token, "results", "")
        await target.provider.files.json_metadata.put(target.root, {"kept": True})
        for dataset in ("acquired", link, "acquired"):
            await record_origin(target, await find_origin(connection, zone, ours.token, dataset))
        assert await target.provider.files.json_metadata.get(target.root) == {
            "kept": True,
            DERIVED_FROM: [{"name": "acquired", "space": raw.space}, {"name": "shown", "link": link}],
        }


def test_links_and_what_cannot_be_put_are_told(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    (folder / "sub").mkdir(parents=True)
    (folder / "file").write_bytes(b"1")
    (folder / "to file").symlink_to("file")
    (folder / "to folder").symlink_to("sub")
    (folder / "nowhere").symlink_to("none")
    os.mkfifo(folder / "pipe")
    (folder / os.fsdecode(b"\xff")).write_bytes(b"1")
    found = gather([folder])
    assert [source.path for source in found.files] == ["out/file", "out/to file"]
    assert found.folders == ("out", "out/sub")
    assert sorted(each.reason for each in found.left_out) == [
        "a link that leads nowhere", "a link to a folder", "its name is not UTF-8", "no plain file",
    ]  # fmt: skip


def test_the_same_is_left_out_of_a_folder_whose_own_name_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "data" / "movies").mkdir(parents=True)
    (tmp_path / "data" / "movies" / "raw.mrc").write_bytes(b"1")
    results = tmp_path / "results"
    (results / "deep").mkdir(parents=True)
    (results / "map.mrc").write_bytes(b"22")
    for place in (results / "Movies", results / "deep" / "Movies"):
        place.symlink_to(tmp_path / "data")
    (tmp_path / "run").symlink_to("results")
    for named in (results, tmp_path / "run"):
        kept, nameless = gather([named]), gather([named], nameless=True)
        assert [source.path for source in nameless.files] == ["map.mrc"]
        assert [source.path for source in kept.files] == [f"{named.name}/map.mrc"]
        assert (nameless.folders, nameless.left_out) == (("deep",), kept.left_out)
        assert [each.by_rule for each in kept.left_out] == [True, True]


async def test_links_to_folders_and_to_nowhere_are_left_out_by_rule_and_no_failure(ours: Desk) -> None:
    ours.write({"run/a": b"1", "data/raw": b"2"})
    (ours.home / "run" / "Movies").symlink_to(ours.home / "data")
    report = await ours.put("run")
    assert (report.exit_code, len(report.left_out)) == (0, 1)
    assert ours.there() == {"run/a": b"1"}
    (ours.home / "run" / "nowhere").symlink_to("none")
    (ours.home / "run" / "round").symlink_to("round")
    report = await ours.put("run")
    assert (report.exit_code, {each.reason for each in report.left_out}) == (
        0, {"a link to a folder", "a link that leads nowhere"},
    )  # fmt: skip


async def test_what_a_mirrored_dataset_brought_along_is_left_out_by_rule(ours: Desk) -> None:
    ours.write({"p1/Grids/a.mrc": b"raw", "p1/.fs2od-mirror/checked/x.jsonl": b"", "own/fs2od-sidecar/mine": b"2"})
    extend_sidecar(ours.home / "p1", seal=True)
    ours.write({"p1/my.star": b"1"})
    report = await ours.put("p1", "own")
    assert ours.there() == {"p1/Grids/a.mrc": b"raw", "p1/my.star": b"1", "own/fs2od-sidecar/mine": b"2"}
    assert report.exit_code == 0
    assert [Path(each.file).name for each in report.left_out] == [".fs2od-mirror", "fs2od-sidecar"]


def test_two_files_for_one_place_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same").write_bytes(b"1")
    with pytest.raises(ConfigurationError, match="would both become same"):
        gather([tmp_path / "a" / "same", tmp_path / "b" / "same"])
    with pytest.raises(StorageError, match="cannot be read"):
        gather([tmp_path / "none"])


async def test_a_plan_writes_nothing(ours: Desk) -> None:
    ours.write({"a": b"1", "b": b"22"})
    await ours.put("a")
    ours.write({"a": b"333"})
    async with ours.connection() as connection:
        target = await find_target(connection, ours.world.node.settings.zone_url, ours.token, "results", "")
        planned = await Put(gather([ours.home / "a", ours.home / "b"]), target).plan()
    assert {choice: [source.path for source in files] for choice, files in planned.items() if files} == {
        Choice.PUT: ["b"], Choice.REFUSE: ["a"],
    }  # fmt: skip
    assert ours.there() == {"a": b"1"}
