"""The kernel's questions answered: FUSE through pyfuse3. The one module that needs it.

The event loop answers what is at hand; what asks a service goes to threads, whose number is bounded. A thread that
waits for a service is left behind when the mount ends: what it waits for is broken off at the same time.
"""

from __future__ import annotations

import errno
import gc
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn, TypeVar

import pyfuse3
import trio

from fs2od.errors import Fs2odError, IntegrityFailure, StorageError
from fs2od.mount._complaints import Complaints
from fs2od.mount._errnos import errno_of
from fs2od.mount._machine import set_read_ahead
from fs2od.mount._mount import MountOptions
from fs2od.mount._reading import Handle, Reader
from fs2od.mount._tree import ROOT, Node, Tree
from fs2od.mount._waiting import POLL_S, Waiting
from fs2od.transfer import Entry, EntryKind, NotFound

__all__ = ["Answers", "failed", "serve"]

T = TypeVar("T")
_NS = 1_000_000_000
_BLOCK = 512
_MOST_LISTINGS = 64
_LISTERS = 16
_MOST_TASKS = 512
_SWITCH_S = 0.0005
_MODES = {
    EntryKind.FILE: stat.S_IFREG | 0o444,
    EntryKind.FOLDER: stat.S_IFDIR | 0o555,
    EntryKind.SYMLINK: stat.S_IFLNK | 0o777,
}


def serve(
    answers: Answers,
    mountpoint: Path,
    options: MountOptions,
    *,
    stop: threading.Event,
    ready: Callable[[], None] | None,
    end: Callable[[], None],
) -> None:
    """Mount, answer until somebody unmounts or `stop` is set, and unmount.

    Args:
        answers: What answers the kernel.
        mountpoint: An empty folder.
        options: How to go about it.
        stop: Ends the mount.
        ready: Called once the mount is there.
        end: Breaks off what waits for services.

    Raises:
        StorageError: The system does not mount.
    """
    chosen = {*pyfuse3.default_options, "fsname=fs2od", "subtype=fs2od", "default_permissions"}
    chosen |= set() if answers.may_write else {"ro"}
    chosen |= {"allow_other"} if options.allow_other else set()
    try:
        pyfuse3.init(answers, str(mountpoint), chosen)
    except RuntimeError as error:
        raise StorageError(
            f"{mountpoint} cannot be mounted ({error}); `fs2od mount --check` says what is missing"
        ) from error
    # Nobody's read is to wait until a thread that reads a manifest lets go, or until everything that was imported was looked through.
    sys.setswitchinterval(_SWITCH_S)
    gc.freeze()
    try:
        trio.run(_served, mountpoint, stop, ready, end)
    finally:
        end()
        pyfuse3.close(unmount=True)


async def _served(
    mountpoint: Path, stop: threading.Event, ready: Callable[[], None] | None, end: Callable[[], None]
) -> None:
    async def watch() -> None:
        await trio.to_thread.run_sync(stop.wait, abandon_on_cancel=True)
        end()
        pyfuse3.terminate()

    async def announce() -> None:
        # In a thread: to look at a mount of one's own is to wait for oneself.
        with suppress(OSError):
            await trio.to_thread.run_sync(set_read_ahead, mountpoint, abandon_on_cancel=True)
        if ready is not None:
            ready()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch)
        nursery.start_soon(announce)
        await pyfuse3.main(max_tasks=_MOST_TASKS)
        end()
        nursery.cancel_scope.cancel()


class Answers(pyfuse3.Operations):
    """Answers FUSE's questions about what is only read. Whatever fails becomes an errno."""

    may_write = False
    supports_dot_lookup = False
    enable_writeback_cache = False

    def __init__(self, tree: Tree, reader: Reader, waiting: Waiting, complaints: Complaints) -> None:
        super().__init__()
        self._tree = tree
        self._reader = reader
        self._waiting = waiting
        self._complaints = complaints
        self._listings = trio.CapacityLimiter(_MOST_LISTINGS)
        self._listers = ThreadPoolExecutor(_LISTERS, "fs2od-list")
        self._handles: dict[int, Handle] = {}
        self._folders: dict[int, Sequence[Node]] = {}
        self._under_way: dict[str, set[trio.Event]] = {}
        """By file: what is being read of it."""
        self._next = 0
        self._owner = (os.getuid(), os.getgid())

    async def lookup(self, parent_inode: int, name: bytes, ctx: pyfuse3.RequestContext) -> pyfuse3.EntryAttributes:
        folder = self._node(parent_inode)
        text = os.fsdecode(name)
        if text in {".", ".."}:
            return self._told(folder if text == "." else self._node(folder.parent))
        is_known, found = self._tree.known_child(folder, text)
        if not is_known:
            found = await self._listed(folder, lambda: self._tree.child(folder, text), ctx.pid)
        if found is None:
            raise pyfuse3.FUSEError(errno.ENOENT)
        return self._told(found)

    async def getattr(self, inode: int, ctx: pyfuse3.RequestContext | None = None) -> pyfuse3.EntryAttributes:
        return self._attributes(self._node(inode))

    async def readlink(self, inode: int, ctx: pyfuse3.RequestContext) -> bytes:
        return os.fsencode(self._node(inode).entry.target or "")

    async def opendir(self, inode: int, ctx: pyfuse3.RequestContext) -> int:
        folder = self._node(inode)
        children = await self._listed(folder, lambda: self._tree.children(folder), ctx.pid)
        number = self._numbered()
        self._folders[number] = children
        return number

    async def readdir(self, fh: int, start_id: int, token: pyfuse3.ReaddirToken) -> None:
        children = self._folders[fh]
        for position in range(start_id, len(children)):
            child = children[position]
            if not pyfuse3.readdir_reply(token, os.fsencode(child.entry.name), self._attributes(child), position + 1):
                return
            self._tree.hold(child)

    async def releasedir(self, fh: int) -> None:
        self._folders.pop(fh, None)

    async def open(self, inode: int, flags: int, ctx: pyfuse3.RequestContext) -> pyfuse3.FileInfo:
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise pyfuse3.FUSEError(errno.EROFS)
        node = self._node(inode)
        number = self._numbered()
        handle = self._handles[number] = Handle(node.path, node.entry, ctx.pid)
        state = node.entry.state()
        # What the kernel keeps of the bytes holds as long as the file is the same one; of one that is opened first it keeps none.
        is_same = not node.shown or (node.shown == state and not handle.age)
        if not is_same:
            try:
                await self._all_read(node, ctx.pid)
            except pyfuse3.FUSEError:
                del self._handles[number]
                raise
        node.shown = state
        return pyfuse3.FileInfo(fh=number, keep_cache=is_same)

    async def read(self, fh: int, off: int, size: int) -> bytes:
        handle = self._handles[fh]
        try:
            with self._reading(handle.entry):
                return await self._bytes(fh, off, size)
        except Fs2odError as error:
            self._complaints.about(handle.path, "read", error)
            failed(error)

    async def _bytes(self, fh: int, start: int, count: int) -> bytes:
        """Return bytes of an open file.

        Raises:
            Fs2odError: They cannot be had; see `Reader.read`.
        """
        handle = self._handles[fh]
        steps = self._reader.steps(handle, start, count)
        try:
            while True:
                await self._ended(next(steps), handle.process)
        except StopIteration as done:
            found: bytes = done.value
            return found
        except (IntegrityFailure, NotFound):
            self._listed_anew(handle)
            raise

    async def release(self, fh: int) -> None:
        handle = self._handles.pop(fh, None)
        if handle is not None:
            handle.leave()

    async def forget(self, inode_list: Sequence[tuple[int, int]]) -> None:
        """Let go of numbers that the kernel will not ask for again before it is told them anew."""
        for number, count in inode_list:
            self._tree.let_go(number, count)

    async def access(self, inode: int, mode: int, ctx: pyfuse3.RequestContext) -> bool:
        return not mode & os.W_OK

    async def statfs(self, ctx: pyfuse3.RequestContext) -> pyfuse3.StatvfsData:
        told = pyfuse3.StatvfsData()
        told.f_bsize = told.f_frsize = 1 << 20
        told.f_namemax = 255
        return told

    def _numbered(self) -> int:
        self._next += 1
        return self._next

    def _node(self, number: int) -> Node:
        try:
            return self._tree.node(number)
        except Fs2odError as error:
            failed(error)

    def _listed_anew(self, handle: Handle) -> None:
        node = self._tree.node(ROOT)
        for name in handle.path[:-1]:
            _, child = self._tree.known_child(node, name)
            if child is None:
                return
            node = child
        self._tree.forget(node.number)

    async def _ended(self, coming: Future[T], process: int) -> None:
        """Return once something has come, unless the process that wants it is killed before."""
        has_come, loop = trio.Event(), trio.lowlevel.current_trio_token()

        def tell(_: Future[T]) -> None:
            with suppress(trio.RunFinishedError):
                loop.run_sync_soon(has_come.set)

        coming.add_done_callback(tell)
        await self._happened(has_come, process)

    async def _happened(self, event: trio.Event, process: int) -> None:
        while not event.is_set():
            with trio.move_on_after(POLL_S):
                await event.wait()
                return
            self._waiting.check(process)

    @contextmanager
    def _reading(self, file: Entry) -> Iterator[None]:
        """Note that bytes of a file are being read."""
        read, under_way = trio.Event(), self._under_way.setdefault(file.file_id, set())
        under_way.add(read)
        try:
            yield
        finally:
            read.set()
            under_way.discard(read)
            if not under_way:
                self._under_way.pop(file.file_id, None)

    async def _all_read(self, file: Node, process: int) -> None:
        """Return once whatever is being read of a file has come: before, the kernel does not drop what it keeps of it.

        Whoever opens the file would wait for that beyond any signal, and a thread of ours that asks the kernel to drop it would,
        too: the mount could not end then, not even killed.
        """
        try:
            for read in tuple(self._under_way.get(file.entry.file_id, ())):
                await self._happened(read, process)
        except Fs2odError as error:
            failed(error)

    async def _listed(self, folder: Node, call: Callable[[], T], process: int) -> T:
        """Return what `call` returns, unless the process that wants it is killed before."""

        def wait() -> T:
            return self._waiting.for_result(self._listers.submit(self._waiting.patiently, call), process)

        try:
            return await trio.to_thread.run_sync(wait, limiter=self._listings, abandon_on_cancel=True)
        except Fs2odError as error:
            self._complaints.about(folder.path, "listed", error)
            failed(error)

    def _told(self, node: Node) -> pyfuse3.EntryAttributes:
        """Return the attributes for the kernel to keep, by whose number it may ask until it forgets it."""
        self._tree.hold(node)
        return self._attributes(node)

    def _attributes(self, node: Node) -> pyfuse3.EntryAttributes:
        entry, told = node.entry, pyfuse3.EntryAttributes()
        told.st_ino = node.number
        told.st_mode = _MODES[entry.kind]
        told.st_size = len(os.fsencode(entry.target or "")) if entry.kind is EntryKind.SYMLINK else entry.size_bytes
        told.st_blocks = -(-entry.size_bytes // _BLOCK)
        told.st_blksize = 1 << 20
        told.st_uid, told.st_gid = self._owner
        told.st_atime_ns = told.st_mtime_ns = told.st_ctime_ns = entry.mtime_s * _NS
        told.attr_timeout = told.entry_timeout = self._tree.fresh_s
        return told


def failed(error: Fs2odError) -> NoReturn:
    """Tell the kernel of an error."""
    raise pyfuse3.FUSEError(errno_of(error)) from error
