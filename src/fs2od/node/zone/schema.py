"""The schema of `zone.db`: everything but the files."""

from __future__ import annotations

from fs2od.mail import OUTBOX_SCHEMA_SQL
from fs2od.node.zone.activity_schema import ACTIVITY
from fs2od.node.zone.devices_schema import DEVICES
from fs2od.node.zone.sharing_schema import SHARING, SUMMARIES
from fs2od.node.zone.sites_schema import (
    CLEARANCES,
    CLUSTERS,
    NETWORKS,
    RESULTS,
    RESULTS_TOTAL,
    ROOTS,
    SITES,
    SUPPORT,
    TROUBLES,
    WISHES,
    WISHES_OF_EACH,
)
from fs2od.sqlite import Schema

__all__ = ["ZONE_SCHEMA"]

_FIRST = """
CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE user (
    id TEXT PRIMARY KEY, full_name TEXT NOT NULL, username TEXT UNIQUE, emails TEXT NOT NULL DEFAULT '[]',
    blocked INTEGER NOT NULL DEFAULT 0, token_generation INTEGER NOT NULL DEFAULT 1, created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE user_privilege (user TEXT NOT NULL REFERENCES user ON DELETE CASCADE, privilege TEXT NOT NULL, PRIMARY KEY (user, privilege)) WITHOUT ROWID;
CREATE TABLE cluster_user (cluster TEXT NOT NULL, user TEXT NOT NULL REFERENCES user ON DELETE CASCADE, privileges TEXT NOT NULL, PRIMARY KEY (cluster, user)) WITHOUT ROWID;

CREATE TABLE user_group (id TEXT PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, creator TEXT, created INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE group_user (
    parent TEXT NOT NULL REFERENCES user_group ON DELETE CASCADE, child TEXT NOT NULL REFERENCES user ON DELETE CASCADE,
    privileges TEXT NOT NULL, PRIMARY KEY (parent, child)
) WITHOUT ROWID;
CREATE INDEX group_user_child ON group_user (child);
CREATE TABLE group_group (
    parent TEXT NOT NULL REFERENCES user_group ON DELETE CASCADE, child TEXT NOT NULL REFERENCES user_group ON DELETE CASCADE,
    privileges TEXT NOT NULL, PRIMARY KEY (parent, child)
) WITHOUT ROWID;
CREATE INDEX group_group_child ON group_group (child);

CREATE TABLE space (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, description TEXT NOT NULL DEFAULT '', organization TEXT NOT NULL DEFAULT '',
    tags TEXT NOT NULL DEFAULT '[]', creator TEXT, created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE space_user (
    parent TEXT NOT NULL REFERENCES space ON DELETE CASCADE, child TEXT NOT NULL REFERENCES user ON DELETE CASCADE,
    privileges TEXT NOT NULL, PRIMARY KEY (parent, child)
) WITHOUT ROWID;
CREATE INDEX space_user_child ON space_user (child);
CREATE TABLE space_group (
    parent TEXT NOT NULL REFERENCES space ON DELETE CASCADE, child TEXT NOT NULL REFERENCES user_group ON DELETE CASCADE,
    privileges TEXT NOT NULL, PRIMARY KEY (parent, child)
) WITHOUT ROWID;
CREATE INDEX space_group_child ON space_group (child);

CREATE TABLE share (
    id TEXT PRIMARY KEY, space TEXT NOT NULL REFERENCES space ON DELETE CASCADE, name TEXT NOT NULL, description TEXT NOT NULL DEFAULT '',
    root_uuid TEXT NOT NULL, root_type TEXT NOT NULL, creator TEXT, created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX share_space ON share (space);

CREATE TABLE named_token (
    id TEXT PRIMARY KEY, user TEXT NOT NULL REFERENCES user ON DELETE CASCADE, name TEXT NOT NULL, identifier TEXT NOT NULL,
    caveats TEXT NOT NULL, revoked INTEGER NOT NULL DEFAULT 0, usage_limit INTEGER, usage_count INTEGER NOT NULL DEFAULT 0,
    privileges TEXT, custom TEXT NOT NULL DEFAULT '{}', created INTEGER NOT NULL, UNIQUE (user, name)
) WITHOUT ROWID;

CREATE TABLE provider (
    id TEXT PRIMARY KEY, cluster TEXT NOT NULL UNIQUE, name TEXT NOT NULL, domain TEXT NOT NULL, created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE storage (
    id TEXT PRIMARY KEY, provider TEXT NOT NULL REFERENCES provider, name TEXT NOT NULL, type TEXT NOT NULL, mount_point TEXT NOT NULL,
    imported INTEGER NOT NULL, readonly INTEGER NOT NULL, qos TEXT NOT NULL DEFAULT '{}', created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE support (
    space TEXT NOT NULL REFERENCES space ON DELETE CASCADE, provider TEXT NOT NULL REFERENCES provider, storage TEXT NOT NULL REFERENCES storage,
    size INTEGER NOT NULL, import_mode TEXT, import_config TEXT, dir_stats INTEGER NOT NULL DEFAULT 1, accounting INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL, PRIMARY KEY (space, provider)
) WITHOUT ROWID;
CREATE INDEX support_storage ON support (storage);

CREATE TABLE qos_requirement (
    id TEXT PRIMARY KEY, space TEXT NOT NULL REFERENCES space ON DELETE CASCADE, file_uuid TEXT NOT NULL,
    expression TEXT NOT NULL, replicas INTEGER NOT NULL, created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX qos_requirement_space ON qos_requirement (space);

CREATE TABLE transfer (
    id TEXT PRIMARY KEY, space TEXT NOT NULL REFERENCES space ON DELETE CASCADE, document TEXT NOT NULL, ended INTEGER NOT NULL, created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX transfer_space ON transfer (space, created);

CREATE TABLE audit (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, user TEXT, action TEXT NOT NULL, subject TEXT NOT NULL, details TEXT NOT NULL DEFAULT '{}');
"""

# Paths begin with a space's name, and there are thousands of spaces.
_SPACE_NAMES = "CREATE INDEX space_name ON space (name);"

# Of an address only a hash is kept. Paths are a JSON list, `used` is when its last byte left.
_DOWNLOAD_SESSIONS = """
CREATE TABLE download_session (
    digest BLOB PRIMARY KEY, share TEXT NOT NULL REFERENCES share ON DELETE CASCADE, format TEXT NOT NULL, state TEXT NOT NULL,
    paths TEXT NOT NULL, used INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX download_session_used ON download_session (used);
CREATE INDEX download_session_share ON download_session (share);
"""

# Of cookies, states and browsers only hashes are kept; a link's secret is derived from its id and the key file.
_ACCOUNTS = f"""
ALTER TABLE user ADD COLUMN language TEXT NOT NULL DEFAULT '';
CREATE TABLE identity (
    id TEXT PRIMARY KEY, user TEXT NOT NULL REFERENCES user ON DELETE CASCADE, kind TEXT NOT NULL, issuer TEXT NOT NULL, subject TEXT NOT NULL,
    address TEXT NOT NULL, created INTEGER NOT NULL, used INTEGER, UNIQUE (kind, issuer, subject)
) WITHOUT ROWID;
CREATE INDEX identity_user ON identity (user);
CREATE TABLE identity_grant (
    identity TEXT NOT NULL REFERENCES identity ON DELETE CASCADE, kind TEXT NOT NULL, target TEXT NOT NULL, PRIMARY KEY (identity, kind, target)
) WITHOUT ROWID;
CREATE TABLE session (
    id TEXT PRIMARY KEY, user TEXT NOT NULL REFERENCES user ON DELETE CASCADE, digest BLOB NOT NULL UNIQUE, previous BLOB UNIQUE,
    renewed INTEGER NOT NULL, created INTEGER NOT NULL, used INTEGER NOT NULL, browser TEXT NOT NULL, address TEXT NOT NULL
);
CREATE INDEX session_user ON session (user);
CREATE TABLE sign_in_link (
    id TEXT PRIMARY KEY, address TEXT NOT NULL, user TEXT REFERENCES user ON DELETE CASCADE, target TEXT NOT NULL, invited INTEGER NOT NULL,
    until INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sign_in_link_until ON sign_in_link (until);
CREATE TABLE sign_in_flow (
    digest BLOB PRIMARY KEY, provider TEXT NOT NULL, browser BLOB NOT NULL, user TEXT REFERENCES user ON DELETE CASCADE, target TEXT NOT NULL,
    invited INTEGER NOT NULL, until INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sign_in_flow_until ON sign_in_flow (until);
{OUTBOX_SCHEMA_SQL}
"""

# What spaces with results say of their origins; see fs2od.node.zone.provenance.
_PROVENANCE = """
CREATE TABLE derivation (
    results TEXT NOT NULL REFERENCES space ON DELETE CASCADE, dataset TEXT NOT NULL REFERENCES space ON DELETE CASCADE, noted INTEGER NOT NULL,
    PRIMARY KEY (results, dataset)
) WITHOUT ROWID;
CREATE INDEX derivation_dataset ON derivation (dataset, noted);
"""

# What was found out of two buckets of the same name, and where they were then; see fs2od.node.replication.neighbours.
_NEIGHBOURS = """
CREATE TABLE neighbour (
    one TEXT NOT NULL REFERENCES storage ON DELETE CASCADE, other TEXT NOT NULL REFERENCES storage ON DELETE CASCADE,
    places TEXT NOT NULL, is_same INTEGER NOT NULL, PRIMARY KEY (one, other)
) WITHOUT ROWID;
"""

ZONE_SCHEMA = Schema(
    "zone",
    (
        _FIRST,
        _SPACE_NAMES,
        _DOWNLOAD_SESSIONS,
        _ACCOUNTS,
        SHARING,
        SUMMARIES,
        SITES,
        ACTIVITY,
        SUPPORT,
        DEVICES,
        _PROVENANCE,
        RESULTS,
        NETWORKS,
        WISHES,
        TROUBLES,
        CLUSTERS,
        WISHES_OF_EACH,
        CLEARANCES,
        RESULTS_TOTAL,
        _NEIGHBOURS,
        ROOTS,
    ),
)
