"""Looking at what lies in directories of this machine: the facts, who may read it, and why something cannot be delivered."""

from __future__ import annotations

import errno
import os
import stat
from array import array
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice, product, repeat
from operator import attrgetter
from typing import TypeAlias

from fs2od.manifests import link_fault
from fs2od.storage._contract import NO_FILES, Begin, Files, Kind, Listed, Seen, Wanted, bounded_ns
from fs2od.storage._posix_assistant import Assistant, Unanswered
from fs2od.storage._posix_looking import BATCH, FACTS, answer
from fs2od.storage._posix_tree import PARTIAL, Tree, split

__all__ = ["Looker"]

_FORMAT = 0o170000
_SPECIAL = {stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}
_UNREADABLE = "may not be read"
_KEPT_OUT = "fs2od keeps its own state there"
# From so many names on, columns are quicker even if nobody tells them.
_MANY = 20
# So many ways to combine the modes and owners of a batch are judged before its files are looked at one by one.
_USUAL = 16
_NAME = attrgetter("name")

_Told: TypeAlias = "tuple[list[str], array[int] | None]"
"""Names with their facts, None for a closer look at each."""


class Looker:
    """Looks at what lies in a tree."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def stat(self, path: str) -> Seen:
        """Return the facts of one entry, without following a link."""
        parent, name = split(path)
        with self._tree.mapped(path), self._tree.directory(parent) as handle:
            facts = os.stat(name, dir_fd=handle, follow_symlinks=False) if name else os.fstat(handle)
            return self._seen(handle, parent, name, facts, _Reader.current())

    def batches(self, path: str, assistant: Assistant | None = None, wanted: Wanted | None = None) -> Iterator[Listed]:
        """Yield an empty batch when the directory is open, then its entries as the kernel gives them; nothing if it is not wanted."""
        reader = _Reader.current()
        with self._tree.mapped(path), self._tree.directory(path) as handle:
            facts = os.fstat(handle)
            if wanted is not None and not wanted(_directory(path, facts)):
                return
            asked = None if assistant is None else assistant.ask(handle, facts.st_size)
            yield Listed(NO_FILES, ())
            closer: Iterable[_Told] = zip(_names(handle), repeat(None))
            for told in closer if assistant is None else _told(handle, facts.st_size, assistant, asked):
                yield self._sorted_out(handle, path, *(told if path else _without_partial(*told)), reader)

    @contextmanager
    def listing(self) -> Iterator[Begin]:
        """Yield what opens a directory, has it listed, and returns its entries in batches."""
        with closing(Assistant()) as assistant:

            def begin(path: str, wanted: Wanted) -> Iterator[Listed] | None:
                batches = self.batches(path, assistant, wanted)
                return None if next(batches, None) is None else batches

            yield begin

    def _looked(self, handle: int, parent: str, names: list[str], reader: _Reader) -> list[Seen]:
        looked = (self._look(handle, parent, name, reader) for name in names)
        return [seen for seen in looked if seen is not None]

    def _sorted_out(
        self, handle: int, parent: str, names: list[str], told: array[int] | None, reader: _Reader
    ) -> Listed:
        """Take what was told of plain files. What is none, cannot be delivered or could not be told takes a closer look."""
        if told is None:
            return Listed(NO_FILES, self._looked(handle, parent, names, reader))
        mode, inode, _, _, user, group, size, mtime_ns, ctime_ns = (told[column::FACTS] for column in range(FACTS))
        files = Files(names, size, mtime_ns, ctime_ns, inode)
        modes_and_owners = [mode, user, group]
        if _are_plain(modes_and_owners, reader) and all(map(str.isascii, names)):
            return Listed(files, ())
        owned = list(zip(*modes_and_owners, strict=True))
        plain = {one for one in set(owned) if reader.may_read_plain(*one)}
        are_plain = [one in plain and name.isascii() for one, name in zip(owned, names, strict=True)]
        odd = [name for name, is_plain in zip(names, are_plain, strict=True) if not is_plain]
        return Listed(files.chosen(are_plain), self._looked(handle, parent, odd, reader))

    def _look(self, handle: int, parent: str, name: str, reader: _Reader) -> Seen | None:
        """Return the facts of a name that was listed; None if it is gone: the next scan will not see it either."""
        try:
            facts = os.stat(name, dir_fd=handle, follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            return _unknown(name, error)
        if name.isascii() and reader.may_read_plain(facts.st_mode, facts.st_uid, facts.st_gid):
            # What nearly all entries are, without the calls that only the others need.
            times = (bounded_ns(facts.st_mtime_ns), bounded_ns(facts.st_ctime_ns))
            return Seen(name, Kind.FILE, facts.st_size, *times, facts.st_ino)
        return self._seen(handle, parent, name, facts, reader)

    def _seen(self, handle: int, parent: str, name: str, facts: os.stat_result, reader: _Reader) -> Seen:
        kind, shown = _kind(facts.st_mode), _shown(name)
        target, refused = None, "name is not UTF-8" if shown != name else None
        if kind is Kind.SYMLINK:
            target = _target(handle, name)
            refused = refused or link_fault(f"{parent}/{name}" if parent else name, target, self._target_of)
        elif kind is Kind.OTHER:
            refused = f"special file ({_SPECIAL.get(facts.st_mode & _FORMAT, 'of an unknown kind')})"
        elif kind is Kind.DIRECTORY and (facts.st_dev, facts.st_ino) in self._tree.kept_out:
            refused = _KEPT_OUT
        elif kind is Kind.FILE and refused is None and not reader.may_read(handle, name, facts):
            refused = _UNREADABLE
        return Seen(
            name=shown,
            kind=kind,
            size_bytes=facts.st_size if kind in (Kind.FILE, Kind.SYMLINK) else 0,
            mtime_ns=bounded_ns(facts.st_mtime_ns),
            ctime_ns=bounded_ns(facts.st_ctime_ns),
            inode=facts.st_ino,
            target=target,
            refused=refused,
        )

    def _target_of(self, path: str) -> str | None:
        parent, _, name = path.rpartition("/")
        try:
            with self._tree.directory(parent) as handle:
                return _target(handle, name)
        except OSError:
            return None


def _told(handle: int, size_bytes: int, assistant: Assistant, asked: int | None) -> Iterator[_Told]:
    """Yield what lies in an open directory, as the assistant tells it or else as it is seen from here."""
    given = 0
    try:
        for names, facts in _told_alone(handle) if asked is None else assistant.told(asked):
            given += len(names)
            yield names, facts
    except Unanswered:
        # By a handle with a place of its own: the assistant may still be reading on by this one.
        handle = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=handle)
        try:
            yield from _told_alone(handle, given)
        finally:
            os.close(handle)
    assistant.saw(given, size_bytes)


def _told_alone(handle: int, given: int = 0) -> Iterator[_Told]:
    return ((names, answer(handle, names) if len(names) >= _MANY else None) for names in _names(handle, given))


def _names(handle: int, given: int = 0) -> Iterator[list[str]]:
    """Yield what lies in an open directory but for what was given already: its order stands while it stays as it is."""
    with os.scandir(handle) as entries:
        left = islice(map(_NAME, entries), given, None)
        while names := list(islice(left, BATCH)):
            yield names


def _without_partial(names: list[str], told: array[int] | None) -> _Told:
    if PARTIAL not in names:
        return names, told
    place = names.index(PARTIAL)
    left = None if told is None else told[: place * FACTS] + told[(place + 1) * FACTS :]
    return names[:place] + names[place + 1 :], left


def _are_plain(modes_and_owners: list[array[int]], reader: _Reader) -> bool:
    """Say quickly that all are plain files that may be read, as nearly always: without an object for each of them."""
    modes, users, groups = map(set, modes_and_owners)
    is_usual = len(modes) * len(users) * len(groups) <= _USUAL
    return is_usual and all(reader.may_read_plain(*one) for one in product(modes, users, groups))


def _directory(path: str, facts: os.stat_result) -> Seen:
    name = path.rpartition("/")[2]
    times = (bounded_ns(facts.st_mtime_ns), bounded_ns(facts.st_ctime_ns))
    return Seen(name, Kind.DIRECTORY, 0, *times, facts.st_ino)


@dataclass(frozen=True)
class _Reader:
    """Who reads. Judging by the mode's bits costs nothing; the kernel is asked only where they forbid it."""

    user: int
    groups: frozenset[int]

    @classmethod
    def current(cls) -> _Reader:
        return cls(os.geteuid(), frozenset((os.getegid(), *os.getgroups())))

    def may_read_plain(self, mode: int, owner: int, group: int) -> bool:
        """Say whether the bits tell that this is a plain file that may be read."""
        if mode & _FORMAT != stat.S_IFREG:
            return False
        if self.user in (0, owner):
            return self.user == 0 or bool(mode & stat.S_IRUSR)
        return bool(mode & (stat.S_IRGRP if group in self.groups else stat.S_IROTH))

    def may_read(self, handle: int, name: str, facts: os.stat_result) -> bool:
        return self.may_read_plain(facts.st_mode, facts.st_uid, facts.st_gid) or os.access(
            name, os.R_OK, dir_fd=handle, effective_ids=True
        )


def _shown(name: str) -> str:
    """Return a name as it can be printed: itself if it is UTF-8, else with its foreign bytes written out."""
    return name if name.isascii() else os.fsencode(name).decode(errors="backslashreplace")


def _unknown(name: str, error: OSError) -> Seen:
    reason = _UNREADABLE if error.errno in (errno.EACCES, errno.EPERM) else f"cannot be read ({error.strerror})"
    return Seen(_shown(name), Kind.OTHER, 0, 0, 0, 0, refused=reason)


def _kind(mode: int) -> Kind:
    match stat.S_IFMT(mode):
        case stat.S_IFREG:
            return Kind.FILE
        case stat.S_IFDIR:
            return Kind.DIRECTORY
        case stat.S_IFLNK:
            return Kind.SYMLINK
    return Kind.OTHER


def _target(handle: int, name: str) -> str | None:
    try:
        return os.readlink(name, dir_fd=handle)
    except OSError:
        return None
