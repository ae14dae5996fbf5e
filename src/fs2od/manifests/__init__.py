"""What a dataset consists of, as its sidecar says it: entries with checksums, numbered parts, and the seal; and which links belong to it. Pure.

Only the standard library and Python 3.8, because the single-file downloader is made from these very modules. The format
is explained for people in docs/reference/sidecar.md.
"""

from fs2od.manifests._digests import Digester, piece_ranges
from fs2od.manifests._entries import (
    MOST_FILE_BYTES,
    PIECE_BYTES,
    Gone,
    ManifestEntry,
    is_listable,
    parse_sha256sums_line,
    sha256sums_line,
)
from fs2od.manifests._folder_names import folder_name
from fs2od.manifests._manifest import Manifest
from fs2od.manifests._parts import MOST_PART_BYTES, BrokenPart, Part, dump_part, parse_part
from fs2od.manifests._places import (
    MANIFEST,
    MIRROR_STATE,
    MOST_UNDELIVERABLE_NAMES,
    SEAL,
    SIDECAR,
    SUMS,
    part_name,
    part_number,
)
from fs2od.manifests._resembling import resembles
from fs2od.manifests._seal import Seal, dump_seal, parse_seal, seal_of, seal_over
from fs2od.manifests._symlinks import is_straight, link_fault, straight_target, target_fault

__all__ = [
    "MANIFEST",
    "MIRROR_STATE",
    "MOST_FILE_BYTES",
    "MOST_PART_BYTES",
    "MOST_UNDELIVERABLE_NAMES",
    "PIECE_BYTES",
    "SEAL",
    "SIDECAR",
    "SUMS",
    "BrokenPart",
    "Digester",
    "Gone",
    "Manifest",
    "ManifestEntry",
    "Part",
    "Seal",
    "dump_part",
    "dump_seal",
    "folder_name",
    "is_listable",
    "is_straight",
    "link_fault",
    "parse_part",
    "parse_seal",
    "parse_sha256sums_line",
    "part_name",
    "part_number",
    "piece_ranges",
    "resembles",
    "seal_of",
    "seal_over",
    "sha256sums_line",
    "straight_target",
    "target_fault",
]
