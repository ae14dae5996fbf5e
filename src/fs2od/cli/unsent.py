"""What mounts that have ended could not send, told to whoever mounts or unmounts next."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from fs2od.home import home

__all__ = ["kept_folder", "tell_unsent"]

_MOST_LINES = 20


def kept_folder(name: str) -> Path:
    """Return where mounts keep something of a user on this machine, unless they are told where."""
    return Path(os.environ.get("XDG_CACHE_HOME") or home() / ".cache") / "fs2od" / name


def tell_unsent(*tops: Path, mountpoint: Path | None = None, wait_s: float = 0.0) -> int:
    """Say what mounts that have ended did not send and where it is, and return how many files that are.

    Args:
        tops: The folders of what is not sent.
        mountpoint: Only what was written there.
        wait_s: How long to wait for a mount that is just ending.
    """
    from fs2od.mount import kept_in
    from fs2od.transfer import shown_path

    kept = kept_in(*tops, mountpoint=mountpoint, wait_s=wait_s)
    for each in kept[:_MOST_LINES]:
        why = f"its mount on {each.host} may go on" if each.host else each.reason or "the mount was killed"
        what = "its bytes are" if each.is_whole else "what was written of it is, each byte at its place,"
        click.echo(
            f"fs2od: {shown_path((each.place, each.path))} was not sent ({why}); {what} in {each.file}", err=True
        )
    if len(kept) > _MOST_LINES:
        click.echo(f"fs2od: and {len(kept) - _MOST_LINES:,} more in {kept[-1].file.parent}", err=True)
    folders = shlex.join(dict.fromkeys(str(each.file.parent) for each in kept if not each.host))
    if folders:
        click.echo(f"fs2od: copy from there what you need, then remove it: rm -r {folders}", err=True)
    return len(kept)
