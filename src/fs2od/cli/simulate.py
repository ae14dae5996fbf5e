"""`fs2od simulate FOLDER`: let a simulated microscope write a dataset."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import click

from fs2od.cli.progress import drawn
from fs2od.errors import ConfigurationError, Interrupted
from fs2od.stopping import stopping

__all__ = ["simulate"]

_SIZE_UNITS: Final = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_DURATION_UNITS: Final = {"": 1, "s": 1, "min": 60, "m": 60, "h": 3600}
_QUANTITY: Final = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)\s*([A-Za-z]*)", re.ASCII)


@click.command
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--files", "file_count", type=int, default=250, show_default=True, help="How many files to end with.")
@click.option("--size", default="100MB", show_default=True, help="What they add up to, such as 500kB, 100MB or 2GiB.")
@click.option("--duration", default="60s", show_default=True, help="How long to take; 0s: as fast as the disk allows.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed gives other names and pictures.")
@click.option("--name", help="The session's name; default: the folder's.")
@click.option("--email", default="alex@example.org", show_default=True, help="The experimenter's address.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON when done.")
def simulate(
    *, folder: Path, file_count: int, size: str, duration: str, seed: int, name: str | None, email: str, as_json: bool
) -> None:
    """Write an EPU session into FOLDER, as a microscope would.

    FOLDER must be new or empty. It gets its metadata file within the first second, and holds a running file as long
    as the acquisition goes on.
    """
    from fs2od.testing import microscope  # NumPy and Pillow are slow to load: `--help` needs none

    like = microscope.Session(name=name or folder.resolve().name or "simulated", experimenter_email=email, seed=seed)
    session = microscope.Session.of_files(file_count, total_bytes=_size_bytes(size), like=like)
    with stopping() as stop, _shown(session.file_count) as show:
        summary = microscope.write(
            session,
            folder,
            duration=_duration(duration) or None,
            progress=lambda progress: show(progress.files, progress.size_bytes),
            stop=stop,
        )
    if not summary.complete:
        msg = f"Stopped after {summary.files} of {session.file_count} files; the running file was removed."
        raise Interrupted(msg)
    if as_json:
        line = {
            "folder": str(folder.resolve()),
            "files": summary.files,
            "movies": summary.movies,
            "size_bytes": summary.size_bytes,
        }
        click.echo(json.dumps(line))


def _size_bytes(text: str) -> int:
    return round(_quantity(text, _SIZE_UNITS, "size", "100MB"))


def _duration(text: str) -> timedelta:
    seconds = _quantity(text, _DURATION_UNITS, "duration", "60s")
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        msg = f"{text!r} is too long a duration."
        raise ConfigurationError(msg) from None


def _quantity(text: str, units: dict[str, int], noun: str, example: str) -> float:
    match = _QUANTITY.fullmatch(text.strip())
    if match is None or match[2].lower() not in units:
        msg = f"{text!r} is no {noun}; write it like {example}."
        raise ConfigurationError(msg)
    return float(match[1]) * units[match[2].lower()]


@contextmanager
def _shown(total_files: int) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on a terminal's standard error, and nothing elsewhere."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

    columns = (TextColumn("writing"), BarColumn(), MofNCompleteColumn(), TextColumn("files, {task.fields[size]}"))
    with drawn(*columns) as bar:
        task = bar.add_task("files", total=total_files, size="0 MB")

        def show(files: int, size_bytes: int) -> None:
            bar.update(task, completed=files, size=f"{size_bytes / 1e6:.0f} MB")

        yield show
