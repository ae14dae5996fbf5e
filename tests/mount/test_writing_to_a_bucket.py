"""Files written through a mount into a space whose storage is a bucket of a real store, which takes whole files only."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.mount.desk import Desk
from tests.mount.test_writing import WRITES_MOVIE, shell
from tests.storage.conftest import radosgw

from fs2od.node.panel.storage_records import Bucket, Credentials
from fs2od.onedata.ids import FileId
from fs2od.storage import Kind, Storage
from fs2od.storage.s3 import S3Settings
from fs2od.storage.s3._copying import Copies
from fs2od.testing.radosgw import Radosgw
from fs2od.testing.system import tree
from fs2od.testing.world import Dataset, ServedWorld, serve_world, wait_until

__all__ = ["radosgw"]

BIG = random.Random(7).randbytes(17 << 20)


class BucketDesk(Desk):
    """Somebody whose results go into a bucket."""

    def __init__(self, world: ServedWorld, home: Path, bucket: S3Settings) -> None:
        super().__init__(world, home)
        provider, zone = world.node.provider, world.node.zone
        space = world.space(self.alex, "objects")
        place, keys = Bucket(bucket.endpoint, bucket.bucket), Credentials(bucket.access_key, bucket.secret_key)
        storage = provider.storages.add_s3("objects", place, keys)
        with zone.database.writing() as db:
            provider.supports.grant(db, space, storage, size_bytes=1 << 30)
        zone.epoch.move()
        self.dataset = Dataset(space, storage, home / "nowhere", FileId(provider.files.root_id(space)))

    @property
    def store(self) -> Storage:
        return self.world.node.provider.storages.get(self.dataset.storage).opened_for(self.dataset.space)

    def objects(self, path: str = "") -> dict[str, bytes]:
        """Return what lies in the bucket."""
        found: dict[str, bytes] = {}
        for entry in self.store.list(path) if path or self._has_any() else ():
            below = f"{path}/{entry.name}" if path else entry.name
            if entry.kind is Kind.DIRECTORY:
                found |= self.objects(below)
            else:
                with self.store.open(below) as file:
                    found[below] = file.read()
        return found

    def _has_any(self) -> bool:
        return next(iter(self.store.list("")), None) is not None


@pytest.fixture
def desk(tmp_path: Path, radosgw: Radosgw) -> Iterator[BucketDesk]:
    with serve_world(tmp_path / "world") as world:
        yield BucketDesk(world, tmp_path / "home", radosgw.bucket())


def test_programs_write_as_on_a_disk_and_the_bucket_has_plain_objects(desk: BucketDesk, tmp_path: Path) -> None:
    disk, given = tmp_path / "disk", tmp_path / "given"
    disk.mkdir()
    given.mkdir()
    (given / "big.mrc").write_bytes(BIG)
    (given / "ü #%41.txt").write_bytes(b"name")
    (given / "empty").touch()
    script = f"""
        cp -r {given} copied
        printf one > log; for n in two three; do printf $n >> log; done; cat log
        dd if={given}/big.mrc of=moved bs=1M seek=3 skip=2 status=none
        dd if=/dev/zero of=copied/big.mrc bs=1000 count=3 seek=15000 conv=notrunc status=none
        printf more >> copied/big.mrc
        truncate -s 70000 copied/empty; truncate -s 16000000 moved
        cp {given}/big.mrc replaced; cp {given}/empty replaced; cp {given}/big.mrc twice; cp {given}/big.mrc twice
        mkdir a; mv copied/big.mrc a/large; mv a b; rm log
        find . -type f -print0 | sort -z | xargs -0 md5sum
    """
    with desk.mounted() as mount:
        assert shell(script, mount.point) == shell(script, disk)
        assert tree(mount.point) == tree(disk)
        assert mount.end() == 0
    assert not list(desk.spool.iterdir())
    wanted = {str(path.relative_to(disk)): path.read_bytes() for path in disk.rglob("*") if path.is_file()}
    assert desk.objects() == wanted
    assert desk.downloaded(tmp_path / "downloaded") == tree(disk)


def test_a_movie_is_written_and_changed_in_place_and_never_copied_in_the_store(
    desk: BucketDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []
    monkeypatch.setattr(Copies, "copy", lambda _, key, *__: copied.append(key))
    frames = np.random.default_rng(3).normal(size=(8, 700, 900)).astype(np.float32)
    np.save(tmp_path / "frames.npy", frames)
    (tmp_path / "disk").mkdir()
    with desk.mounted() as mount:
        for folder in (mount.point, tmp_path / "disk"):
            subprocess.run(
                [sys.executable, "-c", WRITES_MOVIE, str(tmp_path / "frames.npy")], cwd=folder, check=True, timeout=60
            )
        assert mount.end() == 0
    assert not copied
    (movie,) = desk.objects().values()
    # Its header says when it was written.
    assert movie[1024:] == (tmp_path / "disk" / "movie.mrc").read_bytes()[1024:]


def test_a_mount_that_is_killed_leaves_a_partial_name_that_is_swept(desk: BucketDesk, tmp_path: Path) -> None:
    given, sites = tmp_path / "big.mrc", desk.world.node.sites
    given.write_bytes(4 * BIG)
    with desk.mounted() as mount, desk.world.node.provider.indexes.using(desk.dataset.space) as index:
        copying = subprocess.Popen(["/bin/cp", str(given), str(mount.point)], stderr=subprocess.DEVNULL)
        wait_until(lambda: bool(index.children(1, limit=1)), 60)
        mount.process.kill()
        assert copying.wait(60) != 0
        (left,) = index.children(1, limit=9)
        assert left.name.endswith(".partial")

        def swept_a_week_later() -> bool:
            # What the mount had sent last may still be at work in the node, and makes the file and its parts young again.
            with index.database.writing() as db:
                db.execute("UPDATE entry SET mtime_ns = 0 WHERE id = ?", (left.row,))
                db.execute("UPDATE arrival SET moved = 0 WHERE entry = ?", (left.row,))
            return sites.abandoned.sweep(desk.dataset.space) == 1

        wait_until(swept_a_week_later, 60)
    assert desk.objects() == {}
