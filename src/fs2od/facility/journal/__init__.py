"""What was done and what is under way, dataset by dataset: written before each step takes effect."""

from fs2od.facility.journal._journal import FaultPoint, Journal, no_fault, read_records
from fs2od.facility.journal._records import (
    ONBOARDING,
    TO_SEAL,
    Announcement,
    FactRules,
    Facts,
    LinkTerms,
    Phase,
    Problem,
    ProblemKind,
    Record,
    Step,
    Wish,
    parts_in,
)
from fs2od.facility.journal._schema import JOURNAL_SCHEMA

__all__ = [
    "JOURNAL_SCHEMA",
    "ONBOARDING",
    "TO_SEAL",
    "Announcement",
    "FactRules",
    "Facts",
    "FaultPoint",
    "Journal",
    "LinkTerms",
    "Phase",
    "Problem",
    "ProblemKind",
    "Record",
    "Step",
    "Wish",
    "no_fault",
    "parts_in",
    "read_records",
]
