"""The schema of facility.db: datasets, their history, wishes of the operator, what the facility knows of itself, the outbox."""

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

JOURNAL_SCHEMA = Schema("facility journal", [_FIRST + OUTBOX_SCHEMA_SQL])
"""Everything in facility.db."""
