"""Where bytes lie: a POSIX directory now, an S3 bucket later, behind one contract."""

from fs2od.storage._contract import Kind, Seen, Storage
from fs2od.storage._posix import PosixStorage

__all__ = ["Kind", "PosixStorage", "Seen", "Storage"]
