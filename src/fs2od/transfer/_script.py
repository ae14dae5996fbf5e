"""The command line of the single-file downloader: the same engine as `fs2od download`, with the standard library alone."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import signal
import sys
import threading
from typing import TYPE_CHECKING, Iterator, Sequence

from fs2od.errors import Fs2odError
from fs2od.transfer._download import Download, Options, folder_name
from fs2od.transfer._errors import UntrustedCertificate
from fs2od.transfer._links import parse_link
from fs2od.transfer._report import Progress, Report, readable_size

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["main"]

_EPILOG = (
    "Exit codes: 0 everything is there, 2 wrong usage, 4 network or service, 5 not permitted or the link has ended, "
    "6 not found, 7 disk, 8 integrity, 130 interrupted. After any of them, the same command goes on where it was."
)


def main(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code."""
    given = _parser().parse_args(arguments)
    try:
        return _download(given)
    except UntrustedCertificate as error:
        _say(f"get.py: {error}; give its authority's certificate with --ca FILE")
        return error.exit_code
    except Fs2odError as error:
        _say(f"get.py: {error}")
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="get.py", description=main.__doc__, epilog=_EPILOG)
    parser.description = "Bring everything that LINK shows into the folder DEST. Run it again to go on."
    parser.add_argument("link", metavar="LINK", help="the link to the dataset")
    parser.add_argument(
        "dest", metavar="DEST", nargs="?", help="the folder to fill; by default one named after the dataset"
    )
    parser.add_argument("--ca", metavar="FILE", help="certificates (PEM) to trust besides the system's")
    parser.add_argument(
        "-j", "--jobs", type=int, default=8, choices=range(1, 65), metavar="N", help="the most connections"
    )
    parser.add_argument(
        "--include", action="append", default=[], metavar="GLOB", help="bring only what matches (repeatable)"
    )
    parser.add_argument(
        "--exclude", action="append", default=[], metavar="GLOB", help="leave what matches (repeatable)"
    )
    parser.add_argument("--json", action="store_true", help="print the report as one line of JSON")
    return parser


def _download(given: argparse.Namespace) -> int:
    link = parse_link(given.link)
    options = Options(jobs=given.jobs, include=tuple(given.include), exclude=tuple(given.exclude), ca_file=given.ca)
    folder = given.dest or folder_name(link, ca_file=given.ca)
    with _stopping() as stop:
        report = Download(link, folder, options).run(_shown if sys.stderr.isatty() else None, stop)
    _tell(report, folder, as_json=given.json)
    return report.exit_code


@contextlib.contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Yield what Ctrl-C and a polite kill set."""
    stop = threading.Event()

    def told(number: int, _: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, told)
    yield stop


def _shown(progress: Progress) -> None:
    """Show on one line how far it is."""
    more = "" if progress.listed else "+"
    files = f"{progress.files_done:,} of {progress.files_total:,}{more} files"
    size = f"{readable_size(progress.bytes_done)} of {readable_size(progress.bytes_total)}{more}"
    left = "" if progress.left_s is None else f", {_clock(progress.left_s)} left"
    print(f"\r{files}, {size}, {readable_size(int(progress.rate))}/s{left}\x1b[K", end="", file=sys.stderr, flush=True)  # noqa: T201 - a command line


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _tell(report: Report, folder: str, *, as_json: bool) -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)  # noqa: T201 - a command line
    if as_json:
        print(json.dumps(report.document(os.path.abspath(folder))))  # noqa: T201, PTH100 - a command line
        return
    for failure in report.missing[:50] if len(report.missing) > 3 else ():
        _say(f"failed: {failure}")
    if report.stopped_by is not None:
        _say(f"get.py: {report.stopped_by}")
    _say(f"{report.summary(names=3 if len(report.missing) <= 3 else 0)} ({folder})")
    if report.exit_code:
        _say(f"To go on, give the same command again, with the folder {shlex.quote(folder)}")


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201 - a command line
