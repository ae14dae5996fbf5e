"""The schema of `spaces/<id>.db`."""

from __future__ import annotations

from fs2od.sqlite import Schema

__all__ = ["INDEX_SCHEMA", "ROOT"]

ROOT = 1
"""The row of the space's root directory."""

# No foreign key on `parent`: it would cost a look-up per registered file, and whole folders are removed in steps anyway.
_FIRST = """
CREATE TABLE entry (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never used twice, so that an old file id never names another file
    parent INTEGER,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    size INTEGER NOT NULL,                 -- of a directory: the sum below it
    files INTEGER NOT NULL DEFAULT 0,      -- of a directory: the plain files below it
    mode INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    ctime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    target TEXT,
    created INTEGER NOT NULL
);
CREATE UNIQUE INDEX entry_parent_name ON entry (parent, name);

-- What scans remember of a directory: its times before it was last listed, when that was, and when something in it was last new.
CREATE TABLE folder (
    entry INTEGER PRIMARY KEY REFERENCES entry ON DELETE CASCADE,
    parent INTEGER,
    mtime_ns INTEGER NOT NULL DEFAULT 0,
    ctime_ns INTEGER NOT NULL DEFAULT 0,
    inode INTEGER NOT NULL DEFAULT 0,
    listed INTEGER NOT NULL DEFAULT 0,
    changed INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX folder_parent ON folder (parent);

INSERT INTO entry (id, parent, name, kind, size, mode, mtime_ns, ctime_ns, inode, created)
    VALUES (1, NULL, '', 'DIR', 0, 509, 0, 0, 0, 0);
INSERT INTO folder (entry, parent) VALUES (1, NULL);

CREATE TABLE undeliverable (
    folder INTEGER NOT NULL REFERENCES entry ON DELETE CASCADE, name TEXT NOT NULL, reason TEXT NOT NULL, scan INTEGER NOT NULL,
    PRIMARY KEY (folder, name)
) WITHOUT ROWID;

CREATE TABLE scan (
    id INTEGER PRIMARY KEY AUTOINCREMENT, status TEXT NOT NULL, problem TEXT, started INTEGER, stopped INTEGER,
    created_files INTEGER NOT NULL DEFAULT 0, modified_files INTEGER NOT NULL DEFAULT 0, deleted_files INTEGER NOT NULL DEFAULT 0,
    unmodified_files INTEGER NOT NULL DEFAULT 0, failed_files INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE metadata (
    entry INTEGER NOT NULL REFERENCES entry ON DELETE CASCADE, kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY (entry, kind, key)
) WITHOUT ROWID;
"""

# No times of the inode in `checksum` where the facility's sidecar said it: there size and modification time decide, as for
# every reader of the sidecar. What was read here is bound to the inode as well.
_CHECKSUMS = """
CREATE TABLE checksum (
    entry INTEGER PRIMARY KEY REFERENCES entry ON DELETE CASCADE,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER, inode INTEGER,
    sha256 BLOB, crc32 INTEGER NOT NULL, piece_bytes INTEGER NOT NULL DEFAULT 0, pieces BLOB NOT NULL DEFAULT x''
);

-- What the sidecar says of paths that are not registered yet.
CREATE TABLE checksum_ahead (
    path TEXT PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    sha256 BLOB NOT NULL, crc32 INTEGER NOT NULL, piece_bytes INTEGER NOT NULL, pieces BLOB NOT NULL
) WITHOUT ROWID;

-- The sidecar's parts that were taken in.
CREATE TABLE manifest_part (entry INTEGER PRIMARY KEY REFERENCES entry ON DELETE CASCADE);
"""

# Rows at the end of an index are sorted as well: these serve pages by size and time from any place on, and are small.
_ORDERS = """
CREATE INDEX entry_parent_size ON entry (parent, size);
CREATE INDEX entry_parent_mtime ON entry (parent, mtime_ns);
"""

# What is under way on the storage: see fs2od.node.index.changes.
_NOTES = """
CREATE TABLE note (id INTEGER PRIMARY KEY, path TEXT, source TEXT, entry INTEGER);
"""

# Copies on other storages than the one that holds the space: see fs2od.node.index.replicas. One path of a storage is one
# file's copy: whoever is written there last has it.
_REPLICAS = """
CREATE TABLE replica (
    entry INTEGER NOT NULL REFERENCES entry ON DELETE CASCADE, storage TEXT NOT NULL, path TEXT NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL, inode INTEGER NOT NULL,  -- of the file that was copied
    sha256 BLOB, md5 TEXT, checked INTEGER, method TEXT,  -- of the copy: what the store said of it, when and how it was found right
    upload TEXT,                                  -- under way
    problem TEXT, tries INTEGER NOT NULL DEFAULT 0, not_before INTEGER NOT NULL DEFAULT 0,
    noted INTEGER,                                -- when it was copied, or could not be
    PRIMARY KEY (entry, storage)
) WITHOUT ROWID;
CREATE UNIQUE INDEX replica_path ON replica (storage, path);

-- Copies whose file is gone, or lies elsewhere by now, or that are wanted no more.
CREATE TABLE replica_left (storage TEXT NOT NULL, path TEXT NOT NULL, PRIMARY KEY (storage, path)) WITHOUT ROWID;
CREATE TRIGGER replica_leaves AFTER DELETE ON replica BEGIN
    INSERT OR IGNORE INTO replica_left VALUES (old.storage, old.path);
END;
"""

# Times and inode of the copy itself when it was checked; of those that were checked before, at their next look.
_OWN_FACTS = """
ALTER TABLE replica ADD COLUMN own_mtime_ns INTEGER;
ALTER TABLE replica ADD COLUMN own_ctime_ns INTEGER;
ALTER TABLE replica ADD COLUMN own_inode INTEGER;
"""

# Files that arrive in parts: see fs2od.node.index.arrivals. What has arrived takes room already.
_ARRIVALS = """
CREATE TABLE arrival (
    entry INTEGER PRIMARY KEY REFERENCES entry ON DELETE CASCADE,
    storage TEXT NOT NULL, upload TEXT NOT NULL, arrived INTEGER NOT NULL DEFAULT 0,
    moved INTEGER NOT NULL                        -- when the last part arrived
);
CREATE TABLE arrival_part (
    entry INTEGER NOT NULL REFERENCES arrival ON DELETE CASCADE, number INTEGER NOT NULL, sha256 BLOB NOT NULL, md5 BLOB NOT NULL,
    PRIMARY KEY (entry, number)
) WITHOUT ROWID;
"""

# What links do not show by its name: few, and counted by every page.
_CLOSED = """
CREATE TABLE closed_name (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE INDEX entry_closed ON entry (id) WHERE kind = 'REG' AND mode & 4 = 0;
"""

# The inode of what stood under a file's name when its upload began to be ended, 0 for nothing; NULL before that.
_ENDINGS = """
ALTER TABLE arrival ADD COLUMN replaces INTEGER;
"""

# What is not on a storage though it is noted: at a home that inherited a dataset, what is lost. Few, and asked for at each file.
_UNCHECKED = """
CREATE INDEX replica_unchecked ON replica (storage) WHERE ifnull(checked, 0) = 0;
"""

INDEX_SCHEMA = Schema(
    "space", (_FIRST, _CHECKSUMS, _ORDERS, _NOTES, _REPLICAS, _OWN_FACTS, _ARRIVALS, _CLOSED, _ENDINGS, _UNCHECKED)
)
