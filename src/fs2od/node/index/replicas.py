"""Which files of a space have a checked copy on which storage, and which still lack one.

A copy counts only for the very state of the file that is registered now, and only if what was read of the file agrees with
the manifest's checksum, where one names it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from fs2od.node.index.checked import Checked, Own
from fs2od.node.index.entries import SpaceIndex
from fs2od.node.index.schema import ROOT
from fs2od.onedata.ids import StorageId
from fs2od.storage import Upload

__all__ = ["Event", "Failure", "Held", "Lacking", "Replica", "Sum", "Version", "check_again", "counts", "doubt", "drop", "events", "holders", "inherits", "is_complete", "lacking", "leave", "lost", "not_on", "note", "note_checked", "note_failure", "note_upload", "occupied_bytes", "of_storage", "problem", "registered", "rows_below", "suspect", "to_be_checked", "uploads", "without_copy"]  # fmt: skip

_LONGEST_PAUSE_S = 3600
_BELOW = """WITH RECURSIVE below (id) AS (
    SELECT ?1 UNION ALL SELECT entry.id FROM below JOIN entry ON entry.parent = below.id
)"""
_STANDS = """(r.checked > 0 AND r.size = e.size AND r.mtime_ns = e.mtime_ns AND r.ctime_ns = e.ctime_ns
    AND r.inode = e.inode AND (c.sha256 IS NULL OR c.sha256 = r.sha256))"""
_JOINED = """FROM entry AS e LEFT JOIN replica AS r ON r.entry = e.id AND r.storage = ?2
    LEFT JOIN checksum AS c ON c.entry = e.id AND c.size = e.size AND c.mtime_ns = e.mtime_ns"""
_COPIED = _JOINED.replace(
    "LEFT JOIN replica AS r ON r.entry = e.id AND r.storage = ?2", "JOIN replica AS r ON r.entry = e.id"
)
_LACKING = f"""SELECT e.id, e.parent, e.name, e.size, e.mtime_ns, e.ctime_ns, e.inode, c.sha256 AS expected,
    r.path AS at, r.size = e.size AND r.checked IS NOT NULL AS had, r.sha256 AS known, r.upload,
    r.size IS e.size AND r.mtime_ns IS e.mtime_ns AND r.ctime_ns IS e.ctime_ns AND r.inode IS e.inode AS same
    {_JOINED} WHERE e.kind = 'REG' AND e.id > ?3 AND NOT ifnull({_STANDS}, 0)
    AND (e.mtime_ns < ?4 AND e.ctime_ns < ?4 OR c.sha256 IS NOT NULL)
    AND (r.not_before IS NULL OR r.not_before <= ?5 OR r.not_before > ?5 + {_LONGEST_PAUSE_S}
        OR r.mtime_ns != e.mtime_ns OR r.size != e.size)"""
_COUNTS = f"""SELECT count(*), total(e.size), total(s), total(iif(s, e.size, 0))
    FROM (SELECT e.size, ifnull({_STANDS}, 0) AS s {_JOINED} WHERE e.kind = 'REG' %s) AS e"""
_KEYS = "size, mtime_ns, ctime_ns, inode"
_OWN = "own_mtime_ns, own_ctime_ns, own_inode"
_SET_OWN = "own_mtime_ns = ?, own_ctime_ns = ?, own_inode = ?"
_TRIES = "iif(size = excluded.size AND mtime_ns = excluded.mtime_ns, tries, 0)"
# Before a copy is noted elsewhere than before: what lies in the old place is wanted no more.
_MOVED = """INSERT OR IGNORE INTO replica_left SELECT storage, path FROM replica
    WHERE entry = ? AND storage = ? AND path != ?"""


@dataclass(frozen=True)
class Version:
    """The state of a file: what moves when it is changed."""

    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int


@dataclass(frozen=True)
class Lacking:
    """A file that lacks a copy on a storage.

    Attributes:
        row: Its row.
        path: Where it lies, and where its copy belongs.
        version: Its state as registered.
        expected: Its SHA-256 as the manifest says it, if it does.
        known: The SHA-256 of a copy that was checked for a state of the same size, if there is one at `path`.
        is_same: Whether `known` is of this very state.
        upload: A copy of this very state that is under way, if one is.
    """

    row: int
    path: str
    version: Version
    expected: bytes | None
    known: bytes | None
    is_same: bool
    upload: Upload | None


@dataclass(frozen=True)
class Replica:
    """A copy of a file.

    Attributes:
        row: The file's row.
        path: Where the copy is.
        version: The state of the file that was copied.
        sha256: Of the copy; empty for one that nobody counts on.
        method: How it was checked: "md5" by what the store computed itself, "read" by reading it back.
        md5: What the store said when it was checked, if it says anything.
        own: The times and inode of the copy itself when it was checked, if they were kept.
    """

    row: int
    path: str
    version: Version
    sha256: bytes
    method: str
    md5: str | None = None
    own: Own | None = None

    @property
    def checked(self) -> Checked:
        """What the store said of it when it was checked."""
        return Checked(self.version.size_bytes, self.md5, self.own)


@dataclass(frozen=True)
class Failure:
    """A copy that did not succeed, why, and for how long it is not tried again at first: each time in a row for longer."""

    row: int
    path: str
    version: Version
    problem: str
    pause_s: int


@dataclass(frozen=True)
class Event:
    """A file was copied, or could not be for a problem; numbered in the order of time."""

    number: int
    row: int
    at_s: int
    problem: str | None


@dataclass(frozen=True)
class Held:
    """Where a checked copy of a file is, and what its store said of it."""

    storage: StorageId
    path: str
    checked: Checked


@dataclass(frozen=True)
class Sum:
    """How many files and bytes there are, and how many of them have a checked copy."""

    files: int
    size_bytes: int
    replicated_files: int
    replicated_bytes: int


@dataclass(frozen=True)
class Lost:
    """How many files and bytes never came, in their present state, to a home that inherited the others."""

    files: int
    size_bytes: int


def lacking(
    index: SpaceIndex, storage: StorageId, *, top: int = ROOT, after: int = 0, settled_ns: int, now_s: int, limit: int
) -> list[Lacking]:
    """Return files at or below `top` that lack a copy, in the order of their rows, after one.

    Files whose last change is not before `settled_ns` are left out unless the manifest names them, and those whose last
    failure is too recent.
    """
    narrowed = "" if top == ROOT else " AND e.id IN below"
    with_below = "" if top == ROOT else _BELOW
    query = f"{with_below} {_LACKING}{narrowed} ORDER BY e.id LIMIT ?6"
    folders: dict[int, str] = {ROOT: ""}
    with index.database.reading() as db:
        rows = db.execute(query, (top, storage, after, settled_ns, now_s, limit)).fetchall()
    found = []
    for row in rows:
        parent = row["parent"]
        if parent not in folders:
            folder = index.get(parent)
            if folder is None:
                continue  # removed meanwhile
            folders[parent] = f"{index.path(folder)}/"
        path = folders[parent] + row["name"]
        version = Version(row["size"], row["mtime_ns"], row["ctime_ns"], row["inode"])
        known = row["known"] if row["had"] and row["at"] == path else None
        is_same = known is not None and bool(row["same"])
        goes_on = row["upload"] is not None and row["same"] and row["at"] == path
        upload = msgspec.json.decode(row["upload"], type=Upload) if goes_on else None
        found.append(Lacking(row["id"], path, version, row["expected"], known, is_same, upload))
    return found


def counts(index: SpaceIndex, storage: StorageId, *, top: int = ROOT) -> Sum:
    """Return how many files at or below `top` have a copy on a storage. Looks at each of them."""
    query = _COUNTS % ("AND ?1 > 0" if top == ROOT else "AND e.id IN below")
    with index.database.reading() as db:
        row = db.execute(f"{'' if top == ROOT else _BELOW} {query}", (top, storage)).fetchone()
    return Sum(int(row[0]), int(row[1]), int(row[2]), int(row[3]))


def is_complete(index: SpaceIndex, storage: StorageId, *, top: int = ROOT) -> bool:
    """Say whether every file at or below `top` has a checked copy of its present state on a storage."""
    narrowed = "AND ?1 > 0" if top == ROOT else "AND e.id IN below"
    query = f"""{"" if top == ROOT else _BELOW} SELECT NOT EXISTS (
        SELECT 1 {_JOINED} WHERE e.kind = 'REG' AND NOT ifnull({_STANDS}, 0) {narrowed})"""
    with index.database.reading() as db:
        return bool(db.execute(query, (top, storage)).fetchone()[0])


def without_copy(index: SpaceIndex, storages: Sequence[StorageId]) -> int:
    """Return how many files have no checked copy of their present state on any of some storages. Looks at each of them."""
    query = f"""SELECT count(*) FROM entry WHERE kind = 'REG' AND id NOT IN (
        SELECT e.id {_COPIED} WHERE r.storage IN (SELECT value FROM json_each(?)) AND {_STANDS})"""
    with index.database.reading() as db:
        return int(db.execute(query, (msgspec.json.encode(storages).decode(),)).fetchone()[0])


def not_on(index: SpaceIndex, storage: StorageId) -> list[tuple[int, Version]]:
    """Return the files, by their rows, that have no copy of their present state on a storage, and that state.

    One that is to be checked once more may be right.
    """
    query = f"""SELECT e.id, e.size, e.mtime_ns, e.ctime_ns, e.inode {_JOINED}
        WHERE e.kind = 'REG' AND ?1 > 0 AND NOT ifnull({_STANDS}, 0)
        AND NOT ifnull(r.checked = 0 AND r.size = e.size AND r.mtime_ns = e.mtime_ns AND r.ctime_ns = e.ctime_ns AND r.inode = e.inode, 0)"""
    with index.database.reading() as db:
        return [(row[0], Version(*row[1:])) for row in db.execute(query, (ROOT, storage))]


def inherits(index: SpaceIndex, home: StorageId) -> bool:
    """Say whether a home got files as copies before it was one."""
    with index.database.reading() as db:
        return db.execute("SELECT 1 FROM replica WHERE storage = ? LIMIT 1", (home,)).fetchone() is not None


def lost(index: SpaceIndex, home: StorageId, *, top: int = ROOT) -> Lost:
    """Return how many files at or below `top`, in their present state, never came to a home that inherited the others."""
    return index.kept(_lost, (home, top))


def _lost(index: SpaceIndex, asked: tuple[StorageId, int]) -> Lost:
    home, top = asked
    query = """SELECT 1 FROM replica WHERE storage = ? AND ifnull(checked, 0) = 0 LIMIT 1"""
    with index.database.reading() as db:
        # What lies below is looked for only where something is lost at all.
        if db.execute(query, (home,)).fetchone() is None:
            return Lost(0, 0)
        narrowed = "AND ?1 > 0" if top == ROOT else "AND e.id IN below"
        query = f"""{"" if top == ROOT else _BELOW} SELECT count(*), total(e.size)
            FROM replica AS r JOIN entry AS e ON e.id = r.entry
            WHERE r.storage = ?2 AND ifnull(r.checked, 0) = 0 AND r.size = e.size AND r.mtime_ns = e.mtime_ns
            AND r.ctime_ns = e.ctime_ns AND r.inode = e.inode {narrowed}"""
        files, size_bytes = db.execute(query, (top, home)).fetchone()
    return Lost(int(files), int(size_bytes))


def holders(index: SpaceIndex, row: int) -> list[Held]:
    """Return where checked copies of a file's present state are."""
    with index.database.reading() as db:
        found = db.execute(f"SELECT r.* {_COPIED} WHERE e.id = ?1 AND {_STANDS}", (row,)).fetchall()
    return [Held(StorageId(one["storage"]), one["path"], _replica(one).checked) for one in found]


def occupied_bytes(index: SpaceIndex, storage: StorageId) -> int:
    """Return how many bytes the checked copies on a storage have."""
    query = "SELECT total(size) FROM replica WHERE storage = ? AND checked IS NOT NULL"
    with index.database.reading() as db:
        return int(db.execute(query, (storage,)).fetchone()[0])


def of_storage(index: SpaceIndex, storage: StorageId, *, top: int = ROOT, after: int = 0, limit: int) -> list[Replica]:
    """Return the copies on a storage of files at or below `top`, of whatever state, in the order of their rows."""
    query = f"""{"" if top == ROOT else _BELOW} SELECT * FROM replica WHERE storage = ?2 AND entry > ?3 AND {"?1 > 0" if top == ROOT else "entry IN below"} ORDER BY entry LIMIT ?4"""
    with index.database.reading() as db:
        rows = db.execute(query, (top, storage, after, limit)).fetchall()
    return [_replica(row) for row in rows]


def to_be_checked(index: SpaceIndex, storage: StorageId, *, before_s: int, after: int = 0, limit: int) -> list[Replica]:
    """Return copies that were last found to be right before a moment, in the order of their rows."""
    query = """SELECT * FROM replica WHERE storage = ? AND checked < ? AND entry > ? ORDER BY entry LIMIT ?"""
    with index.database.reading() as db:
        return [_replica(row) for row in db.execute(query, (storage, before_s, after, limit)).fetchall()]


def note_checked(index: SpaceIndex, storage: StorageId, rows: Iterable[tuple[int, Own]], *, now_s: int) -> None:
    """Write down that copies, which have these times and inodes, were found to be right once more."""
    with index.database.writing() as db:
        query = f"UPDATE replica SET checked = ?, {_SET_OWN} WHERE storage = ? AND entry = ? AND checked IS NOT NULL"
        db.executemany(query, [(now_s, *own, storage, row) for row, own in rows])


def events(
    index: SpaceIndex, storages: Sequence[StorageId], *, top: int = ROOT, since_s: int, offset: int, limit: int
) -> list[Event]:
    """Return the last thing that happened to each file at or below `top` on some storages, oldest first, from a moment on."""
    where = f"""noted IS NOT NULL AND storage IN (SELECT value FROM json_each(?2))
        AND {"?1 > 0" if top == ROOT else "entry IN below"}"""
    query = f"""{"" if top == ROOT else _BELOW} SELECT * FROM (
        SELECT row_number() OVER (ORDER BY noted, entry, storage) - 1 AS number, entry, noted, problem FROM replica WHERE {where}
        ) WHERE noted >= ?3 ORDER BY number LIMIT ?4 OFFSET ?5"""
    given = (top, msgspec.json.encode(storages).decode(), since_s, limit, offset)
    with index.database.reading() as db:
        return [Event(*row) for row in db.execute(query, given).fetchall()]


def problem(index: SpaceIndex, storage: StorageId) -> tuple[int, str | None]:
    """Return how many files could not be copied to a storage so far, and why one of them could not."""
    query = "SELECT count(*), max(problem) FROM replica WHERE storage = ? AND problem IS NOT NULL"
    with index.database.reading() as db:
        count, said = db.execute(query, (storage,)).fetchone()
    return int(count), said


def note(index: SpaceIndex, storage: StorageId, replicas: Iterable[Replica], *, now_s: int) -> None:
    """Write down copies that were found to be right. What vanished from the index meanwhile is passed over."""
    query = f"""INSERT OR REPLACE INTO replica (entry, storage, path, {_KEYS}, sha256, md5, checked, method, noted, {_OWN})
        SELECT id, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM entry WHERE id = ?"""
    known = list(replicas)
    with index.database.writing() as db:
        db.executemany(_MOVED, [(one.row, storage, one.path) for one in known])
        for one in known:
            facts = (*_values(one.version), one.sha256, one.md5, now_s, one.method, now_s, *(one.own or (None,) * 3))
            db.execute(query, (storage, one.path, *facts, one.row))


def note_upload(index: SpaceIndex, storage: StorageId, lacks: Lacking, upload: Upload) -> None:
    """Write down that a copy is under way, so that it goes on where it was after whatever happens."""
    query = f"""INSERT OR REPLACE INTO replica (entry, storage, path, {_KEYS}, upload)
        SELECT id, ?, ?, ?, ?, ?, ?, ? FROM entry WHERE id = ?"""
    with index.database.writing() as db:
        text = msgspec.json.encode(upload).decode()
        db.execute(_MOVED, (lacks.row, storage, lacks.path))
        db.execute(query, (storage, lacks.path, *_values(lacks.version), text, lacks.row))


def note_failure(index: SpaceIndex, storage: StorageId, failures: Sequence[Failure], *, now_s: int) -> None:
    """Write down copies that did not succeed; an upload under way stays noted."""
    # What fails for ever must not be read or sent again every minute; another state of the file begins anew.
    query = f"""INSERT INTO replica (entry, storage, path, {_KEYS}, problem, tries, not_before, noted)
        SELECT id, ?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, ?9 + ?8, ?9 FROM entry WHERE id = ?10
        ON CONFLICT (entry, storage) DO UPDATE SET problem = excluded.problem, tries = {_TRIES} + 1,
        not_before = ?9 + max(?8, min(?8 * (1 << min({_TRIES}, 16)), {_LONGEST_PAUSE_S})), noted = excluded.noted, checked = NULL, size = excluded.size, mtime_ns = excluded.mtime_ns,
        ctime_ns = excluded.ctime_ns, inode = excluded.inode, path = excluded.path
        ON CONFLICT (storage, path) DO NOTHING"""
    taken = "SELECT path FROM replica WHERE storage = ?1 AND path = ?2 AND entry != ?3"
    with index.database.writing() as db:
        for one in failures:
            # Where another file's copy is, that one stays noted, and this one where it was.
            is_taken = db.execute(taken, (storage, one.path, one.row)).fetchone() is not None
            known = db.execute(
                "SELECT path FROM replica WHERE storage = ? AND entry = ?", (storage, one.row)
            ).fetchone()
            path = known[0] if is_taken and known is not None else one.path
            values = (*_values(one.version), one.problem, one.pause_s, now_s, one.row)
            db.execute(_MOVED, (one.row, storage, path))
            db.execute(query, (storage, path, *values))


def doubt(index: SpaceIndex, storage: StorageId, rows: Sequence[int]) -> None:
    """Count on copies no more until they were checked again; where they are stays known."""
    with index.database.writing() as db:
        query = "UPDATE replica SET checked = NULL, sha256 = NULL WHERE storage = ? AND entry = ?"
        db.executemany(query, [(storage, row) for row in rows])


def suspect(index: SpaceIndex, storage: StorageId, rows: Sequence[int]) -> None:
    """Count on copies no more that are not as they were when they were checked, until they were read back or made anew."""
    with index.database.writing() as db:
        query = "UPDATE replica SET checked = 0 WHERE storage = ? AND entry = ? AND checked IS NOT NULL"
        db.executemany(query, [(storage, row) for row in rows])


def check_again(index: SpaceIndex, storage: StorageId) -> None:
    """Count on no copy on a storage until it was found to be right once more: what it lay in was gone."""
    with index.database.writing() as db:
        db.execute("UPDATE replica SET checked = 0 WHERE storage = ? AND checked IS NOT NULL", (storage,))


def registered(index: SpaceIndex, row: int) -> tuple[str, Version] | None:
    """Return where a file is and its state, as registered now; None if it is not."""
    entry = index.get(row)
    if entry is None:
        return None
    with index.database.reading() as db:
        found = db.execute(f"SELECT {_KEYS} FROM entry WHERE id = ?", (row,)).fetchone()
    return None if found is None else (index.path(entry), Version(*found))


def rows_below(index: SpaceIndex, top: int) -> set[int]:
    """Return the rows of a file, or of all files below a directory."""
    query = f"{_BELOW} SELECT id FROM below" if top != ROOT else "SELECT id FROM entry WHERE ?1 > 0"
    with index.database.reading() as db:
        return {row[0] for row in db.execute(query, (top,))}


def drop(index: SpaceIndex, storage: StorageId, replica: Replica) -> None:
    """Forget a copy that is not there any more."""
    with index.database.writing() as db:
        db.execute("DELETE FROM replica WHERE storage = ? AND entry = ?", (storage, replica.row))
        db.execute("DELETE FROM replica_left WHERE storage = ? AND path = ?", (storage, replica.path))


def leave(index: SpaceIndex, storage: StorageId) -> None:
    """Count on no copy on a storage any more; where they were stays known, so that they can be removed."""
    with index.database.writing() as db:
        db.execute("DELETE FROM replica WHERE storage = ?", (storage,))


def uploads(index: SpaceIndex, storage: StorageId) -> frozenset[str]:
    """Return the ids of the uploads to a storage that are under way."""
    query = "SELECT upload FROM replica WHERE storage = ? AND upload IS NOT NULL"
    with index.database.reading() as db:
        return frozenset(msgspec.json.decode(row[0], type=Upload).id for row in db.execute(query, (storage,)))


def _values(version: Version) -> tuple[int, int, int, int]:
    return version.size_bytes, version.mtime_ns, version.ctime_ns, version.inode


def _replica(row: sqlite3.Row) -> Replica:
    version = Version(row["size"], row["mtime_ns"], row["ctime_ns"], row["inode"])
    own = None if row["own_inode"] is None else Own(row["own_mtime_ns"], row["own_ctime_ns"], row["own_inode"])
    return Replica(row["entry"], row["path"], version, row["sha256"] or b"", row["method"] or "", row["md5"], own)
