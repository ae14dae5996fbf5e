"""`fs2od download LINK [DEST]`: bring a dataset to this disk, whole and intact."""

from __future__ import annotations

import os
from pathlib import Path

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
from fs2od.stopping import stopping

__all__ = ["download"]


@click.command(
    cls=FilledCommand,
    epilog="Exit codes: 0 everything is there, 2 wrong usage, 3 configuration, 4 network or service, 5 not permitted or "
    "the link has ended, 6 not found, 7 disk, 8 integrity, 130 interrupted. "
    "After any of them, the same command goes on where it was.\n\n"
    "Examples:\n\n  fs2od download https://zone.example.org/share/1a2b3c\n\n"
    "  fs2od download LINK /scratch/grid2 --include '*.mrc' --limit-rate 50M\n\n"
    "  fs2od download LINK /scratch/grid2 --follow --report grid2.json\n\n"
    "  fs2od download LINK /scratch/grid2 --verify\n\n"
    "  fs2od download 'my space/grid2' /scratch/grid2 --token-file job.token",
)
@click.argument("link")
@click.argument("dest", required=False, type=click.Path(path_type=Path))
@access_options
@bringing_options
@click.option("--dry-run", is_flag=True, help="Say how much would come, and how long it would take; write nothing.")
@click.option("--verify", is_flag=True, help="Check the files that are here against the manifest; fetch nothing.")
@report_options
def download(
    *,
    link: str,
    dest: Path | None,
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
    dry_run: bool,
    verify: bool,
    report_file: Path | None,
    as_json: bool,
) -> None:
    """Download everything that LINK shows into the folder DEST.

    LINK may also be a space, by its name or id, or a folder in it: SPACE/a/folder.

    DEST is made when it is missing; without it, a folder named after the share is filled. Only what is missing or wrong
    is fetched: run the same command again after an interruption, or when the dataset has grown. What the dataset has
    checksums for is checked while it arrives, and files that stand there already are checked, too.

    While a dataset grows, files are renamed in it: one that is gone when its turn comes is looked for once more, what came in
    its place is brought, and the summary says how many there were. From a sealed dataset nothing may vanish.

    --follow says first what it waits for, and how it ends. A part of a dataset, by link or by SPACE/a/folder, is checked against
    what is known of the whole; --verify checks it again.

    What nobody can deliver, such as names that are not UTF-8, is counted and named as the facility says it, and is no failure.

    Spaces and links for members need an access token: from --token-file, FS2OD_TOKEN or ONECLIENT_ACCESS_TOKEN. When one
    from a file ends in the middle, the download waits until the file holds another, and goes on at the same byte. The proxy
    that HTTPS_PROXY names is used.
    """
    # While the engine is loaded, the first connections are made.
    click.get_current_context().with_resource(reaching(link.strip(), os.environ))
    # The engine is wanted only when the command really runs: `fs2od --help` stays quick.
    from fs2od.cli.access import access_of, say
    from fs2od.transfer import Download, Options, UntrustedCertificate, claim, folder_name

    if dry_run and verify:
        raise click.UsageError("--dry-run and --verify exclude each other")
    access = access_of(zone_url, token_file, ca_file, text=link)
    place = access.place(link)
    again = going_on(link=place)
    options = Options(
        token=access.token,
        prefer=access.prefer,
        proxies=access.proxies,
        straight=not through_provider,
        say=say,
        jobs=jobs,
        include=include,
        exclude=exclude,
        only=only(files_from),
        follow=follow,
        follow_quiet_s=quiet(until_quiet, follow=follow),
        limit_rate=rate(limit_rate),
        ca_file=str(ca_file) if ca_file else None,
        with_files=report_file is not None,
    )
    try:
        with stopping() as stop:
            folder = dest or Path(folder_name(place, options, stop))
            chosen = Download(place, folder, options)
            if dry_run:
                rehearse(chosen.estimate(stop), as_json=as_json)
                return
            try_place_of(report_file, folder)
            if dest is None and not verify:
                claim(folder, place)
            with progress_bar("listing") as show_plainly:
                show = access.announcing(show_plainly)
                report = chosen.verify(show, stop) if verify else chosen.run(show, stop)
    except UntrustedCertificate as error:
        raise UntrustedCertificate(f"{error}; give its authority's certificate with --ca FILE") from error
    except Interrupted:
        raise interrupted(again) from None
    if not report.was_interrupted:
        # What a check that came to its end found wrong is fetched without it.
        again = going_on(link=place, verify=False)
    tell(report, folder, again=again, report_file=report_file, as_json=as_json)
