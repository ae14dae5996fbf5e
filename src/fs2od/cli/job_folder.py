"""The folder of a job: taken away after it, but for results that were not brought back."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from fs2od.cli.access import say
from fs2od.cli.going_on import for_shell
from fs2od.errors import ConfigurationError, Fs2odError, Interrupted, StorageError
from fs2od.mount import mounted_in, unmount, unsent_in
from fs2od.results import Sources, gather, is_mark, mark, marked_with
from fs2od.transfer import Descent, remove_folder, shown_path

__all__ = ["clean_folder", "clean_sent", "marked", "remove_sent"]

_LEAST_DEPTH = 3
_SENDING_S = 60.0
"""How long to wait, in all, for mounts that were taken away and still send what was written to them."""
_COMMAND = ["fs2od", "stage", "out"]


@dataclass(frozen=True)
class _Left:
    """A folder that is kept, and how many files in it a mount did not send; 0 where they are results."""

    place: Path
    unsent: int


@contextmanager
def marked(folder: Path, target: str, command: list[str]) -> Iterator[str]:
    """Mark a folder while its results are brought back; unless that ends well, they are not cleaned away. Yields the mark's name."""
    made = None
    try:
        made = mark(folder, target, command)
    except OSError as error:
        say(f"{folder} cannot be marked ({error.strerror}): should this fail, stage clean will remove what is in it")
    try:
        yield made.name if made is not None else ""
    except (Fs2odError, SystemExit) as error:
        if made is not None:
            with suppress(OSError):
                mark(folder, target, command)  # cleaning may have begun
        if made is not None and not isinstance(error, Interrupted):
            say(f"stage clean keeps {folder} until all is brought back. To go on: {for_shell(command)}")
        raise
    if made is not None:
        made.unlink(missing_ok=True)


def clean_folder(folder: Path, *, anyway: bool = False) -> None:
    """Unmount what is mounted in a folder, and remove it; results that were not brought back are kept where they are, and told.

    Args:
        folder: The folder; it need not exist.
        anyway: Whether these are removed, too.

    Raises:
        ConfigurationError: It is no job's folder.
        StorageError: Something cannot be unmounted or removed, or lies on another file system.
    """
    path = _emptied_of_mounts(folder)
    kept: list[_Left] = []
    try:
        remove_folder(path, keeps=None if anyway else _keeping(path.parent, kept))
    finally:
        for each in kept:
            _tell(each)


def clean_sent(folder: Path, sent: Sources, own_mark: str) -> None:
    """Clean a folder whose results were brought back, if they are as they were when they were sent.

    Args:
        folder: The folder.
        sent: What was brought back.
        own_mark: The name of the mark that says that they are not yet; others' are kept.

    Raises:
        ConfigurationError: It is no job's folder.
        StorageError: As of `clean_folder`; or a file is new, or has changed.
    """
    path = _emptied_of_mounts(folder)
    changed = gather([folder], nameless=True).unlike(sent)
    if changed:
        raise _changed_meanwhile(folder, changed)
    remove_sent(path, sent, own_mark)


def remove_sent(path: Path, sent: Sources, own_mark: str) -> None:
    """Remove a folder but for files that are not, in the moment when they would go, as they were when they were sent.

    Raises:
        StorageError: There are such; or something cannot be removed, or lies on another file system.
    """
    changed: list[str] = []
    known = {(source.inode, source.size_bytes, source.mtime_ns) for source in sent.files}

    def spares(name: str, facts: os.stat_result) -> bool:
        is_known = (facts.st_ino, facts.st_size, facts.st_mtime_ns) in known
        if not stat.S_ISREG(facts.st_mode) or is_known or is_mark(name):
            return False
        changed.append(name)
        return True

    kept: list[_Left] = []
    try:
        remove_folder(path, keeps=_keeping(path.parent, kept, own_mark), spares=spares)
    finally:
        for each in kept:
            _tell(each)
    if changed:
        raise _changed_meanwhile(path, changed)


def _changed_meanwhile(folder: Path, changed: list[str]) -> StorageError:
    more = f" and {len(changed) - 1:,} more" if len(changed) > 1 else ""
    shown = shown_path(tuple(changed[0].removeprefix(f"{folder.absolute()}/").split("/")))
    return StorageError(
        f"{shown}{more} changed or came while the rest was sent: {folder} is not removed; bring it back again, with --replace"
    )


def _emptied_of_mounts(folder: Path) -> Path:
    path = folder.parent.resolve() / folder.name
    if len(path.parts) < _LEAST_DEPTH or folder.name in {"", ".", ".."} or path == Path.home():
        raise ConfigurationError(f"{folder} is not a job's folder: it is not removed")
    for point in mounted_in(path):
        unmount(point)
    left = mounted_in(path)
    if left:
        raise StorageError(f"{left[0]} is still mounted: nothing is removed")
    return path


def _keeping(top: Path, kept: list[_Left], own_mark: str = "") -> Callable[[Descent, Collection[str]], bool]:
    until_s = time.monotonic() + _SENDING_S

    def keeps(way: Descent, inside: Collection[str]) -> bool:
        unsent = 0
        if not any(is_mark(name) and name != own_mark for name in inside):
            unsent = unsent_in(way.folder.fileno(), until_s=until_s)
            if not unsent:
                return False
        kept.append(_Left(top.joinpath(*way.path()), unsent))
        return True

    return keeps


def _tell(left: _Left) -> None:
    place = left.place
    shown = for_shell([str(place)])
    if left.unsent:
        say(
            f"{left.unsent:,} files that were written to a mount were not sent: they are kept in {shown}, with notes of their paths"
        )
        return
    with suppress(StopIteration):
        command = next(words for words in marked_with(place) if words[: len(_COMMAND)] == _COMMAND)
        say(f"results were not all brought back: they are kept in {shown}. To bring them back: {for_shell(command)}")
        return
    say(
        f"results were not all brought back: they are kept in {shown}. To bring them back: fs2od stage out {shown} TARGET"
    )
