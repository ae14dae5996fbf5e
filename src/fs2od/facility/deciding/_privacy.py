"""Whether a dataset's metadata file is for everybody who has the link: as configured when it appeared, until it is closed."""

from __future__ import annotations

from fs2od.configuration import Configuration, closed_names
from fs2od.facility.journal import Record

__all__ = ["closed_names_of", "shows_metadata_file"]


def shows_metadata_file(record: Record, configuration: Configuration) -> bool:
    """Say whether links deliver a dataset's metadata file; pure. What was closed once is never opened again."""
    return configuration.publish.metadata_file and not record.closed


def closed_names_of(record: Record, configuration: Configuration) -> frozenset[str]:
    """Return the names of a dataset's files that no link delivers, nor copies that have them in their names; pure."""
    return closed_names(configuration.watch, metadata_file=shows_metadata_file(record, configuration))
