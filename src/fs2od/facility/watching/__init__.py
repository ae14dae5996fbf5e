"""What lies in the watched folders: looks by scans, tallies of a dataset's files, and notices that wake us."""

from fs2od.facility.watching._answering import Answers, until_one_answers
from fs2od.facility.watching._holding import holding
from fs2od.facility.watching._look import (
    Look,
    Oddity,
    PassedOver,
    SeenFile,
    SeenFolder,
    fits_glob,
    look,
    look_apart,
    require_watchable,
    writable,
)
from fs2od.facility.watching._names import by_known_names
from fs2od.facility.watching._settling import Settling, Sighting
from fs2od.facility.watching._survey import Survey, Tally, Uncounted
from fs2od.facility.watching._surveys import Surveys
from fs2od.facility.watching._waking import Waking

__all__ = [
    "Answers",
    "Look",
    "Oddity",
    "PassedOver",
    "SeenFile",
    "SeenFolder",
    "Settling",
    "Sighting",
    "Survey",
    "Surveys",
    "Tally",
    "Uncounted",
    "Waking",
    "by_known_names",
    "fits_glob",
    "holding",
    "look",
    "look_apart",
    "require_watchable",
    "until_one_answers",
    "writable",
]
