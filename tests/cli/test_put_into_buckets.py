"""`fs2od put` of a large file into a bucket of a real store: its process or the node's is killed in the middle, and it goes on at that part."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from tests.node.replication.buckets import Meanwhile
from tests.storage.conftest import radosgw

from fs2od.storage.s3 import S3Settings, client_of
from fs2od.testing.killed_writing import PART_BYTES, serve_until_killed
from fs2od.testing.network import Proxy, Request
from fs2od.testing.ports import free_ports
from fs2od.testing.radosgw import Radosgw
from fs2od.testing.world import wait_until

__all__ = ["radosgw"]

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["fs2od.testing.killed_writing"])
BIG = os.urandom(5 * PART_BYTES + 1000)
PARTS = 6


class Desk:
    """Somebody whose results go into a bucket: a node in a process of its own, and the way from it to the store."""

    def __init__(self, folder: Path, own: S3Settings, proxy: Proxy, stack: ExitStack) -> None:
        self.proxy = proxy
        self.home, self._told = folder / "home", folder / "told.json"
        self.home.mkdir()
        (self.home / "big").write_bytes(BIG)
        self._world = str(folder / "world"), free_ports(2), str(self._told), own, proxy.ports[0]
        self._own, self._store = own, client_of(own)
        self._stack = stack
        self.node = self.serve()
        self._facts = json.loads(self._told.read_text())

    def serve(self) -> BaseProcess:
        """Start the node, again in its folder, and return its process."""
        process = FORKS.Process(target=serve_until_killed, args=self._world)
        process.start()
        self._stack.callback(process.kill)
        wait_until(lambda: self._told.exists() and json.loads(self._told.read_text())["pid"] == process.pid, 60)
        return process

    def put(self, *more: str) -> subprocess.Popen[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("FS2OD_", "ONECLIENT_"))}
        clean["FS2OD_TOKEN"] = self._facts["token"]
        words = ["put", "big", "results", "--zone", self._facts["zone"], "--ca", self._facts["ca"], "--json", *more]
        command = [sys.executable, "-m", "fs2od", *words]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean, cwd=self.home
        )
        self._stack.enter_context(process)
        self._stack.callback(process.kill)
        return process

    def when_third_part_leaves(self, act: Callable[[], object]) -> None:
        self.proxy.strike(Meanwhile(act), when=is_part, passing=2)

    def parts_taken(self) -> int:
        return sum(is_part(each.request) and each.status == 200 for each in self.proxy.exchanges)

    def require_whole(self) -> None:
        """Make sure that the bucket has the file under its name, and nothing else, and that no byte of it was copied."""
        listed = self._store.list_objects_v2(Bucket=self._own.bucket)["Contents"]
        assert [each["Key"].partition("/")[2] for each in listed] == ["big"]
        assert self._store.get_object(Bucket=self._own.bucket, Key=listed[0]["Key"])["Body"].read() == BIG
        assert not self._store.list_multipart_uploads(Bucket=self._own.bucket).get("Uploads")
        assert not [each for each in self.proxy.exchanges if "x-amz-copy-source" in each.request.headers]


def is_part(request: Request) -> bool:
    return request.method == "PUT" and "partNumber=" in request.target


@pytest.fixture
def desk(tmp_path: Path, radosgw: Radosgw) -> Iterator[Desk]:
    with Proxy({0: ("127.0.0.1", radosgw.port)}) as proxy, ExitStack() as stack:
        yield Desk(tmp_path, radosgw.bucket(), proxy, stack)


def test_a_command_that_is_killed_is_run_again_and_sends_the_parts_that_lack(desk: Desk) -> None:
    begun = desk.put()
    desk.when_third_part_leaves(begun.kill)
    assert begun.wait(60) != 0
    out, said = desk.put().communicate(timeout=90)
    (file,) = json.loads(out)["files"]
    assert (file["outcome"], said) == ("put", "")
    desk.require_whole()
    assert desk.parts_taken() <= PARTS + 1


def test_a_node_that_is_killed_is_waited_for_and_gets_the_parts_that_it_has_not_noted(desk: Desk) -> None:
    putting = desk.put("--wait", "60")
    desk.when_third_part_leaves(desk.node.kill)
    desk.node.join(60)
    desk.node = desk.serve()
    out, _ = putting.communicate(timeout=90)
    (file,) = json.loads(out)["files"]
    assert file["outcome"] == "put"
    desk.require_whole()
    # The third had left, and nobody heard that it arrived.
    assert desk.parts_taken() <= PARTS + 1
