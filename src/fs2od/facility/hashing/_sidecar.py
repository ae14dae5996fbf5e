"""The sidecar's folder in a dataset, which only we write: a file appears in it whole, by one step, or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fs2od.errors import Fs2odError
from fs2od.facility.metadata import NotWritable, storage_error
from fs2od.manifests import MANIFEST, MOST_PART_BYTES, SEAL, SIDECAR, SUMS, part_name, part_number

__all__ = ["Foreign", "Sidecar", "SidecarTrouble"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# What file systems answer that do not know files without a name.
_NO_NAMELESS = {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT, errno.ENOSYS, errno.EPERM, errno.EACCES}


class Foreign(Fs2odError):
    """The sidecar holds something that we did not write: nothing is written beside it."""


class SidecarTrouble(Fs2odError):
    """The file system refused, which may pass: try again later."""


class Sidecar:
    """One dataset's sidecar. What it says stands in docs/reference/sidecar.md."""

    def __init__(self, dataset: Path, fault_point: Callable[[str], None], *, inode: int | None = None) -> None:
        """Make ready; nothing is opened yet. Nothing is written into a folder whose `inode` is another one."""
        self._dataset = dataset
        self._fault_point = fault_point
        self._inode = inode

    def prepare(self) -> None:
        """Make the folders, if they are missing, and see that they may be written to.

        Raises:
            NotWritable: The dataset's folder may not be written to.
            Foreign: Something else has the folder's name.
            SidecarTrouble: The file system refused, such as for want of space.
        """
        with self._mapped(), self._folder(None) as dataset:
            _make_folder(SIDECAR, dataset)
            with self._open(SIDECAR, dataset) as sidecar:
                _make_folder(MANIFEST, sidecar)
                with self._open(MANIFEST, sidecar) as manifest:
                    if not os.access(".", os.W_OK, dir_fd=manifest, effective_ids=True):
                        raise NotWritable(f"{self._dataset / SIDECAR} may not be written to")

    def part_numbers(self) -> list[int]:
        """Return the numbers of all parts that are there, in order."""
        with self._mapped(), self._folder(MANIFEST) as manifest, os.scandir(manifest) as entries:
            return sorted(filter(None, (part_number(entry.name) for entry in entries)))

    def read_part(self, number: int) -> bytes | None:
        """Return a part's bytes, or None when it is not there."""
        return self._read(MANIFEST, part_name(number), MOST_PART_BYTES + 1)

    def read_seal(self) -> bytes | None:
        """Return the seal's bytes, or None when there is none."""
        return self._read("", SEAL, 1 << 16)

    def publish_part(self, number: int, content: bytes) -> None:
        """Let a part appear; one that is there already, as it should be, stays.

        Raises:
            Foreign: Another one is there.
            SidecarTrouble: The file system refused, such as for want of space; nothing appeared.
        """
        there = self.read_part(number)
        if there is None:
            self._appear(MANIFEST, part_name(number), (content,))
        elif there != content:
            raise Foreign(f"{SIDECAR}/{MANIFEST}/{part_name(number)} was written by somebody else: move it away")

    def publish_sums(self, lines: Iterable[str]) -> None:
        """Let the list of all checksums appear in place of an earlier one."""
        self._vanish(SUMS)
        self._appear("", SUMS, (line.encode() for line in lines))

    def publish_seal(self, content: bytes) -> None:
        """Let the seal appear in place of an earlier one."""
        if self.read_seal() != content:
            self._vanish(SEAL)
            self._appear("", SEAL, (content,))

    def unseal(self) -> None:
        """Take the seal and the list of all checksums away: they are about to fit no longer."""
        self._vanish(SEAL)
        self._vanish(SUMS)

    def _vanish(self, name: str) -> None:
        with self._mapped(), self._folder("") as sidecar:
            try:
                os.unlink(name, dir_fd=sidecar)
            except FileNotFoundError:
                return
            os.fsync(sidecar)
        self._fault_point(f"sidecar {name}: gone")

    def _appear(self, folder: str, name: str, content: Iterable[bytes]) -> None:
        with self._mapped(), self._folder("") as sidecar, self._folder(folder) as target:
            # Left behind by a process that died, where files without a name are not known.
            with suppress(FileNotFoundError):
                os.unlink(_partial(name), dir_fd=sidecar)
            handle, nameless = _open_new(_partial(name), sidecar)
            try:
                self._fill(handle, name, content)
                if nameless:
                    # linkat(2): the link in /proc stands for the open file, so it has to be followed.
                    os.link(f"/proc/self/fd/{handle}", name, dst_dir_fd=target, follow_symlinks=True)
                else:
                    os.rename(_partial(name), name, src_dir_fd=sidecar, dst_dir_fd=target)
            except OSError:
                if not nameless:
                    with suppress(OSError):
                        os.unlink(_partial(name), dir_fd=sidecar)
                raise
            finally:
                os.close(handle)
            os.fsync(target)
        self._fault_point(f"sidecar {name}: there")

    def _fill(self, handle: int, name: str, content: Iterable[bytes]) -> None:
        self._fault_point(f"sidecar {name}: before")
        with os.fdopen(os.dup(handle), "wb") as file:
            for data in content:
                file.write(data)
        # Others read it: the node may be another user's process.
        os.fchmod(handle, 0o644)
        os.fsync(handle)
        self._fault_point(f"sidecar {name}: written")

    def _read(self, folder: str, name: str, most_bytes: int) -> bytes | None:
        with self._mapped(), self._folder(folder) as handle:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            try:
                with os.fdopen(os.open(name, flags, dir_fd=handle), "rb") as file:
                    return file.read(most_bytes)
            except FileNotFoundError:
                return None

    @contextmanager
    def _folder(self, below: str | None) -> Iterator[int]:
        """Open the dataset's folder (None), the sidecar (empty) or a folder in it, never through a link."""
        with self._open(str(self._dataset), None) as dataset:
            if self._inode is not None and os.fstat(dataset).st_ino != self._inode:
                raise SidecarTrouble(f"another folder stands at {self._dataset}")
            if below is None:
                yield dataset
                return
            with self._open(SIDECAR, dataset) as sidecar:
                if not below:
                    yield sidecar
                    return
                with self._open(below, sidecar) as folder:
                    yield folder

    @contextmanager
    def _open(self, name: str, above: int | None) -> Iterator[int]:
        try:
            handle = os.open(name, _FOLDER, dir_fd=above)
        except OSError as error:
            if above is not None and error.errno in {errno.ENOTDIR, errno.ELOOP}:
                raise Foreign(f"{name} in {self._dataset} is not a folder of ours: move it away") from error
            raise
        try:
            yield handle
        finally:
            os.close(handle)

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            ours = storage_error(self._dataset / SIDECAR, error)
            raise ours if isinstance(ours, NotWritable) else SidecarTrouble(str(ours)) from error


def _partial(name: str) -> str:
    return f".{name}.partial"


def _make_folder(name: str, above: int) -> None:
    try:
        os.mkdir(name, 0o755, dir_fd=above)
    except FileExistsError:
        return
    os.fsync(above)


def _open_new(partial: str, folder: int) -> tuple[int, bool]:
    """Return a new file that nobody sees, and whether it has no name at all."""
    flags = os.O_WRONLY | os.O_CLOEXEC
    try:
        return os.open(".", flags | os.O_TMPFILE, 0o600, dir_fd=folder), True
    except OSError as error:
        if error.errno not in _NO_NAMELESS:
            raise
    return os.open(partial, flags | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder), False
