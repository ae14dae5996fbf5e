"""`fs2od stage in|out|clean`: a dataset to a job's own folder before it, its results back after it, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import click

from fs2od.cli.access_options import THROUGH_PROVIDER_OPTION, access_options, wait_option
from fs2od.cli.bringing import FILES_FROM_OPTION
from fs2od.cli.filled import FilledCommand
from fs2od.cli.listed import ListedGroup
from fs2od.errors import ConfigurationError

__all__ = ["stage"]


@click.group(
    cls=ListedGroup,
    epilog="In a job script:\n\n  fs2od stage in 'ribosome/grid2' \"$DIR/data\" || exit\n\n"
    '  my-program "$DIR/data" "$DIR/results" || exit\n\n'
    "  fs2od stage out \"$DIR/results\" 'grid 2 results/run 1'\n\n"
    'In the cluster\'s Epilog:\n\n  fs2od stage clean "/scratch/fs2od/$SLURM_JOB_ID"',
)
def stage() -> None:
    """Bring data to a job, and its results back."""


@stage.command("in", cls=FilledCommand)
@click.argument("place")
@click.argument("folder", type=click.Path(path_type=Path))
@access_options
@THROUGH_PROVIDER_OPTION
@click.option("-j", "--jobs", type=click.IntRange(1, 64), default=8, show_default=True, help="The most connections.")
@click.option("--include", multiple=True, metavar="GLOB", help="Bring only what matches; may be repeated.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave what matches; may be repeated.")
@FILES_FROM_OPTION
@click.pass_context
def in_(
    ctx: click.Context,
    *,
    place: str,
    folder: Path,
    zone_url: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    through_provider: bool,
    jobs: int,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    files_from: Path | None,
) -> None:
    """Bring the dataset PLACE into FOLDER; exit code 0 only when every file is whole and, where it can be, checked.

    At its end it says how long the access token lasts, and warns if the job could last longer.

    All tasks of a job may call it at once with the same FOLDER: they share the work, and each comes back when all is there.
    """
    from fs2od.cli.access import access_of
    from fs2od.cli.job_end import tell_end
    from fs2od.cli.mirror import mirror

    ctx.invoke(
        mirror,
        place=place,
        dest=folder,
        zone_url=zone_url,
        token_file=token_file,
        ca_file=ca_file,
        jobs=jobs,
        include=include,
        exclude=exclude,
        limit_rate=None,
        through_provider=through_provider,
        follow=False,
        until_quiet=None,
        files_from=files_from,
        delete=False,
        yes=False,
        dry_run=False,
        report_file=None,
        as_json=False,
    )
    tell_end(access_of(zone_url, token_file, ca_file, text=place).token)


@stage.command("out", cls=FilledCommand)
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("target")
@access_options
@click.option("--replace", is_flag=True, help="Replace files of the same name and other content; else they are left.")
@click.option("--from-dataset", metavar="LINK|SPACE", help="The dataset that these were made from.")
@wait_option(3600.0)
@click.option(
    "--clean",
    is_flag=True,
    help="Remove FOLDER once everything in it is safe. What has changed since it was sent stays: exit code 7.",
)
def out(
    *,
    folder: Path,
    target: str,
    zone_url: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    replace: bool,
    from_dataset: str | None,
    wait_s: float,
    clean: bool,
) -> None:
    """Put what is in FOLDER into TARGET, a space or a folder in it; exit code 0 only when every checksum agrees.

    What is put and what is left out is as for fs2od put: links to folders and to nowhere are left out, and told. A
    service that is away is waited for, and so is a token that has ended in its file, for a day.
    """
    from fs2od.cli.access import access_of
    from fs2od.cli.going_on import words_going_on
    from fs2od.cli.job_end import await_another
    from fs2od.cli.job_folder import clean_sent, marked
    from fs2od.cli.put import put_gathered, stopped_politely
    from fs2od.results import Options, gather, is_mark

    if all(is_mark(each.name) for each in folder.iterdir()):
        raise ConfigurationError(f"{folder} is empty: there is nothing to bring back")
    files = {"token_file": token_file and token_file.absolute(), "ca_file": ca_file and ca_file.absolute()}
    command = words_going_on(folder=folder.absolute(), clean=False, **files)
    with marked(folder, target, command) as own_mark, stopped_politely():
        access = access_of(zone_url, token_file, ca_file)
        await_another(access.required())
        sources = gather([folder], nameless=True)
        put_gathered(access, sources, target, Options(replace=replace), from_dataset=from_dataset, wait_s=wait_s)
        if clean:
            clean_sent(folder, sources, own_mark)


@stage.command("clean", cls=FilledCommand)
@click.argument("folder")
@click.option("--anyway", is_flag=True, help="Remove also results that were not brought back.")
def clean(*, folder: str, anyway: bool) -> None:
    """Take fs2od's mounts in FOLDER away, and remove it with all that is in it. It need not exist any more.

    Results that stage out began to bring back and did not, and what a mount could not send, are kept where they are: one line
    says where, and the command that brings them back. The exit code is 0 then, too.

    Where anything else is mounted, on it or in it, nothing is removed, and that is named: exit code 7. Whoever mounted it
    unmounts it. A folder in it that is another file system all the same is left as it is, and named: exit code 7, too.

    A path that ends in a slash is refused: "/scratch/fs2od/$JOB" is one when there is no JOB, and holds everybody's jobs.
    """
    from fs2od.cli.job_folder import clean_folder

    if folder.endswith(("/", "/.")):
        said = "ends in a slash, as a path does when the variable at its end is empty: nothing is removed"
        raise ConfigurationError(f"{folder} {said}. If it is meant, leave the slash away")
    clean_folder(Path(folder), anyway=anyway)
