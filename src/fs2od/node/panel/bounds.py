"""What bounds the storages of a node: which stores may be anywhere, and which of its folders no storage may show."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from fs2od.node.panel.named_stores import NamedStores
from fs2od.node.settings import NodeSettings
from fs2od.storage import Number, numbers_of

__all__ = ["Bounds"]


@dataclass(frozen=True)
class Bounds:
    """`named` are the stores that may have any address; nothing that lies in the `own_folders`, which hold secrets, is shown."""

    named: Container[str]
    own_folders: tuple[Path, ...]

    @classmethod
    def of(cls, settings: NodeSettings) -> Bounds:
        """Return those that a node's settings say."""
        return cls(NamedStores(settings), (settings.data, *settings.own_folders))

    @property
    def kept_out(self) -> frozenset[Number]:
        """The numbers of the own folders that are there by now."""
        return numbers_of(self.own_folders)
