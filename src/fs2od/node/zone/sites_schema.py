"""The schema of further sites: where they answer, and what their storages need."""

from __future__ import annotations

__all__ = ["SITES"]

# A site's host is empty where it is the node's own, its port 0 where any free one does. A support's place tells which
# came first, for bytes come from there.
SITES = """
ALTER TABLE provider ADD COLUMN host TEXT NOT NULL DEFAULT '';
ALTER TABLE provider ADD COLUMN port INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX provider_name ON provider (name);
ALTER TABLE support ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
ALTER TABLE storage ADD COLUMN details TEXT NOT NULL DEFAULT '{}';
ALTER TABLE storage ADD COLUMN secret BLOB;
"""
