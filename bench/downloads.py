"""A dataset to the user's disk: our two front ends, which verify, against what people would use, which do not."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import ssl
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from bench.distance import can_be_made, far_away
from bench.downloaders import DOWNLOADERS, OURS, Run, Target, download, is_there
from bench.report import Section, median

from fs2od.manifests import SIDECAR
from fs2od.testing import microscope
from fs2od.testing.hosts import Host
from fs2od.testing.sidecars import extend_sidecar

__all__ = ["measure", "served"]

_ROOT = Path(__file__).parent.parent
_GB = 10**9
_MEMORY_FOR_LARGE = 14 * _GB
_TRANSPORTS = ("TLS 1.3", "plain HTTP")
_DELAY_MS, _LOSS_PERCENT = 20, 1


@dataclass(frozen=True)
class Sizes:
    """How much is measured, and how often."""

    small_files: int
    large_files: int
    large_bytes: int
    mixed_files: int
    mixed_bytes: int
    many_files: int
    rounds: int

    @classmethod
    def chosen(cls, *, quick: bool) -> Sizes:
        """Return the sizes that this machine has memory for."""
        if quick:
            return cls(200, 2, 20_000_000, 60, 60_000_000, 2_000, 1)
        large = _GB if _available_bytes() > _MEMORY_FOR_LARGE else 256_000_000
        return cls(5_000, 4, large, 1_000, _GB, 200_000, 3)

    def from_far(self) -> Sizes:
        """Return sizes for a line on which a single connection reaches a megabyte per second or two."""
        return replace(
            self,
            small_files=self.small_files // 20,
            large_bytes=min(self.large_bytes, 1 << 30) // 40,
            mixed_files=max(self.mixed_files // 20, 60),
            mixed_bytes=self.mixed_bytes // 20,
        )


def measure(folder: Path, *, quick: bool) -> Iterator[Section]:
    """Yield the tables of this benchmark, each as soon as it is measured: all of them take twenty minutes."""
    sizes = Sizes.chosen(quick=quick)
    with _in_memory(folder / "memory", sizes) as place:
        cases = _cases(place, sizes)
        yield _near(place, cases, sizes)
        if can_be_made():
            yield _far(place, sizes.from_far())
        shutil.rmtree(cases.pop(f"{sizes.large_files} files of {_size(sizes.large_bytes)}"))
        yield _verification(place, sizes)
        yield _memory(place, sizes)
        yield _archives(place, next(iter(cases.values())), sizes)


def _near(place: Path, cases: Mapping[str, Path], sizes: Sizes) -> Section:
    columns = [f"{case}, {transport}" for case in cases for transport in _TRANSPORTS]
    section = Section(
        "downloads",
        "Downloads",
        f"Seconds from the start of the program to its end, its own start included, out of a file system in memory into one in "
        f"memory, node and client on the same machine; {sizes.rounds} alternating rounds, medians. The mixture is a session of the "
        "simulated microscope. `fs2od download` and get.py check every byte against the manifest; the others check nothing and "
        "fetch the same files from the same node's file addresses: aria2c and curl from a list of them, rclone and wget from its "
        "folder index. *Failed*: the program said so, or sizes differ afterwards.",
        ("", *columns),
    )
    runs: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for case, data in cases.items():
        with ExitStack() as stack:
            targets = {
                "TLS 1.3": stack.enter_context(served(place, data, tls=True)),
                "plain HTTP": stack.enter_context(served(place, data, tls=False)),
            }
            _alternate(runs, {f"{case}, {each}": target for each, target in targets.items()}, place, sizes.rounds)
    return _filled(section, columns, runs)


def _far(place: Path, sizes: Sizes) -> Section:
    cases = _cases(place / "far", sizes)
    columns = list(cases)
    runs: dict[tuple[str, str], list[Run]] = defaultdict(list)
    with far_away(delay_ms=_DELAY_MS, loss_percent=_LOSS_PERCENT) as distance:
        section = Section(
            "downloads-far",
            "Downloads from far away",
            f"As above, over TLS, from a network namespace whose packets come {_DELAY_MS} ms late and of which {_LOSS_PERCENT} % are "
            f"lost ({distance.late_by}). Seconds.",
            ("", *columns),
        )
        for case, data in cases.items():
            with served(place, data, tls=True, distance=distance) as target:
                _alternate(runs, {case: target}, place, sizes.rounds)
    return _filled(section, columns, runs)


def _verification(place: Path, sizes: Sizes) -> Section:
    section = Section(
        "downloads-verification",
        "What verification costs",
        f"`fs2od download` over TLS from a node whose dataset has a manifest, and from one whose dataset has none, where it can only "
        f"compare sizes. Seconds, {sizes.rounds} alternating rounds, medians.",
        ("", "verified", "sizes only", "more"),
    )
    for case, data in _cases(place, sizes, only=("small", "large")).items():
        with ExitStack() as stack:
            bare = stack.enter_context(_without_sidecar(data))
            targets = {
                "verified": stack.enter_context(served(place, data, tls=True)),
                "sizes only": stack.enter_context(served(place, bare, tls=True)),
            }
            runs: dict[tuple[str, str], list[Run]] = defaultdict(list)
            _alternate(runs, targets, place, sizes.rounds, names=OURS[:1])
        verified, unverified = (median(run.seconds for run in runs[OURS[0], each]) for each in targets)
        section.row(case, f"{verified:.2f}", f"{unverified:.2f}", f"{verified / unverified - 1:+.0%}")
        shutil.rmtree(data)
    return section


def _memory(place: Path, sizes: Sizes) -> Section:
    counts = (sizes.small_files // 10, sizes.small_files)
    section = Section(
        "downloads-memory",
        "Memory of a download",
        "The most memory that the program's process had while it downloaded so many files of 100 kB over TLS, MB.",
        ("", *(f"{count:,} files" for count in counts)),
    )
    peaks: dict[str, list[str]] = defaultdict(list)
    for count in counts:
        data = _small(place / f"memory-{count}", count)
        with served(place, data, tls=True) as target:
            for name in filter(is_there, DOWNLOADERS):
                peaks[name].append(f"{download(name, target, place).peak_mb:.0f}")
        shutil.rmtree(data)
    section.fill(peaks)
    return section


def _archives(place: Path, data: Path, sizes: Sizes) -> Section:
    section = Section(
        "downloads-archives",
        "Everything as one archive",
        f"The dataset of {sizes.small_files:,} files of 100 kB through curl, and through `tar cf -`, each into a pipe to `cat`; MB/s, "
        f"{sizes.rounds} alternating rounds, medians. First byte: from the request to the first byte of the body, of a "
        f"dataset of {sizes.many_files:,} files, the first time it is asked for.",
        ("", "MB/s", f"first byte at {sizes.many_files:,} files, ms"),
    )
    many = _many(place / "many", sizes.many_files)
    with ExitStack() as stack:
        targets = [stack.enter_context(served(place, data, tls=tls)) for tls in (True, False)]
        vast = [stack.enter_context(served(place, many, tls=tls)) for tls in (True, False)]
        ways: dict[str, tuple[list[str], Target | None, str]] = {
            "tar cf -": (["tar", "cf", "-", "-C", str(data), "."], None, "")
        }
        for target, far, transport in zip(targets, vast, _TRANSPORTS, strict=True):
            for kind in ("tar", "zip"):
                ways[f"{kind.upper()}, {transport}"] = (_curled(target, kind), far, kind)
        rates: dict[str, list[float]] = defaultdict(list)
        for _ in range(sizes.rounds):
            for name, (words, _far_target, _kind) in ways.items():
                rates[name].append(_piped(words))
        for name, (_words, vast_target, kind) in ways.items():
            first = f"{_first_byte_s(vast_target, kind) * 1000:.0f}" if vast_target else ""
            section.row(name, f"{median(rates[name]) / 1e6:.0f}", first)
    shutil.rmtree(many)
    return section


def _alternate(
    runs: dict[tuple[str, str], list[Run]],
    targets: Mapping[str, Target],
    place: Path,
    rounds: int,
    *,
    names: tuple[str, ...] = tuple(DOWNLOADERS),
) -> None:
    for _ in range(rounds):
        for name in filter(is_there, names):
            for column, target in targets.items():
                runs[name, column].append(download(name, target, place))


def _filled(section: Section, columns: list[str], runs: Mapping[tuple[str, str], list[Run]]) -> Section:
    for name in filter(is_there, DOWNLOADERS):
        found = [runs[name, column] for column in columns]
        cells = (
            f"{median(run.seconds for run in each):.2f}" if all(run.is_whole for run in each) else "failed"
            for each in found
        )
        section.row(name, *cells)
    return section


def _cases(place: Path, sizes: Sizes, *, only: tuple[str, ...] = ("small", "large", "mixed")) -> dict[str, Path]:
    makers: dict[str, tuple[str, Callable[[Path], Path]]] = {
        "small": (f"{sizes.small_files:,} files of 100 kB", lambda path: _small(path, sizes.small_files)),
        "large": (
            f"{sizes.large_files} files of {_size(sizes.large_bytes)}",
            lambda path: _large(path, sizes.large_files, sizes.large_bytes),
        ),
        "mixed": (f"{sizes.mixed_files:,} files, mixed", lambda path: _mixed(path, sizes)),
    }
    # Each with a name of its own, for a case may be made a second time.
    return {makers[key][0]: makers[key][1](place / f"{'-'.join(only)}-{key}") for key in only}


def _small(folder: Path, count: int) -> Path:
    for number in range(count):
        path = folder / f"GridSquare_{number % 50:03}" / f"FoilHole_{number:06}_fractions.tiff"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(100_000))
    extend_sidecar(folder, seal=True)
    return folder


def _large(folder: Path, count: int, size: int) -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        with (folder / f"movie_{number}.mrc").open("wb") as file:
            for start in range(0, size, 1 << 24):
                file.write(os.urandom(min(1 << 24, size - start)))
    extend_sidecar(folder, seal=True)
    return folder


def _mixed(folder: Path, sizes: Sizes) -> Path:
    folder.parent.mkdir(exist_ok=True)
    microscope.write(microscope.Session.of_files(sizes.mixed_files, total_bytes=sizes.mixed_bytes), folder)
    extend_sidecar(folder, seal=True)
    return folder


def _many(folder: Path, count: int) -> Path:
    for number in range(count):
        if not number % 1000:
            (folder / f"{number // 1000:03}").mkdir(parents=True)
        (folder / f"{number // 1000:03}" / f"FoilHole_{number:08}.xml").write_bytes(b"x")
    return folder


@contextmanager
def _without_sidecar(data: Path) -> Iterator[Path]:
    """Yield the same files, as hard links, in a folder without a manifest."""
    bare = data.with_name(f"{data.name}-bare")
    shutil.copytree(data, bare, copy_function=os.link, ignore=shutil.ignore_patterns(SIDECAR))
    try:
        yield bare
    finally:
        shutil.rmtree(bare)


@contextmanager
def served(place: Path, data: Path, *, tls: bool, distance: Host | None = None) -> Iterator[Target]:
    """Run a node over `data`, with its state beside it."""
    state = place / f"state-{data.name}-{'tls' if tls else 'plain'}"
    address = distance.address if distance else "127.0.0.1"
    command = [
        sys.executable,
        "-m",
        "bench.share_once",
        str(state),
        str(data),
        "tls" if tls else "plain",
        address,
    ]
    with distance.entered() if distance else nullcontext():
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT)
    assert process.stdin is not None
    assert process.stdout is not None
    files = {path.relative_to(data).as_posix(): path.stat().st_size for path in data.rglob("*") if path.is_file()}
    try:
        said = json.loads(process.stdout.readline())
        yield Target(said["link"], said["data"], Path(said["ca"]) if tls else None, files, said["token"])
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()
        shutil.rmtree(state, ignore_errors=True)


def _curled(target: Target, kind: str) -> list[str]:
    ca = ["--cacert", str(target.ca)] if target.ca else []
    return ["curl", "-sS", "-L", *ca, f"{target.data}/archive.{kind}"]


def _piped(words: list[str]) -> float:
    """Run a command into a pipe; return its bytes per second."""
    began, size = time.perf_counter(), 0
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        with subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.PIPE) as cat:
            assert cat.stdout is not None
            while block := os.read(cat.stdout.fileno(), 1 << 20):
                size += len(block)
    assert process.returncode == 0, words
    return size / (time.perf_counter() - began)


def _first_byte_s(target: Target, kind: str) -> float:
    url = urlsplit(f"{target.data}/archive.{kind}")
    assert url.hostname is not None
    connection = (
        http.client.HTTPSConnection(url.hostname, url.port, context=ssl.create_default_context(cafile=str(target.ca)))
        if target.ca
        else http.client.HTTPConnection(url.hostname, url.port)
    )
    with closing(connection):
        connection.connect()
        began = time.perf_counter()
        connection.request("GET", url.path)
        with connection.getresponse() as response:
            assert response.status == 200, response.status
            assert response.read(1)
            return time.perf_counter() - began


@contextmanager
def _in_memory(place: Path, sizes: Sizes) -> Iterator[Path]:
    """Yield a folder in memory, or where root's rights are missing, one on the disk."""
    place.mkdir()
    if os.geteuid() != 0:
        yield place
        return
    largest = max(sizes.large_files * sizes.large_bytes, 2 * _GB)
    size = 2 * largest + 3 * _GB
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "fs2od-bench", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def _available_bytes() -> int:
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))


def _size(size_bytes: int) -> str:
    return f"{size_bytes // _GB} GB" if size_bytes >= _GB else f"{size_bytes // 1_000_000} MB"
