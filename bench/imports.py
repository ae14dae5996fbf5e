"""Import of a folder as it lies, against `find -printf` and one walk with os.scandir and stat."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from bench.report import Section, median

__all__ = ["measure"]

_ROOT = Path(__file__).parent.parent
_ROUNDS = 11


@dataclass(frozen=True)
class Case:
    """A tree of empty files whose names are as long as a microscope's."""

    name: str
    folders: int
    files_each: int

    def make(self, root: Path) -> None:
        for folder in range(self.folders):
            inside = root / "Images-Disc1" / f"GridSquare_{folder:08}" / "Data" if self.folders > 1 else root
            inside.mkdir(parents=True)
            for number in range(self.files_each):
                name = f"FoilHole_{number:08}_Data_2941{number % 17:04}_20260101_{number:06}_fractions.tiff"
                os.close(os.open(inside / name, os.O_WRONLY | os.O_CREAT, 0o644))


@dataclass(frozen=True)
class _Result:
    seconds: list[float]
    entries: int
    peak_mb: float


_SMALL = (Case("20,000 files in 100 folders", 100, 200), Case("20,000 files in one folder", 1, 20_000))
_LARGE = (Case("200,000 files in 1,000 folders", 1000, 200), Case("200,000 files in one folder", 1, 200_000))


def measure(folder: Path, *, quick: bool) -> list[Section]:
    section = Section(
        "imports",
        "Import",
        f"Entries per second, file system warm, {_ROUNDS} alternating rounds, medians. The import is a process of its own: it "
        "lists, asks for every file's facts and writes them into a new index on disk. *Again* is a second scan, which "
        "looks at every file; *quiet* a third, a minute later, which passes over folders whose times stand. Peak memory is "
        "that of the whole process with the node loaded, and of the one beside it that looks at files.",
        ("", "find -printf", "os.scandir + stat", "first import", "of find's rate", "again", "quiet", "peak memory"),
    )
    for case in _SMALL if quick else _SMALL + _LARGE:
        tree = folder / "tree"
        case.make(tree)
        _measure_case(section, case, tree, folder, rounds=2 if quick else _ROUNDS)
        shutil.rmtree(tree)
    return [section]


def _measure_case(section: Section, case: Case, tree: Path, folder: Path, *, rounds: int) -> None:
    rates: dict[str, list[float]] = defaultdict(list)
    peaks: list[float] = []
    _find(tree)
    for _ in range(rounds):
        found_s, walked_s = _find(tree), _walk(tree)
        result = _import(tree, folder / "state")
        entries = result.entries
        rates["find"].append(entries / found_s)
        rates["walk"].append(entries / walked_s)
        for name, seconds in zip(("first", "again", "quiet"), result.seconds, strict=True):
            rates[name].append(entries / seconds)
        rates["share"].append(found_s / result.seconds[0])
        peaks.append(result.peak_mb)
    medians = {name: median(values) for name, values in rates.items()}
    section.row(
        case.name,
        *(f"{medians[name]:,.0f}/s" for name in ("find", "walk", "first")),
        f"{medians['share']:.0%}",
        *(f"{medians[name]:,.0f}/s" for name in ("again", "quiet")),
        f"{max(peaks):.0f} MB",
    )


def _find(tree: Path) -> float:
    began = time.perf_counter()
    command = ["find", str(tree), "-mindepth", "1", "-printf", "%p %s %T@ %C@ %i\\n"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def _walk(tree: Path) -> float:
    began = time.perf_counter()
    waiting = [str(tree)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
    return time.perf_counter() - began


def _import(tree: Path, state: Path) -> _Result:
    command = [sys.executable, "-m", "bench.import_once", str(tree), str(state)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=_ROOT)
    shutil.rmtree(state)
    return _Result(**json.loads(done.stdout))
