"""From a folder to an announced dataset: the facility side, which speaks to Onedata over the wire only."""

from fs2od.facility._datasets import (
    DatasetEventRow,
    DatasetRow,
    Datasets,
    DatasetState,
    NothingToAccept,
    NothingToRetire,
    Retirement,
)
from fs2od.facility._facility import DATABASE_NAME, Facility
from fs2od.facility._planning import Planned, plan
from fs2od.facility._refused_mail import RefusedAlways, Unreached
from fs2od.facility._whereabouts import Supported
from fs2od.facility.deciding import Unheeded
from fs2od.facility.journal import JOURNAL_SCHEMA

__all__ = [
    "DATABASE_NAME",
    "JOURNAL_SCHEMA",
    "DatasetEventRow",
    "DatasetRow",
    "DatasetState",
    "Datasets",
    "Facility",
    "NothingToAccept",
    "NothingToRetire",
    "Planned",
    "RefusedAlways",
    "Retirement",
    "Supported",
    "Unheeded",
    "Unreached",
    "plan",
]
