"""Whether a dataset's metadata file is for everybody who has the link: as configured when it appeared, until it is closed."""

from __future__ import annotations

from fs2od.configuration import Configuration, closed_names
from fs2od.facility.journal import Record, Step

__all__ = ["TOKEN_WRITTEN", "closed_names_of", "shows_metadata_file"]

TOKEN_WRITTEN = "written"  # noqa: S105 - what came of a step
"""What came of `Step.ACCESS_TAG` where the metadata file got the members' invite token."""


def shows_metadata_file(record: Record, configuration: Configuration) -> bool:
    """Say whether links deliver a dataset's metadata file; pure. What was closed once is never opened again.

    Nor is a file into which the members' invite token was written: an earlier version wrote it into open ones, too.
    """
    has_token = record.done.get(Step.ACCESS_TAG) == TOKEN_WRITTEN
    return configuration.publish.metadata_file and not record.closed and not has_token


def closed_names_of(record: Record, configuration: Configuration) -> frozenset[str]:
    """Return the names of a dataset's files that no link delivers, nor copies that have them in their names; pure."""
    return closed_names(configuration.watch, metadata_file=shows_metadata_file(record, configuration))
