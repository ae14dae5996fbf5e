"""Bytes out of a node, against nginx (plain with plain, TLS with TLS), and archives against tar."""

from __future__ import annotations

import os
import subprocess
import time
from collections import defaultdict
from pathlib import Path

from bench.report import Section, median
from bench.servers import Server, nginx, node

__all__ = ["measure"]

_GB = 10**9
_ROUNDS = 5


def measure(folder: Path, *, quick: bool) -> list[Section]:
    size, rounds = (_GB // 2, 2) if quick else (2 * _GB, _ROUNDS)
    data = folder / "data"
    data.mkdir()
    large = data / "large"
    large.touch()
    os.truncate(large, size)
    large.read_bytes()  # into the page cache, so that no disk is measured
    section = Section(
        "content",
        "One large file",
        f"One file of {size / _GB:g} GB out of the page cache and ranges of 1 MiB at random on 16 connections; server and client "
        f"share the machine; one worker each, {rounds} alternating rounds, medians. The node answers through a share, with "
        "everything that this means: the id judged, access asked for again every 8 MiB, the file checked at its end.",
        ("", "node, MB/s", "nginx, MB/s", "node, CPU s", "nginx, CPU s", "node, ranges/s", "nginx, ranges/s"),
    )
    for tls in (False, True):
        _compare(section, folder / ("tls" if tls else "plain"), data, size, tls=tls, rounds=rounds)
    large.unlink()
    return [section, _archives(folder, data, quick=quick, rounds=rounds)]


def _compare(section: Section, state: Path, data: Path, size: int, *, tls: bool, rounds: int) -> None:
    state.mkdir()
    rates: dict[tuple[str, str], list[float]] = defaultdict(list)
    with (
        node(state / "node", data, tls=tls) as (ours, certificate),
        nginx(state / "nginx", data, certificate, tls=tls) as theirs,
    ):
        servers: dict[str, Server] = {"node": ours, "nginx": theirs}
        for _ in range(rounds):
            for name, server in servers.items():
                rate, cpu_s = server.whole()
                rates["whole", name].append(rate)
                rates["cpu", name].append(cpu_s)
                rates["ranges", name].append(server.ranges(size))
    medians = {key: median(values) for key, values in rates.items()}
    section.row(
        "TLS 1.3" if tls else "plain HTTP",
        *(f"{medians['whole', name] / 1e6:.0f}" for name in servers),
        *(f"{medians['cpu', name]:.2f}" for name in servers),
        *(f"{medians['ranges', name]:.0f}" for name in servers),
    )


def _archives(folder: Path, data: Path, *, quick: bool, rounds: int) -> Section:
    count, size = (500, 100_000) if quick else (5000, 100_000)
    (data / "movies").mkdir()
    content = os.urandom(size)
    for number in range(count):
        (data / "movies" / f"FoilHole_{number:08}_Data_29410001_20260101_fractions.tiff").write_bytes(content)
    (data / "large").write_bytes(b"")
    section = Section(
        "archives",
        "A folder as one TAR",
        f"{count:,} files of {size // 1000} kB out of the page cache, MB/s, {rounds} alternating rounds, medians; "
        "tar writes through a pipe into cat.",
        ("", "MB/s"),
    )
    rates: dict[str, list[float]] = defaultdict(list)
    state = folder / "archives"
    state.mkdir()
    with node(state / "plain", data, tls=False) as (plain, _), node(state / "tls", data, tls=True) as (secret, _):
        for _ in range(rounds):
            rates["GNU tar, through a pipe"].append(_tar(data, count * size))
            rates["node, plain HTTP"].append(plain.archive())
            rates["node, TLS 1.3"].append(secret.archive())
    for name, values in rates.items():
        section.row(name, f"{median(values) / 1e6:.0f}")
    return section


def _tar(data: Path, size: int) -> float:
    began = time.perf_counter()
    subprocess.run(["sh", "-c", 'tar -cf - -C "$0" . | cat >/dev/null', str(data)], check=True)
    return size / (time.perf_counter() - began)
