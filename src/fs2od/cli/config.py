"""`fs2od config`: check the facility's configuration, or print an example."""

from __future__ import annotations

import json
from pathlib import Path

import click

from fs2od.cli.configuration_files import complaints_about_files, notes_about_folders
from fs2od.cli.listed import ListedGroup
from fs2od.configuration import example, load_configuration
from fs2od.errors import ConfigurationError, StorageMissing

__all__ = ["config"]


@click.group(
    cls=ListedGroup, epilog="Examples:\n\n  fs2od config example > fs2od.toml\n\n  fs2od config check fs2od.toml"
)
def config() -> None:
    """Check the facility's configuration, or print an example."""


@config.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout, unless something in it is wrong.")
def check(file: Path, *, as_json: bool) -> None:
    """Say whether FILE is a good configuration, and whether what it names is on this machine: folders, files, languages.

    Exit code 3: something in it is wrong, or cannot be used; it is said what and where. Exit code 7: it is right in itself, and only
    something that it names is missing on this machine.
    """
    found = load_configuration(file)
    complaints = complaints_about_files(found)
    if complaints.wrong:
        raise ConfigurationError(f"{file}: {'; '.join((*complaints.wrong, *complaints.missing))}")
    notes, folders = notes_about_folders(found), [str(watch.path) for watch in found.watch]
    if as_json:
        document = {"file": str(file), "watches": folders, "notes": notes, "missing": list(complaints.missing)}
        click.echo(json.dumps(document))
    else:
        for note in notes:
            click.echo(f"note: {note}", err=True)
        for missing in complaints.missing:
            click.echo(f"missing on this machine: {missing}", err=True)
    if complaints.missing:
        count = len(complaints.missing)
        said = "a thing that it names is" if count == 1 else f"{count} things that it names are"
        raise StorageMissing(f"{file} is right in itself, but {said} missing on this machine")
    if as_json:
        return
    click.echo(f"{file} is good: it watches {', '.join(folders)}", err=True)


@config.command(name="example")
def print_example() -> None:
    """Print an example with every key explained."""
    click.echo(example(), nl=False)
