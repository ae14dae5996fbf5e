"""The schema of machines that wait to be signed in. Of codes only what they are known by is kept."""

from __future__ import annotations

__all__ = ["DEVICES"]

DEVICES = """
CREATE TABLE device (
    digest BLOB PRIMARY KEY, code BLOB NOT NULL UNIQUE, name TEXT NOT NULL, caveats TEXT NOT NULL, address TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting', user TEXT REFERENCES user ON DELETE CASCADE, begun INTEGER NOT NULL, until INTEGER NOT NULL,
    interval INTEGER NOT NULL, asked INTEGER
) WITHOUT ROWID;
"""
