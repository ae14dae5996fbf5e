"""The schema of what goes beyond Onedata's invites and shares."""

from __future__ import annotations

__all__ = ["SHARING", "SUMMARIES"]

# An invite's target stands in its token's identifier, "…/ujg:TARGET:/…".
# Whoever stops being a member, however that comes, came in through nothing any more: hence the triggers.
SHARING = """
CREATE TABLE invite_note (
    token TEXT PRIMARY KEY REFERENCES named_token ON DELETE CASCADE, label TEXT NOT NULL, made_by TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX named_token_target ON named_token (
    substr(identifier, instr(identifier, ':') + 1, instr(substr(identifier, instr(identifier, ':') + 1), ':') - 1)
);
CREATE TABLE joined_through (
    kind TEXT NOT NULL, parent TEXT NOT NULL, child TEXT NOT NULL, token TEXT NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (kind, parent, child)
) WITHOUT ROWID;
CREATE INDEX joined_through_token ON joined_through (token);
CREATE TRIGGER left_group_user AFTER DELETE ON group_user BEGIN
    DELETE FROM joined_through WHERE kind = 'group_user' AND parent = OLD.parent AND child = OLD.child; END;
CREATE TRIGGER left_group_group AFTER DELETE ON group_group BEGIN
    DELETE FROM joined_through WHERE kind = 'group_group' AND parent = OLD.parent AND child = OLD.child; END;
CREATE TRIGGER left_space_user AFTER DELETE ON space_user BEGIN
    DELETE FROM joined_through WHERE kind = 'space_user' AND parent = OLD.parent AND child = OLD.child; END;
CREATE TRIGGER left_space_group AFTER DELETE ON space_group BEGIN
    DELETE FROM joined_through WHERE kind = 'space_group' AND parent = OLD.parent AND child = OLD.child; END;

CREATE TABLE space_rule (
    space TEXT PRIMARY KEY REFERENCES space ON DELETE CASCADE, audience TEXT NOT NULL, from_s INTEGER, until_s INTEGER
) WITHOUT ROWID;
CREATE TABLE share_rule (
    share TEXT PRIMARY KEY REFERENCES share ON DELETE CASCADE, audience TEXT NOT NULL DEFAULT 'public', from_s INTEGER,
    until_s INTEGER, label TEXT NOT NULL DEFAULT '', opened INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0,
    told INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
"""

# What a person's list of datasets says, without a look into each space; `words` is what a search looks through.
# An address that was given to somebody who is signed in ends with their session.
SUMMARIES = """
CREATE TABLE space_summary (
    space TEXT PRIMARY KEY REFERENCES space ON DELETE CASCADE, title TEXT NOT NULL, state TEXT NOT NULL, facility TEXT NOT NULL,
    instrument TEXT NOT NULL, files INTEGER NOT NULL, size_bytes INTEGER NOT NULL, newest_s INTEGER, words TEXT NOT NULL
) WITHOUT ROWID;
ALTER TABLE download_session ADD COLUMN session TEXT REFERENCES session ON DELETE CASCADE;
CREATE INDEX download_session_session ON download_session (session);
"""
