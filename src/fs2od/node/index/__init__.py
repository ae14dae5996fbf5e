"""The file index of one space: what is registered, under which id, with which sums. One database per space."""

from fs2od.node.index.entries import Entry, SpaceIndex, ref_of
from fs2od.node.index.indexes import Indexes

__all__ = ["Entry", "Indexes", "SpaceIndex", "ref_of"]
