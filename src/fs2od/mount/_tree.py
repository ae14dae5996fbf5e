"""The tree of a mounted dataset: numbers for files and folders, and listings that are kept for a stated time."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from fs2od.errors import Fs2odError
from fs2od.manifests import is_straight, straight_target
from fs2od.transfer import Dataset, Entry, EntryKind, Names, NotFound, plan_download

__all__ = ["ROOT", "Node", "Tree"]

ROOT = 1
"""The number of the root, as FUSE has it."""
_MOST_ASIDE = 4
_ENDING = 0.2
"""The last part of a listing's time, in which whoever uses the folder has it listed anew."""


@dataclass(slots=True, eq=False)
class Node:
    """A file, folder or link that was listed. Its number stays as long as it is the same one.

    Attributes:
        number: The inode number.
        path: The names from the root.
        entry: What the service said of it last.
        parent: The folder's number.
        children: Numbers by name, of a folder that was listed.
        listed_s: When the listing began; None before, and when it is to be listed anew.
        took_s: How long it took.
        followed_s: When the listing began after which another was begun aside: that is tried once.
        anew: How often it was said that it is to be listed anew: a listing that began before does not count.
        shown: The state of the file whose bytes the kernel may still keep.
        changes: Names in a folder that this mount has changed, and when: a listing that began before does not know.
        mtime_ns: The time that a program has given the file, which services do not take; None for what the service says.
        held: How often the kernel was told the number and has not let go of it, and one more while it is written.
    """

    number: int
    path: tuple[str, ...]
    entry: Entry
    parent: int
    children: dict[str, int] = field(default_factory=dict)
    listed_s: float | None = None
    took_s: float = 0.0
    followed_s: float | None = None
    anew: int = 0
    shown: str = ""
    changes: dict[str, float] = field(default_factory=dict)
    mtime_ns: int | None = None
    held: int = 0


def _straight(links: Iterable[Entry], folder: Names) -> Iterator[Entry]:
    """Yield the links of a folder as no other link can turn them: what goes up after a name is said without that."""
    path = "/".join(folder)
    told = {f"{path}/{link.name}" if path else link.name: link for link in links}
    targets = {at: link.target or "" for at, link in told.items()}
    for at, link in told.items():
        target = targets[at] if is_straight(targets[at]) else straight_target(at, targets[at], targets.get)
        if target is not None:
            yield link._replace(target=target)


def _aside(call: Callable[[], None]) -> None:
    threading.Thread(target=call, name="fs2od-list-anew", daemon=True).start()


class Tree:
    """Knows every entry that is listed, and those whose numbers are held. Any number of threads may use it; a folder is listed by one of them at a time.

    What leads out of the dataset, by its name or as a link, is not in it. A folder that is in use is listed anew before its
    listing is too old, while the one that is known still answers.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        fresh_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        aside: Callable[[Callable[[], None]], None] = _aside,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            dataset: Where listings come from.
            fresh_s: How old a listing may be. One that takes longer than half of that may be twice as old as it takes.
            clock: Seconds that only grow.
            aside: Has something done while the caller goes on.
        """
        self.fresh_s = fresh_s
        self._dataset = dataset
        self._clock = clock
        self._aside = aside
        self._lock = threading.Lock()
        # Beside the other, which is held for as long as a large listing is taken: who is told a number does not wait for that.
        self._holding = threading.Lock()
        self._numbers = itertools.count(ROOT + 1)
        self._nodes: dict[int, Node] = {}
        self._listing: dict[int, threading.Lock] = {}
        self._listings_aside = threading.BoundedSemaphore(_MOST_ASIDE)

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
        self._list_aside(folder)
        number = folder.children.get(name)
        return True, self._nodes.get(number) if number is not None else None

    def children(self, folder: Node) -> list[Node]:
        """Return what lies in a folder, in the order of the listing.

        Raises:
            Fs2odError: It cannot be listed.
        """
        self._refresh(folder)
        found = (self._nodes.get(number) for number in list(folder.children.values()))
        return [node for node in found if node is not None]

    def hold(self, node: Node) -> None:
        """Keep a number until `let_go`, whatever becomes of the file."""
        with self._holding:
            node.held += 1
            self._nodes.setdefault(node.number, node)

    def let_go(self, number: int, count: int = 1) -> None:
        """Take back as many `hold`: who is not listed any more, and held by nobody, is forgotten."""
        with self._holding:
            node = self._nodes.get(number)
            if node is None:
                return
            node.held = max(0, node.held - count)
        while node is not None and not node.held and not self._is_listed(node):
            with self._lock:
                self._discard(node)
            node = self._nodes.get(node.parent)

    def forget(self, folder_number: int) -> None:
        """Let a folder be listed anew: something in it was another than was listed."""
        node = self._nodes.get(folder_number)
        if node is not None and node.listed_s != float("inf"):
            with self._lock:
                node.listed_s, node.anew = None, node.anew + 1

    def add(self, folder: Node, entry: Entry) -> Node:
        """Put into a folder what this mount has made there, and return it; what had its name is no longer there."""
        with self._lock:
            number, before = self._numbered(folder, entry, None), folder.children.get(entry.name, 0)
            folder.children[entry.name] = number
            folder.changes[entry.name] = self._clock()
            self._discard(self._nodes.get(before))
            return self._nodes[number]

    def drop(self, node: Node) -> None:
        """Take out of its folder what this mount has removed; whoever has it open keeps its number."""
        with self._lock:
            self._take_out(node)
            self._discard(node)

    def move(self, node: Node, folder: Node, name: str) -> None:
        """Give what this mount has moved its new place, with all below it."""
        with self._lock:
            self._take_out(node)
            node.entry = node.entry._replace(name=name)
            node.parent = folder.number
            before = folder.children.get(name, 0)
            folder.children[name] = node.number
            folder.changes[name] = self._clock()
            self._discard(self._nodes.get(before))
            waiting = [(node, (*folder.path, name))]
            while waiting:
                each, path = waiting.pop()
                each.path = path
                below = ((self._nodes.get(number), child) for child, number in each.children.items())
                waiting += [(found, (*path, child)) for found, child in below if found is not None]

    def changed(self, node: Node, entry: Entry) -> None:
        """Remember what the service says of a file after this mount has changed it."""
        with self._lock:
            node.entry = entry._replace(name=node.path[-1])
            if (folder := self._nodes.get(node.parent)) is not None:
                folder.changes[node.path[-1]] = self._clock()

    def is_there(self, node: Node) -> bool:
        """Say whether a file or folder still has its place, as far as is known."""
        folder = self._nodes.get(node.parent)
        return node.number == ROOT or (folder is not None and folder.children.get(node.path[-1]) == node.number)

    def _is_listed(self, node: Node) -> bool:
        """Say whether something, and every folder above it, still has its place."""
        each: Node | None = node
        while each is not None and self.is_there(each):
            if each.number == ROOT:
                return True
            each = self._nodes.get(each.parent)
        return False

    def _lasts_s(self, folder: Node) -> float:
        return max(self.fresh_s, 2 * folder.took_s)

    def _is_fresh(self, folder: Node) -> bool:
        return self._age_s(folder) < self._lasts_s(folder)

    def _age_s(self, folder: Node) -> float:
        return self._clock() - folder.listed_s if folder.listed_s is not None else float("inf")

    def _refresh(self, folder: Node) -> None:
        if folder.entry.kind is not EntryKind.FOLDER:
            raise NotFound("this is no folder")
        if self._is_fresh(folder):
            self._list_aside(folder)
            return
        with self._alone(folder):
            if not self._is_fresh(folder):
                self._list(folder)

    def _alone(self, folder: Node) -> threading.Lock:
        with self._lock:
            return self._listing.setdefault(folder.number, threading.Lock())

    def _list(self, folder: Node) -> None:
        """List a folder. Only one lists it at a time."""
        anew, began_s = folder.anew, self._clock()
        self._take(folder, self._dataset.children(folder.entry), began_s)
        with self._lock:
            if folder.anew == anew:
                folder.listed_s, folder.took_s = began_s, self._clock() - began_s

    def _list_aside(self, folder: Node) -> None:
        """Have a folder listed anew if its listing would soon be too old. If that fails, whoever comes when it is too old hears why."""
        lasts_s, listed_s = self._lasts_s(folder), folder.listed_s
        early_s = max(lasts_s * _ENDING, folder.took_s * 1.5)
        if listed_s in {None, folder.followed_s} or self._age_s(folder) < lasts_s - early_s:
            return
        alone = self._listing.get(folder.number)
        if alone is None or not self._listings_aside.acquire(blocking=False):
            return
        if not alone.acquire(blocking=False):
            self._listings_aside.release()
            return

        folder.followed_s = listed_s

        def list_it() -> None:
            try:
                with suppress(Fs2odError):
                    self._list(folder)
            finally:
                alone.release()
                self._listings_aside.release()

        self._aside(list_it)

    def _take(self, folder: Node, entries: list[Entry], began_s: float) -> None:
        """Remember a listing. What is as it was keeps its number, and what was changed here meanwhile stays so."""
        plan = plan_download(entries, {}, depth=len(folder.path))
        links = {link.name: link for link in _straight(plan.links, folder.path)}
        good = {entry.name for entry in (*(fetch.entry for fetch in plan.fetch), *plan.folders)} | links.keys()
        with self._lock:
            before = folder.children
            mine = {name for name in folder.changes if self._is_mine(folder, name, began_s)}
            now = {name: before[name] for name in mine if name in before}
            for entry in entries:
                if entry.name in good and entry.name not in now and entry.name not in mine:
                    shown = links.get(entry.name, entry)
                    now[entry.name] = self._numbered(folder, shown, before.get(entry.name))
            folder.changes = {name: folder.changes[name] for name in mine}
            folder.children = now
            for number in set(before.values()).difference(now.values()):
                self._discard(self._nodes.get(number))

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
        number = next(self._numbers)
        self._nodes[number] = Node(number, (*folder.path, entry.name), entry, folder.number)
        return number

    def _take_out(self, node: Node) -> None:
        folder, name = self._nodes.get(node.parent), node.path[-1]
        if folder is not None:
            if folder.children.get(name) == node.number:
                del folder.children[name]
            folder.changes[name] = self._clock()

    def _discard(self, node: Node | None) -> None:
        """Forget what is not listed any more, and what was below it; what is held stays, and so do the folders above that."""
        below = [node] if node is not None else []
        for each in below:
            below += [found for number in each.children.values() if (found := self._nodes.get(number)) is not None]
        with self._holding:
            for each in reversed(below):
                if each.held or each.number == ROOT or any(number in self._nodes for number in each.children.values()):
                    continue
                self._nodes.pop(each.number, None)
                self._listing.pop(each.number, None)
