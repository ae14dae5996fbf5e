"""`fs2od datasets`: what the facility knows of its datasets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from click.core import ParameterSource

from fs2od.cli.datasets_retiring import RETIREMENTS, consequences
from fs2od.cli.listed import ListedGroup
from fs2od.errors import ConfigurationError, Fs2odError, Interrupted
from fs2od.facility import DATABASE_NAME, JOURNAL_SCHEMA, DatasetRow, Datasets, Retirement
from fs2od.quantities import human_bytes, human_count
from fs2od.sqlite import Database

__all__ = ["datasets"]


def _state_folder(context: click.Context, option: click.Parameter, value: Path | None) -> Path | None:
    """Return the folder that is named behind the command, or else before it."""
    name = option.name or ""
    before = context.parent.params.get(name) if context.parent is not None else None
    is_named_here = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    folder: Path | None = value if is_named_here else before or value
    if folder is None and not isinstance(context.command, click.Group):
        raise click.MissingParameter(ctx=context, param=option)
    return folder


def _also_before(context: click.Context, option: click.Parameter, value: bool) -> bool:
    """Say whether a flag stands behind the command or before it."""
    return value or (context.parent is not None and bool(context.parent.params.get(option.name or "")))


_DATA = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="FS2OD_FACILITY_DATA",
    show_envvar=True,
    callback=_state_folder,
    help="The facility's folder of state; before or behind the command.",
)
_JSON = click.option("--json", "as_json", is_flag=True, callback=_also_before, help="Print JSON on stdout.")


class UnknownDataset(Fs2odError):
    """There is no dataset of that name."""

    exit_code = 6


@click.group(
    cls=ListedGroup,
    invoke_without_command=True,
    epilog="Examples:\n\n  fs2od datasets --data ./state/facility\n\n  fs2od datasets show 20261105_A --data ./state/facility --json",
)
@_DATA
@_JSON
@click.pass_context
def datasets(context: click.Context, *, data: Path | None, as_json: bool) -> None:
    """List the datasets, or show one with its history."""
    if context.invoked_subcommand is not None:
        return
    if data is None:
        raise click.UsageError("--data is missing: the facility's folder of state")
    _list(data, as_json=as_json)


@datasets.command("list")
@_DATA
@_JSON
def list_(*, data: Path, as_json: bool) -> None:
    """List the datasets, as `fs2od datasets` does."""
    _list(data, as_json=as_json)


def _list(data: Path, *, as_json: bool) -> None:
    with closing(_opened(data)) as database:
        known = Datasets(database)
        rows, unheeded, refused = known.list(), known.passed_over(), known.refused_always()
    if as_json:
        click.echo(msgspec.json.encode(rows).decode())
    else:
        _print_table(rows)
    for one in refused:
        click.echo(
            f"mail.to: the mail server refuses {one.address} ({one.said}): correct the configuration and start again",
            err=True,
        )
    for each in unheeded:
        click.echo(f"passed over: {each.path}: {each.said}", err=True)


@datasets.command("passed-over")
@_DATA
@_JSON
def passed_over(*, data: Path, as_json: bool) -> None:
    """List what lies in the watched folders and is not taken up, with why and what to do about it."""
    with closing(_opened(data)) as database:
        unheeded = Datasets(database).passed_over()
    if as_json:
        click.echo(msgspec.json.encode(unheeded).decode())
        return
    for each in unheeded:
        click.echo(f"{each.path}: {each.said} (since {_local(each.since)})")


@datasets.command()
@click.argument("name")
@_DATA
@_JSON
def show(*, name: str, data: Path, as_json: bool) -> None:
    """Show the dataset NAME with its history, step by step."""
    with _known(name, data) as found:
        row, history = found.get(name), found.history(name)
    if as_json:
        document = {"dataset": msgspec.to_builtins(row), "history": msgspec.to_builtins(history)}
        click.echo(json.dumps(document))
        return
    click.echo(_printable(f"{row.name}: {row.state}, {_amount(row)}"))
    for said in filter(None, (row.path, row.link, row.stuck)):
        click.echo(_printable(f"  {said}"))
    for event in history:
        click.echo(_printable(f"{_local(event.at)}  {event.kind:<12} {event.said}"))


@datasets.command()
@click.argument("name")
@_DATA
def retry(*, name: str, data: Path) -> None:
    """Let the facility try the dataset NAME again at once."""
    with _known(name, data) as found:
        found.retry(name, datetime.now(UTC))
    click.echo(f"{name} is tried again with the facility's next look", err=True)


@datasets.command(epilog="Example:\n\n  fs2od datasets accept 20261105_A --data ./state/facility")
@click.argument("name")
@_DATA
def accept(*, name: str, data: Path) -> None:
    """Take the folder that has the name of the dataset NAME by now for the dataset's own.

    Where another folder stands under the name of a dataset, nothing of it is taken in or sent to anybody, for it may be somebody
    else's. Accept it if it is the same data all the same: put back from a backup, or edited while it was away. Those who have
    the dataset's link and tokens then see what is in the folder.
    """
    with _known(name, data) as found:
        found.accept(name, datetime.now(UTC))
    click.echo(f"the folder of {name} is accepted with the facility's next look", err=True)


@datasets.command(
    epilog="Examples:\n\n  fs2od datasets retire 20261105_A --data ./state/facility\n\n"
    "  fs2od datasets retire 20261105_A --onedata close --yes --json --data ./state/facility",
)
@click.argument("name")
@click.option(
    "--onedata",
    type=click.Choice(tuple(RETIREMENTS)),
    default="keep",
    show_default=True,
    help="What becomes of it at Onedata: all stays (keep), its link and its invites end (close), or its space is deleted (delete).",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@_DATA
@_JSON
def retire(*, name: str, onedata: Retirement, yes: bool, data: Path, as_json: bool) -> None:
    """Put the dataset NAME away, whose folder is gone for good.

    Nobody looks for its folder any more, nothing is imported, and no letters are written about it. At Onedata all stays as it is, unless
    you say otherwise. `fs2od datasets retry NAME` takes it up again. Nothing is ever deleted in the watched folders.
    """
    with _known(name, data) as found:
        was_retired, row = found.require_retirable(name), found.get(name)
        if not was_retired or onedata != "keep":
            for line in consequences(row, onedata):
                click.echo(_printable(line), err=True)
            if not yes and not click.confirm(f"Retire {name}?", err=True):
                raise Interrupted(f"{name} stays as it is")
            found.retire(name, onedata, datetime.now(UTC))
    if as_json:
        click.echo(json.dumps({"dataset": name, "onedata": onedata, "was_retired": was_retired}))
    is_done = was_retired and onedata == "keep"
    said = "is retired already" if is_done else "is retired with its facility's next look"
    click.echo(f"{name} {said}", err=True)


@contextmanager
def _known(name: str, data: Path) -> Iterator[Datasets]:
    """Yield the datasets to one who asks for one of them."""
    with closing(_opened(data)) as database:
        try:
            yield Datasets(database)
        except KeyError as error:
            raise UnknownDataset(f"there is no dataset called {name}: see `fs2od datasets`") from error


def _opened(data: Path) -> Database:
    path = data / DATABASE_NAME
    if not path.exists():
        raise ConfigurationError(f"{path} is not there: is {data} the facility's folder of state?")
    # The facility that runs may be an older one, which a migrated journal would lock out at its next start.
    return Database(path, JOURNAL_SCHEMA, migrate=False)


def _print_table(rows: tuple[DatasetRow, ...]) -> None:
    if not rows:
        click.echo("No datasets yet. One appears when a watched folder holds a folder with a metadata file.", err=True)
        return
    width = min(48, max(len(row.name) for row in rows))
    for row in rows:
        last = f"  {_local(row.last_event.at)}" if row.last_event else ""
        said = f"  {row.stuck}" if row.stuck else ""
        click.echo(_printable(f"{row.name:<{width}}  {row.state:<10}  {_amount(row):>24}{last}{said}"))


def _printable(line: str) -> str:
    """Return a line whose characters a terminal only shows: folders may have any name."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)


def _amount(row: DatasetRow) -> str:
    if row.files is None or row.size_bytes is None:
        return "not counted yet"
    return f"{human_count(row.files)} files · {human_bytes(row.size_bytes)}"


def _local(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"
