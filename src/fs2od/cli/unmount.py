"""`fs2od unmount MOUNTPOINT`: take a mount away, whatever is done with it."""

from __future__ import annotations

from pathlib import Path

import click

from fs2od.cli.filled import FilledCommand
from fs2od.cli.unsent import kept_folder, tell_unsent

__all__ = ["unmount"]

_NOT_SENT = 4


@click.command(
    cls=FilledCommand,
    epilog="Exit codes: 0 taken away, 4 taken away and not everything that was written could be sent, 7 it cannot be taken away.",
)
@click.argument("mountpoint", type=click.Path(path_type=Path))
@click.option(
    "--spool",
    type=click.Path(path_type=Path, file_okay=False),
    help="What --spool said when it was mounted: needed only where it could leave no link in fs2od/unsent.",
)
@click.option(
    "--wait",
    "wait_s",
    default=60.0,
    show_default=True,
    type=click.FloatRange(0),
    help="How many seconds to wait until what was written is sent.",
)
def unmount(*, mountpoint: Path, spool: Path | None, wait_s: float) -> None:
    """Take the mount at MOUNTPOINT away, also one that is in use or whose process is dead, and say what was not sent."""
    from fs2od.mount import clear_spools, is_served
    from fs2od.mount import unmount as take_away

    take_away(mountpoint)
    top = spool or kept_folder("unsent")
    unsent = tell_unsent(top, mountpoint=mountpoint, wait_s=wait_s)
    clear_spools(top)
    if is_served(top, mountpoint):
        unsent += 1
        said = "is taken away; programs still have files open in it, or they are being sent: they are sent when they are closed"
        click.echo(f"fs2od: {mountpoint} {said}", err=True)
    if unsent:
        raise SystemExit(_NOT_SENT)
