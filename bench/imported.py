"""A folder imported by a node and shared, for programs whose memory and processor time are measured."""

from __future__ import annotations

import time
from pathlib import Path

from fs2od.node.provider.access import Located
from fs2od.node.running import Node
from fs2od.node.zone.callers import Caller
from fs2od.onedata.ids import ShareId

__all__ = ["imported_share"]

_LONGEST_S = 600
_POLL_S = 0.01


def imported_share(node: Node, folder: Path) -> tuple[Located, ShareId]:
    """Return the root of a folder's space, and its share.

    Raises:
        RuntimeError: The import failed, or did not end within ten minutes.
    """
    zone, provider = node.zone, node.provider
    caller = Caller(zone.users.add("Alex Example"))
    space = zone.spaces.create_for_user(caller, "bench")
    storage = provider.storages.add_posix("bench", str(folder), imported=True, readonly=True)
    with zone.database.writing() as db:
        provider.supports.grant(db, space, storage, size_bytes=1 << 40)
    zone.epoch.move()
    provider.imports.start_due()
    until = time.monotonic() + _LONGEST_S
    while (status := provider.imports.info(space).status) != "completed":
        if status == "failed" or time.monotonic() > until:
            raise RuntimeError(f"the import of {folder} is {status}")
        # The import tells nobody that it has ended. fs2od.testing has a wait like this, but would count into the memory.
        time.sleep(_POLL_S)
    root = provider.access.locate(caller, provider.files.root_id(space))
    return root, zone.shares.create(caller, root.ref, "dir", "bench").id
