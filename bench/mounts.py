"""A dataset mounted: `fs2od mount` against `rclone mount`, near and from 20 ms away; sequential, parallel, random, a walk."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.distance import can_be_made, far_away
from bench.downloaders import Target, high_water_kb
from bench.downloads import served
from bench.report import Section, median

from fs2od.mount import unmount
from fs2od.testing.sidecars import extend_sidecar

__all__ = ["measure"]

_READERS = 16
_STEP = 1 << 20
_DELAY_MS = 20
_LONGEST_S = 60.0
_RANDOM_BYTES = 4 << 10


@dataclass(frozen=True)
class Sizes:
    """How much is read."""

    large_bytes: int
    random_reads: int
    files: int
    rounds: int


def measure(folder: Path, *, quick: bool) -> Iterator[Section]:
    """Yield the tables of this benchmark."""
    sizes = Sizes(64_000_000, 100, 2_000, 1) if quick else Sizes(1_000_000_000, 2_000, 20_000, 3)
    data = _dataset(folder / "data", sizes)
    yield _table(folder, data, sizes, key="mounts", title="Mounts", delay_ms=0)
    if can_be_made():
        far = Sizes(sizes.large_bytes // 10, sizes.random_reads // 10, sizes.files // 20, 1)
        data_far = _dataset(folder / "data-far", far)
        title = f"Mounts from {_DELAY_MS} ms away"
        yield _table(folder, data_far, far, key="mounts-far", title=title, delay_ms=_DELAY_MS)
    few = Sizes(sizes.large_bytes // 10, 0, sizes.files // 10, 1)
    yield _memory(folder, {few: _dataset(folder / "data-few", few), sizes: data})


def _memory(folder: Path, datasets: Mapping[Sizes, Path]) -> Section:
    section = Section(
        "mounts-memory",
        "Memory of a mount",
        "The most memory that the mount's process had while everything was walked and the large file read from front to end, MB.",
        ("", *(f"{sizes.files:,} files and one of {sizes.large_bytes // 10**6} MB" for sizes in datasets)),
    )
    peaks: dict[str, list[str]] = defaultdict(list)
    for sizes, data in datasets.items():
        with served(folder, data, tls=True) as target:
            for name, command in _MOUNTS.items():
                with _mounted(command(target, folder / "mnt", folder / "cache"), folder / "mnt") as process:
                    _walk(folder / "mnt", sizes)
                    _sequential(folder / "mnt", sizes)
                    peaks[name].append(f"{high_water_kb(Path(f'/proc/{process.pid}/status')) / 1000:.0f}")
                shutil.rmtree(folder / "cache", ignore_errors=True)
    section.fill(peaks)
    return section


def _table(folder: Path, data: Path, sizes: Sizes, *, key: str, title: str, delay_ms: int) -> Section:
    cases = [f"{name}, {state}" for name in _WORK for state in ("cold", "warm")]
    where = f"from a network namespace {delay_ms} ms away" if delay_ms else "node and client on one machine"
    section = Section(
        key,
        title,
        f"Over TLS, {where}; {sizes.rounds} alternating rounds, medians. *Cold*: a new mount with an empty cache; *warm*: another mount with the cache of "
        f"the first. One file of {sizes.large_bytes // 10**6} MB from front to end, and by {_READERS} readers who have a part each, MB/s; reads of 4 kB at "
        f"random, per second; a walk with stat through {sizes.files:,} files in folders of at most 1,000, and through as many in one, files/s. `fs2od mount` compares what is read from front to end with the "
        "manifest; `rclone mount` (http, --vfs-cache-mode full) compares nothing.",
        ("", *cases),
    )
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    with ExitStack() as stack:
        distance = stack.enter_context(far_away(delay_ms=delay_ms, loss_percent=0)) if delay_ms else None
        target = stack.enter_context(served(folder, data, tls=True, distance=distance))
        for _ in range(sizes.rounds):
            for name, command in _MOUNTS.items():
                if shutil.which(command(target, Path(), Path())[0]) is not None:
                    for case, rate in _run(command, target, folder, sizes).items():
                        found[name, case].append(rate)
    for name in _MOUNTS:
        rates = [found[name, case] for case in cases]
        section.row(name, *(f"{median(each):.0f}" if each else "-" for each in rates))
    return section


def _run(command: _Command, target: Target, folder: Path, sizes: Sizes) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, work in _WORK.items():
        cache = folder / "cache"
        for state in ("cold", "warm"):
            with _mounted(command(target, folder / "mnt", cache), folder / "mnt"):
                found[f"{name}, {state}"] = work(folder / "mnt", sizes)
        shutil.rmtree(cache, ignore_errors=True)
    return found


def _sequential(point: Path, sizes: Sizes) -> float:
    began = time.perf_counter()
    with (point / "large.mrc").open("rb", buffering=0) as file:
        while file.read(_STEP):
            pass
    return sizes.large_bytes / 1e6 / (time.perf_counter() - began)


def _parallel(point: Path, sizes: Sizes) -> float:
    part = sizes.large_bytes // _READERS

    def read(number: int) -> None:
        with (point / "large.mrc").open("rb", buffering=0) as file:
            for start in range(number * part, (number + 1) * part, _STEP):
                os.pread(file.fileno(), min(_STEP, (number + 1) * part - start), start)

    readers = [threading.Thread(target=read, args=(number,)) for number in range(_READERS)]
    began = time.perf_counter()
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    return sizes.large_bytes / 1e6 / (time.perf_counter() - began)


def _random(point: Path, sizes: Sizes) -> float:
    chosen = random.Random(1)
    began = time.perf_counter()
    with (point / "large.mrc").open("rb", buffering=0) as file:
        for _ in range(sizes.random_reads):
            os.pread(file.fileno(), _RANDOM_BYTES, chosen.randrange(sizes.large_bytes - _RANDOM_BYTES))
    return sizes.random_reads / (time.perf_counter() - began)


def _walk(point: Path, sizes: Sizes) -> float:
    began = time.perf_counter()
    count = sum(_looked_at(folder) for folder in (point / "many").iterdir())
    assert count == sizes.files
    return count / (time.perf_counter() - began)


def _walk_one(point: Path, sizes: Sizes) -> float:
    began = time.perf_counter()
    count = _looked_at(point / "one")
    assert count == sizes.files
    return count / (time.perf_counter() - began)


def _looked_at(folder: Path) -> int:
    count = 0
    for file in folder.iterdir():
        file.stat()
        count += 1
    return count


_WORK: dict[str, Callable[[Path, Sizes], float]] = {
    "front to end": _sequential,
    f"{_READERS} readers": _parallel,
    "4 kB at random": _random,
    "walk": _walk,
    "walk, one folder": _walk_one,
}


def _fs2od(target: Target, point: Path, cache: Path) -> Sequence[str]:
    ca = ["--ca", str(target.ca)] if target.ca else []
    return (sys.executable, "-m", "fs2od", "mount", target.link, str(point), "--cache", str(cache), *ca)


def _rclone(target: Target, point: Path, cache: Path) -> Sequence[str]:
    words = ("rclone", "mount", ":http:", str(point), "--http-url", f"{target.data}/files/", "--config", "/dev/null")
    more = ("--read-only", "--vfs-cache-mode", "full", "--cache-dir", str(cache))
    return (*words, *more, *(("--ca-cert", str(target.ca)) if target.ca else ()))


_Command = Callable[[Target, Path, Path], Sequence[str]]
_MOUNTS: dict[str, _Command] = {"fs2od mount": _fs2od, "rclone mount": _rclone}


@contextmanager
def _mounted(command: Sequence[str], point: Path) -> Iterator[subprocess.Popen[bytes]]:
    point.mkdir(exist_ok=True)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + _LONGEST_S
            while not os.path.ismount(point):
                assert process.poll() is None
                assert time.monotonic() < until
                # Short beside what is measured, and bounded by the line above.
                time.sleep(0.02)
            yield process
        finally:
            with suppress(OSError):
                unmount(point)
            try:
                process.wait(_LONGEST_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _dataset(folder: Path, sizes: Sizes) -> Path:
    """Make one large file and many small ones, with the manifest that a facility writes beside them."""
    for part in range(sizes.files // 1000 or 1):
        (folder / "many" / f"{part:03}").mkdir(parents=True)
    (folder / "one").mkdir()
    with (folder / "large.mrc").open("wb") as large:
        noise = random.Random(0)
        for start in range(0, sizes.large_bytes, _STEP):
            large.write(noise.randbytes(min(_STEP, sizes.large_bytes - start)))
    for number in range(sizes.files):
        file = folder / "many" / f"{number // 1000:03}" / f"{number:06}.jpg"
        file.write_bytes(b"%d" % number)
        (folder / "one" / file.name).hardlink_to(file)
    extend_sidecar(folder, seal=True)
    return folder
