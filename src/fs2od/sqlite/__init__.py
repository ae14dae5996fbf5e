"""State on disk: one process per folder, databases with numbered schemas, migration forward, one writer at a time."""

from fs2od.sqlite._database import Database, Schema
from fs2od.sqlite._folder import hold_folder
from fs2od.sqlite._standing import Standing

__all__ = ["Database", "Schema", "Standing", "hold_folder"]
