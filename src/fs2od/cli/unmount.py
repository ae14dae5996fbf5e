"""`fs2od unmount MOUNTPOINT`: take a mount away, whatever is done with it."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["unmount"]


@click.command()
@click.argument("mountpoint", type=click.Path(path_type=Path))
def unmount(*, mountpoint: Path) -> None:
    """Take the mount at MOUNTPOINT away, also one that is in use or whose process is dead."""
    from fs2od.mount import unmount as take_away  # noqa: PLC0415 - keeps `fs2od --help` quick

    take_away(mountpoint)
