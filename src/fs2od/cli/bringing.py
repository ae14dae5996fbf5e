"""What the commands that bring data have in common: progress, stopping, and what is said at the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fs2od.cli.access_options import THROUGH_PROVIDER_OPTION
from fs2od.errors import Interrupted, StorageError
from fs2od.output import last_word

if TYPE_CHECKING:
    from fs2od.transfer import Estimate, Report

__all__ = [
    "FILES_FROM_OPTION",
    "bringing_options",
    "interrupted",
    "only",
    "quiet",
    "rate",
    "rehearse",
    "report_options",
    "tell",
    "try_place_of",
]

FILES_FROM_OPTION = click.option(
    "--files-from",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Bring only the files and folders that FILE names, one path a line.",
)


def bringing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --jobs, --include, --exclude, --limit-rate, --through-provider, --follow, --until-quiet and --files-from."""
    options = (
        click.option(
            "-j",
            "--jobs",
            type=click.IntRange(1, 64),
            default=8,
            show_default=True,
            help="The most connections at once.",
        ),
        click.option(
            "--include", multiple=True, metavar="GLOB", help="Bring only files or folders that match; may be repeated."
        ),
        click.option(
            "--exclude", multiple=True, metavar="GLOB", help="Leave files or folders that match; may be repeated."
        ),
        click.option("--limit-rate", metavar="RATE", help="At most so many bytes per second, such as 500k or 20M."),
        THROUGH_PROVIDER_OPTION,
        click.option("--follow", is_flag=True, help="Go on while the dataset grows, until it is complete."),
        click.option(
            "--until-quiet",
            metavar="TIME",
            help="With --follow, end also when nothing new has come for so long, such as 45min or 2h; 2h where the dataset has "
            "no sidecar to say when it is complete.",
        ),
        FILES_FROM_OPTION,
    )
    return reduce(lambda made, option: option(made), reversed(options), command)


def report_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --report and --json."""
    file = click.option(
        "--report",
        "report_file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write what has become of every file as JSON.",
    )
    as_json = click.option("--json", "as_json", is_flag=True, help="Print the report as one line of JSON on stdout.")
    return file(as_json(command))


def only(files_from: Path | None) -> tuple[str, ...] | None:
    """Return the paths that --files-from lists; None where it is not given.

    Raises:
        ConfigurationError: The file cannot be read, or lists none.
    """
    from fs2od.transfer import listed_paths

    return None if files_from is None else listed_paths(str(files_from))


def rate(text: str | None) -> float | None:
    """Return bytes per second as --limit-rate has them.

    Raises:
        BadParameter: It is none.
    """
    from fs2od.transfer import parse_rate

    try:
        return parse_rate(text) if text is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--limit-rate") from error


def quiet(text: str | None, *, follow: bool) -> float | None:
    """Return seconds as --until-quiet has them.

    Raises:
        UsageError: It is no duration, or there is no --follow that it would end.
    """
    from fs2od.transfer import parse_duration

    if text is not None and not follow:
        raise click.UsageError("--until-quiet ends what --follow begins: give both")
    try:
        return parse_duration(text) if text is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--until-quiet") from error


def rehearse(estimate: Estimate, *, as_json: bool, more: Mapping[str, object] | None = None) -> None:
    """Say what would come, with what JSON is to say besides, and end with the exit code of it if that is not 0."""
    from fs2od.transfer import estimate_line

    code = estimate.exit_code
    if as_json:
        code = last_word(json.dumps({**estimate.document(), **(more or {})}), code)
    else:
        click.echo(estimate_line(estimate), err=True)
    if code:
        raise SystemExit(code)


def tell(report: Report, folder: Path, *, again: str, report_file: Path | None, as_json: bool) -> None:
    """Say what has become of a run, also if the report cannot be written, and end with its exit code."""
    from fs2od.transfer import report_lines, write_report

    where = str(folder.absolute())
    code, trouble = report.exit_code, None
    try:
        if report_file is not None:
            write_report(str(report_file), report, where)
    except StorageError as error:
        code, trouble = code or error.exit_code, error
    if as_json:
        code = last_word(json.dumps(replace(report, files=()).document(where)), code)
    elif report.was_interrupted:
        click.echo(f"fs2od: {interrupted(again)}", err=True)
    else:
        for line in report_lines(report, str(folder), again=again):
            click.echo(line, err=True)
    if trouble is not None:
        click.echo(f"fs2od: {trouble}", err=True)
    if code:
        raise SystemExit(code)


def try_place_of(report_file: Path | None, folder: Path) -> None:
    """Make sure that --report can be written before anything is done.

    Raises:
        StorageError: It cannot.
    """
    from fs2od.transfer import try_report

    if report_file is not None:
        try_report(str(report_file), str(folder))


def interrupted(again: str) -> Interrupted:
    """Return the error that says how to go on."""
    return Interrupted(f"stopped; what has arrived is kept. To go on: {again}")
