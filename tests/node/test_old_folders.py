"""A node's data folder that an older fs2od wrote: it opens, and what it says still holds."""

from __future__ import annotations

import json
from pathlib import Path

from fs2od.node.running import open_node
from fs2od.node.settings import NodeSettings
from fs2od.node.zone.schema import ZONE_SCHEMA
from fs2od.onedata import privileges
from fs2od.onedata.ids import ProviderId, UserId
from fs2od.sqlite import Database, Schema

BEFORE_SITE_PAGES = 12
"""The zone's schema before sites had pages, wishes and members by Onedata's calls."""
DISK, SPACE = "d" * 32, "e" * 32
USER, SITE, CLUSTER = UserId("a" * 32), ProviderId("b" * 32), "c" * 32


def test_sites_their_offers_and_their_administrators_are_as_they_were(tmp_path: Path) -> None:
    old = Database(tmp_path / "zone.db", Schema(ZONE_SCHEMA.name, ZONE_SCHEMA.steps[:BEFORE_SITE_PAGES]))
    held = json.dumps(sorted(privileges.CLUSTER_ADMIN))
    with old.writing() as db:
        db.execute("INSERT INTO user (id, full_name, created) VALUES (?, 'Ada Local', 1)", (USER,))
        db.execute(
            "INSERT INTO provider (id, cluster, name, domain, created) VALUES (?, ?, 'centre', 'centre.test', 1)",
            (SITE, CLUSTER),
        )
        db.execute("INSERT INTO cluster_user (cluster, user, privileges) VALUES (?, ?, ?)", (CLUSTER, USER, held))
        db.execute("INSERT INTO offer VALUES (?, 1, 1000000, 'fast scratch', NULL)", (SITE,))
        db.execute(
            "INSERT INTO storage VALUES (?, ?, 'disk', 'posix', '/disk', 0, 0, '{}', 1, '{}', NULL)", (DISK, SITE)
        )
        db.execute("INSERT INTO space (id, name, created) VALUES (?, 'means', 1)", (SPACE,))
        db.execute(
            "INSERT INTO support (space, provider, storage, size, created) VALUES (?, ?, ?, 700000, 1)",
            (SPACE, SITE, DISK),
        )
        db.execute("INSERT INTO results VALUES (?, ?)", (SPACE, USER))
    old.close()
    with open_node(NodeSettings(tmp_path, "zone.test", "provider.test")) as node:
        zone = node.zone
        assert zone.rights.cluster_privileges(USER, CLUSTER) == privileges.CLUSTER_ADMIN
        assert [each.name for each in zone.providers.of_member(USER)] == ["centre"]
        offer = zone.offers.of(SITE)
        assert (offer.accepts, offer.largest_bytes, offer.hint, offer.networks) == (True, 1_000_000, "fast scratch", ())
        room = zone.results.room(SITE)
        assert (room.total_bytes, room.granted_bytes, room.most_bytes) == (1_000_000, 700_000, 0)
