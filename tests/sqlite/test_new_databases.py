"""A new database is made at once, an older one step by step: both are the very same."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from fs2od.facility.journal import JOURNAL_SCHEMA
from fs2od.node.index.schema import INDEX_SCHEMA
from fs2od.node.zone.schema import ZONE_SCHEMA
from fs2od.sqlite import Database, Schema

ODD = Schema(
    "odd",
    (
        "CREATE TABLE thing (id INTEGER PRIMARY KEY AUTOINCREMENT, said BLOB); INSERT INTO thing (said) VALUES (x'00ff'), ('a;''b\n')",
        "DELETE FROM thing WHERE id = 2; ALTER TABLE thing ADD COLUMN seen REAL NOT NULL DEFAULT 0.1",
        "CREATE TRIGGER sees AFTER INSERT ON thing BEGIN UPDATE thing SET seen = 1; SELECT 1; END",
        "CREATE VIEW seen AS SELECT id FROM thing WHERE seen > 0; CREATE INDEX thing_seen ON thing (seen); INSERT INTO thing (said) VALUES (NULL)",
    ),
)


@pytest.mark.parametrize("schema", [ZONE_SCHEMA, INDEX_SCHEMA, JOURNAL_SCHEMA, ODD], ids=lambda schema: schema.name)
def test_a_new_database_is_the_same_as_one_that_took_every_step(schema: Schema, tmp_path: Path) -> None:
    for version in range(1, schema.version + 1):
        Database(tmp_path / "old.db", Schema(schema.name, schema.steps[:version])).close()
    Database(tmp_path / "new.db", schema).close()
    assert _everything(tmp_path / "new.db") == _everything(tmp_path / "old.db")


def _everything(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return what a database holds by where it stands: versions, definitions, and the columns and rows of each table."""
    with closing(sqlite3.connect(path)) as db:
        held = {
            pragma: db.execute(f"PRAGMA {pragma}").fetchall()
            for pragma in ("user_version", "journal_mode", "page_size")
        }
        held["definitions"] = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()
        for kind, name, *_ in held["definitions"]:
            if kind in ("table", "view"):
                held[f"columns of {name}"] = db.execute(f"PRAGMA table_xinfo({name})").fetchall()
                held[f"rows of {name}"] = db.execute(f"SELECT * FROM {name}").fetchall()
    return held
