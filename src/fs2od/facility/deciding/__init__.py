"""What to do next: pure functions of what is seen, what the journal says, and the time."""

from fs2od.facility.deciding._actions import (
    Action,
    Adopt,
    AskImport,
    CheckImport,
    CloseMetadata,
    FinishImport,
    Hold,
    Identify,
    ImportSidecar,
    NoteRunning,
    Publish,
    ReadMetadata,
    Release,
    SetContinuous,
    Take,
    TellComplete,
    described,
)
from fs2od.facility.deciding._decide import Rules, data_signature, decide, due_at, next_action
from fs2od.facility.deciding._pauses import QUICK_TRIES, pause_after_setback
from fs2od.facility.deciding._reconcile import STRUCTURAL, reconcile

__all__ = [
    "QUICK_TRIES",
    "STRUCTURAL",
    "Action",
    "Adopt",
    "AskImport",
    "CheckImport",
    "CloseMetadata",
    "FinishImport",
    "Hold",
    "Identify",
    "ImportSidecar",
    "NoteRunning",
    "Publish",
    "ReadMetadata",
    "Release",
    "Rules",
    "SetContinuous",
    "Take",
    "TellComplete",
    "data_signature",
    "decide",
    "described",
    "due_at",
    "next_action",
    "pause_after_setback",
    "reconcile",
]
