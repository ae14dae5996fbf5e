"""What a copy was when it was checked, by what its store said of it: whatever is to count as that copy has to be so still."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from fs2od.storage import Facts, Kind, Seen

__all__ = ["Checked", "Own", "own_of"]


class Own(NamedTuple):
    """A copy's own times and inode, not those of the file that was copied."""

    mtime_ns: int
    ctime_ns: int
    inode: int


@dataclass(frozen=True)
class Checked:
    """What a store said of a copy when it was checked.

    Attributes:
        size_bytes: Its size.
        md5: What the store computed over it, where stores do.
        own: Its times and inode; None if it was checked before these were kept.
    """

    size_bytes: int
    md5: str | None
    own: Own | None

    def has_size_of(self, seen: Seen) -> bool:
        """Say whether size and MD5 are still the same: if not, it has other bytes for certain."""
        return seen.kind is Kind.FILE and (seen.size_bytes, seen.md5) == (self.size_bytes, self.md5)

    def is_still(self, seen: Seen) -> bool:
        """Say whether what a store shows is still what was checked.

        Where the store says no MD5, times and inode tell: bytes may be others in the same number.
        """
        return self.has_size_of(seen) and (self.md5 is not None or self.own in (None, own_of(seen)))

    def is_open(self, facts: Facts) -> bool:
        """Say whether an open file is still what was checked. Where the store says an MD5, the inode follows it."""
        if facts.size_bytes != self.size_bytes or self.own is None:
            return facts.size_bytes == self.size_bytes
        return facts.inode == self.own.inode if self.md5 is not None else Own(*facts[1:]) == self.own


def own_of(seen: Seen) -> Own:
    """Return the times and inode of what a store shows."""
    return Own(seen.mtime_ns, seen.ctime_ns, seen.inode)
