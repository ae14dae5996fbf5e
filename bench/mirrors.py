"""A folder kept as a dataset is: `fs2od mirror` against `rclone sync`, the first time, again, and after a small change."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.downloaders import Target
from bench.downloads import served
from bench.report import Section, median

from fs2od.testing.sidecars import extend_sidecar

__all__ = ["measure"]

_CASES = ("the first time", "again", "one file damaged")


def measure(folder: Path, *, quick: bool) -> list[Section]:
    files, size, rounds = (300, 100_000, 1) if quick else (5_000, 100_000, 3)
    data = _dataset(folder / "data", files, size)
    section = Section(
        "mirrors",
        "Mirrors",
        f"{files:,} files of {size // 1000} kB over TLS, node and client on one machine; seconds from the start of the program to its end, {rounds} alternating "
        "rounds, medians. *One file damaged*: a file was cut short. `fs2od mirror` compares what comes with the manifest; "
        "`rclone sync` (http, 16 transfers) compares sizes and times.",
        ("", *_CASES),
    )
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    with served(folder, data, tls=True) as target:
        for _ in range(rounds):
            for name, command in _MIRRORS.items():
                out = folder / "out"
                words = command(target, out)
                if shutil.which(words[0]) is None:
                    continue
                for case in _CASES:
                    if case == _CASES[-1]:
                        os.truncate(out / "000007.mrc", 10)
                    found[name, case].append(_timed(words))
                assert (out / "000007.mrc").stat().st_size == size
                shutil.rmtree(out)
    for name in _MIRRORS:
        section.row(name, *(f"{median(found[name, case]):.2f}" if found[name, case] else "-" for case in _CASES))
    return [section]


def _timed(words: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=1800)
    return time.perf_counter() - began


def _fs2od(target: Target, out: Path) -> Sequence[str]:
    ca = ("--ca", str(target.ca)) if target.ca else ()
    return (sys.executable, "-m", "fs2od", "mirror", target.link, str(out), *ca)


def _rclone(target: Target, out: Path) -> Sequence[str]:
    words = ("rclone", "sync", ":http:", str(out), "--http-url", f"{target.data}/files/", "--config", "/dev/null")
    return (*words, "--transfers", "16", "--checkers", "16", *(("--ca-cert", str(target.ca)) if target.ca else ()))


_MIRRORS: dict[str, Callable[[Target, Path], Sequence[str]]] = {"fs2od mirror": _fs2od, "rclone sync": _rclone}


def _dataset(folder: Path, files: int, size: int) -> Path:
    folder.mkdir(parents=True)
    noise = random.Random(0)
    for number in range(files):
        (folder / f"{number:06}.mrc").write_bytes(noise.randbytes(size))
    extend_sidecar(folder, seal=True)
    return folder
