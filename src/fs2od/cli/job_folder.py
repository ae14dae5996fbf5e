"""The folder of a job: taken away after it, but for results that were not brought back."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from fs2od.cli.access import say
from fs2od.cli.going_on import for_shell
from fs2od.errors import ConfigurationError, Fs2odError, Interrupted, StorageError
from fs2od.mount import mounted_in, unmount, unsent_in
from fs2od.results import is_mark, mark, marked_with
from fs2od.transfer import Descent, remove_folder

__all__ = ["clean_folder", "marked"]

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
def marked(folder: Path, target: str, command: list[str]) -> Iterator[None]:
    """Mark a folder while its results are brought back; unless that ends well, they are not cleaned away."""
    made = None
    try:
        made = mark(folder, target, command)
    except OSError as error:
        say(f"{folder} cannot be marked ({error.strerror}): should this fail, stage clean will remove what is in it")
    try:
        yield
    except (Fs2odError, SystemExit) as error:
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
    path = folder.parent.resolve() / folder.name
    if len(path.parts) < _LEAST_DEPTH or folder.name in {"", ".", ".."} or path == Path.home():
        raise ConfigurationError(f"{folder} is not a job's folder: it is not removed")
    for point in mounted_in(path):
        unmount(point)
    left = mounted_in(path)
    if left:
        raise StorageError(f"{left[0]} is still mounted: nothing is removed")
    kept: list[_Left] = []
    try:
        remove_folder(path, keeps=None if anyway else _keeping(path.parent, kept))
    finally:
        for each in kept:
            _tell(each)


def _keeping(top: Path, kept: list[_Left]) -> Callable[[Descent, Collection[str]], bool]:
    until_s = time.monotonic() + _SENDING_S

    def keeps(way: Descent, inside: Collection[str]) -> bool:
        unsent = 0
        if not any(map(is_mark, inside)):
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
