"""The folder that a download fills: every operation goes name by name from its handle, and through no symbolic link.

So neither a hostile listing nor a link that somebody puts into the folder meanwhile leads a write anywhere else.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from pathlib import Path
from typing import Final, Iterable, Iterator

from fs2od.errors import StorageError, StorageMissing
from fs2od.transfer._disk import EXISTING_FILE, NS, told
from fs2od.transfer._entries import EntryKind, Names, Present
from fs2od.transfer._folders import Folder, make_folders, open_folder
from fs2od.transfer._partial_files import Partial
from fs2od.transfer._partials import PartialName
from fs2od.transfer._plan import Folding, other_form

__all__ = ["Destination", "kind_of"]

_NOT_ON_THE_WAY: Final = {errno.ELOOP, errno.ENAMETOOLONG}
_NO_SUCH_NAME: Final = {errno.ENOENT, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ}
_ENTRY_KINDS: Final = {
    stat.S_IFREG: EntryKind.FILE,
    stat.S_IFDIR: EntryKind.FOLDER,
    stat.S_IFLNK: EntryKind.SYMLINK,
}


class Destination:
    """A folder on the disk, made when it is missing. Close it, or use it as a context manager.

    Any number of threads may use it at once.
    """

    def __init__(self, path: Path) -> None:
        """Open the folder.

        Raises:
            StorageMissing: It cannot be made or opened; the message says why.
        """
        self.path = path
        try:
            make_folders(path)
            self._root = open_folder(path)
        except OSError as error:
            raise StorageMissing(f"the folder {path} cannot be made or opened ({error.strerror})") from error

    def __enter__(self) -> Destination:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the folder's handle."""
        self._root.close()

    def folding(self, folder: Names = ()) -> Folding:
        """Say which names the disk takes for the same in a folder: some say so by folder, and further disks may be mounted in it.

        Raises:
            StorageError: Nothing can be written there.
        """
        with told(self.path.joinpath(*folder)), self.opened(folder) as inside:
            with _probe(inside) as probe:
                case = _finds(inside, probe.upper())
            # Where no such name can be made, no two of them are.
            with contextlib.suppress(OSError), _probe(inside, "\N{LATIN SMALL LETTER E WITH ACUTE}") as probe:
                return Folding(case, _finds(inside, other_form(probe)))
            return Folding(case)

    def check(self) -> None:
        """Make sure that the folder itself is still there, and takes new files.

        Raises:
            StorageError: It is gone, or takes none any more.
        """
        with told(self.path), _probe(self._root):
            pass

    def now_ns(self) -> int:
        """Return what the time is for the disk, whose clock may differ from this machine's.

        Raises:
            StorageError: Nothing can be written there.
        """
        with told(self.path), _probe(self._root) as probe:
            return self._root.stat(probe).st_mtime_ns

    def scan(self, folder: Names) -> dict[str, Present]:
        """Return what stands in a folder, by name; nothing where there is no such folder.

        Raises:
            StorageError: It cannot be read, or a link or a file stands on the way.
        """
        with told():
            try:
                with self.opened(folder) as inside:
                    return {name: _present(inside, name, facts) for name, facts in inside.facts().items()}
            except FileNotFoundError:
                return {}

    def present(self, path: Names) -> Present | None:
        """Return what stands under one path; None where nothing does, or where a link or a file stands on the way.

        Raises:
            StorageError: It cannot be looked at.
        """
        with told():
            try:
                with self.opened(path[:-1]) as parent:
                    return _present(parent, path[-1], parent.stat(path[-1]))
            except (FileNotFoundError, NotADirectoryError):
                return None
            except OSError as error:
                if error.errno in _NOT_ON_THE_WAY:
                    return None
                raise

    def names(self, folder: Names) -> list[str]:
        """Return the names in a folder; none where there is no such folder.

        Raises:
            StorageError: It cannot be read, or a link or a file stands on the way.
        """
        with told():
            try:
                with self.opened(folder) as inside:
                    return inside.names()
            except FileNotFoundError:
                return []

    def identities(self, folder: Names, names: Iterable[str]) -> dict[str, tuple[int, int]]:
        """Return what tells things in a folder from all others on this machine, by the names under which the disk finds them.

        Raises:
            StorageError: The folder cannot be read, or a link or a file stands on the way.
        """
        found = {}
        with told(), self.opened(folder) as inside:
            for name in names:
                try:
                    facts = inside.stat(name)
                except OSError as error:
                    if error.errno not in _NO_SUCH_NAME:
                        raise
                else:
                    found[name] = (facts.st_dev, facts.st_ino)
        return found

    def make_folder(self, folder: Names) -> bool:
        """Make sure that a folder is there, and say whether it is new.

        Raises:
            StorageError: It cannot be made, or something else stands there.
        """
        with told(), self.opened(folder[:-1]) as parent:
            try:
                parent.mkdir(folder[-1])
            except FileExistsError:
                parent.below(folder[-1]).close()
                return False
        return True

    def make_link(self, path: Names, target: str) -> None:
        """Make a symbolic link. Whether it may lead there is for the caller to judge.

        Raises:
            StorageError: It cannot be made.
        """
        with told(), self.opened(path[:-1]) as parent:
            parent.symlink(target, path[-1])

    def remove(self, path: Names) -> None:
        """Remove a file, if it is there.

        Raises:
            StorageError: It cannot be removed.
        """
        with told(), self.opened(path[:-1]) as parent, contextlib.suppress(FileNotFoundError):
            parent.unlink(path[-1])

    def open_partial(self, folder: Names, name: PartialName) -> Partial:
        """Return a partial file opened for writing: what an earlier run left, or a new one.

        Raises:
            StorageError: It cannot be opened, or is no plain file.
        """
        with told(), self.opened(folder) as parent:
            return Partial(parent.again(), folder, name)

    def open_file(self, path: Names) -> int:
        """Return a handle for reading a file that stands there; the caller closes it.

        Raises:
            FileNotFoundError: There is none.
            StorageError: It cannot be opened, or is no plain file.
        """
        with told(missing=True), self.opened(path[:-1]) as parent:
            handle = parent.open(path[-1], EXISTING_FILE)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise StorageError("it is no plain file")
        return handle

    def facts(self, path: Names) -> os.stat_result:
        """Return the facts of what stands there itself.

        Raises:
            StorageError: Nothing stands there, or it cannot be looked at.
        """
        with told(), self.opened(path[:-1]) as parent:
            return parent.stat(path[-1])

    def set_time(self, path: Names, *, mtime_s: int) -> None:
        """Give a file that stands there its time.

        Raises:
            StorageError: It cannot be changed.
        """
        with told(), self.opened(path[:-1]) as parent:
            parent.set_time(path[-1], mtime_s * NS)

    def demote(self, path: Names, name: PartialName) -> bool:
        """Turn a file that is not right into the partial file of what it should be, and say whether that was done.

        A file that has a second name elsewhere is left as it is: somebody may still want it.

        Raises:
            StorageError: It cannot be renamed.
        """
        with told(), self.opened(path[:-1]) as parent:
            facts = parent.stat(path[-1])
            if not stat.S_ISREG(facts.st_mode) or facts.st_nlink > 1:
                return False
            with contextlib.suppress(FileNotFoundError):
                parent.unlink(name.notes)
            parent.replace(path[-1], str(name))
            return True

    def take_over(self, folder: Names, left: PartialName, name: PartialName) -> bool:
        """Give a partial file another name, if that is free, and say whether that was done.

        Raises:
            StorageError: It cannot be renamed.
        """
        with told(), self.opened(folder) as parent:
            try:
                parent.stat(str(name))
            except FileNotFoundError:
                # Another process may have done it just before.
                with contextlib.suppress(FileNotFoundError):
                    parent.replace(str(left), str(name))
                    return True
            return False

    def sync(self) -> None:
        """Wait until everything written here, names included, is safe against a power cut.

        Raises:
            StorageError: The disk reported a failure.
        """
        with told():
            self._root.sync()

    @contextlib.contextmanager
    def opened(self, folder: Names) -> Iterator[Folder]:
        """Yield a folder, reached name by name through no symbolic link."""
        inside = self._root.again()
        try:
            for name in folder:
                below = inside.below(name)
                inside.close()
                inside = below
            yield inside
        finally:
            inside.close()


@contextlib.contextmanager
def _probe(folder: Folder, letter: str = "") -> Iterator[str]:
    """Yield the name of a new file, which is removed afterwards."""
    name = f".fs2od-{secrets.token_hex(8)}-probe{letter}"
    os.close(folder.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        yield name
    finally:
        folder.unlink(name)


def _finds(folder: Folder, name: str) -> bool:
    try:
        folder.stat(name)
    except OSError as error:
        if error.errno not in _NO_SUCH_NAME:
            raise
        return False
    return True


def kind_of(facts: os.stat_result) -> EntryKind:
    """Return what something on the disk is."""
    return _ENTRY_KINDS.get(stat.S_IFMT(facts.st_mode), EntryKind.OTHER)


def _present(folder: Folder, name: str, facts: os.stat_result) -> Present:
    kind = kind_of(facts)
    if kind is EntryKind.FILE:
        return Present(kind, facts.st_size, facts.st_mtime_ns // NS)
    if kind is EntryKind.SYMLINK:
        return Present(kind, target=folder.readlink(name))
    return Present(kind)
