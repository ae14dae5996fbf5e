"""What the operator sees at a glance, and its JSON twins: pure functions of what the journal and the outbox say."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from unicodedata import normalize

from fs2od.facility import DatasetEventRow, DatasetRow, DatasetState, RefusedAlways, Supported, Unheeded
from fs2od.mail import LetterRow, LetterState
from fs2od.portal._sentences import sentence
from fs2od.portal._words import iso

__all__ = [
    "Glance",
    "Stage",
    "dataset_document",
    "event_document",
    "glance_document",
    "letter_document",
    "named_like",
    "next_words",
    "stages_of",
]

_POLL_S = 3


@dataclass(frozen=True)
class Stage:
    """One stage on a dataset's way, and how far it is there."""

    name: str
    state: Literal["done", "now", "not yet"]


@dataclass(frozen=True)
class Glance:
    """Everything on the operator's first page at one moment."""

    rows: tuple[DatasetRow, ...]
    letters: dict[LetterState, int]
    onedata_trouble: str
    onedata_unwell: bool
    now: datetime
    passed_over: tuple[Unheeded, ...] = ()
    refused_always: tuple[RefusedAlways, ...] = ()
    late_letters: int = 0
    """How many letters the mail server has put off for hours."""

    @property
    def stuck(self) -> tuple[DatasetRow, ...]:
        """The datasets that wait for a person."""
        return tuple(row for row in self.rows if row.state == "needs you")

    @property
    def copies_stuck(self) -> tuple[DatasetRow, ...]:
        """The datasets whose copies do not come to some site."""
        return tuple(row for row in self.rows if row.copies_stuck)

    @property
    def refused_letters(self) -> int:
        """How many letters do not reach everybody, because the mail server refused them."""
        return self.letters["refused"] + self.letters["partly refused"]

    @property
    def has_sites(self) -> bool:
        """Whether any dataset is supported elsewhere, too."""
        return any(not site.is_own for row in self.rows for site in row.sites)

    @property
    def acquiring(self) -> int:
        """How many datasets still grow."""
        return sum(row.state in ("acquiring", "finishing") for row in self.rows)

    @property
    def complete(self) -> int:
        """How many are complete."""
        return sum(row.state == "complete" for row in self.rows)

    @property
    def under_way(self) -> int:
        """How many are on their way to being announced, or try again by themselves."""
        return sum(row.state in ("seen", "onboarding", "waiting") for row in self.rows)

    @property
    def version(self) -> str:
        """A text that changes whenever the page would."""
        rows, letters = [_told(row) for row in self.rows], sorted(self.letters.items())
        troubles = (self.onedata_trouble, self.onedata_unwell, self.passed_over, self.refused_always, self.late_letters)
        told = repr((rows, letters, *troubles))
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    @property
    def words(self) -> dict[str, str]:
        """The sentence that is read out when something changes."""
        said = sentence(
            "%(acquiring)s acquiring, %(stuck)s need you, %(complete)s complete",
            acquiring=self.acquiring,
            stuck=len(self.stuck),
            complete=self.complete,
        )
        return {"announcement": said}


def named_like(rows: Sequence[DatasetRow], wanted: str) -> Sequence[DatasetRow]:
    """Return the datasets whose name or title holds this, in every form and case of its letters; all where nothing is wanted."""
    looked_for = _folded(wanted)
    return (
        [row for row in rows if looked_for in _folded(row.name) or looked_for in _folded(row.title)] if wanted else rows
    )


def _folded(text: str) -> str:
    return normalize("NFC", text.casefold())


def stages_of(row: DatasetRow) -> tuple[Stage, ...]:
    """Return the stages of a dataset's way in their order."""
    mailed = row.phase in ("acquiring", "finishing", "complete") and not row.unreached
    done = (("seen", True), ("registered", bool(row.share)), ("mailed", mailed), ("complete", row.phase == "complete"))
    stages: list[Stage] = []
    for name, reached in done:
        is_next = not reached and all(stage.state == "done" for stage in stages)
        stages.append(Stage(name, "done" if reached else "now" if is_next else "not yet"))
    return tuple(stages)


def next_words(row: DatasetRow) -> str:
    """Say what happens next with a dataset, in a `Sentence`."""
    if row.state == "onboarding":
        return sentence(
            "It is being registered: %(done)s of %(steps)s steps are done. Then the mail goes out.",
            done=row.steps_done,
            steps=row.steps,
        )
    return _ONLY_MAIL if row.only_mail_stuck else _NEXT[row.state]


_ONLY_MAIL = sentence("Its data goes on as ever; only whom the mail server refused has not heard of it.")


_NEXT: dict[DatasetState, str] = {
    "needs you": sentence(
        "Nothing, until somebody does what is said above. A changed metadata file is then read by itself."
    ),
    "waiting": sentence("It is tried again by itself."),
    "seen": sentence("Its metadata file is read as soon as it has settled."),
    "acquiring": sentence(
        "New files are imported as they come. When the running file is gone and nothing moves, it is complete."
    ),
    "finishing": sentence("The last import is under way. Then it is complete, and a mail says so."),
    "retired": sentence(
        "Nothing: its folder is gone for good, as somebody said. The command fs2od datasets retry takes it up again."
    ),
    "complete": sentence("Its files are looked at now and then. Were they to change again, they would be imported."),
}


def glance_document(glance: Glance) -> dict[str, Any]:
    """Return the twin of the operator's first page."""
    return {
        "summary": {**Counter(row.state for row in glance.rows), "datasets": len(glance.rows)},
        "letters": glance.letters,
        "late_letters": glance.late_letters,
        "onedata_trouble": glance.onedata_trouble or None,
        "onedata_unwell": glance.onedata_unwell,
        "datasets": [dataset_document(row) for row in glance.rows],
        "passed_over": [
            {"path": each.path, "said": each.said, "since": iso(each.since)} for each in glance.passed_over
        ],
        "refused_always": [
            {"address": each.address, "said": each.said, "since": iso(each.since), "datasets": each.datasets}
            for each in glance.refused_always
        ],
        "as_of": iso(glance.now),
        "poll_after_s": _POLL_S,
        "version": glance.version,
        "state": str(len(glance.stuck)),
        "words": glance.words,
    }


def dataset_document(row: DatasetRow) -> dict[str, Any]:
    """Return one dataset with exact numbers and moments."""
    return {
        "name": row.name,
        "title": row.title,
        "path": row.path,
        "state": row.state,
        "stuck": row.stuck or None,
        "stuck_since": iso(row.stuck_since),
        "unreached": [
            {"address": each.address, "said": each.said, "since": iso(each.since), "letter": each.letter}
            for each in row.unreached
        ],
        "next_attempt_at": iso(row.next_attempt_at),
        "stages": {stage.name: stage.state for stage in stages_of(row)},
        "files": row.files,
        "size_bytes": row.size_bytes,
        "undeliverable": {"count": row.undeliverable, "names": list(row.undeliverable_names)},
        "link": row.link or None,
        "space_id": row.space or None,
        "share_id": row.share or None,
        "detected_at": iso(row.detected_at),
        "completed_at": iso(row.completed_at),
        "changed_after_completion": row.changed_later or None,
        "last_event": None if row.last_event is None else event_document(row.last_event),
        "sites": [site_document(site) for site in row.sites],
        "sites_asked_at": iso(row.sites_asked_at),
    }


def site_document(site: Supported) -> dict[str, Any]:
    """Return how one site stands to a dataset; `files` None: no copies are asked for, or nobody tells how many."""
    return {
        "provider_id": site.provider,
        "name": site.name,
        "granted_bytes": site.granted_bytes,
        "is_home": site.is_own,
        "files": site.files,
        "copied_files": site.copied_files if site.files is not None else None,
        "bytes": site.size_bytes if site.files is not None else None,
        "copied_bytes": site.copied_bytes if site.files is not None else None,
        "status": site.status or None,
        "problem": site.problem or None,
    }


def event_document(event: DatasetEventRow) -> dict[str, Any]:
    """Return one step of a history."""
    return {"at": iso(event.at), "kind": event.kind, "said": event.said}


def letter_document(letter: LetterRow) -> dict[str, Any]:
    """Return a letter without its content, which holds tokens."""
    recipients: Sequence[dict[str, str]] = [
        {"address": each.address, "state": each.state, "reason": each.reason} for each in letter.recipients
    ]
    return {
        "id": letter.id,
        "subject": letter.subject,
        "sender": letter.sender,
        "recipients": recipients,
        "state": letter.state,
        "attempts": letter.attempts,
        "queued_at": iso(letter.queued_at),
        "next_attempt_at": iso(letter.next_attempt_at),
        "finished_at": iso(letter.finished_at),
        "last_error": letter.last_error or None,
    }


def _told(row: DatasetRow) -> tuple[object, ...]:
    last = row.last_event.at if row.last_event else None
    return (row.name, row.state, row.stuck, row.files, row.size_bytes, row.steps_done, last, row.sites)
