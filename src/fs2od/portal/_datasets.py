"""Datasets as their link shows them, read from the node's services for whoever looks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from fs2od.manifests import SEAL, SIDECAR, folder_name, resembles
from fs2od.node.index import Entry
from fs2od.node.index.closing import closed_files
from fs2od.node.index.ordering import ordered
from fs2od.node.index.schema import ROOT
from fs2od.node.index.searching import search
from fs2od.node.provider.access import Located
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.zone.callers import GUEST, Caller
from fs2od.node.zone.shares import Share
from fs2od.onedata import errors
from fs2od.onedata.ids import ShareId, file_id
from fs2od.portal._background import Background
from fs2od.portal._facts import Facts, parse_facts
from fs2od.portal._items import Item
from fs2od.portal._listings import Listing, Wanted, key_of, place_of
from fs2od.portal._newest import Newest
from fs2od.portal._paging import Page, page_of
from fs2od.storage import Kind

__all__ = ["PAGE_SIZE", "Dataset", "Datasets"]

PAGE_SIZE = 200
_MOST_NAMES = 100
_NS = 1_000_000_000
_OTHERS_READ, _OTHERS_READ_AND_SEARCH = 0o4, 0o5
_SEARCH_S = 2.0
# More, while they grow, are looked through once a minute for the address of an archive: the one before can be had as well.
_FEW_FILES, _SELDOM_S = 5_000, 60
_PATIENT_S, _WAIT_S = 1.0, 0.03


@dataclass(frozen=True)
class Dataset:
    """One share with its sums at one moment, and what the facility says about it.

    Attributes:
        share: The share.
        root: What it shows.
        facts: What the facility says.
        now: The moment.
        newest: When its newest file was modified.
        undeliverable: How many names cannot be delivered.
        undeliverable_names: Some of them, with the reasons.
        apart: What is not counted: the folder with the checksums, and files that nobody gets by this link.
        sidecar: That folder; None if there is none.
        is_sealed: Whether the facility has said that no more will come.
        known_checksums: How many files' checksums are known; None if that is not known.
        archive_state: The state that an archive of it has now; empty if that is not known.
    """

    share: Share
    root: Located
    facts: Facts
    now: datetime
    newest: datetime | None
    undeliverable: int
    undeliverable_names: tuple[str, ...]
    apart: tuple[Entry, ...] = ()
    sidecar: Entry | None = None
    is_sealed: bool = False
    known_checksums: int | None = None
    archive_state: str = ""

    @property
    def id(self) -> ShareId:
        """The share's id."""
        return self.share.id

    @property
    def title(self) -> str:
        """The facility's title, or else the share's name."""
        return self.facts.title or self.share.name

    @property
    def folder(self) -> str:
        """What the folder with it is called on people's disks."""
        return folder_name(self.share.name, unnamed=self.share.id)

    @property
    def description(self) -> str:
        """What people wrote about it; empty where the facility only repeated there what the page says anyway."""
        written = self.share.description.replace("\\", "").strip()
        facts = self.facts
        repeats = (
            facts.title and written.startswith(f"# {facts.title}\n") and written.endswith(f"Questions: {facts.contact}")
        )
        return "" if repeats else self.share.description

    @property
    def files(self) -> int:
        """How many files can be downloaded now."""
        if not self.is_folder:
            return 1
        return self.root.entry.files - sum(1 if each.kind is Kind.FILE else each.files for each in self.apart)

    @property
    def size_bytes(self) -> int:
        """How many bytes they add up to."""
        return self.root.entry.size_bytes - sum(each.size_bytes for each in self.apart)

    @property
    def is_closed(self) -> bool:
        """Say whether its link is for members now: plain addresses then need a token, and browsers get their own."""
        return self.share.rule.closed_because(int(self.now.timestamp())) is not None

    @property
    def opens(self) -> datetime | None:
        """When its link opens to everybody by itself, if it will."""
        rule = self.share.rule
        waits = self.is_closed and rule.audience == "public" and rule.from_s is not None
        return datetime.fromtimestamp(rule.from_s or 0, UTC) if waits else None

    @property
    def is_folder(self) -> bool:
        """Say whether a folder is shared, and not a single file."""
        return self.root.entry.kind is Kind.DIRECTORY


class Datasets:
    """Finds shares, what lies in them, and pages of their folders."""

    def __init__(self, provider: Oneprovider) -> None:
        self._provider = provider
        self._newest = Newest(provider.indexes)
        self._checksums: Background[int] = Background()
        self._states: Background[str] = Background()

    def get(self, share: ShareId, caller: Caller = GUEST) -> Dataset:
        """Return a dataset as it is now.

        Raises:
            NotFound: The share does not exist, or it ended.
            Unauthorized: It is for members, and a guest asks.
            Forbidden: It is for members, and the caller is none.
            PosixError: enoent, what was shared is gone; eacces, it is not for everybody.
            Rejected: No provider serves it.
        """
        root = self._provider.access.locate_share_root(caller, share)
        assert root.share is not None
        facts = parse_facts(self._metadata(root))
        with self._provider.indexes.using(root.space) as index:
            commits = index.database.commits
            at_top = root.entry.row == ROOT
            sidecar = index.child(ROOT, SIDECAR) if at_top else None
            closed = closed_files(index, self._provider.zone.settings.closed_names) if at_top else []
            is_sealed = sidecar is not None and index.child(sidecar.row, SEAL) is not None
        newest_ns = self._newest.mtime_ns(root, apart=sidecar)
        count, names = self._undeliverable(root, facts)
        return Dataset(
            share=root.share,
            root=root,
            facts=facts,
            now=self._provider.zone.clock.now(),
            newest=None if newest_ns is None else datetime.fromtimestamp(newest_ns / _NS, UTC),
            undeliverable=count,
            undeliverable_names=names,
            apart=(*closed, *(() if sidecar is None else (sidecar,))),
            sidecar=sidecar,
            is_sealed=is_sealed,
            known_checksums=None if sidecar is None else self._known_checksums(root, commits),
            archive_state=self._archive_state(root, facts, commits),
        )

    def find(self, share: ShareId, path: str, caller: Caller = GUEST) -> Item:
        """Return what lies at a path below what is shared; "" is that itself.

        Raises:
            NotFound: The share does not exist, or it ended.
            Unauthorized: It is for members, and a guest asks.
            Forbidden: It is for members, and the caller is none.
            PosixError: enoent, nothing lies there; eacces, it is not for everybody.
            Rejected: No provider serves it.
        """
        root = self._provider.access.locate_share_root(caller, share)
        names = tuple(path.split("/")) if path else ()
        if not names:
            return Item(root, ())
        with self._provider.indexes.using(root.space) as index:
            entry = root.entry
            for name in names:
                child = index.child(entry.row, name)
                if child is None:
                    raise errors.posix("enoent")
                entry = child
            wanted = file_id(index.ref(entry.row).through(share))
        # By its id, so that the one place that judges access judges this too.
        return Item(self._provider.access.locate(caller, wanted), names)

    def listing(self, folder: Item, wanted: Wanted) -> Listing:
        """Return a page of a folder, or what a search found below it."""
        if wanted.search:
            return self._search(folder, wanted)
        order = wanted.order

        def fetch(key: str | None, backwards: bool, limit: int) -> list[Item]:
            after = None if key is None else place_of(order, key)
            with self._provider.indexes.using(folder.located.space) as index:
                row = folder.located.entry.row
                found = ordered(index, row, order.turned if backwards else order, after=after, limit=limit)
            return self._items(folder, ((entry.name, entry) for entry in found))

        page = page_of(fetch, lambda item: key_of(order, item.located.entry), wanted.position, size=PAGE_SIZE)
        return Listing(folder, wanted, page)

    def _search(self, folder: Item, wanted: Wanted) -> Listing:
        top = folder.located
        with self._provider.indexes.using(top.space) as index:
            found = search(
                index, top.entry, wanted.search, enters=_OTHERS_READ_AND_SEARCH, limit=PAGE_SIZE, within_s=_SEARCH_S
            )
        return Listing(folder, wanted, Page(tuple(self._items(folder, sorted(found.entries)))), found.ended)

    def _items(self, folder: Item, found: Iterable[tuple[str, Entry]]) -> list[Item]:
        below = self._provider.access.below
        return [
            Item(below(folder.located, entry, path), (*folder.names, *path.split("/")))
            for path, entry in found
            if not self._is_closed(entry)
        ]

    def _known_checksums(self, root: Located, commits: int) -> int | None:
        count = partial(self._provider.checksums.count, root.space)
        return self._checksums.ask(root.space, commits, count)

    def _archive_state(self, root: Located, facts: Facts, commits: int) -> str:
        """Return the state of an archive of everything, as it is now or was at most a minute ago; empty until it was found once."""
        is_plain, entry = self._provider.zone.settings.plain, root.entry
        if is_plain or entry.kind is not Kind.DIRECTORY:
            return ""
        is_often = entry.files <= _FEW_FILES or facts.state == "complete"
        state = ("at", commits) if is_often else ("in", self._provider.zone.clock.now_s() // _SELDOM_S)
        wait_s = _PATIENT_S if entry.files <= _FEW_FILES else _WAIT_S
        return self._states.ask(root.file_id, state, lambda: self._state_of(root), wait_s=wait_s) or ""

    def _state_of(self, root: Located) -> str:
        return str(self._provider.archives.present(root, (), "tar").state)

    def _is_closed(self, entry: Entry) -> bool:
        """Say whether a file is one that links neither list nor deliver, as the metadata file."""
        is_hidden = entry.kind is Kind.FILE and not entry.mode & _OTHERS_READ
        return is_hidden and resembles(entry.name, self._provider.zone.settings.closed_names)

    def _metadata(self, root: Located) -> object:
        try:
            return self._provider.files.json_metadata(root)
        except errors.PosixError:
            return None

    def _undeliverable(self, root: Located, facts: Facts) -> tuple[int, tuple[str, ...]]:
        if root.path or not self._provider.supports.find(root.space):
            # The import counts by space: what lies beside a shared folder is nobody's business here.
            return facts.undeliverable, facts.undeliverable_names
        count, named = self._provider.imports.undeliverable(root.space, limit=_MOST_NAMES)
        return count, tuple(f"{path} ({reason})" for path, reason in named)
