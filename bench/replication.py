"""A dataset to a site's bucket: the node's replication, which checks every copy, against rclone and the AWS command line."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.downloaders import Run, high_water_kb, watched
from bench.report import Section

from fs2od.node.panel.storage_records import Bucket, Credentials
from fs2od.storage.s3 import S3Settings
from fs2od.testing.radosgw import Radosgw, shared
from fs2od.testing.world import open_world

__all__ = ["measure"]

_AT_ONCE = 16
_SMALL_BYTES = 100_000
_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    small_files: int
    large_files: int
    large_bytes: int

    @classmethod
    def chosen(cls, *, quick: bool) -> Sizes:
        return cls(500, 1, 100_000_000) if quick else cls(5_000, 4, 1_000_000_000)


def measure(folder: Path, *, quick: bool) -> Iterator[Section]:
    """Yield the tables of this benchmark."""
    sizes = Sizes.chosen(quick=quick)
    cases = {
        f"{sizes.small_files} files of 100 kB": (sizes.small_files, _SMALL_BYTES),
        f"{sizes.large_files} files of {sizes.large_bytes // 1_000_000} MB": (sizes.large_files, sizes.large_bytes),
    }
    section = Section(
        "replication",
        "Replication to a bucket",
        "Seconds until all is there, out of a file system in memory into Ceph's object gateway on the same machine, which is the "
        "limit of all; each once, one after the other, into a new store. fs2od compares every copy with the SHA-256 that it computes "
        "meanwhile, through the store's own MD5; rclone and aws compare single requests.",
        ("program", *cases),
    )
    programs = {name: run for name, run in _programs().items() if run is not None}
    taken: dict[tuple[str, str], float] = {}
    with tempfile.TemporaryDirectory(dir=_MEMORY) as memory:
        for case, (count, size) in cases.items():
            source = _written(Path(memory) / "source", count, size)
            for program, run in programs.items():
                # A store that others have filled would be slower, and holds 12 GB.
                with shared(folder / f"radosgw-{len(taken)}") as server:
                    taken[program, case] = run(server, source, Path(memory)).seconds
            shutil.rmtree(source)
    for program in programs:
        section.row(program, *(f"{taken[program, case]:.2f}" for case in cases))
    yield section
    yield _memory(folder, sizes)


def _memory(folder: Path, sizes: Sizes) -> Section:
    counts = (sizes.small_files // 10, sizes.small_files)
    section = Section(
        "replication-memory",
        "Memory of replication",
        "The most memory of the process while it brought so many files of 100 kB into a bucket, MB; fs2od's holds the node, its pages and the import besides.",
        ("", *(f"{count:,} files" for count in counts)),
    )
    peaks: dict[str, list[str]] = defaultdict(list)
    with shared(folder / "radosgw") as server, tempfile.TemporaryDirectory(dir=_MEMORY) as memory:
        for count in counts:
            source = _written(Path(memory) / "source", count, _SMALL_BYTES)
            for program, run in _programs().items():
                if run is not None:
                    peaks[program].append(f"{run(server, source, Path(memory)).peak_mb:.0f}")
            shutil.rmtree(source)
    section.fill(peaks)
    return section


_Program = Callable[[Radosgw, Path, Path], Run]


def _programs() -> Mapping[str, _Program | None]:
    return {
        "fs2od": _fs2od,
        "rclone copy": _rclone if shutil.which("rclone") else None,
        "aws s3 cp --recursive": _aws if shutil.which("aws") else None,
    }


def _written(folder: Path, count: int, size: int) -> Path:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:05}.mrc").write_bytes(os.urandom(size))
    return folder


class _Later:
    """The time of day, a minute ahead: what was just written has settled."""

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.now_s(), UTC)

    def now_s(self) -> int:
        return int(time.time()) + 60


def _fs2od(server: Radosgw, source: Path, memory: Path) -> Run:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_replicated, server.bucket(), source, memory).result()


def _replicated(settings: S3Settings, source: Path, memory: Path) -> Run:
    """Replicate in this process, which does nothing else."""
    with tempfile.TemporaryDirectory(dir=memory) as folder, open_world(Path(folder), clock=_Later()) as world:
        owner = world.person()
        space = world.space(owner)
        storage = world.node.provider.storages.add_posix("data", str(source), imported=True, readonly=True)
        dataset = world.support(space, storage, source)
        site = world.site().node_provider
        place, credentials = (
            Bucket(settings.endpoint, settings.bucket),
            Credentials(settings.access_key, settings.secret_key),
        )
        bucket = site.storages.add_s3("bucket", place, credentials)
        with world.node.zone.database.writing() as db:
            site.supports.grant(db, space, bucket, size_bytes=1 << 40)
        body = {"fileId": dataset.root, "expression": f"storageId={bucket}"}

        async def require() -> None:
            answer = await world.provider.post("/qos_requirements", json=body, headers=owner.headers)
            answer.raise_for_status()

        asyncio.run(require())
        replicator = world.node.sites.replicator
        started_s = time.monotonic()
        replicator.start_due()
        replicator.wait(space, 3600)
        taken_s = time.monotonic() - started_s
        (progress,) = replicator.progress(space)
        assert progress.sum.replicated_files == progress.sum.files, progress
        # Not what getrusage tells, which begins with the process that started this one.
        return Run(taken_s, high_water_kb(Path("/proc/self/status")) / 1000, is_whole=True)


def _rclone(server: Radosgw, source: Path, memory: Path) -> Run:
    settings = server.bucket()
    environment = {
        "PATH": os.environ["PATH"],
        "RCLONE_CONFIG": str(memory / "none.conf"),
        "RCLONE_CONFIG_S3_TYPE": "s3",
        "RCLONE_CONFIG_S3_PROVIDER": "Ceph",
        "RCLONE_CONFIG_S3_ENDPOINT": settings.endpoint,
        "RCLONE_CONFIG_S3_ACCESS_KEY_ID": settings.access_key,
        "RCLONE_CONFIG_S3_SECRET_ACCESS_KEY": settings.secret_key,
    }
    command = [
        "rclone",
        "copy",
        str(source),
        f"s3:{settings.bucket}",
        "--transfers",
        str(_AT_ONCE),
        "--s3-chunk-size=16M",
    ]
    return _timed(command, environment)


def _aws(server: Radosgw, source: Path, memory: Path) -> Run:
    settings: S3Settings = server.bucket()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(memory),
        "AWS_ACCESS_KEY_ID": settings.access_key,
        "AWS_SECRET_ACCESS_KEY": settings.secret_key,
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    }
    address = ["--endpoint-url", settings.endpoint, "--region", "us-east-1", "--only-show-errors"]
    return _timed(["aws", "s3", "cp", "--recursive", str(source), f"s3://{settings.bucket}", *address], environment)


def _timed(command: list[str], environment: Mapping[str, str]) -> Run:
    seconds, peak_mb, code = watched(command, environment=environment)
    assert code == 0, command[:3]
    return Run(seconds, peak_mb, is_whole=True)
