"""The kernel's questions where files are written, too. Like `_kernel`, it needs pyfuse3."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TypeVar

import pyfuse3
import trio

from fs2od.errors import Fs2odError, IntegrityFailure
from fs2od.mount._complaints import Complaints
from fs2od.mount._kernel import Answers, failed
from fs2od.mount._names_and_modes import shown_mode
from fs2od.mount._reading import Reader
from fs2od.mount._tree import Node, Tree
from fs2od.mount._waiting import Waiting
from fs2od.mount._writing import WriteHandle, Writer
from fs2od.transfer import EntryKind

__all__ = ["WritingAnswers"]

T = TypeVar("T")
_WORKERS = 16
_MOST_CHANGES = 128
_MOST_BLOCKS = 1 << 30
_NAME_BYTES = 255


class WritingAnswers(Answers):
    """Answers FUSE's questions, and carries out what programs do."""

    may_write = True

    def __init__(self, tree: Tree, reader: Reader, waiting: Waiting, complaints: Complaints, writer: Writer) -> None:
        super().__init__(tree, reader, waiting, complaints)
        self._writer = writer
        self._workers = ThreadPoolExecutor(_WORKERS, "fs2od-change")
        self._changes = trio.CapacityLimiter(_MOST_CHANGES)
        self._written: dict[int, WriteHandle] = {}
        self._read: dict[int, Node] = {}

    async def open(self, inode: int, flags: int, ctx: pyfuse3.RequestContext) -> pyfuse3.FileInfo:
        node = self._node(inode)
        if not flags & (os.O_WRONLY | os.O_RDWR) and self._writer.draft(node) is None:
            opened = await super().open(inode, flags, ctx)
            self._read[opened.fh] = node
            return opened
        handle = await self._done(node.path, "opened", lambda: self._writer.open(node, flags, ctx.pid), ctx.pid)
        number = self._kept(handle)
        try:
            await self._all_read(node, ctx.pid)
        except pyfuse3.FUSEError:
            await self.release(number)
            raise
        # What is appended goes where the file really ends, which the kernel need not know.
        return pyfuse3.FileInfo(fh=number, keep_cache=False, direct_io=handle.appends)

    async def create(
        self, parent_inode: int, name: bytes, mode: int, flags: int, ctx: pyfuse3.RequestContext
    ) -> tuple[pyfuse3.FileInfo, pyfuse3.EntryAttributes]:
        folder, text, pid = self._node(parent_inode), _text(name), ctx.pid
        node, handle = await self._done(
            (*folder.path, text),
            "made",
            lambda: self._writer.create(folder, text, mode=stat.S_IMODE(mode), process=pid),
            pid,
        )
        return pyfuse3.FileInfo(fh=self._kept(handle)), self._told(node)

    async def read(self, fh: int, off: int, size: int) -> bytes:
        handle = self._written.get(fh)
        if handle is not None:
            draft = handle.draft
            with self._reading(draft.node.entry):
                return await self._done(draft.node.path, "read", lambda: draft.read(off, size), handle.process)
        return await super().read(fh, off, size)

    async def _bytes(self, fh: int, start: int, count: int) -> bytes:
        node, handle = self._read[fh], self._handles[fh]
        draft = self._writer.draft(node)
        if draft is not None:
            return await self._awaited(lambda: draft.read(start, count), handle.process)
        if node.entry.file_id == handle.entry.file_id:
            handle.follow(node.entry)  # it may have been written here since
        with suppress(IntegrityFailure):
            return await super()._bytes(fh, start, count)
        # Somebody else has written it since it was listed: read it as it is now.
        handle.follow(await self._awaited(lambda: self._writer.look_again(node), handle.process))
        return await super()._bytes(fh, start, count)

    async def write(self, fh: int, off: int, buf: bytes) -> int:
        handle = self._written[fh]
        try:
            await trio.to_thread.run_sync(self._writer.write, handle, off, buf, limiter=self._changes)
        except Fs2odError as error:
            self._complaints.about(handle.draft.node.path, "written", error)
            failed(error)
        return len(buf)

    async def flush(self, fh: int) -> None:
        handle = self._written.get(fh)
        if handle is not None and handle.writes and handle.draft.is_dirty():
            try:
                await self._awaited(lambda: self._writer.flush(handle.draft), handle.process)
            except Fs2odError as error:
                failed(error)  # the writer has said it

    async def fsync(self, fh: int, datasync: bool) -> None:
        await self.flush(fh)

    async def release(self, fh: int) -> None:
        handle = self._written.pop(fh, None)
        if handle is None:
            del self._read[fh]
            await super().release(fh)
            return
        await trio.to_thread.run_sync(self._writer.release, handle)

    async def setattr(
        self,
        inode: int,
        attr: pyfuse3.EntryAttributes,
        fields: pyfuse3.SetattrFields,
        fh: int | None,
        ctx: pyfuse3.RequestContext,
    ) -> pyfuse3.EntryAttributes:
        node = self._node(inode)
        if (fields.update_uid and attr.st_uid != self._owner[0]) or (
            fields.update_gid and attr.st_gid != self._owner[1]
        ):
            raise pyfuse3.FUSEError(errno.EPERM)
        handle = self._written.get(fh) if fh is not None else None
        changed = partial(self._done, node.path, "changed", process=ctx.pid)
        size, mode, mtime_ns = attr.st_size, stat.S_IMODE(attr.st_mode), attr.st_mtime_ns
        if fields.update_size:
            await changed(lambda: self._writer.truncate(node, size, handle, ctx.pid))
        if fields.update_mode and mode != shown_mode(node.entry):
            await changed(lambda: self._writer.set_mode(node, mode))
        if fields.update_mtime:
            node.mtime_ns = mtime_ns
        return self._attributes(node)

    async def mkdir(
        self, parent_inode: int, name: bytes, mode: int, ctx: pyfuse3.RequestContext
    ) -> pyfuse3.EntryAttributes:
        folder, text = self._node(parent_inode), _text(name)
        made = await self._done(
            (*folder.path, text),
            "made",
            lambda: self._writer.make_folder(folder, text, mode=stat.S_IMODE(mode)),
            ctx.pid,
        )
        return self._told(made)

    async def unlink(self, parent_inode: int, name: bytes, ctx: pyfuse3.RequestContext) -> None:
        folder, text = self._node(parent_inode), _text(name)
        path = (*folder.path, text)
        await self._done(path, "removed", lambda: self._writer.remove_file(folder, text), ctx.pid)

    async def rmdir(self, parent_inode: int, name: bytes, ctx: pyfuse3.RequestContext) -> None:
        folder, text = self._node(parent_inode), _text(name)
        path = (*folder.path, text)
        await self._done(path, "removed", lambda: self._writer.remove_folder(folder, text), ctx.pid)

    async def rename(
        self,
        parent_inode_old: int,
        name_old: bytes,
        parent_inode_new: int,
        name_new: bytes,
        flags: int,
        ctx: pyfuse3.RequestContext,
    ) -> None:
        if flags & ~pyfuse3.RENAME_NOREPLACE:
            raise pyfuse3.FUSEError(errno.EINVAL)
        old, new = self._node(parent_inode_old), self._node(parent_inode_new)
        texts, replaces = (_text(name_old), _text(name_new)), not flags
        await self._done(
            (*old.path, texts[0]),
            "renamed",
            lambda: self._writer.rename(old, texts[0], new, texts[1], replaces=replaces),
            ctx.pid,
        )

    async def symlink(
        self, parent_inode: int, name: bytes, target: bytes, ctx: pyfuse3.RequestContext
    ) -> pyfuse3.EntryAttributes:
        raise pyfuse3.FUSEError(errno.EPERM)

    async def link(
        self, inode: int, new_parent_inode: int, new_name: bytes, ctx: pyfuse3.RequestContext
    ) -> pyfuse3.EntryAttributes:
        raise pyfuse3.FUSEError(errno.EPERM)

    async def mknod(
        self, parent_inode: int, name: bytes, mode: int, rdev: int, ctx: pyfuse3.RequestContext
    ) -> pyfuse3.EntryAttributes:
        raise pyfuse3.FUSEError(errno.EPERM)

    async def access(self, inode: int, mode: int, ctx: pyfuse3.RequestContext) -> bool:
        return True  # the kernel judges by the modes

    async def statfs(self, ctx: pyfuse3.RequestContext) -> pyfuse3.StatvfsData:
        told = await super().statfs(ctx)
        # Nobody says how much room a space has: programs that look before they write are to try.
        told.f_blocks = told.f_bfree = told.f_bavail = _MOST_BLOCKS
        told.f_files = told.f_ffree = told.f_favail = _MOST_BLOCKS
        return told

    def _kept(self, handle: WriteHandle) -> int:
        number = self._numbered()
        self._written[number] = handle
        return number

    async def _done(self, path: tuple[str, ...], doing: str, call: Callable[[], T], process: int) -> T:
        """Return what `call` returns, and tell the kernel where it fails; see `_awaited`."""
        try:
            return await self._awaited(call, process)
        except Fs2odError as error:
            self._complaints.about(path, doing, error)
            failed(error)

    async def _awaited(self, call: Callable[[], T], process: int) -> T:
        """Return what `call` returns; if the process that wants it is killed before, it goes on without.

        Raises:
            Fs2odError: It failed.
        """

        def wait() -> T:
            return self._waiting.for_result(self._workers.submit(call), process)

        return await trio.to_thread.run_sync(wait, limiter=self._changes, abandon_on_cancel=True)

    def _attributes(self, node: Node) -> pyfuse3.EntryAttributes:
        told = super()._attributes(node)
        told.st_mode = stat.S_IFMT(told.st_mode) | (
            shown_mode(node.entry) if node.entry.kind is not EntryKind.SYMLINK else 0o777
        )
        draft = self._writer.draft(node)
        if draft is not None:
            told.st_size = draft.size_bytes
            told.st_blocks = -(-draft.size_bytes // 512)
            told.st_mtime_ns = told.st_ctime_ns = draft.mtime_ns
            told.attr_timeout = told.entry_timeout = 0
        if node.mtime_ns is not None:
            told.st_mtime_ns = node.mtime_ns
        if not self._tree.is_there(node):
            told.st_nlink = 0
        return told


def _text(name: bytes) -> str:
    if len(name) > _NAME_BYTES:
        raise pyfuse3.FUSEError(errno.ENAMETOOLONG)
    return os.fsdecode(name)
