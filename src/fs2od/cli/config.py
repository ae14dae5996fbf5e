"""`fs2od config`: check the facility's configuration, or print an example."""

from __future__ import annotations

import json
from pathlib import Path

import click

from fs2od.cli.configuration_files import complaints_about_files, notes_about_folders
from fs2od.configuration import example, load_configuration
from fs2od.errors import ConfigurationError

__all__ = ["config"]


@click.group(epilog="Examples:\n\n  fs2od config example > fs2od.toml\n\n  fs2od config check fs2od.toml")
def config() -> None:
    """Check the facility's configuration, or print an example."""


@config.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout, if it is good.")
def check(file: Path, *, as_json: bool) -> None:
    """Say whether FILE is a good configuration on this machine; if not, what is wrong where. Exit code 3 if not.

    What it names is looked at, too: watched folders, files, languages.
    """
    found = load_configuration(file)
    wrong = complaints_about_files(found)
    if wrong:
        raise ConfigurationError(f"{file}: {'; '.join(wrong)}")
    notes, folders = notes_about_folders(found), [str(watch.path) for watch in found.watch]
    if as_json:
        click.echo(json.dumps({"file": str(file), "watches": folders, "notes": notes}))
        return
    for note in notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"{file} is good: it watches {', '.join(folders)}", err=True)


@config.command(name="example")
def print_example() -> None:
    """Print an example with every key explained."""
    click.echo(example(), nl=False)
