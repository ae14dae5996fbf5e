"""Archives of what shares give, in the states that they had."""

from __future__ import annotations

import sqlite3
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

from fs2od.errors import Fs2odError, StorageError
from fs2od.node.index import Indexes, SpaceIndex
from fs2od.node.index.corrections import register_again
from fs2od.node.index.rows import Row, Seeing, newest
from fs2od.node.provider.access import Access, Located
from fs2od.node.provider.archives.bulk import bulk_stream
from fs2od.node.provider.archives.contents import Changed, Checked, KnownCrc32
from fs2od.node.provider.archives.layouts import Format
from fs2od.node.provider.archives.plans import Plan, State, layout_of, plan_of
from fs2od.node.provider.archives.reading import gathered, part_of
from fs2od.node.provider.archives.selections import root_name, roots
from fs2od.node.provider.sources import Sources, SpaceTree
from fs2od.node.settings import Limits
from fs2od.onedata import errors
from fs2od.sqlite import Database
from fs2od.storage import Kind

__all__ = ["Archives", "StateGone"]

_MOST_SEGMENTS = 20_000
_LOCKS = 16
# Some hundred small files: the first byte of a large archive does not wait for thousands of them to be opened.
_FIRST_BYTES = 1 << 16
_TRUST_S = 5.0
_Key = tuple[str, int, int, Format, int, bytes]


class StateGone(Exception):  # it says what is the case
    """The state of an archive is no more: what it held was changed or removed."""


@dataclass(frozen=True)
class _Known:
    plan: Plan
    database: weakref.ref[Database]
    commits: int
    checked_s: float

    def holds_for(self, database: Database, now_s: float) -> bool:
        """Say whether nothing was written since, or it was looked at just now.

        Whoever reads a part notices by its hash what was written meanwhile; so this costs no wrong byte, and the many ranges that
        a program asks for at once cost one look at a dataset that grows.
        """
        is_fresh = self.commits == database.commits or now_s - self.checked_s < _TRUST_S
        return self.database() is database and is_fresh

    @property
    def weight(self) -> int:
        return 1 + len(self.plan.segments) + len(self.plan.roots)


class Archives:
    """Plans archives and reads any part of them. The plans of late are kept, at some hundred bytes for a thousand members."""

    def __init__(
        self,
        access: Access,
        indexes: Indexes,
        sources: Sources,
        known_crc32: KnownCrc32,
        limits: Limits,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic_s = monotonic_s
        self._access = access
        self._indexes = indexes
        self._sources = sources
        self._known_crc32 = known_crc32
        self._limits = limits
        self._lock = threading.Lock()
        self._building = [threading.Lock() for _ in range(_LOCKS)]
        self._plans: OrderedDict[_Key, _Known] = OrderedDict()

    def present(self, top: Located, paths: Sequence[str], format_: Format) -> Plan:
        """Return the plan of what lies at or below `top` now, or at `paths` below it where there are any.

        Raises:
            PosixError: enoent, one of the paths does not exist or may not be read.
        """
        with self._indexes.using(top.space) as index:
            with index.database.reading() as db:
                highest = newest(db)
            return self._plan(index, top, paths, format_, highest)

    def pinned(self, top: Located, paths: Sequence[str], format_: Format, state: State) -> Plan:
        """Return the plan of a state.

        Raises:
            StateGone: It is no more.
        """
        try:
            with self._indexes.using(top.space) as index:
                plan = self._plan(index, top, paths, format_, state.newest)
        except errors.PosixError as error:
            raise StateGone from error
        if plan.state != state:
            raise StateGone
        return plan

    def part(self, top: Located, plan: Plan, first: int, count: int) -> Generator[bytes, None, None]:
        """Yield a part of an archive in chunks, some of them empty.

        Raises:
            AccessEnded: The access ended, or the state is no more.
        """
        contents = self._contents(top)
        pieces = part_of(plan, self._indexes, contents, first, first + count)
        limits = self._limits
        stands = partial(self._access.stands, top)
        try:
            yield from gathered(
                pieces,
                stands=stands,
                chunk_bytes=limits.chunk_bytes,
                recheck_bytes=limits.recheck_bytes,
                first_bytes=_FIRST_BYTES if count > limits.chunk_bytes else None,
            )
        except Changed:
            self._forget(plan)
            raise
        finally:
            contents.flush()

    def bulk(self, top: Located, paths: Sequence[str]) -> Generator[bytes, None, None]:
        """Yield a TAR of exactly these files; see `bulk_stream`.

        Raises:
            AccessEnded: The access ended, or a file changed while it was read.
        """
        return bulk_stream(
            top,
            self._storage(top),
            self._indexes,
            paths,
            follow=partial(self._followed, top),
            stands=partial(self._access.stands, top),
            chunk_bytes=self._limits.chunk_bytes,
            recheck_bytes=self._limits.recheck_bytes,
        )

    def _plan(self, index: SpaceIndex, top: Located, paths: Sequence[str], format_: Format, highest: int) -> Plan:
        file_bits, directory_bits = top.read_bits
        choice = sha256("\0".join((*paths, str(top.path), top.share.name if top.share else "")).encode()).digest()
        key = (top.space, top.entry.row, file_bits, format_, highest, choice)
        with self._building[hash(key) % _LOCKS]:
            now_s, commits = (
                self._monotonic_s(),
                index.database.commits,
            )  # before reading: what is written meanwhile makes it look again
            with self._lock:
                known = self._plans.get(key)
            if known is None or not known.holds_for(index.database, now_s):
                plan = self._built(index, top, paths, format_, Seeing(highest, file_bits, directory_bits))
                known = _Known(plan, weakref.ref(index.database), commits, now_s)
            self._keep(key, known)
        return known.plan

    def _built(self, index: SpaceIndex, top: Located, paths: Sequence[str], format_: Format, seeing: Seeing) -> Plan:
        layout = layout_of(format_)
        with index.database.reading() as db:
            db.execute("BEGIN")  # one state for all pages
            try:
                found = roots(db, seeing, layout.names, top, paths)
                return plan_of(db, root_name(top), format_, layout, found, seeing)
            finally:
                _end(db)

    def _keep(self, key: _Key, known: _Known) -> None:
        with self._lock:
            self._plans[key] = known
            self._plans.move_to_end(key)
            weight = sum(one.weight for one in self._plans.values())
            while weight > _MOST_SEGMENTS and len(self._plans) > 1:
                weight -= self._plans.popitem(last=False)[1].weight

    def _forget(self, plan: Plan) -> None:
        with self._lock:
            for key in [key for key, known in self._plans.items() if known.plan is plan]:
                del self._plans[key]

    def _contents(self, top: Located) -> Checked:
        # The path of a file that is itself the top is that of its folder and its name.
        folder = top.path if top.entry.kind is Kind.DIRECTORY else top.path.rpartition("/")[0]
        base = f"{folder}/" if folder else ""
        storage = self._storage(top)
        changed = partial(self._look_again, top, storage)
        return Checked(top.space, storage, base, self._known_crc32, changed, self._limits.chunk_bytes)

    def _storage(self, top: Located) -> SpaceTree:
        return self._sources.tree(top.space)

    def _look_again(self, top: Located, storage: SpaceTree, path: str, row: Row) -> None:
        """Register a file as it is now: else every archive would break off there until a scan looks into its folder."""
        try:
            seen = storage.stat(path)
        except (FileNotFoundError, StorageError):
            return  # whether it is gone, scans find out: its folder's times say so
        with (
            suppress(Fs2odError),
            self._indexes.using(top.space) as index,
        ):  # a full disk of ours is not the reader's affair
            register_again(index, row.id, seen)

    def _followed(self, top: Located, path: str, number: int) -> str | None:
        with self._indexes.using(top.space) as index:
            entry = index.get(number)
        if entry is None:
            return None
        try:
            found = self._access.followed(self._access.below(top, entry, path))
        except errors.ServiceError:
            return None
        return found.path if found.entry.kind is Kind.FILE else None


def _end(db: sqlite3.Connection) -> None:
    if db.in_transaction:
        db.execute("ROLLBACK")
