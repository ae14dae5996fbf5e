"""The schema of further sites: where they answer, what their storages need, what they offer and are asked for."""

from __future__ import annotations

__all__ = [
    "CLEARANCES",
    "CLUSTERS",
    "NETWORKS",
    "RESULTS",
    "RESULTS_TOTAL",
    "ROOTS",
    "SITES",
    "SUPPORT",
    "TROUBLES",
    "WISHES",
    "WISHES_OF_EACH",
]

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

SUPPORT = """
CREATE TABLE offer (
    provider TEXT PRIMARY KEY REFERENCES provider ON DELETE CASCADE, accepts INTEGER NOT NULL, largest INTEGER, hint TEXT NOT NULL,
    results_storage TEXT REFERENCES storage ON DELETE SET NULL
) WITHOUT ROWID;
CREATE TABLE support_request (
    id TEXT PRIMARY KEY, space TEXT NOT NULL REFERENCES space ON DELETE CASCADE, provider TEXT NOT NULL REFERENCES provider ON DELETE CASCADE,
    user TEXT NOT NULL REFERENCES user ON DELETE CASCADE, size INTEGER NOT NULL, note TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'waiting',
    answer TEXT NOT NULL DEFAULT '', created INTEGER NOT NULL, answered INTEGER
) WITHOUT ROWID;
CREATE INDEX support_request_space ON support_request (space);
CREATE INDEX support_request_provider ON support_request (provider, state);
"""

# Spaces that were made for the results of jobs, so that nobody has too many. Where they come from: fs2od.node.zone.provenance.
RESULTS = """
CREATE TABLE results (
    space TEXT PRIMARY KEY REFERENCES space ON DELETE CASCADE, user TEXT NOT NULL REFERENCES user ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX results_user ON results (user);
"""

# How much a site has for results in all, and at which site each space of results was made.
RESULTS_TOTAL = """
ALTER TABLE offer ADD COLUMN results_total INTEGER;
ALTER TABLE results ADD COLUMN provider TEXT;
UPDATE results SET provider = (SELECT provider FROM support WHERE support.space = results.space ORDER BY place LIMIT 1);
CREATE INDEX results_provider ON results (provider);
"""

# Where the machines of a site are, separated by spaces.
NETWORKS = "ALTER TABLE offer ADD COLUMN networks TEXT NOT NULL DEFAULT '';"

# Who wants which space to be where: see fs2od.node.provider.wishes. Without a provider it is whichever site supports the
# space next, after the one whose place is `after`; the requirement comes with the support, `told` is when the letter was
# written that all is there.
WISHES = """
CREATE TABLE wish (
    id TEXT PRIMARY KEY, space TEXT NOT NULL REFERENCES space ON DELETE CASCADE, provider TEXT REFERENCES provider ON DELETE CASCADE,
    user TEXT NOT NULL REFERENCES user ON DELETE CASCADE, requirement TEXT REFERENCES qos_requirement ON DELETE CASCADE,
    created INTEGER NOT NULL, after INTEGER NOT NULL, told INTEGER, UNIQUE (space, provider)
) WITHOUT ROWID;
CREATE INDEX wish_requirement ON wish (requirement);
"""

# Since when something is in the way of a wish, and when its person was told of that.
TROUBLES = """
ALTER TABLE wish ADD COLUMN troubled INTEGER;
ALTER TABLE wish ADD COLUMN warned INTEGER;
"""

# Several people may want a space at one site: their wishes share one requirement, and each gets a letter.
WISHES_OF_EACH = """
CREATE TABLE wish_of_each (
    id TEXT PRIMARY KEY, space TEXT NOT NULL REFERENCES space ON DELETE CASCADE, provider TEXT REFERENCES provider ON DELETE CASCADE,
    user TEXT NOT NULL REFERENCES user ON DELETE CASCADE, requirement TEXT REFERENCES qos_requirement ON DELETE CASCADE,
    created INTEGER NOT NULL, after INTEGER NOT NULL, told INTEGER, troubled INTEGER, warned INTEGER, UNIQUE (space, provider, user)
) WITHOUT ROWID;
INSERT INTO wish_of_each SELECT id, space, provider, user, requirement, created, after, told, troubled, warned FROM wish;
DROP TABLE wish;
ALTER TABLE wish_of_each RENAME TO wish;
CREATE INDEX wish_requirement ON wish (requirement);
"""

# Folders of spaces that are to be removed from storages: see fs2od.node.panel.clearances. The space may be gone, and with it
# whoever knows its name. What lies `left_at_home` is never removed, whichever storage leads there.
CLEARANCES = """
CREATE TABLE clearance (
    storage TEXT NOT NULL REFERENCES storage ON DELETE CASCADE, space TEXT NOT NULL, name TEXT NOT NULL, begun INTEGER NOT NULL,
    not_before INTEGER NOT NULL, removed INTEGER NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0, problem TEXT,
    PRIMARY KEY (storage, space)
) WITHOUT ROWID;
CREATE TABLE left_at_home (place TEXT NOT NULL, space TEXT NOT NULL, PRIMARY KEY (place, space)) WITHOUT ROWID;
"""

# Which directory a storage is: see fs2od.storage.Root. Empty for buckets, and for what was not noted yet.
ROOTS = "ALTER TABLE storage ADD COLUMN root TEXT NOT NULL DEFAULT '';"

# The members of clusters are kept as those of groups and spaces are.
CLUSTERS = """
ALTER TABLE cluster_user RENAME COLUMN cluster TO parent;
ALTER TABLE cluster_user RENAME COLUMN user TO child;
"""
