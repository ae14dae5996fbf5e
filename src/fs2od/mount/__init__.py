"""Datasets as folders: a mount that shows a whole dataset at once and brings only what is read.

Only `Mount.run` needs pyfuse3 (the extra `fs2od[mount]`) and the system's FUSE; `check_machine` says what is missing.
"""

from fs2od.mount._blocks import BlockStore
from fs2od.mount._machine import Finding, check_machine
from fs2od.mount._mount import Mount, MountOptions, NotMountable, NotSent
from fs2od.mount._reading import Handle, Reader
from fs2od.mount._spool import Kept, clear_spools, is_served, kept_in
from fs2od.mount._spool_folder import unsent_in
from fs2od.mount._tree import Node, Tree
from fs2od.mount._unmounting import unmount, unmount_own
from fs2od.mounted import MountPoint, mounted_in

__all__ = [
    "BlockStore",
    "Finding",
    "Handle",
    "Kept",
    "Mount",
    "MountOptions",
    "MountPoint",
    "Node",
    "NotMountable",
    "NotSent",
    "Reader",
    "Tree",
    "check_machine",
    "clear_spools",
    "is_served",
    "kept_in",
    "mounted_in",
    "unmount",
    "unmount_own",
    "unsent_in",
]
