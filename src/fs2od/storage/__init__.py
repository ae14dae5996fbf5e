"""Where bytes lie: a POSIX directory, or (in `fs2od.storage.s3`) a bucket, behind one contract."""

from fs2od.storage._contract import Can, Chunk, Facts, Kind, Seen, Storage, Upload, facts_of, md5_of_parts
from fs2od.storage._posix import PosixStorage

__all__ = ["Can", "Chunk", "Facts", "Kind", "PosixStorage", "Seen", "Storage", "Upload", "facts_of", "md5_of_parts"]
