"""A microscope that writes: true EPU single-particle sessions, invented but consistent, at any pace and size."""

from fs2od.testing.microscope._metadata_file import UNPUBLISHABLE
from fs2od.testing.microscope._plan import PARTIAL_SUFFIX, Kind, Remove, Rename, Step, Write, plan
from fs2od.testing.microscope._session import Session
from fs2od.testing.microscope._write import Progress, Stop, Summary, write

__all__ = [
    "PARTIAL_SUFFIX",
    "UNPUBLISHABLE",
    "Kind",
    "Progress",
    "Remove",
    "Rename",
    "Session",
    "Step",
    "Stop",
    "Summary",
    "Write",
    "plan",
    "write",
]
