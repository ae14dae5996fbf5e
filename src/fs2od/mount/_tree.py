"""The tree of a mounted dataset: numbers for files and folders, and listings that are kept for a stated time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from fs2od.transfer import Dataset, Entry, EntryKind, NotFound, plan_download

__all__ = ["ROOT", "Node", "Tree"]

ROOT = 1
"""The number of the root, as FUSE has it."""
_NAMELESS = "data"


@dataclass(slots=True, eq=False)
class Node:
    """A file, folder or link that was listed. Its number stays as long as it is the same one.

    Attributes:
        number: The inode number.
        path: The names from the root.
        entry: What the service said of it last.
        parent: The folder's number.
        children: Numbers by name, of a folder that was listed.
        listed_s: When it was listed; None before.
        shown: The state of the file whose bytes the kernel may still keep.
        changes: Names in a folder that this mount has changed, and when: a listing that began before does not know.
        mtime_ns: The time that a program has given the file, which services do not take; None for what the service says.
    """

    number: int
    path: tuple[str, ...]
    entry: Entry
    parent: int
    children: dict[str, int] = field(default_factory=dict)
    listed_s: float | None = None
    shown: str = ""
    changes: dict[str, float] = field(default_factory=dict)
    mtime_ns: int | None = None


class Tree:
    """Knows every entry that was listed. Any number of threads may use it; a folder is listed by one of them at a time.

    What leads out of the dataset, by its name or as a link, is not in it.
    """

    def __init__(self, dataset: Dataset, *, fresh_s: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        """Prepare; nothing is asked yet.

        Args:
            dataset: Where listings come from.
            fresh_s: How old a listing may be.
            clock: Seconds that only grow.
        """
        self.fresh_s = fresh_s
        self._dataset = dataset
        self._clock = clock
        self._lock = threading.Lock()
        self._nodes: dict[int, Node] = {}
        self._listing: dict[int, threading.Lock] = {}

    def root(self) -> Node:
        """Return the root; of a share that is a single file, a folder that holds it alone.

        Raises:
            Fs2odError: It cannot be asked for.
        """
        known = self._nodes.get(ROOT)
        if known is not None:
            return known
        entry = self._dataset.root()
        root = Node(ROOT, (), Entry("", EntryKind.FOLDER, entry.file_id, 0, entry.mtime_s), ROOT)
        with self._lock:
            self._nodes.setdefault(ROOT, root)
        if entry.kind is not EntryKind.FOLDER:
            self._take(root, [entry], 0.0)
            root.listed_s = float("inf")
        return self._nodes[ROOT]

    def node(self, number: int) -> Node:
        """Return what has a number.

        Raises:
            NotFound: Nothing has it.
        """
        if number == ROOT:
            return self.root()
        try:
            return self._nodes[number]
        except KeyError:
            raise NotFound("there is no such file any more") from None

    def child(self, folder: Node, name: str) -> Node | None:
        """Return an entry of a folder by its name; None where there is none.

        Raises:
            Fs2odError: The folder cannot be listed.
        """
        self._refresh(folder)
        number = folder.children.get(name)
        return self._nodes.get(number) if number is not None else None

    def known_child(self, folder: Node, name: str) -> tuple[bool, Node | None]:
        """Return whether a fresh listing is at hand, and what it says: no service is asked."""
        if not self._is_fresh(folder):
            return False, None
        number = folder.children.get(name)
        return True, self._nodes.get(number) if number is not None else None

    def children(self, folder: Node) -> list[Node]:
        """Return what lies in a folder, in the order of the listing.

        Raises:
            Fs2odError: It cannot be listed.
        """
        self._refresh(folder)
        return [self._nodes[number] for number in list(folder.children.values())]

    def forget(self, folder_number: int) -> None:
        """Let a folder be listed anew: something in it was another than was listed."""
        node = self._nodes.get(folder_number)
        if node is not None and node.listed_s != float("inf"):
            node.listed_s = None

    def add(self, folder: Node, entry: Entry) -> Node:
        """Put into a folder what this mount has made there, and return it; what had its name is no longer there."""
        with self._lock:
            number = self._numbered(folder, entry, None)
            folder.children[entry.name] = number
            folder.changes[entry.name] = self._clock()
            return self._nodes[number]

    def drop(self, node: Node) -> None:
        """Take out of its folder what this mount has removed; whoever has it open keeps its number."""
        with self._lock:
            folder, name = self._nodes[node.parent], node.path[-1]
            if folder.children.get(name) == node.number:
                del folder.children[name]
            folder.changes[name] = self._clock()

    def move(self, node: Node, folder: Node, name: str) -> None:
        """Give what this mount has moved its new place, with all below it."""
        self.drop(node)
        with self._lock:
            node.entry = replace(node.entry, name=name)
            node.parent = folder.number
            folder.children[name] = node.number
            folder.changes[name] = self._clock()
            waiting = [(node, (*folder.path, name))]
            while waiting:
                each, path = waiting.pop()
                each.path = path
                waiting += [(self._nodes[number], (*path, child)) for child, number in each.children.items()]

    def changed(self, node: Node, entry: Entry) -> None:
        """Remember what the service says of a file after this mount has changed it."""
        with self._lock:
            node.entry = replace(entry, name=node.path[-1])
            self._nodes[node.parent].changes[node.path[-1]] = self._clock()

    def is_there(self, node: Node) -> bool:
        """Say whether a file or folder still has its place, as far as is known."""
        folder = self._nodes[node.parent]
        return node.number == ROOT or folder.children.get(node.path[-1]) == node.number

    def _is_fresh(self, folder: Node) -> bool:
        return folder.listed_s is not None and self._clock() - folder.listed_s < self.fresh_s

    def _refresh(self, folder: Node) -> None:
        if folder.entry.kind is not EntryKind.FOLDER:
            raise NotFound("this is no folder")
        if self._is_fresh(folder):
            return
        with self._lock:
            alone = self._listing.setdefault(folder.number, threading.Lock())
        with alone:
            if self._is_fresh(folder):
                return
            began_s = self._clock()
            self._take(folder, self._dataset.children(folder.entry), began_s)
            folder.listed_s = began_s

    def _take(self, folder: Node, entries: list[Entry], began_s: float) -> None:
        """Remember a listing. What is as it was keeps its number, and what was changed here meanwhile stays so."""
        plan = plan_download(entries, {}, depth=len(folder.path))
        good = {entry.name for entry in (*(fetch.entry for fetch in plan.fetch), *plan.folders, *plan.links)}
        with self._lock:
            before = folder.children
            mine = {name for name in folder.changes if self._is_mine(folder, name, began_s)}
            now = {name: before[name] for name in mine if name in before}
            for entry in entries:
                if entry.name in good and entry.name not in now and entry.name not in mine:
                    now[entry.name] = self._numbered(folder, entry, before.get(entry.name))
            folder.changes = {name: folder.changes[name] for name in mine}
            folder.children = now

    def _is_mine(self, folder: Node, name: str, began_s: float) -> bool:
        """Say whether a listing that began at a time knows less of a name than this mount, which may not have sent it yet."""
        number = folder.children.get(name)
        return folder.changes[name] >= began_s or (number is not None and not self._nodes[number].entry.file_id)

    def _numbered(self, folder: Node, entry: Entry, before: int | None) -> int:
        known = self._nodes.get(before) if before is not None else None
        if known is not None and (known.entry.kind, known.entry.file_id) == (entry.kind, entry.file_id):
            if known.entry.size_bytes != entry.size_bytes:
                known.mtime_ns = None
            known.entry = entry
            return known.number
        number = len(self._nodes) + 1
        self._nodes[number] = Node(number, (*folder.path, entry.name), entry, folder.number)
        return number
