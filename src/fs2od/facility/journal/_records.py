"""What the journal says about one dataset."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal, Self

import msgspec

from fs2od.facility.watching import SeenFile, SeenFolder, Tally
from fs2od.onedata.wire import JsonValue

__all__ = [
    "ONBOARDING",
    "TO_SEAL",
    "Announcement",
    "FactRules",
    "Facts",
    "LinkTerms",
    "Phase",
    "Problem",
    "ProblemKind",
    "Record",
    "Step",
    "Wish",
    "parts_in",
]

TO_SEAL = " to seal"
"""What follows the number of parts in the words for a sidecar that was sealed, and is to be sealed anew."""


class Step(StrEnum):
    """One thing to bring about at Onedata or beside it. Each can be repeated and finds what an earlier try made."""

    SPACE = "space"
    STORAGE = "storage"
    SUPPORT = "support"
    OWNERS = "owners group"
    MEMBERS = "members group"
    MEMBERS_TOKEN = "members token"  # noqa: S105 - the name of a step
    OWNERS_TOKEN = "owners token"  # noqa: S105 - the name of a step
    OWNERS_RIGHTS = "owners rights"
    MEMBERS_RIGHTS = "members rights"
    PRIVACY = "metadata file closed"
    SHARE = "share"
    PUBLISHED = "description and metadata"
    ACCESS_FILE = "access file"
    ACCESS_TAG = "access in metadata file"
    ANNOUNCED = "announced"


ONBOARDING = tuple(Step)
"""All steps from a folder to an announced dataset, in their order."""


class Phase(StrEnum):
    """How far a dataset is."""

    SEEN = "seen"
    """Its metadata file was not yet read, or cannot be."""
    ONBOARDING = "onboarding"
    ACQUIRING = "acquiring"
    """Announced; data may still come."""
    FINISHING = "finishing"
    """The last import is under way."""
    COMPLETE = "complete"


class ProblemKind(StrEnum):
    """Why a dataset does not go on."""

    METADATA = "metadata"
    NAME = "name"
    NESTED = "nested"
    RENAMED = "renamed"
    REMOVED = "removed"
    REPLACED = "replaced"
    UNWATCHED = "unwatched"
    METADATA_LOST = "metadata lost"
    CLOSED = "closed"
    RETIRED = "retired"
    """The operator said that its folder is gone for good."""
    RECIPIENTS = "recipients"
    REFUSED = "refused"
    """Onedata said no; more of the same will not help."""
    WAITING = "waiting"
    """Something failed that may pass by itself."""


class Wish(StrEnum):
    """What an operator wants of a dataset that does not go on."""

    RETRY = "retry"
    ACCEPT = "accept"
    """That the folder which has its name is taken for it, whoever made it."""
    RETIRE = "retire"
    """That nobody looks for its folder any more. At Onedata all stays as it is."""
    CLOSE = "retire and close"
    """Besides, that nobody new comes in at Onedata: its link and its invites end."""
    DELETE = "retire and delete"
    """Besides, that its space is deleted."""

    @property
    def retires(self) -> bool:
        """Say whether the dataset is to be retired."""
        return self in {Wish.RETIRE, Wish.CLOSE, Wish.DELETE}


class Problem(msgspec.Struct, frozen=True):
    """What is wrong, in one sentence for the operator, and since when. `about` tells whether it is still the same one."""

    kind: ProblemKind
    said: str
    since: datetime
    about: str = ""

    @property
    def needs_you(self) -> bool:
        """Say whether it stays until a person does something."""
        return self.kind not in {ProblemKind.WAITING, ProblemKind.RETIRED}


class Facts(msgspec.Struct, frozen=True):
    """What was taken from the metadata file: the published values by key path, and whom to tell."""

    title: str
    instrument: str
    experimenter: str
    published: dict[str, JsonValue]
    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    complaints: tuple[str, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        """Everybody who is told."""
        return (*self.to, *self.cc, *self.bcc)


class FactRules(msgspec.Struct, frozen=True):
    """Fingerprints of what the configuration said when facts were taken: which values are published, where they stand, whom to tell."""

    fields: str
    title: str
    instrument: str
    people: str
    instrument_named: str = ""
    """What the configuration itself calls the instrument; empty: as by default, or an earlier version took the facts."""

    def publishes_as(self, other: Self) -> bool:
        """Say whether others publish the same of a metadata file, whomever they tell."""
        return msgspec.structs.replace(self, people=other.people) == other


class Announcement(msgspec.Struct, frozen=True):
    """A letter that announced a dataset: whom it went to, and the id of the owners' invite that it brought.

    Without an id it says no more than that nobody of these is to be told: nothing ends when they are named no longer.
    """

    addresses: tuple[str, ...]
    invite: str


class LinkTerms(msgspec.Struct, frozen=True):
    """What the configuration says of a dataset's links: for whom, and when."""

    link: Literal["public", "members"] = "public"
    embargo_days: int = 0
    link_days: int | None = None


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """One dataset. `done` maps finished steps to what came of them: an id, an address, or a word."""

    id: int
    root: str
    relative: str
    name: str
    unique_name: str
    """Stands in Onedata for whatever is made for this dataset, and for nothing else."""
    device: int
    inode: int
    detected_at: datetime
    generation: int = 0
    """As of a `SeenFolder`; 0 as well if it was not looked at yet."""
    phase: Phase = Phase.SEEN
    begun: Step | None = None
    """The step that may have taken effect without our knowing."""
    done: dict[Step, str] = msgspec.field(default_factory=dict)
    facts: Facts | None = None
    taken_by: FactRules | None = None
    """What was configured when the facts were taken; None: an earlier version took them."""
    metadata: SeenFile | None = None
    """The metadata file as it was when it was last read, well or not."""
    reread: bool = False
    """Whether it is to be read again even though it is as it was."""
    problem: Problem | None = None
    """What is wrong with the folder or its metadata file."""
    trouble: Problem | None = None
    """What went wrong in the last attempt to go on."""
    retiring: Wish | None = None
    """What is still to be done at Onedata, of a dataset that was retired."""
    attempts: int = 0
    next_attempt_at: datetime | None = None
    root_file: str = ""
    share_url: str = ""
    members_token_until: datetime | None = None
    running_seen: bool = False
    continuous: bool = False
    imported: str = ""
    """What the data looked like when an import was last asked for."""
    import_asked_at: datetime | None = None
    scans_before: int = 0
    """How many scans had ended when the import was asked for whose end is waited for."""
    unfinished: int = 0
    """How often in a row a last import failed, or did not bring everything."""
    closed: str = ""
    """What the metadata files looked like when they were last closed to public links."""
    tally: Tally | None = None
    links: LinkTerms | None = None
    """What the configuration said of links when it was last brought about; None: an earlier version made the link."""
    sidecar: str = ""
    """What the sidecar was when its import was last asked for: as in a `Sighting`."""
    parts_imported: int = 0
    """How many parts a scan has brought for sure, of a sidecar that is to be sealed anew."""
    completed_at: datetime | None = None
    told: str = ""
    """What the data looked like when its completion was last told by mail."""
    changed_later: str = ""
    """How the data changed after it had been complete, in words; empty: it did not."""
    announcements: tuple[Announcement, ...] = ()
    """Those whose invites were not ended by a later one. Empty for what was announced by an earlier version."""
    announced_again: int = 0
    """How often it was announced to others, after their addresses had been corrected."""
    access_at: datetime | None = None
    """When access information is left again for which there was no room in the folder; None: it lies there, or never will."""
    import_ended: bool = False
    """Whether the provider was told to import nothing more, because the folder is not the dataset's, or not there."""
    other_folder: bool = False
    """Whether the folder is another one than the provider was told of: a copy that was put back, or what a person accepted."""
    quietly: bool = False
    """Whether the next completion is told to nobody, because it was told before."""

    @property
    def path(self) -> Path:
        """Where the dataset lies."""
        return Path(self.root, self.relative)

    def found_as(self, folder: SeenFolder) -> Self:
        """Return the same dataset, seen by another watch or with other numbers."""
        is_same = self.has_number_of(folder)
        return msgspec.structs.replace(
            self,
            root=folder.root,
            relative=folder.shown,
            device=folder.device,
            inode=folder.inode,
            generation=folder.generation or (self.generation if is_same else 0),
            other_folder=self.other_folder or not is_same,
        )

    def has_number_of(self, folder: SeenFolder) -> bool:
        """Say whether a folder has the dataset's own number, on whichever device: a new mount changes the device's number alone."""
        generations = {self.generation, folder.generation}
        return folder.inode == self.inode and (0 in generations or len(generations) == 1)

    @property
    def identity(self) -> tuple[str, str]:
        """What makes it one dataset: root and relative path."""
        return self.root, self.relative

    @property
    def stuck(self) -> Problem | None:
        """What an operator should hear about first."""
        return self.trouble if self.is_retired else self.problem or self.trouble

    @property
    def is_retired(self) -> bool:
        """Say whether nobody looks for its folder any more."""
        return self.problem is not None and self.problem.kind is ProblemKind.RETIRED

    @property
    def next_step(self) -> Step | None:
        """The first step that is not done."""
        return next((step for step in ONBOARDING if step not in self.done), None)


def parts_in(sidecar: str) -> int:
    """Return how many parts there are, from the words for a sidecar that has some; pure."""
    return int(sidecar.partition(" ")[0])
