"""Where bytes lie: a POSIX directory, or (in `fs2od.storage.s3`) a bucket, behind one contract."""

from fs2od.storage._contract import (
    NO_FILES,
    Begin,
    Can,
    Chunk,
    Facts,
    Files,
    Kind,
    Listed,
    Seen,
    Storage,
    Upload,
    bounded_ns,
    facts_of,
    md5_of_parts,
)
from fs2od.storage._posix import PosixStorage
from fs2od.storage._posix_root import Number, Root, generation_of, noted_root, numbers_of
from fs2od.storage._public import is_public

__all__ = [
    "NO_FILES",
    "Begin",
    "Can",
    "Chunk",
    "Facts",
    "Files",
    "Kind",
    "Listed",
    "Number",
    "PosixStorage",
    "Root",
    "Seen",
    "Storage",
    "Upload",
    "bounded_ns",
    "facts_of",
    "generation_of",
    "is_public",
    "md5_of_parts",
    "noted_root",
    "numbers_of",
]
