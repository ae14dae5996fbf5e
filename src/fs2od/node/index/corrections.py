"""Registering anew what a reader found changed: scans pass over folders whose times stand, and files change within them."""

from __future__ import annotations

from fs2od.node.index.entries import SpaceIndex
from fs2od.node.index.sums import Sums
from fs2od.storage import Seen

__all__ = ["register_again"]


def register_again(index: SpaceIndex, row: int, seen: Seen) -> None:
    """Register an entry as it was just seen, if it is still there and of the same kind; the rest is left to scans."""
    query = "UPDATE entry SET size = ?, mtime_ns = ?, ctime_ns = ?, inode = ?, target = ? WHERE id = ?"
    with index.database.writing() as db:
        found = db.execute("SELECT parent, kind, size FROM entry WHERE id = ?", (row,)).fetchone()
        if found is None or found["kind"] != seen.kind:
            return
        db.execute(query, (seen.size_bytes, seen.mtime_ns, seen.ctime_ns, seen.inode, seen.target, row))
        sums = Sums()
        sums.add(found["parent"], files=0, size_bytes=seen.size_bytes - found["size"])
        sums.apply(db)
