"""What both front ends say and understand: sizes, durations, the lines at the end, the report as a file."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
from pathlib import Path
from typing import Final

from fs2od.errors import StorageError
from fs2od.transfer._report import Estimate, Report, no_match, readable_size

__all__ = [
    "estimate_line",
    "parse_duration",
    "parse_rate",
    "readable_duration",
    "report_lines",
    "try_report",
    "write_report",
]

_MOST_NAMED: Final = 50
_NAMED_IN_SUMMARY: Final = 3
_RATE: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*([kKmMgGtT]?)(i?)[bB]?(?:/s)?", re.ASCII)
_DURATION: Final = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)\s*(s|min|h|d)", re.ASCII)
_SECONDS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
_POWERS: Final = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse_rate(text: str) -> float:
    """Return bytes per second from what people write: "500k", "20M", "1.5 GB/s"; "20Mi" counts in 1,024s.

    Raises:
        ValueError: It is none, or less than 1,000.
    """
    found = _RATE.fullmatch(text.strip())
    rate = float(found[1]) * (1024 if found[3] else 1000) ** _POWERS[found[2].lower()] if found else 0.0
    if rate < 1000:
        raise ValueError("a rate is written as 500k, 20M or 1.5G, in bytes per second, and is at least 1k")
    return rate


def parse_duration(text: str) -> float:
    """Return seconds from what people write: "90 s", "45min", "2h", "1d".

    Raises:
        ValueError: It is none, or shorter than a second.
    """
    found = _DURATION.fullmatch(text.strip())
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if seconds < 1:
        raise ValueError("a duration is written as 90s, 45min, 2h or 1d, and is at least 1s")
    return seconds


def readable_duration(seconds: float) -> str:
    """Return a duration such as "45 s", "12 min" or "3 h 20 min"."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def estimate_line(estimate: Estimate) -> str:
    """Return what a download would bring as one line."""
    if estimate.unmatched:
        return no_match(estimate.unmatched)
    line = f"{estimate.files:,} files, {readable_size(estimate.size_bytes)} to fetch"
    if estimate.files_present:
        line += f"; {estimate.files_present:,} files, {readable_size(estimate.bytes_present)} are here already"
    if estimate.files and estimate.seconds is not None:
        line += f"; about {readable_duration(estimate.seconds)} at {readable_size(int(estimate.rate))}/s"
    links = [each for each in estimate.failures if each.is_left_out]
    others = [each for each in estimate.failures if not each.is_left_out]
    if others:
        line += f"; {len(others):,} would not come: {others[0]}"
    if links:
        line += f"; {len(links):,} symbolic link{'' if len(links) == 1 else 's'} left out: {links[0]}"
    lacking = estimate.undeliverable.said(names=_NAMED_IN_SUMMARY)
    return f"{line}; {lacking}" if lacking else line


def report_lines(report: Report, folder: str, *, again: str) -> list[str]:
    """Return for people what has become of a download; where much failed, each on its line before the sum.

    Args:
        report: What has become of it.
        folder: Where the files lie.
        again: The command that goes on.
    """
    few = len(report.missing) <= _NAMED_IN_SUMMARY
    lines = [f"failed: {failure}" for failure in (() if few else report.missing[:_MOST_NAMED])]
    if len(report.missing) > _MOST_NAMED:
        lines.append(f"failed: {len(report.missing) - _MOST_NAMED:,} more; --json lists them all")
    if report.stopped_by is not None:
        lines.append(f"fs2od: {report.stopped_by}")
    lines.append(f"{report.summary(names=_NAMED_IN_SUMMARY if few else 0)} ({folder})")
    return [*lines, f"To go on: {again}"] if report.exit_code and not report.unmatched else lines


def try_report(path: str, folder: str) -> None:
    """Make sure that a report can be written at a place, before anything is done that it would tell of.

    Args:
        path: The file to be.
        folder: Where the files will lie; it may not be there yet, and the report may be meant for it.

    Raises:
        StorageError: It cannot be written there: name another place.
    """
    target = Path(path).absolute()
    if not target.parent.exists() and Path(folder).absolute() in target.parents:
        return
    partial = _partial_of(target)
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a folder stands there")
        if not _is_stream(target):
            partial.touch()
            partial.unlink()
    except OSError as error:
        raise _no_report(path, error) from error


def _is_stream(target: Path) -> bool:
    """Say whether a pipe or device stands at a place, such as /dev/stdout: that is nothing to be replaced."""
    return target.exists() and not target.is_file()


def _partial_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.{secrets.token_hex(4)}.partial")


def _no_report(path: str, error: OSError) -> StorageError:
    return StorageError(f"the report {path} cannot be written ({error.strerror})")


def _path_inside(target: Path, folder: str) -> str:
    """Return where a file would lie below a folder, as reports name files; the links on the way to it are followed."""
    # A link in its own place would be replaced, wherever it leads.
    place = os.path.join(os.path.realpath(target.parent), target.name)  # noqa: PTH118 - Path.resolve fails on loops
    with contextlib.suppress(ValueError):  # on another drive
        return os.path.relpath(place, os.path.realpath(folder)).replace(os.sep, "/")
    return ""


def write_report(path: str, report: Report, folder: str) -> None:
    """Write the report with every file as JSON; the file appears whole, or not at all. A pipe or device is written to.

    Raises:
        StorageError: It cannot be written, or would stand in the place of a file of the dataset: name another place.
    """
    target = Path(path)
    inside = _path_inside(target, folder)
    if any(file.path == inside for file in report.files):
        raise StorageError(f"the report {path} cannot be written: a file of the dataset has this place")
    partial = _partial_of(target)
    try:
        text = json.dumps({**report.document(folder), "files": [file.document() for file in report.files]}, indent=1)
        into = target if _is_stream(target) else partial
        into.write_text(text + "\n", encoding="utf-8", errors="surrogateescape")
        if into is partial:
            partial.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise _no_report(path, error) from error
