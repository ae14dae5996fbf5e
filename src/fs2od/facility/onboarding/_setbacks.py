"""What a failed attempt means: Onedata is away, it is too early, it said no, or it may pass."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from fs2od.errors import Fs2odError
from fs2od.facility.deciding import QUICK_TRIES, pause_after_setback
from fs2od.facility.journal import Problem, ProblemKind, Record, Step
from fs2od.onedata.errors import Busy, Conflict, ConnectionLost, Forbidden, NotFound, Rejected, Unauthorized

__all__ = ["FolderTrouble", "NotYet", "OnedataAway", "Setback", "setback_of"]

_TOO_EARLY_PAUSE = timedelta(milliseconds=250)
_TOO_EARLY_TRIES = 20
_GONE = "Onedata does not find it (any more): was its space, its support or its link ended there?"


class NotYet(Fs2odError):
    """Onedata has not got so far: ask again soon."""


class FolderTrouble(Fs2odError):
    """Something in the dataset's folder could not be written; it may work later."""


class OnedataAway(Fs2odError):
    """Nothing can be asked of Onedata now, for any dataset."""


@dataclass(frozen=True)
class Setback:
    """What to write down about a failed attempt: the trouble to show, if any, and when to try again."""

    trouble: Problem | None
    next_attempt_at: datetime


def setback_of(error: Fs2odError, record: Record, now: datetime, *, doing: str) -> Setback:
    """Judge a failed attempt; pure.

    Raises:
        OnedataAway: It says nothing about this dataset.
    """
    if isinstance(error, ConnectionLost | Busy | Unauthorized):
        raise OnedataAway(str(error)) from error
    attempts = record.attempts + 1
    if isinstance(error, NotYet):
        late = attempts > _TOO_EARLY_TRIES
        trouble = Problem(ProblemKind.WAITING, f"{doing}: {error}", now) if late else None
        if record.unfinished:
            # Why the last import did not bring everything says more.
            trouble = record.trouble
        return Setback(trouble, now + _TOO_EARLY_PAUSE * (8 if late else 1))
    kind = _kind(error, attempts)
    since = record.trouble.since if record.trouble else now
    said = f"{doing}: {_GONE if isinstance(error, NotFound) and Step.SUPPORT in record.done else error}"
    return Setback(Problem(kind, said, since), now + pause_after_setback(kind, attempts))


def _kind(error: Fs2odError, attempts: int) -> ProblemKind:
    refused = isinstance(error, Forbidden | Rejected | NotFound | Conflict)
    # A federation's parts learn of each other in seconds: the first refusals may be from one that has not heard yet.
    return ProblemKind.REFUSED if refused and attempts >= QUICK_TRIES else ProblemKind.WAITING
