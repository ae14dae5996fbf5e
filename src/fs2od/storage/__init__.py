"""Where bytes lie: a POSIX directory now, an S3 bucket later, behind one contract."""

from fs2od.storage._contract import Can, Chunk, Kind, Seen, Storage, Upload
from fs2od.storage._posix import PosixStorage

__all__ = ["Can", "Chunk", "Kind", "PosixStorage", "Seen", "Storage", "Upload"]
