"""What the commands that bring data have in common: progress, stopping, and what is said at the end."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from fs2od.errors import Interrupted

if TYPE_CHECKING:
    from fs2od.transfer import Estimate, Progress, Report

__all__ = ["interrupted", "rate", "rehearse", "shown", "stopping", "tell"]


def rate(text: str | None) -> float | None:
    """Return bytes per second as --limit-rate has them.

    Raises:
        BadParameter: It is none.
    """
    from fs2od.transfer import parse_rate  # noqa: PLC0415 - keeps `fs2od --help` quick

    try:
        return parse_rate(text) if text is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--limit-rate") from error


def rehearse(estimate: Estimate, *, as_json: bool) -> None:
    """Say what would come."""
    from fs2od.transfer import estimate_line  # noqa: PLC0415 - keeps `fs2od --help` quick

    if as_json:
        click.echo(json.dumps(estimate.document()))
    else:
        click.echo(estimate_line(estimate), err=True)


def tell(report: Report, folder: Path, *, again: str, report_file: Path | None, as_json: bool) -> None:
    """Say what has become of a run, and end with its exit code."""
    from fs2od.transfer import report_lines, write_report  # noqa: PLC0415 - keeps `fs2od --help` quick

    where = str(folder.absolute())
    if report_file is not None:
        write_report(str(report_file), report, where)
    if as_json:
        click.echo(json.dumps(replace(report, files=()).document(where)))
    elif report.was_interrupted:
        raise interrupted(again)
    else:
        for line in report_lines(report, str(folder), again=again):
            click.echo(line, err=True)
    if report.exit_code:
        raise SystemExit(report.exit_code)


@contextmanager
def stopping() -> Iterator[threading.Event]:
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


def interrupted(again: str) -> Interrupted:
    """Return the error that says how to go on."""
    return Interrupted(f"stopped; what has arrived is kept. To go on: {again}")


@contextmanager
def shown() -> Iterator[Callable[[Progress], None] | None]:
    """Show files, bytes, rate and time left on a terminal's standard error, and nothing elsewhere."""
    from rich import progress as bars  # noqa: PLC0415 - slow to import
    from rich.console import Console  # noqa: PLC0415 - slow to import

    from fs2od.transfer import readable_duration, readable_size  # noqa: PLC0415 - keeps `fs2od --help` quick

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (
        bars.TextColumn("{task.fields[files]}"),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TextColumn("{task.fields[rate]}"),
    )
    with bars.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("bytes", total=None, files="listing", rate="")

        def show(progress: Progress) -> None:
            more = "" if progress.listed else "+"
            files = f"{progress.files_done:,} of {progress.files_total:,}{more} files"
            left = "" if progress.left_s is None else f", {readable_duration(progress.left_s)} left"
            rate = f"{readable_size(int(progress.rate))}/s{left}"
            bar.update(task, completed=progress.bytes_done, total=progress.bytes_total, files=files, rate=rate)

        yield show
