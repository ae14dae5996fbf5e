"""The single-machine Onedata: zone, provider and panel services over SQLite and storages."""

from fs2od.node.running import Node, open_node
from fs2od.node.settings import Limits, NodeSettings

__all__ = ["Limits", "Node", "NodeSettings", "open_node"]
