"""Copies of files on further storages: which are wanted, making them, checking them, and keeping it so."""

from fs2od.node.replication.demands import Demand, Demands, Requirement
from fs2od.node.replication.replicator import Progress, Replicator
from fs2od.node.replication.transfer_book import TransferBook

__all__ = ["Demand", "Demands", "Progress", "Replicator", "Requirement", "TransferBook"]
