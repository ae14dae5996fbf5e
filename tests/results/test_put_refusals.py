"""Files that the service does not take: each is named with its reason, and the others arrive."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
from tests.node.replication.buckets import Objects
from tests.results.desk import BIG, Desk
from tests.storage.conftest import radosgw

from fs2od.onedata.errors import PosixError
from fs2od.results import Choice, NotTaken, NotWritable, Put, find_target, gather
from fs2od.testing.killed_writing import results_in_bucket
from fs2od.testing.radosgw import Radosgw
from fs2od.testing.world import open_world

__all__ = ["radosgw"]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_world(tmp_path / "world") as world:
        yield Desk(world, tmp_path / "home")


def answering(desk: Desk, name: str, status: int, document: Mapping[str, object]) -> None:
    """Let the service say something of every request that names a file."""

    class Answered(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if name in request.url.path.rpartition("/path/")[2]:
                return httpx.Response(status, stream=httpx.ByteStream(json.dumps(document).encode()))
            return await inner.handle_async_request(request)

    origin = desk.world.node.settings.provider_url
    inner = desk.way.transports[origin]
    desk.way.transports = {**desk.way.transports, origin: Answered()}


NOT_FOUND = {"error": {"id": "notFound", "description": "The resource could not be found."}}
EIO = {"error": {"id": "posix", "description": "Operation failed with POSIX error: eio.", "details": {"errno": "eio"}}}
FAULT = {"error": {"id": "internalServerError", "description": "The service could not complete the request."}}


@pytest.mark.parametrize(("status", "document"), [(404, NOT_FOUND), (400, EIO), (500, FAULT)])
async def test_one_file_that_is_not_taken_stops_no_other(
    desk: Desk, status: int, document: Mapping[str, object]
) -> None:
    files = {f"run/{number:02}": b"%d" % number for number in range(14)}
    desk.write({**files, "run/b\nad": b"x", "run/fs2od-access.yml": b"y", "run/.fs2od/z": b"z"})
    answering(desk, "b\nad", status, document)
    report = await desk.put("run")
    assert desk.there() == files
    assert (report.count("put"), report.count("failed"), report.exit_code) == (14, 3, 7)
    said = {file.path: str(file.problem) for file in report.files if file.problem}
    assert said["run/b\nad"].startswith(r"'run/b\nad': the service did not take it (")
    assert said["run/fs2od-access.yml"].startswith("run/fs2od-access.yml: that name is kept for the service's own")
    assert said["run/.fs2od/z"].startswith("run/.fs2od/z: that name is kept")
    told = {each["path"]: each for each in json.loads(json.dumps(report.document()))["files"]}
    assert (told["run/b\nad"]["outcome"], told["run/b\nad"]["problem"]) == ("failed", said["run/b\nad"])


async def test_what_comes_for_every_file_ends_the_run_soon(desk: Desk) -> None:
    desk.write({f"run/{number:02}": b"1" for number in range(40)})
    answering(desk, "run/", 400, EIO)
    with pytest.raises(PosixError, match="eio"):
        await desk.put("run", jobs=1)


async def test_a_folder_that_cannot_be_is_said_once(desk: Desk) -> None:
    desk.write({"out/a": b"1"})
    (desk.home / "out" / ".fs2od").mkdir()
    report = await desk.put("out")
    assert [(file.path, file.outcome) for file in report.files] == [("out/.fs2od", "failed"), ("out/a", "put")]
    assert report.exit_code == 7


async def test_a_target_that_cannot_be_is_named_with_its_reason(desk: Desk) -> None:
    desk.write({"a": b"1", "file": b"2"})
    await desk.put("file")
    with pytest.raises(NotTaken, match=r"^file: (a file stands where|something else has its name)") as refused:
        await desk.put("a", to="results/file")
    assert refused.value.exit_code == 7
    with pytest.raises(NotTaken, match=r"^file/deeper: a file stands where"):
        await desk.put("a", to="results/file/deeper")
    with pytest.raises(NotTaken, match=r"^n{256}: its name is too long there: 255 bytes"):
        await desk.put("a", to=f"results/{'n' * 256}")
    async with desk.connection() as connection:
        zone = desk.world.node.settings.zone_url
        target = await find_target(connection, zone, desk.token, "results", "n" * 256)
        planned = await Put(gather([desk.home / "a"]), target).plan()
    assert [source.path for source in planned[Choice.UNFIT]] == ["a"]
    assert desk.there() == {"file": b"2"}


async def test_a_folder_that_may_not_be_written_is_said_as_not_permitted(desk: Desk) -> None:
    desk.write({"a": b"1"})
    await desk.put("a", to="results/mine")
    directory = desk.world.id_of(desk.dataset, "mine")
    changed = await desk.world.provider.put(f"/data/{directory}", headers=desk.alex.headers, json={"mode": "0555"})
    assert changed.status_code == 204
    desk.write({"b": b"2"})
    report = await desk.put("b", to="results/mine")
    assert report.exit_code == 5
    assert str(report.files[0].problem).startswith("mine/b: you may not write there")
    with pytest.raises(NotWritable, match=r"^mine/new: you may not write there"):
        await desk.put("b", to="results/mine/new")


async def test_a_name_too_long_for_its_bucket_is_named_and_the_rest_arrives(tmp_path: Path, radosgw: Radosgw) -> None:
    own = radosgw.bucket()
    with open_world(tmp_path / "world") as world:
        desk = Desk(world, tmp_path / "home")
        desk.dataset = results_in_bucket(world, desk.alex, own, "in a bucket")
        deep = "/".join(["d" * 200] * 5)
        desk.write({"run/a": b"1", "run/large": BIG, f"run/{deep}/{'n' * 100}": b"2", f"run/{deep}/{'m' * 100}": BIG})
        report = await desk.put("run", to="in a bucket")
        assert Objects(own, desk.dataset.space).all() == {"run/a": b"1", "run/large": BIG}
        failed = [file for file in report.files if file.outcome == "failed"]
        assert (len(failed), report.count("put"), report.exit_code) == (2, 2, 7)
        for file in failed:
            assert str(file.problem).startswith(f"{file.path}: its name is too long there")
        assert desk.listed() == {"run/a": 1, "run/large": len(BIG)}
