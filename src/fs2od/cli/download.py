"""`fs2od download LINK [DEST]`: bring a dataset to this disk."""

from __future__ import annotations

import json
import shlex
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from fs2od.errors import Interrupted

if TYPE_CHECKING:
    from fs2od.transfer import Progress, Report

__all__ = ["download"]

_MOST_NAMED = 50
_NAMED_IN_SUMMARY = 3


@click.command(
    epilog="Exit codes: 0 everything is there, 2 wrong usage, 3 configuration, 4 network or service, 5 not permitted or "
    "the link has ended, 6 not found, 7 disk, 8 integrity, 130 interrupted. "
    "After any of them, the same command goes on where it was."
)
@click.argument("link")
@click.argument("dest", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--ca",
    "ca_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Certificates (PEM) to trust besides the system's.",
)
@click.option("-j", "--jobs", type=click.IntRange(1, 64), default=8, show_default=True, help="How many files at once.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one line of JSON on stdout.")
def download(*, link: str, dest: Path | None, ca_file: Path | None, jobs: int, as_json: bool) -> None:
    """Download everything that LINK shows into the folder DEST.

    DEST is made when it is missing; without it, a folder named after the share is filled. Only what is missing is
    fetched: run the same command again after an interruption, or when the dataset has grown.
    """
    # The engine is wanted only when the command really runs: `fs2od --help` stays quick.
    from fs2od.transfer import Download, Options, UntrustedCertificate, folder_name, parse_link  # noqa: PLC0415 - see above

    shared = parse_link(link)
    again = _command(str(shared), dest, ca_file)
    ca = str(ca_file) if ca_file else None
    try:
        with _stopping() as stop, _shown() as show:
            folder = dest or Path(folder_name(shared, ca_file=ca))
            report = Download(shared, folder, Options(jobs=jobs, ca_file=ca)).run(show, stop)
    except UntrustedCertificate as error:
        raise UntrustedCertificate(f"{error}; give its authority's certificate with --ca FILE") from error
    except Interrupted:
        raise _interrupted(again) from None
    if report.was_interrupted:
        raise _interrupted(again)
    if as_json:
        click.echo(json.dumps(report.document(str(folder.absolute()))))
    else:
        _tell(report, folder, again=again)
    if report.exit_code:
        raise SystemExit(report.exit_code)


def _command(link: str, dest: Path | None, ca_file: Path | None) -> str:
    words = ["fs2od", "download", link, *([str(dest)] if dest else []), *(["--ca", str(ca_file)] if ca_file else [])]
    return shlex.join(words)


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Yield what Ctrl-C and a polite kill set; a second Ctrl-C ends the process at once."""
    stop = threading.Event()

    def told(number: int, _: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, told) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupted(again: str) -> Interrupted:
    return Interrupted(f"stopped; what has arrived is kept. To go on: {again}")


def _tell(report: Report, folder: Path, *, again: str) -> None:
    """Say for people what has become of it; where much failed, each on its line before the sum."""
    few = len(report.missing) <= _NAMED_IN_SUMMARY
    for failure in () if few else report.missing[:_MOST_NAMED]:
        click.echo(f"failed: {failure}", err=True)
    if len(report.missing) > _MOST_NAMED:
        click.echo(f"failed: {len(report.missing) - _MOST_NAMED:,} more; --json lists them all", err=True)
    if report.stopped_by is not None:
        click.echo(f"fs2od: {report.stopped_by}", err=True)
    click.echo(f"{report.summary(names=_NAMED_IN_SUMMARY if few else 0)} ({folder})", err=True)
    if report.exit_code:
        click.echo(f"To go on: {again}", err=True)


@contextmanager
def _shown() -> Iterator[Callable[[Progress], None]]:
    """Show files, bytes, rate and time left on a terminal's standard error, and nothing elsewhere."""
    from rich import progress as bars  # noqa: PLC0415 - slow to import
    from rich.console import Console  # noqa: PLC0415 - slow to import

    console = Console(stderr=True)
    columns = (
        bars.TextColumn("{task.fields[files]}"),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TransferSpeedColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("bytes", total=None, files="listing")

        def show(progress: Progress) -> None:
            more = "" if progress.listed else "+"
            files = f"{progress.files_done:,} of {progress.files_total:,}{more} files"
            bar.update(task, completed=progress.bytes_done, total=progress.bytes_total, files=files)

        yield show
