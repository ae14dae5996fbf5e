"""The schema of what happened to datasets."""

from __future__ import annotations

__all__ = ["ACTIVITY"]

# What is taken is added up: one row for each space, day, and person or link. Empty words stand for nobody and no link.
ACTIVITY = """
CREATE TABLE activity (
    id INTEGER PRIMARY KEY, space TEXT NOT NULL REFERENCES space ON DELETE CASCADE, at INTEGER NOT NULL, day INTEGER, kind TEXT NOT NULL,
    actor TEXT NOT NULL DEFAULT '', share TEXT NOT NULL DEFAULT '', subject TEXT NOT NULL DEFAULT '', bytes INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX activity_space ON activity (space, at, id);
CREATE UNIQUE INDEX activity_taken ON activity (space, day, actor, share) WHERE kind = 'downloaded';
"""
