"""Changes that members make through the node: bodies that arrive, names that come, move and go, and what a crash leaves."""

from fs2od.node.provider.writing.arriving import Arrived
from fs2od.node.provider.writing.bodies import Bodies, Body
from fs2od.node.provider.writing.places import Place
from fs2od.node.provider.writing.writing import Writing, Written

__all__ = ["Arrived", "Bodies", "Body", "Place", "Writing", "Written"]
