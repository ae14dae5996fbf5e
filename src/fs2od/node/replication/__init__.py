"""Copies of files on further storages: which are wanted, making them, checking them, and keeping it so."""

from fs2od.node.replication.demands import Demand, Demands, Requirement
from fs2od.node.replication.replicator import Replicator

__all__ = ["Demand", "Demands", "Replicator", "Requirement"]
