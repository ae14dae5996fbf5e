"""A folder kept as a dataset is: `fs2od mirror` against `rclone sync` and Onedata's Python client; its memory."""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from bench.distance import can_be_made, far_away
from bench.downloaders import Run, Target, watched
from bench.downloads import served
from bench.report import Section, median

from fs2od.testing.sidecars import extend_sidecar

__all__ = ["measure"]

_Words = tuple[Sequence[str], str]
"""A command, and what it reads from standard input."""
_Mirror = Callable[[Target, Path], _Words]
_WITNESS = Path(__file__).parents[1] / ".venv-witness" / "bin" / "python"
_OFFICIAL = "onedatafilerestclient"
_BYTES = 100_000
_DAMAGED = "000007.mrc"
_DELAY_MS = 20
_CASES = ("the first time", "again", "one file damaged")


def measure(folder: Path, *, quick: bool) -> Iterator[Section]:
    """Yield the tables of this benchmark."""
    files, rounds = (300, 1) if quick else (5_000, 3)
    data = _dataset(folder / "data", files)
    yield _near(folder, data, files, rounds)
    few = _dataset(folder / "few", files // 10)
    if can_be_made():
        yield _far(folder, few, files // 10)
    yield _memory(folder, {files // 10: few, files: data})


def _near(folder: Path, data: Path, files: int, rounds: int) -> Section:
    section = Section(
        "mirrors",
        "Mirrors",
        f"{files:,} files of {_BYTES // 1000} kB over TLS, node and client on one machine; seconds from the start of the program to its end, {rounds} alternating "
        "rounds, medians. *One file damaged*: a file was cut short. `fs2od mirror` compares what comes with the manifest; "
        "`rclone sync` (http, 16 transfers) compares sizes and times. Onedata's own Python client (onedatafilerestclient) has no mirror: it "
        "fetches file after file, once.",
        ("", *_CASES),
    )
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    with served(folder, data, tls=True) as target:
        for _ in range(rounds):
            for name, mirror in _MIRRORS.items():
                for case in _CASES:
                    if case == _CASES[-1]:
                        os.truncate(folder / "out" / _DAMAGED, 10)
                    found[name, case].append(_run(mirror, target, folder / "out").seconds)
                assert (folder / "out" / _DAMAGED).stat().st_size == _BYTES
                shutil.rmtree(folder / "out")
        found[_OFFICIAL, _CASES[0]].append(_run(_official, target, folder / "out").seconds)
        shutil.rmtree(folder / "out")
    for name in (*_MIRRORS, _OFFICIAL):
        section.row(name, *(f"{median(found[name, case]):.2f}" if found[name, case] else "-" for case in _CASES))
    return section


def _far(folder: Path, data: Path, files: int) -> Section:
    section = Section(
        "mirrors-far",
        f"Mirrors from {_DELAY_MS} ms away",
        f"As above, {files:,} files, from a network namespace whose packets come {_DELAY_MS} ms late; the first time, once. Seconds.",
        ("", _CASES[0]),
    )
    with (
        far_away(delay_ms=_DELAY_MS, loss_percent=0) as distance,
        served(folder, data, tls=True, distance=distance) as target,
    ):
        for name, mirror in {**_MIRRORS, _OFFICIAL: _official}.items():
            section.row(name, f"{_run(mirror, target, folder / 'out').seconds:.2f}")
            shutil.rmtree(folder / "out")
    return section


def _memory(folder: Path, datasets: Mapping[int, Path]) -> Section:
    section = Section(
        "mirrors-memory",
        "Memory of a mirror",
        f"The most memory that the program's process had while it brought so many files of {_BYTES // 1000} kB, MB.",
        ("", *(f"{count:,} files" for count in datasets)),
    )
    peaks: dict[str, list[str]] = defaultdict(list)
    for data in datasets.values():
        with served(folder, data, tls=True) as target:
            for name, mirror in _MIRRORS.items():
                peaks[name].append(f"{_run(mirror, target, folder / 'out').peak_mb:.0f}")
                shutil.rmtree(folder / "out")
    section.fill(peaks)
    return section


def _run(mirror: _Mirror, target: Target, out: Path) -> Run:
    words, given = mirror(target, out)
    seconds, peak_mb, code = watched(words, given=given)
    assert code == 0, words[:3]
    return Run(seconds, peak_mb, is_whole=True)


def _fs2od(target: Target, out: Path) -> _Words:
    ca = ("--ca", str(target.ca)) if target.ca else ()
    return (sys.executable, "-m", "fs2od", "mirror", target.link, str(out), *ca), ""


def _rclone(target: Target, out: Path) -> _Words:
    words = ("rclone", "sync", ":http:", str(out), "--http-url", f"{target.data}/files/", "--config", "/dev/null")
    more = ("--transfers", "16", "--checkers", "16", *(("--ca-cert", str(target.ca)) if target.ca else ()))
    return (*words, *more), ""


def _official(target: Target, out: Path) -> _Words:
    zone = urlsplit(target.link).netloc
    words = (
        str(_WITNESS),
        str(Path(__file__).with_name("official_client.py")),
        zone,
        "bench",
        str(out),
        str(target.ca),
    )
    return words, target.token


_MIRRORS: dict[str, _Mirror] = {"fs2od mirror": _fs2od, "rclone sync": _rclone}


def _dataset(folder: Path, files: int) -> Path:
    folder.mkdir(parents=True)
    noise = random.Random(0)
    for number in range(files):
        (folder / f"{number:06}.mrc").write_bytes(noise.randbytes(_BYTES))
    extend_sidecar(folder, seal=True)
    return folder
