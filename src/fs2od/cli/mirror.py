"""`fs2od mirror PLACE DEST`: keep a folder as a dataset is."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fs2od.cli.access_options import access_options
from fs2od.cli.bringing import (
    bringing_options,
    interrupted,
    only,
    quiet,
    rate,
    rehearse,
    report_options,
    tell,
    try_place_of,
)
from fs2od.cli.filled import FilledCommand
from fs2od.cli.going_on import going_on
from fs2od.cli.progress import progress_bar
from fs2od.errors import Interrupted
from fs2od.reaching import reaching
from fs2od.stopping import answering, stopping

if TYPE_CHECKING:
    from fs2od.transfer import Extra, Mirror

__all__ = ["mirror"]

_MOST_SHOWN = 20


@click.command(
    cls=FilledCommand,
    epilog="Exit codes: 0 the folder is as the dataset is, 2 wrong usage, 3 configuration, 4 network or service, 5 not "
    "permitted or the token has ended, 6 not found, 7 disk, 8 integrity, 130 interrupted. "
    "After any of them, the same command goes on where it was.\n\n"
    "Examples:\n\n  fs2od mirror https://zone.example.org/share/1a2b3c /scratch/grid2 --follow\n\n"
    "  fs2od mirror 'ribosome/grid2' /scratch/grid2 --token-file job.token --delete --yes\n\n"
    "  srun --nodes 4 fs2od mirror 'ribosome' /scratch/ribosome",
)
@click.argument("place")
@click.argument("dest", type=click.Path(path_type=Path))
@access_options
@bringing_options
@click.option("--delete", is_flag=True, help="Remove what the dataset has not, after showing it; asks, or needs --yes.")
@click.option("--yes", is_flag=True, help="Remove without asking.")
@click.option("--dry-run", is_flag=True, help="Say what would come and what would go; change nothing.")
@report_options
def mirror(
    *,
    place: str,
    dest: Path,
    zone_url: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    jobs: int,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    limit_rate: str | None,
    through_provider: bool,
    follow: bool,
    until_quiet: str | None,
    files_from: Path | None,
    delete: bool,
    yes: bool,
    dry_run: bool,
    report_file: Path | None,
    as_json: bool,
) -> None:
    """Make the folder DEST as the dataset PLACE is: a link, or a space, or a folder in it (SPACE/a/folder).

    Only what is new or changed is brought, and checked on its way; what was found right once is not read again. Any number
    of processes, also on several machines, may fill one DEST at once: they share the work. Access tokens, renewal and
    proxies are as for fs2od download.
    """
    if delete and not yes and not dry_run and not sys.stdin.isatty():
        raise click.UsageError(
            "--delete asks at a terminal, and there is none: add --yes, or look first with --dry-run"
        )
    # While the engine is loaded, the first connections are made.
    click.get_current_context().with_resource(reaching(place.strip(), os.environ))
    from fs2od.cli.access import access_of, say
    from fs2od.transfer import Mirror, Options, UntrustedCertificate

    access = access_of(zone_url, token_file, ca_file, text=place)
    again = going_on()
    options = Options(
        jobs=jobs,
        include=include,
        exclude=exclude,
        only=only(files_from),
        follow=follow,
        follow_quiet_s=quiet(until_quiet, follow=follow),
        limit_rate=rate(limit_rate),
        token=access.token,
        prefer=access.prefer,
        ca_file=access.ca_file,
        proxies=access.proxies,
        straight=not through_provider,
        say=say,
        with_files=report_file is not None,
    )
    chosen = Mirror(access.place(place), dest, options)
    try:
        with stopping() as stop:
            if dry_run:
                _rehearse(chosen, stop, delete=delete, as_json=as_json)
                return
            try_place_of(report_file, dest)
            with progress_bar("listing") as show_plainly:
                report = chosen.run(access.announcing(show_plainly), stop)
            if delete and not report.exit_code:
                _remove(chosen, stop, asks=not yes)
    except UntrustedCertificate as error:
        raise UntrustedCertificate(f"{error}; give its authority's certificate with --ca FILE") from error
    except Interrupted:
        raise interrupted(again) from None
    tell(report, dest, again=again, report_file=report_file, as_json=as_json)


def _rehearse(chosen: Mirror, stop: threading.Event, *, delete: bool, as_json: bool) -> None:
    from fs2od.transfer import extras_document

    estimate = chosen.estimate(stop)
    # Nothing would be removed when something does not come.
    extras = chosen.extras(stop) if delete and not estimate.exit_code else []
    rehearse(estimate, as_json=as_json, more={"extras": extras_document(extras)} if delete else None)
    _show(extras)


def _remove(chosen: Mirror, stop: threading.Event, *, asks: bool) -> None:
    extras = chosen.extras(stop)
    _show(extras)
    if any(not each.why_kept for each in extras) and (not asks or _agreed()):
        chosen.remove(extras)


def _agreed() -> bool:
    try:
        with answering():
            return click.confirm("Remove them?", err=True)
    except click.Abort:
        raise Interrupted from None


def _show(extras: list[Extra]) -> None:
    from fs2od.transfer import readable_size

    going = [each for each in extras if not each.why_kept]
    if going:
        files, size = sum(each.files for each in going), sum(each.size_bytes for each in going)
        click.echo(f"not in the dataset: {files:,} files, {readable_size(size)}:", err=True)
        _show_each(going)
    kept = [each for each in extras if each.why_kept]
    if kept:
        click.echo("kept, as the dataset may have these, which nobody can deliver:", err=True)
        _show_each(kept)


def _show_each(extras: list[Extra]) -> None:
    from fs2od.transfer import EntryKind, shown_path

    for each in extras[:_MOST_SHOWN]:
        more = f"/ ({each.files:,} files)" if each.kind is EntryKind.FOLDER else ""
        click.echo(f"  {shown_path(each.path)}{more}{each.why_kept and f': {each.why_kept}'}", err=True)
    if len(extras) > _MOST_SHOWN:
        click.echo(f"  … and {len(extras) - _MOST_SHOWN:,} more", err=True)
