"""What programs do to files and folders of a mount: drafts while files are open, sent when they are closed; the rest at once."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass

from fs2od.errors import Fs2odError, IntegrityFailure, Interrupted
from fs2od.mount._drafts import Draft
from fs2od.mount._names_and_modes import FILE_MODE, members_mode, require_text, shown_mode
from fs2od.mount._reading import Handle, Reader
from fs2od.mount._remote import Remote, id_at
from fs2od.mount._sending import Sender
from fs2od.mount._spool import Spool
from fs2od.mount._tree import Node, Tree
from fs2od.mount._waiting import Waiting
from fs2od.onedata.errors import PosixError, posix
from fs2od.onedata.ids import FileId
from fs2od.results import Target
from fs2od.transfer import Dataset, Entry, EntryKind, shown_path

__all__ = ["WriteHandle", "Writer"]

_SENDERS = 8
_MOST_STATES = 20
_STATE_PAUSE_S = 0.02
_FILLED_BYTES = 64 << 20
_LONGEST_END_S = 30.0


@dataclass(eq=False)
class WriteHandle:
    """A file that is open and being written.

    Attributes:
        draft: The file.
        process: Who opened it.
        writes: Whether for writing: closing it sends what was written.
        appends: Whether what is written goes to its end, whatever the kernel believes of its size.
    """

    draft: Draft
    process: int
    writes: bool = True
    appends: bool = False


class Writer:
    """Changes what lies in a mounted space. Any number of threads may use it; every method may raise Fs2odError."""

    def __init__(
        self,
        dataset: Dataset,
        tree: Tree,
        reader: Reader,
        remote: Remote,
        spool: Spool,
        waiting: Waiting,
        *,
        say: Callable[[str], None],
    ) -> None:
        """Prepare.

        Args:
            dataset: The same space as it is read.
            tree: What is there.
            reader: The bytes of what is there.
            remote: Where changes go.
            spool: Where bytes wait until they are sent.
            waiting: How long to wait where the service is away.
            say: Told in one sentence of each file that could not be sent.
        """
        self._dataset = dataset
        self._tree = tree
        self._reader = reader
        self._remote = remote
        self._spool = spool
        self._waiting = waiting
        self._say = say
        self._sender = Sender(remote)
        self._lock = threading.Lock()
        self._drafts: dict[int, Draft] = {}
        self._unsent: list[str] = []
        self._background = ThreadPoolExecutor(_SENDERS, "fs2od-send")

    def draft(self, node: Node) -> Draft | None:
        """Return the draft of a file that is open for writing, or not sent yet."""
        return self._drafts.get(node.number)

    def create(self, folder: Node, name: str, *, mode: int, process: int) -> tuple[Node, WriteHandle]:
        """Make a file, which the service has once it is closed.

        Raises:
            PosixError: eexist: the name is taken; eilseq: it is no text.
        """
        require_text(name)
        self._require_free(folder, name)
        node = self._tree.add(folder, Entry(name, EntryKind.FILE, "", mode=members_mode(mode)))
        try:
            handle = self._opened(node, None, process)
        except Fs2odError:
            self._tree.drop(node)
            raise
        return node, handle

    def open(self, node: Node, flags: int, process: int) -> WriteHandle:
        """Open a file for writing, as it is now at the service.

        Raises:
            PosixError: estale: it is not there any more, so that the kernel looks again what has its name now.
        """
        known = self.draft(node)
        if not self._tree.is_there(node) or (known is None and not node.entry.file_id):
            raise posix("estale")
        if known is None and flags & os.O_TRUNC == 0:
            self.look_again(node)
        handle = self._opened(node, node.entry, process)
        handle.writes, handle.appends = bool(flags & (os.O_WRONLY | os.O_RDWR)), bool(flags & os.O_APPEND)
        if flags & os.O_TRUNC:
            handle.draft.truncate(0)
        return handle

    def look_again(self, node: Node) -> Entry:
        """Return what the service says of a file now."""
        entry = self._waiting.patiently(lambda: self._dataset.facts(node.entry.file_id))
        self._tree.changed(node, entry)
        return entry

    def write(self, handle: WriteHandle, start: int, data: bytes) -> None:
        """Write bytes; they are sent when the file is closed."""
        handle.draft.write(None if handle.appends else start, data)
        handle.draft.node.mtime_ns = None

    def flush(self, draft: Draft, waiting: Waiting | None = None) -> None:
        """Send what a file has that the service lacks."""
        with draft.sending:
            if not draft.is_dirty():
                return
            self._send(draft, waiting or self._waiting)

    def release(self, handle: WriteHandle) -> None:
        """Take note that whoever had a file open has it no more. What is still not sent is sent behind."""
        draft = handle.draft
        with self._lock:
            draft.openers -= 1
            if draft.openers:
                return
        if draft.failed is None and (draft.is_dirty() or draft.sending.locked()):
            with suppress(RuntimeError):  # the mount is ending, and will send it
                self._background.submit(self._let_go, draft)
        else:
            self._closed(draft)

    def truncate(self, node: Node, size: int, handle: WriteHandle | None, process: int) -> None:
        """Give a file a size; at once if nobody has it open."""
        if handle is not None:
            handle.draft.truncate(size)
            return
        opened = self.open(node, os.O_RDWR | (os.O_TRUNC if size == 0 else 0), process)
        try:
            opened.draft.truncate(size)
            if opened.draft.openers == 1:
                self.flush(opened.draft)
        finally:
            self.release(opened)

    def set_mode(self, node: Node, mode: int) -> None:
        """Set permission bits: what the owner may is what members may."""
        bits, draft = members_mode(mode), self.draft(node)
        if node.entry.file_id:
            file = FileId(node.entry.file_id)
            self._remote.ask(lambda target: target.provider.files.set_permissions(file, bits), self._waiting)
        if draft is not None:
            draft.mode = bits
        self._tree.changed(node, node.entry._replace(mode=bits))

    def make_folder(self, folder: Node, name: str, *, mode: int) -> Node:
        """Make a folder.

        Raises:
            PosixError: eexist.
        """
        require_text(name)
        self._require_free(folder, name)
        above, bits = FileId(folder.entry.file_id), members_mode(mode)

        async def make(target: Target) -> FileId:
            return (await target.provider.files.create(above, name, kind="DIR", mode=bits)).file_id

        async def made(target: Target) -> FileId | None:
            return await id_at(target, (*folder.path, name))

        file = self._remote.ask(make, self._waiting, done=made)
        return self._tree.add(folder, Entry(name, EntryKind.FOLDER, file, 0, int(time.time()), mode=bits))

    def remove_file(self, folder: Node, name: str) -> None:
        """Remove a file. Whoever has it open goes on with it, and nothing of it is sent.

        Raises:
            PosixError: enoent, eisdir.
        """
        node = self._child(folder, name)
        if node.entry.kind is EntryKind.FOLDER:
            raise posix("eisdir")
        self._remove(node)

    def remove_folder(self, folder: Node, name: str) -> None:
        """Remove an empty folder.

        Raises:
            PosixError: enoent, enotdir, enotempty.
        """
        node = self._child(folder, name)
        if node.entry.kind is not EntryKind.FOLDER:
            raise posix("enotdir")
        self._require_empty(node)
        self._remove(node)

    def rename(self, folder: Node, name: str, new_folder: Node, new_name: str, *, replaces: bool) -> None:
        """Give a file or folder another place; a file there is replaced at one stroke, an empty folder makes way.

        Raises:
            PosixError: enoent, eexist, enotempty, eisdir, enotdir.
        """
        require_text(new_name)
        node, there = self._child(folder, name), self._child_or_none(new_folder, new_name)
        if there is node:
            return
        if there is not None and not replaces:
            raise posix("eexist")
        draft = self.draft(node)
        if draft is not None and not node.entry.file_id:
            self.flush(draft)
        if there is not None:
            self._require_gives_way(node, there)
        with self._gives_way(there):
            self._moved(node, (*new_folder.path, new_name), replaces=there is not None)
        self._tree.move(node, new_folder, new_name)

    def finish(self) -> list[str]:
        """Send what is not sent when a mount ends, and return one line for each file that could not be sent."""
        self._background.shutdown(wait=True, cancel_futures=True)
        until_s = time.monotonic() + _LONGEST_END_S
        for draft in list(self._drafts.values()):
            # All together wait no longer for a service that is away than one would.
            waiting = Waiting(max(0.0, until_s - time.monotonic()), threading.Event())
            if draft.openers:
                self._say(
                    f"{shown_path(draft.node.path)} was still open: what a program had written of it by then is sent"
                )
            if draft.failed is None:
                with suppress(Fs2odError):
                    self.flush(draft, waiting)
            self._closed(draft)
        self._sender.close()
        return list(self._unsent)

    def _opened(self, node: Node, base: Entry | None, process: int) -> WriteHandle:
        with self._lock:
            draft = self._drafts.get(node.number)
            if draft is None:
                spooled = self._spool.new("/".join(node.path), is_whole=base is None)
                mode = shown_mode(node.entry) & 0o7777 if base is not None else node.entry.mode or FILE_MODE
                draft = Draft(node, spooled, base, mode=mode, read_base=self._read_base(node, process))
                self._drafts[node.number] = draft
                self._tree.hold(node)
            draft.openers += 1
            return WriteHandle(draft, process)

    def _read_base(self, node: Node, process: int) -> Callable[[Entry, int, int], bytes]:
        handle = Handle(node.path, node.entry, process)

        def read(entry: Entry, start: int, count: int) -> bytes:
            handle.follow(entry)
            tries, steps = 0, self._sender.steps(entry.file_id)
            while tries < _MOST_STATES:
                with suppress(IntegrityFailure):
                    return self._reader.read(handle, start, count)
                # It is just being sent, in part or as a whole: what was not written here is the same before and after.
                # Between its last byte and what the service says of it may lie a moment.
                self._waiting.sleep(tries * _STATE_PAUSE_S)
                handle.follow(self._waiting.patiently(lambda: self._dataset.facts(entry.file_id)))
                # A large file is in flux for as long as it is sent, however slow the line is.
                before, steps = steps, self._sender.steps(entry.file_id)
                tries = tries + 1 if steps == before and not steps.under_way else 1
            return self._reader.read(handle, start, count)

        return read

    def _send(self, draft: Draft, waiting: Waiting) -> None:
        folder = self._tree.node(draft.node.parent)
        unsent, failed_before = draft.take_unsent(), draft.failed
        try:
            entry = self._sender.send(draft, unsent, FileId(folder.entry.file_id), waiting)
        except Interrupted:
            draft.not_sent(unsent, None)
            raise
        except Fs2odError as error:
            draft.not_sent(unsent, error)
            # Programs close a file more than once, and each time it is tried again. How it is when the mount ends is said then.
            if str(error) != str(failed_before) and not self._waiting.is_over():
                where = draft.spooled.kept.file
                self._say(f"{shown_path(draft.node.path)} was not sent: {error}; its bytes are in {where}")
            raise
        draft.sent(unsent, entry)
        self._tree.changed(draft.node, entry)
        draft.node.shown = entry.state()

    def _let_go(self, draft: Draft) -> None:
        """Send a file that nobody has open any more, if that was not tried in vain."""
        if draft.failed is None:
            try:
                self.flush(draft)
            except Interrupted:
                return  # sent when the mount ends
            except Fs2odError:
                pass  # it was said; the bytes are kept
        with draft.sending:
            self._closed(draft)

    def _closed(self, draft: Draft) -> None:
        """Forget a draft; one that could not be sent keeps its bytes on the disk."""
        with self._lock:
            if draft.openers and not self._waiting.is_over():
                return  # opened again meanwhile
            if self._drafts.pop(draft.node.number, None) is None:
                return
        self._tree.let_go(draft.node.number)
        if not draft.is_dirty():
            draft.close()
            return
        reason = str(draft.failed or "the mount ended before")
        draft.close(keep=reason)
        self._unsent.append(f"{shown_path(draft.node.path)} ({reason}): {draft.spooled.kept.file}")
        if draft.node.entry.file_id:
            self._tree.forget(draft.node.parent)
        else:
            self._tree.drop(draft.node)

    def _remove(self, node: Node) -> None:
        with self._gives_way(node):
            self._removed(node)

    def _removed(self, node: Node) -> None:
        if not node.entry.file_id:
            return
        file = FileId(node.entry.file_id)

        async def remove(target: Target) -> bool:
            try:
                await target.provider.files.remove(file)
            except PosixError as error:
                if error.errno != "enoent":
                    raise
            return True

        self._remote.ask(remove, self._waiting)

    def _moved(self, node: Node, path: tuple[str, ...], *, replaces: bool) -> None:
        file, here = FileId(node.entry.file_id), node.path

        async def move(target: Target) -> bool:
            await target.provider.files.move(
                target.full("/".join(here)), target.full("/".join(path)), replaces=replaces
            )
            return True

        async def moved(target: Target) -> bool | None:
            return True if await id_at(target, path) == file else None

        self._remote.ask(move, self._waiting, done=moved)

    def _require_gives_way(self, node: Node, there: Node) -> None:
        """See to it that something is replaced by what has its name: a file is by the move itself, a folder has to be empty."""
        is_folder = node.entry.kind is EntryKind.FOLDER
        if there.entry.kind is not EntryKind.FOLDER:
            if is_folder:
                raise posix("enotdir")
            return
        if not is_folder:
            raise posix("eisdir")
        self._require_empty(there)
        self._remove(there)

    @contextmanager
    def _gives_way(self, node: Node | None) -> Iterator[None]:
        """Let nothing of a file be sent while it is removed or replaced, nor after that."""
        if node is None:
            yield
            return
        draft = self.draft(node)
        with draft.sending if draft is not None else nullcontext():
            if draft is not None and draft.openers and draft.size_bytes <= _FILLED_BYTES:
                draft.fill()
            yield
            if draft is not None:
                draft.is_gone = True
        self._tree.drop(node)

    def _require_empty(self, folder: Node) -> None:
        # The service removes a folder with all below it: what others put there just now must be seen.
        self._tree.forget(folder.number)
        if self._waiting.patiently(lambda: self._tree.children(folder)):
            raise posix("enotempty")

    def _require_free(self, folder: Node, name: str) -> None:
        if self._child_or_none(folder, name) is not None:
            raise posix("eexist")

    def _child(self, folder: Node, name: str) -> Node:
        found = self._child_or_none(folder, name)
        if found is None:
            raise posix("enoent")
        return found

    def _child_or_none(self, folder: Node, name: str) -> Node | None:
        return self._waiting.patiently(lambda: self._tree.child(folder, name))
