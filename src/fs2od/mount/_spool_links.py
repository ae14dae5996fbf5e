"""Links in a user's own folder of spools to those that lie elsewhere: whoever unmounts need not know where they are."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["followed", "named_in", "remove_dead", "shown_in"]

_OLD_S = 30 * 86_400


@contextmanager
def shown_in(known: Path | None, folder: Path, *, say: Callable[[str], None]) -> Iterator[None]:
    """Let a spool's folder be found in another one, until it is gone.

    Args:
        known: Where it is to be found; None for nowhere.
        folder: The spool's folder.
        say: Told in one sentence that it will not be found.
    """
    link = None
    if known is not None and known.resolve() != folder.parent.resolve():
        # Several machines may share a home.
        link = known / f"{folder.name}{_here()}"
        try:
            known.mkdir(parents=True, exist_ok=True, mode=0o700)
            link.symlink_to(folder.absolute())
        except OSError as error:
            needed = f"fs2od unmount says what was not sent only with --spool {folder.parent}"
            say(f"{needed}: no link to it can be left in {known} ({error.strerror})")
    try:
        yield
    finally:
        if link is not None and not folder.exists():
            with suppress(OSError):
                link.unlink(missing_ok=True)


def followed(link: Path) -> Path | None:
    """Return where a link leads; None where that is no link of the user's own."""
    try:
        return link.parent / link.readlink() if link.lstat().st_uid == os.getuid() else None
    except OSError:
        return None


def named_in(top: Path) -> list[Path]:
    """Return what is in a folder of spools, in order; nothing where there is none, or where it cannot be read."""
    try:
        return sorted(top.iterdir())
    except OSError:
        return []


def remove_dead(known: Path, form: re.Pattern[str]) -> None:
    """Remove links that once led to spools, of this machine or very old, which are gone.

    Args:
        known: The folder where they are.
        form: That of a spool's name.
    """
    for link in named_in(known):
        target = followed(link) if link.is_symlink() else None
        name, _, _ = link.name.partition("@")
        if target is not None and form.fullmatch(name) and target.name == name:
            with suppress(OSError):
                if _is_gone(link, target):
                    link.unlink()


def _here() -> str:
    return f"@{socket.gethostname()}"


def _is_gone(link: Path, target: Path) -> bool:
    """Say whether a spool is gone; one that is not there may be on another machine, or on a disk that is not mounted now.

    Raises:
        OSError: Nobody can say.
    """
    try:
        target.lstat()
    except FileNotFoundError:
        is_of_here = link.name.endswith(_here()) and target.parent.is_dir()
        return is_of_here or time.time() - link.lstat().st_mtime > _OLD_S
    return False
