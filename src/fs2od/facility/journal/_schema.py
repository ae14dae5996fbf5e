"""The schema of facility.db: datasets, their history, wishes of the operator, the outbox, checksums."""

from __future__ import annotations

from fs2od.mail import OUTBOX_SCHEMA_SQL
from fs2od.sqlite import Schema

__all__ = ["JOURNAL_SCHEMA"]

_FIRST = """
CREATE TABLE dataset (
    id INTEGER PRIMARY KEY,
    root TEXT NOT NULL,
    relative TEXT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    record BLOB NOT NULL,
    UNIQUE (root, relative)
) STRICT;
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    dataset INTEGER NOT NULL REFERENCES dataset (id) ON DELETE CASCADE,
    at_us INTEGER NOT NULL,
    kind TEXT NOT NULL,
    said TEXT NOT NULL
) STRICT;
CREATE INDEX event_of_dataset ON event (dataset, id);
CREATE TABLE wish (
    id INTEGER PRIMARY KEY,
    dataset INTEGER NOT NULL REFERENCES dataset (id) ON DELETE CASCADE,
    at_us INTEGER NOT NULL
) STRICT;
CREATE TABLE known (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""

_CHECKSUMS = """
CREATE TABLE sidecar (
    dataset INTEGER PRIMARY KEY REFERENCES dataset (id) ON DELETE CASCADE,
    taken_over INTEGER NOT NULL DEFAULT 0, -- whether parts of an earlier journal were looked for
    sealed_parts INTEGER NOT NULL DEFAULT 0, -- how many parts the last seal spoke for; 0: never sealed
    checked_at_us INTEGER, -- when the last look at every file of the complete dataset began
    trouble TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE TABLE part (
    dataset INTEGER NOT NULL REFERENCES dataset (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    files INTEGER NOT NULL,
    finished INTEGER NOT NULL, -- 0: begun, and perhaps published
    PRIMARY KEY (dataset, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE hashed (
    dataset INTEGER NOT NULL REFERENCES dataset (id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    inode INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    crc32 INTEGER NOT NULL,
    pieces BLOB NOT NULL,
    part INTEGER NOT NULL, -- the part that says what this row says; 0: it waits for one
    listed INTEGER NOT NULL, -- whether any part names the path
    gone INTEGER NOT NULL,
    PRIMARY KEY (dataset, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX hashed_of_part ON hashed (dataset, part, gone);
"""

# What was last heard of the sites that support a dataset: see fs2od.facility._whereabouts.
_WHEREABOUTS = """
CREATE TABLE whereabouts (
    dataset INTEGER PRIMARY KEY REFERENCES dataset (id) ON DELETE CASCADE,
    at_us INTEGER NOT NULL,
    sites BLOB NOT NULL
) STRICT;
"""

# A Wish: see fs2od.facility.journal._records.
_WISHES = """
ALTER TABLE wish ADD COLUMN kind TEXT NOT NULL DEFAULT 'retry';
"""

JOURNAL_SCHEMA = Schema("facility journal", (_FIRST + OUTBOX_SCHEMA_SQL, _CHECKSUMS, _WHEREABOUTS, _WISHES))
"""Everything in facility.db."""
