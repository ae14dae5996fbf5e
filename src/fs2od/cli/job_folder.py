"""The folder of a job: taken away after it, but for results that were not brought back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fs2od.cli.access import say
from fs2od.cli.going_on import for_shell
from fs2od.errors import ConfigurationError, Fs2odError, Interrupted, StorageError
from fs2od.mount import holds_unsent, is_spool, kept_in, mounted_in, unmount
from fs2od.results import is_mark, mark, marked_with
from fs2od.transfer import remove_folder

__all__ = ["clean_folder", "marked"]

_LEAST_DEPTH = 3
_SENDING_S = 60.0
"""How long to wait for a mount that was taken away and still sends what was written to it."""
_COMMAND = ["fs2od", "stage", "out"]


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
    kept: list[Path] = []
    try:
        remove_folder(path, keeps=None if anyway else _keeping(path.parent, kept))
    finally:
        for each in kept:
            _tell(each)


def _keeping(top: Path, kept: list[Path]) -> Callable[[tuple[str, ...], Collection[str]], bool]:
    def keeps(names: tuple[str, ...], inside: Collection[str]) -> bool:
        place = top.joinpath(*names)
        if not any(map(is_mark, inside)) and not (is_spool(inside) and holds_unsent(place, wait_s=_SENDING_S)):
            return False
        kept.append(place)
        return True

    return keeps


def _tell(place: Path) -> None:
    shown = for_shell([str(place)])
    if is_spool([each.name for each in place.iterdir()]):
        files = len(kept_in(place.parent))
        say(
            f"{files:,} files that were written to a mount were not sent: they are kept in {shown}, with notes of their paths"
        )
        return
    with suppress(StopIteration):
        command = next(words for words in marked_with(place) if words[: len(_COMMAND)] == _COMMAND)
        say(f"results were not all brought back: they are kept in {shown}. To bring them back: {for_shell(command)}")
        return
    say(
        f"results were not all brought back: they are kept in {shown}. To bring them back: fs2od stage out {shown} TARGET"
    )
