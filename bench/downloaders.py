"""What people would download with: each as a command, run to its end, with its time and its peak memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from fs2od.manifests import SIDECAR
from fs2od.transfer import bundle

__all__ = ["DOWNLOADERS", "OURS", "Run", "Target", "download", "high_water_kb", "is_there", "watched"]

OURS = ("fs2od download", "get.py")
_LONGEST_S = 1800
_POLL_S = 0.01
_AT_ONCE = 16


@dataclass(frozen=True)
class Target:
    """What to download, and from where: `files` are the paths and sizes of what has to arrive, `token` reads the space."""

    link: str
    data: str
    ca: Path | None
    files: dict[str, int]
    token: str = field(repr=False)

    def url(self, path: str) -> str:
        """Return where a file is had."""
        return f"{self.data}/files/{quote(path)}"


@dataclass(frozen=True)
class Run:
    """One download: how long it took, and the most memory that its process had."""

    seconds: float
    peak_mb: float
    is_whole: bool


def _fs2od(target: Target, out: Path, _: Path) -> Sequence[str]:
    return (sys.executable, "-m", "fs2od", "download", target.link, str(out), *_trusting("--ca", target))


def _get_py(target: Target, out: Path, scratch: Path) -> Sequence[str]:
    script = scratch / "get.py"
    script.write_text(bundle())
    return (sys.executable, str(script), target.link, str(out), *_trusting("--ca", target))


def _aria2c(target: Target, out: Path, scratch: Path) -> Sequence[str]:
    urls = scratch / "urls"
    urls.write_text("".join(f"{target.url(path)}\n  out={path}\n" for path in target.files))
    words = ("aria2c", "-q", f"-j{_AT_ONCE}", "-x4", "--file-allocation=none", "-d", str(out), "-i", str(urls))
    return (*words, *_trusting("--ca-certificate", target, joined=True))


def _rclone(target: Target, out: Path, _: Path) -> Sequence[str]:
    words = ("rclone", "copy", ":http:", str(out), "--http-url", f"{target.data}/files/", "--config", "/dev/null")
    return (*words, "--transfers", str(_AT_ONCE), "--checkers", str(_AT_ONCE), *_trusting("--ca-cert", target))


def _curl(target: Target, out: Path, scratch: Path) -> Sequence[str]:
    urls = scratch / "config"
    urls.write_text("".join(f'url = "{target.url(path)}"\noutput = "{out / path}"\n' for path in target.files))
    words = ("curl", "-sS", "--parallel", "--parallel-max", str(_AT_ONCE), "--create-dirs", "-K", str(urls))
    return (*words, *_trusting("--cacert", target))


def _wget(target: Target, out: Path, _: Path) -> Sequence[str]:
    words = ("wget", "-r", "-q", "-np", "-nH", "--cut-dirs=3", "--default-page=.index", "-R", ".index*", "-P", str(out))
    return (*words, *_trusting("--ca-certificate", target, joined=True), f"{target.data}/files/")


def _trusting(option: str, target: Target, *, joined: bool = False) -> tuple[str, ...]:
    if target.ca is None:
        return ()
    return (f"{option}={target.ca}",) if joined else (option, str(target.ca))


DOWNLOADERS: dict[str, Callable[[Target, Path, Path], Sequence[str]]] = {
    "fs2od download": _fs2od,
    "get.py": _get_py,
    "aria2c -j16": _aria2c,
    "rclone, 16 transfers": _rclone,
    "curl --parallel-max 16": _curl,
    "wget -r": _wget,
}


def is_there(name: str) -> bool:
    """Say whether a downloader is installed."""
    return name in OURS or shutil.which(name.split(maxsplit=1)[0].rstrip(",")) is not None


def download(name: str, target: Target, place: Path) -> Run:
    """Download into a new folder below `place`, measure, and remove it again."""
    with tempfile.TemporaryDirectory(dir=place, prefix="out-") as out, tempfile.TemporaryDirectory() as scratch:
        words = DOWNLOADERS[name](target, Path(out), Path(scratch))
        seconds, peak_mb, code = watched(words)
        return Run(seconds, peak_mb, code == 0 and _is_whole(target, Path(out)))


def watched(
    words: Sequence[str], *, given: str = "", environment: Mapping[str, str] | None = None
) -> tuple[float, float, int]:
    """Run a program to its end; return its seconds, its peak memory in MB and its exit code."""
    began = time.perf_counter()
    with (
        _holding(given) as told,
        subprocess.Popen(
            words, stdin=told, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_as_installed(environment)
        ) as process,
    ):
        peak_mb = _watch(process)
        return time.perf_counter() - began, peak_mb, process.returncode


@contextmanager
def _holding(text: str) -> Iterator[BinaryIO]:
    with tempfile.TemporaryFile() as file:
        file.write(text.encode())
        file.seek(0)
        yield file


def _as_installed(environment: Mapping[str, str] | None) -> dict[str, str]:
    """Return an environment, or this one, but for what lets Python compile a program anew at each start."""
    found = os.environ if environment is None else environment
    return {name: value for name, value in found.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _watch(process: subprocess.Popen[bytes]) -> float:
    """Wait for a process, and return the most memory it had: as the kernel said last before its end."""
    until, peak_kb = time.monotonic() + _LONGEST_S, 0
    status = Path(f"/proc/{process.pid}/status")
    while True:
        try:
            process.wait(_POLL_S)
        except subprocess.TimeoutExpired:
            peak_kb = max(peak_kb, high_water_kb(status))
            if time.monotonic() > until:
                process.kill()
            continue
        return peak_kb / 1000


def high_water_kb(status: Path) -> int:
    """Return the most memory that a process had so far, by its /proc/PID/status; 0 when it has ended."""
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def _is_whole(target: Target, out: Path) -> bool:
    return all(_size(out / path) == size for path, size in target.files.items() if not path.startswith(SIDECAR))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
