"""Results whose space lies in a bucket of a real S3 server: whole, checked, and under their own names."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.node.replication.buckets import Meanwhile, Objects
from tests.results.desk import BIG, Desk
from tests.storage.conftest import own, proxy, radosgw

from fs2od.onedata.errors import Busy
from fs2od.results import PutReport
from fs2od.storage.s3 import S3Settings
from fs2od.testing.killed_writing import results_in_bucket
from fs2od.testing.network import Proxy, Refuse, Request
from fs2od.testing.world import open_world

__all__ = ["own", "proxy", "radosgw"]


@pytest.fixture
def desk(tmp_path: Path, own: S3Settings, proxy: Proxy) -> Iterator[Desk]:
    with open_world(tmp_path / "world") as world:
        yield in_bucket(Desk(world, tmp_path / "home"), own, proxy)


@pytest.fixture
def plain(tmp_path: Path, own: S3Settings, proxy: Proxy) -> Iterator[Desk]:
    """The same at a node that has nothing but Onedata's own REST."""
    with open_world(tmp_path / "world", plain=True) as world:
        yield in_bucket(Desk(world, tmp_path / "home"), own, proxy)


def in_bucket(desk: Desk, own: S3Settings, proxy: Proxy) -> Desk:
    desk.dataset = results_in_bucket(desk.world, desk.alex, own, "in a bucket", port=proxy.ports[0])
    return desk


@pytest.fixture
def objects(own: S3Settings, desk: Desk) -> Objects:
    return Objects(own, desk.dataset.space)


def is_part(request: Request) -> bool:
    return request.method == "PUT" and "partNumber=" in request.target


@pytest.mark.parametrize("content", [b"small", BIG], ids=["small", "large"])
async def test_what_comes_to_lie_otherwise_in_the_store_is_removed_and_sent_again(
    content: bytes, desk: Desk, objects: Objects, proxy: Proxy
) -> None:
    desk.write({"file": content})
    flipped: list[str] = []

    def is_first_look(request: Request) -> bool:
        return request.method == "HEAD" and "file" in objects.sizes()

    def flip() -> None:
        objects.flip("file")
        flipped.append("file")

    proxy.strike(Meanwhile(flip), when=is_first_look)
    report = await desk.put("file", to="in a bucket")
    assert flipped
    assert [file.outcome for file in report.files] == ["put"]
    assert objects.all() == {"file": content}
    assert desk.listed() == {"file": len(content)}


async def test_a_large_file_arrives_under_its_own_name_and_is_never_copied_within_the_store(
    desk: Desk, objects: Objects, proxy: Proxy
) -> None:
    desk.write({"run/large": BIG, "run/larger": BIG + b"more"})
    report = await desk.put("run", to="in a bucket")
    assert [file.outcome for file in report.files] == ["put", "put"]
    assert objects.all() == {"run/large": BIG, "run/larger": BIG + b"more"}
    assert desk.listed() == {"run/large": len(BIG), "run/larger": len(BIG) + 4}
    assert not [each for each in proxy.exchanges if "x-amz-copy-source" in each.request.headers]
    assert [file.outcome for file in (await desk.put("run", to="in a bucket")).files] == ["kept", "kept"]


async def test_a_file_longer_than_parts_can_be_is_named_with_advice_and_nothing_of_it_stays(
    desk: Desk, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fs2od.node.provider.writing.arriving._MOST_BYTES", 8 << 20)
    desk.write({"run/large": BIG, "run/small": b"small"})
    report = await desk.put("run", to="in a bucket")
    require_refused(report, desk, objects)


async def test_a_file_longer_than_any_body_is_named_with_advice_and_nothing_of_it_stays(plain: Desk) -> None:
    plain.world.node.provider.bodies._most_bytes = 8 << 20
    plain.write({"run/large": BIG, "run/small": b"small"})
    report = await plain.put("run", to="in a bucket")
    assert [(file.outcome, str(file.problem or "")[:31]) for file in report.files] == [
        ("failed", "run/large (0.0 GiB) is larger t"),
        ("put", ""),
    ]


def require_refused(report: PutReport, desk: Desk, objects: Objects) -> None:
    large, small = report.files
    assert (large.outcome, small.outcome, report.exit_code) == ("failed", "put", 7)
    assert str(large.problem).startswith("run/large (0.0 GiB) is larger than the service takes into a bucket")
    assert "split it" in str(large.problem)
    assert objects.all() == {"run/small": b"small"}
    assert desk.listed() == {"run/small": 5}


async def test_a_part_that_the_store_does_not_take_is_sent_again_and_none_besides(
    desk: Desk, objects: Objects, proxy: Proxy
) -> None:
    content = BIG + BIG
    desk.write({"file": content})
    # As often as the store is asked in one request of ours.
    proxy.strike(Refuse(503), when=is_part, passing=1, times=4)
    report = await desk.put("file", to="in a bucket")
    assert [file.outcome for file in report.files] == ["put"]
    assert objects.all() == {"file": content}
    assert [each.status for each in proxy.exchanges if is_part(each.request)] == [200, 503, 503, 503, 503, 200, 200]


async def test_a_file_that_is_another_one_by_now_is_sent_whole_although_it_looks_the_same(
    desk: Desk, objects: Objects, proxy: Proxy
) -> None:
    desk.write({"file": BIG})
    times = (desk.home / "file").stat()
    proxy.strike(Refuse(503), when=is_part, passing=1, times=1000)
    with pytest.raises(Busy):
        await desk.put("file", to="in a bucket")
    proxy.forgive()
    desk.write({"file": BIG[::-1]})
    os.utime(desk.home / "file", ns=(times.st_mtime_ns, times.st_mtime_ns))
    assert (await desk.put("file", to="in a bucket")).exit_code == 0
    assert objects.all() == {"file": BIG[::-1]}


async def test_files_of_some_parts_come_in_one_request_once_it_is_known_where_they_lie(
    desk: Desk, objects: Objects
) -> None:
    desk.write({"a": BIG, "b": BIG})
    await desk.put("a", "b", to="in a bucket", jobs=1)
    assert sum(path.endswith("/upload") for _, path, _ in desk.way.sent) == 1
    assert objects.all() == {"a": BIG, "b": BIG}


@pytest.mark.parametrize("other", [BIG, BIG[::-1]], ids=["the same", "another"])
async def test_of_two_large_files_of_one_name_at_once_one_is_put_and_stays(
    other: bytes, desk: Desk, objects: Objects
) -> None:
    desk.write({"a/file": BIG, "b/file": other})
    reports = await asyncio.gather(*(desk.put(f"{name}/file", to="in a bucket") for name in "ab"))
    outcomes = [report.files[0].outcome for report in reports]
    assert sorted(outcomes) == (["kept", "put"] if other == BIG else ["put", "refused"])
    assert objects.all() == {"file": (BIG, other)[outcomes.index("put")]}
    assert desk.listed() == {"file": len(BIG)}


async def test_a_large_file_replaces_another_only_when_asked(desk: Desk, objects: Objects) -> None:
    desk.write({"file": BIG})
    await desk.put("file", to="in a bucket")
    desk.write({"file": BIG[::-1], "beside": BIG})
    report = await desk.put("file", to="in a bucket")
    assert (report.files[0].outcome, report.exit_code) == ("refused", 7)
    assert objects.all() == {"file": BIG}
    report = await desk.put("beside", "file", to="in a bucket", replace=True, jobs=1)
    assert [file.outcome for file in report.files] == ["put", "replaced"]
    assert objects.all() == {"beside": BIG, "file": BIG[::-1]}


async def test_a_large_file_that_changes_while_it_is_sent_is_not_put(desk: Desk, objects: Objects) -> None:
    desk.write({"file": BIG})
    looked: list[str] = []

    def grow(request: httpx.Request) -> httpx.Request:
        if b"offset" in request.url.query and not looked:
            looked.append(str(request.url))
            os.utime(desk.home / "file", ns=(1, 1))  # it was looked at, and is not yet read
        return request

    desk.way.judge = grow
    report = await desk.put("file", to="in a bucket")
    assert looked
    assert "changed while it was sent" in str(report.files[0].problem)
    assert objects.all() == {}
    assert desk.listed() == {}


async def test_at_a_plain_node_it_is_said_of_a_large_file_that_it_goes_in_one_piece(
    plain: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fs2od.results._sending._LARGE_BYTES", 8 << 20)
    plain.write({"large": BIG, "small": BIG[: 5 << 20]})
    await plain.put("large", "small", to="in a bucket")
    assert len(plain.said) == 1
    assert plain.said[0].startswith("large goes in one piece")
