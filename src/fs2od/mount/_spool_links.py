"""Links in a user's own folder of spools to those that lie elsewhere: whoever unmounts need not know where they are."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["followed", "shown_in"]

_OTHERS_WRITE = 0o022
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


def followed(link: Path, is_spool: Callable[[Collection[str]], bool]) -> Path | None:
    """Return the spool that a link leads to; None where it leads to none of the user's own. A link whose spool is gone is removed.

    Args:
        link: The link.
        is_spool: Says by the names in a folder whether it is one.
    """
    try:
        target, user = link.parent / link.readlink(), os.getuid()
    except OSError:
        return None
    try:
        facts, names = target.stat(), [each.name for each in target.iterdir()]
        is_own = link.lstat().st_uid == user == facts.st_uid and not facts.st_mode & _OTHERS_WRITE
        return target if is_own and is_spool(names) else None
    except FileNotFoundError:
        with suppress(OSError):
            if _is_over(link, target):
                link.unlink()
    except OSError:
        pass
    return None


def _here() -> str:
    return f"@{socket.gethostname()}"


def _is_over(link: Path, target: Path) -> bool:
    """Say whether a spool that is not there is gone; else it may be on another machine, or on a disk that is not mounted now."""
    is_gone = link.name.endswith(_here()) and target.parent.is_dir()
    return is_gone or time.time() - link.lstat().st_mtime > _OLD_S
