"""`fs2od download LINK [DEST]`: bring a dataset to this disk."""

from __future__ import annotations

import asyncio
import json
import shlex
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fs2od.errors import Interrupted

if TYPE_CHECKING:
    from fs2od.transfer import Progress, Report

__all__ = ["download"]

T = TypeVar("T")
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
    # The HTTP library is wanted only when the command really runs: `fs2od --help` stays quick.
    from fs2od.client import Connection, UntrustedCertificate  # noqa: PLC0415 - see above
    from fs2od.transfer import Download, Manner, folder_name, parse_link  # noqa: PLC0415 - see above

    shared = parse_link(link)
    again = _command(str(shared), dest, ca_file)

    async def work(show: Callable[[Progress], None]) -> tuple[Path, Report]:
        async with Connection(token=None, ca_file=ca_file) as connection:
            folder = dest or Path(await folder_name(shared, connection=connection))
            return folder, await Download(shared, folder, connection=connection, manner=Manner(at_once=jobs)).run(show)

    try:
        with _shown() as show:
            folder, report = _until_stopped(work(show), again=again)
    except UntrustedCertificate as error:
        raise UntrustedCertificate(f"{error}; give its authority's certificate with --ca FILE") from error
    if as_json:
        click.echo(json.dumps(_document(report, folder)))
    else:
        _tell(report, folder, again=again)
    if report.exit_code:
        raise SystemExit(report.exit_code)


def _command(link: str, dest: Path | None, ca_file: Path | None) -> str:
    words = ["fs2od", "download", link, *([str(dest)] if dest else []), *(["--ca", str(ca_file)] if ca_file else [])]
    return shlex.join(words)


def _until_stopped(work: Coroutine[Any, Any, T], *, again: str) -> T:
    """Return what `work` returns; Ctrl-C and a polite kill end it early, and what has arrived is kept."""

    async def supervised() -> T:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        return await work

    try:
        return asyncio.run(supervised())
    except asyncio.CancelledError:
        raise Interrupted(f"stopped; what has arrived is kept. To go on: {again}") from None


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


def _document(report: Report, folder: Path) -> dict[str, object]:
    return {
        "folder": str(folder.absolute()),
        "complete": report.exit_code == 0,
        "exit_code": report.exit_code,
        "files_total": report.files_total,
        "files_fetched": report.files_fetched,
        "files_present": report.files_present,
        "bytes_done": report.bytes_done,
        "bytes_fetched": report.bytes_fetched,
        "elapsed_s": round(report.elapsed_s, 3),
        "failures": [
            {"path": "/".join(failure.path), "reason": failure.reason, "exit_code": failure.exit_code}
            for failure in report.missing
        ],
        "for_members_only": ["/".join(failure.path) for failure in report.withheld],
        "stopped_by": str(report.stopped_by) if report.stopped_by is not None else None,
        "summary": report.summary(),
    }


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
