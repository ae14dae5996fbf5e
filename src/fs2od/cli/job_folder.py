"""The folder of a job: taken away after it, but for results that were not brought back."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import click

from fs2od.cli.access import say
from fs2od.cli.going_on import for_shell
from fs2od.cli.stage import out
from fs2od.errors import ConfigurationError, Fs2odError, Interrupted, StorageError
from fs2od.home import home
from fs2od.mount import unmount_own, unsent_in
from fs2od.results import Mark, Sources, gather, is_mark, mark, marks_in
from fs2od.transfer import Descent, remove_folder, shown_path

__all__ = ["clean_folder", "clean_sent", "marked", "remove_sent"]

_LEAST_DEPTH = 3
_SENDING_S = 60.0
"""How long to wait, in all, for mounts that were taken away and still send what was written to them."""
_MOST_TOLD = 20
_LONGEST_PATH = 4000
_COMMAND = ["fs2od", "stage", "out"]


@dataclass(frozen=True)
class _Left:
    """A folder that is kept: results and the command that brings them back, or files that a mount did not send."""

    place: Path
    command: list[str]
    unsent: int = 0


class StillUsed(StorageError):
    """Something is mounted in a folder that was to be removed, and nothing of it was."""


@contextmanager
def marked(folder: Path, target: str, command: list[str]) -> Iterator[str]:
    """Mark a folder while its results are brought back; unless that ends well, they are not cleaned away. Yields the mark's name.

    Where only something mounted keeps a folder whose results are back, it needs no mark.
    """
    made = None
    try:
        made = mark(folder, target, command)
    except OSError as error:
        say(f"{folder} cannot be marked ({error.strerror}): should this fail, stage clean will remove what is in it")
    try:
        yield made.name if made is not None else ""
    except StillUsed:
        if made is not None:
            made.unlink(missing_ok=True)
        raise
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
    """Take fs2od's mounts in a folder away, and remove it; results that were not brought back are kept where they are, and told.

    Args:
        folder: The folder; it need not exist.
        anyway: Whether these are removed, too.

    Raises:
        ConfigurationError: It is no job's folder.
        StorageError: Something else is mounted in it, and nothing is removed; or something cannot be unmounted or removed.
    """
    path = _path_of(folder)
    _take_mounts_away(path)
    kept: list[_Left] = []
    try:
        remove_folder(path, keeps=None if anyway else _keeping(path.parent, kept))
    finally:
        _tell(kept)


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
    path = _path_of(folder)
    changed = gather([folder], nameless=True).unlike(sent)
    if changed:
        raise _changed_meanwhile(folder, changed)
    _take_mounts_away(path)
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
        _tell(kept)
    if changed:
        raise _changed_meanwhile(path, changed)


def _changed_meanwhile(folder: Path, changed: list[str]) -> StorageError:
    more = f" and {len(changed) - 1:,} more" if len(changed) > 1 else ""
    shown = shown_path(tuple(changed[0].removeprefix(f"{folder.absolute()}/").split("/")))
    return StorageError(
        f"{shown}{more} changed or came while the rest was sent: {folder} is not removed; bring it back again, with --replace"
    )


def _path_of(folder: Path) -> Path:
    path = folder.parent.resolve() / folder.name
    homes = {each for known in (home(), home().resolve()) for each in (known, *known.parents)}
    if len(path.parts) < _LEAST_DEPTH or folder.name in {"", ".", ".."} or path in homes:
        raise ConfigurationError(f"{folder} is not a job's folder: it is not removed")
    return path


def _take_mounts_away(path: Path) -> None:
    """Take fs2od's mounts in a folder away: what is in them is at the service, or in a spool.

    Raises:
        StillUsed: Something else is mounted there. What is in that may be nowhere else, or, as with a folder mounted twice,
            somebody's who knows of no job.
    """
    left = unmount_own(path)
    others = [each for each in left if not each.is_own]
    if others:
        top = others[-1]
        more = f", and {len(others) - 1:,} more" if len(others) > 1 else ""
        what = f"{for_shell([top.kind])} is mounted on {_shown(top.path)}{more}, which is not fs2od's"
        raise StillUsed(f"{what}: nothing is removed. Unmount it yourself once nothing in it is needed")
    if left:
        raise StillUsed(f"{_shown(left[0].path)} is still mounted: nothing is removed")


def _keeping(top: Path, kept: list[_Left], own_mark: str = "") -> Callable[[Descent, Collection[str]], bool]:
    until_s = time.monotonic() + _SENDING_S

    def keeps(way: Descent, inside: Collection[str]) -> bool:
        handle = way.folder.fileno()
        if any(is_mark(name) and name != own_mark for name in inside):
            place = top.joinpath(*way.path())
            kept.append(_Left(place, _command(place, marks_in(handle))))
            return True
        unsent = unsent_in(handle, until_s=until_s)
        if unsent:
            kept.append(_Left(top.joinpath(*way.path()), [], unsent))
        return unsent > 0

    return keeps


def _command(place: Path, marks: Iterable[Mark]) -> list[str]:
    """Return the command that brings a folder's results back, made anew from what can be believed of its marks.

    Of somebody else's mark only the target is: another command, folder or token might be anything.
    """
    for each in marks:
        with suppress(click.UsageError):
            given, _, _ = out.make_parser(click.Context(out)).parse_args(list(each.words[len(_COMMAND) :]))
            target = given.get("target")
            if list(each.words[: len(_COMMAND)]) == _COMMAND and isinstance(target, str):
                options = list(_options(given)) if each.is_own else []
                words = ["--", str(place), target] if target.startswith("-") else [str(place), target]
                return [*_COMMAND, *options, *words]
    return [*_COMMAND, str(place), "TARGET"]


def _options(given: Mapping[str, object]) -> Iterator[str]:
    for option in out.params:
        if isinstance(option, click.Option) and option.name in given:
            yield max(option.opts, key=len)
            if not option.is_flag:
                yield str(given[option.name])


def _tell(kept: Sequence[_Left]) -> None:
    for left in kept[:_MOST_TOLD]:
        shown = _shown(left.place)
        if len(os.fsencode(left.place)) > _LONGEST_PATH:
            say(f"{shown} is kept, which lies deeper than a path is long: move it up to see what it is")
            continue
        if left.unsent:
            what = f"{left.unsent:,} files that were written to a mount were not sent"
            say(f"{what}: they are kept in {shown}, with notes of their paths")
        else:
            what = "results were not all brought back"
            say(f"{what}: they are kept in {shown}. To bring them back: {for_shell(left.command)}")
    if len(kept) > _MOST_TOLD:
        say(f"and {len(kept) - _MOST_TOLD:,} folders more are kept")


def _shown(place: Path) -> str:
    is_long = len(os.fsencode(place)) > _LONGEST_PATH
    return f"/{shown_path(place.parts[1:])}" if is_long else for_shell([str(place)])
