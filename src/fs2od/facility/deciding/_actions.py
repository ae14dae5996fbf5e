"""The things that can be done next, as values: made by deciding, carried out elsewhere, shown by `plan`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from fs2od.facility.journal import Problem, Step
from fs2od.facility.watching import SeenFolder

__all__ = [
    "Action",
    "Adopt",
    "AnnounceAgain",
    "AskImport",
    "CheckImport",
    "CheckSidecar",
    "CloseMetadata",
    "EndImport",
    "FinishImport",
    "GiveRights",
    "Hold",
    "Identify",
    "ImportSidecar",
    "LeaveAccess",
    "NoteRunning",
    "Publish",
    "ReadMetadata",
    "Release",
    "Reopen",
    "Retire",
    "SetContinuous",
    "SetLinks",
    "Take",
    "TellComplete",
    "TellFolder",
    "Withhold",
    "described",
]


@dataclass(frozen=True, slots=True)
class Adopt:
    """Write down a folder as a new dataset, held back by `problem` if there is one."""

    folder: SeenFolder
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Hold:
    """Report a problem with the dataset's folder; nothing else is done with it until that has gone."""

    dataset: int
    problem: Problem


@dataclass(frozen=True, slots=True)
class Release:
    """Go on with a dataset whose folder is in order again."""

    dataset: int


@dataclass(frozen=True, slots=True)
class Identify:
    """Note how the same folder is found now: it has other numbers, as after a new mount, or belongs to another watch."""

    dataset: int
    folder: SeenFolder


@dataclass(frozen=True, slots=True)
class ReadMetadata:
    """Read the metadata file, which is new or has changed."""

    dataset: int


@dataclass(frozen=True, slots=True)
class Withhold:
    """Leave out of what is known what is published no longer: the metadata file cannot be read now as it is configured."""

    dataset: int


@dataclass(frozen=True, slots=True)
class Take:
    """Take a step; `look_first`: an earlier try may have taken it already."""

    dataset: int
    step: Step
    look_first: bool


@dataclass(frozen=True, slots=True)
class NoteRunning:
    """Note that acquisition goes on, perhaps again."""

    dataset: int


@dataclass(frozen=True, slots=True)
class Reopen:
    """Go on with a dataset that was complete: its data came or changed again, without a running file."""

    dataset: int


@dataclass(frozen=True, slots=True)
class SetContinuous:
    """Let the provider scan by itself, or no longer."""

    dataset: int
    on: bool


@dataclass(frozen=True, slots=True)
class EndImport:
    """Let the provider import nothing more of a dataset in whose place is another folder, or none."""

    dataset: int


@dataclass(frozen=True, slots=True)
class Retire:
    """End at Onedata what the operator wants to be ended, of a dataset whose folder is gone for good."""

    dataset: int


@dataclass(frozen=True, slots=True)
class TellFolder:
    """Tell the provider that the folder which stands there now is meant: a copy that was put back, or what a person accepted."""

    dataset: int


@dataclass(frozen=True, slots=True)
class AskImport:
    """Ask the provider to import now what has changed."""

    dataset: int


@dataclass(frozen=True, slots=True)
class ImportSidecar:
    """Ask the provider to import now what was published in the sidecar, and say publicly whether there are checksums."""

    dataset: int


@dataclass(frozen=True, slots=True)
class CheckSidecar:
    """See whether the import of new checksums has ended, so that they can be sealed anew."""

    dataset: int


@dataclass(frozen=True, slots=True)
class FinishImport:
    """Count everything once more and ask for the last import."""

    dataset: int


@dataclass(frozen=True, slots=True)
class CheckImport:
    """See whether the last import has ended, and whether it saw everything."""

    dataset: int


@dataclass(frozen=True, slots=True)
class CloseMetadata:
    """Close changed metadata files to public links."""

    dataset: int


@dataclass(frozen=True, slots=True)
class GiveRights:
    """Give owners and members the rights that those of a new dataset get, because they were onboarded with others."""

    dataset: int


@dataclass(frozen=True, slots=True)
class LeaveAccess:
    """Leave access information in the folder, where there was no room for it before."""

    dataset: int


@dataclass(frozen=True, slots=True)
class SetLinks:
    """Let links work for those and then as the configuration says, because it said something else when they were made."""

    dataset: int


@dataclass(frozen=True, slots=True)
class Publish:
    """Publish description and metadata as they are now."""

    dataset: int


@dataclass(frozen=True, slots=True)
class AnnounceAgain:
    """Write the announcement to those whom the metadata file names by now, with an invite of their own."""

    dataset: int


@dataclass(frozen=True, slots=True)
class TellComplete:
    """Write the mail that says that the dataset is complete."""

    dataset: int


Action: TypeAlias = (
    Adopt
    | Hold
    | Release
    | Identify
    | ReadMetadata
    | Withhold
    | Take
    | NoteRunning
    | Reopen
    | SetContinuous
    | EndImport
    | Retire
    | TellFolder
    | AskImport
    | ImportSidecar
    | CheckSidecar
    | FinishImport
    | CheckImport
    | CloseMetadata
    | GiveRights
    | LeaveAccess
    | SetLinks
    | Publish
    | AnnounceAgain
    | TellComplete
)
"""Everything that can be decided."""

_SAID: dict[type, str] = {
    Release: "go on: the folder is in order again",
    Identify: "note that the same folder was mounted anew, or is watched by another name",
    ReadMetadata: "read the metadata file",
    Withhold: "leave out what is published no longer",
    NoteRunning: "note that acquisition goes on",
    Reopen: "import what changed after the completion",
    EndImport: "end the import: the folder is not in order",
    Retire: "end at Onedata what is to be ended of a dataset that was retired",
    TellFolder: "tell the provider that the folder is meant which stands there now",
    AskImport: "ask for an import of what has changed",
    ImportSidecar: "ask for an import of new checksums",
    CheckSidecar: "see whether new checksums are imported",
    FinishImport: "ask for the last import",
    CheckImport: "see whether the last import has ended",
    CloseMetadata: "close the metadata file to public links",
    GiveRights: "give owners and members the rights that they get today",
    LeaveAccess: "leave access information in the folder, if there is room by now",
    SetLinks: "let links work for those and then as the configuration says now",
    Publish: "publish the description and the metadata",
    AnnounceAgain: "announce it to those whom the metadata file names by now",
    TellComplete: "write the mail that says that it is complete",
}


def described(action: Action) -> str:
    """Say in words what an action does."""
    match action:
        case Adopt(folder, None):
            return f"take up {folder.shown} as a new dataset"
        case Adopt(_, problem) if problem is not None:
            return f"report: {problem.said}"
        case Hold(_, problem):
            return f"report: {problem.said}"
        case Take(_, step, look_first):
            return f"bring about: {step}" + (" (looking first for what an earlier try made)" if look_first else "")
        case SetContinuous(_, on):
            return "let the provider scan by itself" if on else "end the provider's own scans"
        case _:
            return _SAID[type(action)]
