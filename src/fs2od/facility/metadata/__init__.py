"""The metadata file: reading it safely, choosing what of it is published, and leaving access information."""

from fs2od.facility.metadata._access_file import NEVER_IMPORTED, AccessInformation, write_access_file
from fs2od.facility.metadata._facts import fact_rules, facts_of, facts_still_allowed
from fs2od.facility.metadata._publication import Publication, available_until, publication_of
from fs2od.facility.metadata._reading import MetadataProblem, read_metadata
from fs2od.facility.metadata._whole_files import NotWritable, storage_error
from fs2od.facility.metadata._writing_back import write_into_metadata

__all__ = [
    "NEVER_IMPORTED",
    "AccessInformation",
    "MetadataProblem",
    "NotWritable",
    "Publication",
    "available_until",
    "fact_rules",
    "facts_of",
    "facts_still_allowed",
    "publication_of",
    "read_metadata",
    "storage_error",
    "write_access_file",
    "write_into_metadata",
]
