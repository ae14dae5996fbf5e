"""Datasets as their public link shows them, read from the node's services for a guest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from fs2od.node.provider.access import Located
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.zone.callers import GUEST
from fs2od.node.zone.shares import Share
from fs2od.onedata import errors
from fs2od.onedata.ids import ShareId, file_id
from fs2od.portal._facts import Facts, parse_facts
from fs2od.portal._newest import Newest
from fs2od.portal._paging import Page, Position, page_of
from fs2od.storage import Kind

__all__ = ["PAGE_SIZE", "Dataset", "Item", "PublicDatasets", "is_readable"]

PAGE_SIZE = 500
_MOST_NAMES = 100
_NS = 1_000_000_000
_OTHERS_READ, _OTHERS_READ_AND_SEARCH = 0o4, 0o5


@dataclass(frozen=True)
class Dataset:
    """One share with its sums at one moment, and what the facility says about it."""

    share: Share
    root: Located
    facts: Facts
    now: datetime
    newest: datetime | None
    undeliverable: int
    undeliverable_names: tuple[str, ...]

    @property
    def id(self) -> ShareId:
        """The share's id."""
        return self.share.id

    @property
    def title(self) -> str:
        """The facility's title, or else the share's name."""
        return self.facts.title or self.share.name

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
        return self.root.entry.files if self.is_folder else 1

    @property
    def size_bytes(self) -> int:
        """How many bytes they add up to."""
        return self.root.entry.size_bytes

    @property
    def is_folder(self) -> bool:
        """Say whether a folder is shared, and not a single file."""
        return self.root.entry.kind is Kind.DIRECTORY


@dataclass(frozen=True)
class Item:
    """One file or folder of a dataset; `names` is the way to it from what is shared."""

    located: Located
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its own name; empty for what is shared."""
        return self.names[-1] if self.names else ""

    @cached_property
    def path(self) -> str:
        """The way to it as one text."""
        return "/".join(self.names)

    @property
    def is_folder(self) -> bool:
        """Say whether it holds others."""
        return self.located.entry.kind is Kind.DIRECTORY

    @property
    def modified(self) -> datetime:
        """When it was modified last."""
        return datetime.fromtimestamp(self.located.entry.mtime_ns // _NS, UTC)


class PublicDatasets:
    """Finds shares, what lies in them, and pages of their folders."""

    def __init__(self, provider: Oneprovider) -> None:
        self._provider = provider
        self._newest = Newest(provider.indexes)

    def get(self, share: ShareId) -> Dataset:
        """Return a dataset as it is now.

        Raises:
            NotFound: The share does not exist, or it ended.
            PosixError: enoent, what was shared is gone; eacces, it is not for everybody.
            Rejected: No provider serves it.
        """
        root = self._provider.access.locate_share_root(GUEST, share)
        assert root.share is not None
        facts = parse_facts(self._metadata(root))
        newest_ns = self._newest.mtime_ns(root)
        count, names = self._undeliverable(root, facts)
        return Dataset(
            share=root.share,
            root=root,
            facts=facts,
            now=self._provider.zone.clock.now(),
            newest=None if newest_ns is None else datetime.fromtimestamp(newest_ns / _NS, UTC),
            undeliverable=count,
            undeliverable_names=names,
        )

    def find(self, share: ShareId, path: str) -> Item:
        """Return what lies at a path below what is shared; "" is that itself.

        Raises:
            NotFound: The share does not exist, or it ended.
            PosixError: enoent, nothing lies there; eacces, it is not for everybody.
            Rejected: No provider serves it.
        """
        root = self._provider.access.locate_share_root(GUEST, share)
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
        return Item(self._provider.access.locate(GUEST, wanted), names)

    def children(self, folder: Item, position: Position) -> Page[Item]:
        """Return a page of a folder in name order."""

        def fetch(name: str | None, earlier: int, limit: int) -> list[Item]:
            found = self._provider.files.children(
                folder.located, after=name, offset=-earlier, limit=limit, inclusive=earlier > 0
            )
            return [Item(child, (*folder.names, child.entry.name)) for child in found]

        return page_of(fetch, lambda item: item.name, position, size=PAGE_SIZE)

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


def is_readable(item: Item) -> bool:
    """Say whether everybody may read an entry, by its registered mode."""
    needed = _OTHERS_READ_AND_SEARCH if item.is_folder else _OTHERS_READ
    return item.located.entry.mode & needed == needed
