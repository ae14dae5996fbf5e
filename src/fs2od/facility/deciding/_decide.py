"""The next action for a dataset, and when to ask again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from fs2od.configuration import Configuration, Watch
from fs2od.facility._moments import is_awaited
from fs2od.facility.deciding._actions import (
    Action,
    AnnounceAgain,
    AskImport,
    CheckImport,
    CheckSidecar,
    CloseMetadata,
    EndImport,
    FinishImport,
    GiveRights,
    ImportSidecar,
    LeaveAccess,
    NoteRunning,
    Publish,
    ReadMetadata,
    Reopen,
    Retire,
    SetContinuous,
    SetLinks,
    Take,
    TellComplete,
    TellFolder,
    Withhold,
)
from fs2od.facility.deciding._correction import correction
from fs2od.facility.deciding._links import terms_of
from fs2od.facility.deciding._pauses import longest_pause
from fs2od.facility.deciding._privacy import shows_metadata_file
from fs2od.facility.deciding._reconcile import STRUCTURAL, reconcile
from fs2od.facility.journal import TO_SEAL, FactRules, Phase, ProblemKind, Record, Step, parts_in
from fs2od.facility.metadata import fact_rules, publication_of
from fs2od.facility.watching import Look, Sighting
from fs2od.onedata.roles import bundles_fingerprint

__all__ = ["Rules", "data_signature", "decide", "due_at", "is_completion_untold", "next_action", "quiet_at"]

_CHECK_EVERY = timedelta(seconds=0.5)
_FILES_PER_SECOND = 20_000
"""How many files a scan that is asked for looks at, roughly; see `_import_pause`."""
_ELSEWHERE = frozenset({ProblemKind.REPLACED, ProblemKind.REMOVED, ProblemKind.RENAMED, ProblemKind.RETIRED})
"""Problems with which another folder has the dataset's name, or may get it at any moment."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Rules:
    """The configuration, as deciding needs it."""

    configuration: Configuration
    _facts: dict[str, FactRules] = field(default_factory=dict, init=False, compare=False, repr=False)
    """By root."""

    def watch(self, root: str) -> Watch | None:
        """Return the watch of a root, unless it is watched no longer."""
        return next((watch for watch in self.configuration.watch if str(watch.path) == root), None)

    def facts(self, record: Record) -> FactRules:
        """Return by what a dataset's facts are to be taken. What is watched no longer is called as it was."""
        if record.root not in self._facts:
            self._facts[record.root] = fact_rules(self.configuration, self.watch(record.root))
        rules, before = self._facts[record.root], record.taken_by
        if before is None or self.watch(record.root) is not None:
            return rules
        return replace(rules, instrument_named=before.instrument_named)


def decide(
    look: Look, sightings: Mapping[tuple[str, str], Sighting], records: Iterable[Record], rules: Rules, now: datetime
) -> list[Action]:
    """Decide everything that can be done now: about folders, then at most one thing for each dataset."""
    known = tuple(records)
    actions: list[Action] = [*reconcile(look, sightings, known, rules.configuration.watch, now)]
    touched = {getattr(action, "dataset", None) for action in actions}
    for record in known:
        if record.id not in touched:
            action = next_action(record, sightings.get(record.identity), rules, now)
            if action is not None:
                actions.append(action)
    return actions


def next_action(record: Record, sighting: Sighting | None, rules: Rules, now: datetime) -> Action | None:
    """Decide what to do next for one dataset; None: nothing now. It is never two things, so that each is written down."""
    watch = rules.watch(record.root)
    anew = _taking_anew(record, sighting, rules)
    if anew is not None:
        return anew
    if sighting is None or watch is None or _is_held(record):
        return None if _is_resting(record, now) else _without_folder(record, watch, rules)
    if record.reread or sighting.folder.metadata != record.metadata:
        settled = now - sighting.unchanged_since >= watch.settle
        if settled:
            return ReadMetadata(record.id)
    if record.facts is None or _is_resting(record, now):
        return None
    if record.other_folder and Step.STORAGE in record.done:
        return TellFolder(record.id)
    links = _links(record, watch)
    return (
        # A description that says what is published no longer stays for nothing: not even for a step that fails.
        (Publish(record.id) if record.done.get(Step.PUBLISHED) == "" and record.attempts % 2 == 0 else None)
        or _onboarding(record, rules)
        # Before all else, so that what is to be closed is closed soon; where that failed, data are not held back by it.
        or (links if record.attempts == 0 else None)
        or _importing(record, sighting, rules, watch, now)
        or _sidecar(record, sighting, rules, now)
        or links
        # What Onedata refuses, such as an invite, is tried for ever: checksums are not held back by that.
        or (_sealing(record, sighting) if _is_refused(record) else None)
        or _keeping(record, sighting, rules)
        or _rights(record)
        or (LeaveAccess(record.id) if record.access_at is not None and now >= record.access_at else None)
        or _sealing(record, sighting)
    )


def due_at(record: Record, sighting: Sighting | None, rules: Rules, now: datetime) -> datetime | None:
    """Return the next moment after `now` at which time alone could bring something; None: only when something moves."""
    watch = rules.watch(record.root)
    if sighting is None or watch is None or _is_held(record):
        waits = _is_resting(record, now) and _without_folder(record, watch, rules) is not None
        return record.next_attempt_at if waits else None
    moments = []
    if record.reread or sighting.folder.metadata != record.metadata:
        moments.append(sighting.unchanged_since + watch.settle)
    if record.next_attempt_at is not None and _is_resting(record, now):
        moments.append(record.next_attempt_at)
    elif record.phase is Phase.FINISHING:
        moments.append(now + _CHECK_EVERY)
    elif record.phase is not Phase.COMPLETE and Step.SUPPORT in record.done and sighting.tally is not None:
        if not sighting.folder.running:
            moments.append(quiet_at(record, sighting, watch))
        if data_signature(sighting) != record.imported and record.import_asked_at is not None:
            moments.append(record.import_asked_at + _import_pause(record, sighting, rules))
    if record.access_at is not None:
        moments.append(record.access_at)
    if _has_new_sidecar(record, sighting) and record.import_asked_at is not None:
        moments.append(record.import_asked_at + _import_pause(record, sighting, rules))
    # What was due already was decided already; it waits for something else.
    return min((moment for moment in moments if moment > now), default=None)


def data_signature(sighting: Sighting) -> str:
    """Return what differs whenever there is something to import."""
    return f"{sighting.tally.signature if sighting.tally else ''}/{sighting.folder.fingerprint}"


def _is_held(record: Record) -> bool:
    return record.problem is not None and record.problem.kind in STRUCTURAL


def _is_refused(record: Record) -> bool:
    return record.trouble is not None and record.trouble.kind is ProblemKind.REFUSED


def _taking_anew(record: Record, sighting: Sighting | None, rules: Rules) -> Action | None:
    """Bring what is known up to what is configured; a file that stands as it was read needs no time to settle."""
    if record.facts is None or record.taken_by == rules.facts(record):
        return None
    if sighting is not None and not _is_held(record) and sighting.folder.metadata == record.metadata:
        return ReadMetadata(record.id)
    before = record.taken_by
    return None if before is not None and before.publishes_as(rules.facts(record)) else Withhold(record.id)


def _without_folder(record: Record, watch: Watch | None, rules: Rules) -> Action | None:
    """Do what needs no folder: links are closed also where data are delivered from elsewhere, and nothing else is imported."""
    links = _links(record, watch) if watch is not None and _is_held(record) else None
    end = EndImport(record.id) if _imports_another(record) else None
    retire = Retire(record.id) if record.retiring is not None else None
    wanted = [action for action in (retire, end, links, _publishing(record, rules)) if action is not None]
    # In turns, so that none waits for ever for another one.
    return wanted[record.attempts % len(wanted)] if wanted else None


def _imports_another(record: Record) -> bool:
    """Say whether the provider may be importing what is not the dataset's."""
    is_elsewhere = record.problem is not None and record.problem.kind in _ELSEWHERE
    return is_elsewhere and Step.SUPPORT in record.done and not record.import_ended


def _is_resting(record: Record, now: datetime) -> bool:
    longest = longest_pause(record.trouble.kind if record.trouble else None)
    return record.next_attempt_at is not None and is_awaited(record.next_attempt_at, now, at_most=longest)


def _onboarding(record: Record, rules: Rules) -> Action | None:
    step = record.next_step
    if step is None:
        return None
    is_unsure = record.taken_by != rules.facts(record) or record.tally is None
    nobody_to_tell = record.problem is not None and record.problem.kind is ProblemKind.RECIPIENTS
    if step is Step.ANNOUNCED and (nobody_to_tell or is_unsure):
        return None
    return Take(record.id, step, look_first=record.begun is step)


def _importing(record: Record, sighting: Sighting, rules: Rules, watch: Watch, now: datetime) -> Action | None:
    if Step.SUPPORT not in record.done:
        return None
    if sighting.folder.running:
        return _while_running(record, sighting, rules, now)
    if sighting.tally is None:
        return None
    return _at_rest(record, sighting, rules, watch, now)


def _at_rest(record: Record, sighting: Sighting, rules: Rules, watch: Watch, now: datetime) -> Action | None:
    if record.phase is Phase.COMPLETE:
        return Reopen(record.id) if _has_changed_later(record, sighting) else None
    if record.phase is Phase.FINISHING:
        return CheckImport(record.id)
    if record.phase is Phase.ACQUIRING and now >= quiet_at(record, sighting, watch):
        return FinishImport(record.id)
    return _ask(record, sighting, rules, now)


def _has_changed_later(record: Record, sighting: Sighting) -> bool:
    now, then = sighting.tally, record.tally
    return now is not None and then is not None and now.signature != then.signature


def _while_running(record: Record, sighting: Sighting, rules: Rules, now: datetime) -> Action | None:
    if not record.running_seen or record.phase in {Phase.FINISHING, Phase.COMPLETE}:
        return NoteRunning(record.id)
    if not record.continuous:
        return SetContinuous(record.id, on=True)
    return _ask(record, sighting, rules, now)


def _ask(record: Record, sighting: Sighting, rules: Rules, now: datetime) -> Action | None:
    if sighting.tally is None or data_signature(sighting) == record.imported:
        return None
    return None if _was_just_asked(record, sighting, rules, now) else AskImport(record.id)


def _was_just_asked(record: Record, sighting: Sighting, rules: Rules, now: datetime) -> bool:
    pause = _import_pause(record, sighting, rules)
    return record.import_asked_at is not None and is_awaited(record.import_asked_at + pause, now, at_most=pause)


def _import_pause(record: Record, sighting: Sighting, rules: Rules) -> timedelta:
    """Return how long there is between two scans that are asked for: they look at every file, so large datasets take longer."""
    tally = sighting.tally or record.tally
    return max(
        rules.configuration.scan.import_pause, timedelta(seconds=tally.files / _FILES_PER_SECOND if tally else 0)
    )


def _sidecar(record: Record, sighting: Sighting, rules: Rules, now: datetime) -> Action | None:
    if not _has_new_sidecar(record, sighting) or record.phase is Phase.FINISHING:
        return None
    return None if _was_just_asked(record, sighting, rules, now) else ImportSidecar(record.id)


def _sealing(record: Record, sighting: Sighting) -> Action | None:
    """Wait for the import of what is to be sealed anew, after everything else."""
    waits = record.sidecar == sighting.sidecar and record.sidecar.endswith(TO_SEAL) and record.phase is Phase.COMPLETE
    return CheckSidecar(record.id) if waits and record.parts_imported < parts_in(record.sidecar) else None


def _has_new_sidecar(record: Record, sighting: Sighting) -> bool:
    return Step.SUPPORT in record.done and sighting.sidecar not in {"", record.sidecar}


def quiet_at(record: Record, sighting: Sighting, watch: Watch) -> datetime:
    """Return from when on acquisition counts as ended, if nothing changes meanwhile."""
    tally = sighting.tally
    newest = _EPOCH + timedelta(microseconds=(tally.newest_ns if tally else 0) // 1000)
    return newest + (watch.data_settle if record.running_seen or record.changed_later else watch.quiet)


def _links(record: Record, watch: Watch) -> Action | None:
    """Let links work as the configuration says now, also those that are there."""
    return SetLinks(record.id) if Step.SHARE in record.done and record.links != terms_of(watch) else None


def _rights(record: Record) -> Action | None:
    """Bring a dataset up to date whose owners and members got other rights than those of today."""
    if record.phase not in {Phase.ACQUIRING, Phase.COMPLETE}:
        return None
    return None if record.done.get(Step.MEMBERS_RIGHTS) == bundles_fingerprint() else GiveRights(record.id)


def _keeping(record: Record, sighting: Sighting, rules: Rules) -> Action | None:
    """Keep in order what is announced, and tell of its completion at the very end."""
    if record.phase not in {Phase.ACQUIRING, Phase.COMPLETE}:
        return None
    complete = record.phase is Phase.COMPLETE
    if complete and record.continuous and not sighting.folder.running:
        return SetContinuous(record.id, on=False)
    if record.closed != sighting.folder.fingerprint and not shows_metadata_file(record, rules.configuration):
        return CloseMetadata(record.id)
    return _publishing(record, rules) or _telling(record, rules)


def _publishing(record: Record, rules: Rules) -> Action | None:
    """Bring what was published up to what is known by now."""
    published = record.done.get(Step.PUBLISHED)
    if published is None or record.facts is None:
        return None
    is_news = publication_of(record, rules.configuration.facility).fingerprint != published
    return Publish(record.id) if is_news else None


def _telling(record: Record, rules: Rules) -> Action | None:
    """Announce it to whom the metadata file names by now, before they hear of the completion."""
    if record.taken_by != rules.facts(record):
        return None  # whom to tell is being found out
    if correction(record, rules.configuration.mail) is not None:
        return AnnounceAgain(record.id)
    return TellComplete(record.id) if is_completion_untold(record) else None


def is_completion_untold(record: Record) -> bool:
    """Say whether a dataset is complete, and nobody was told so; pure."""
    return record.phase is Phase.COMPLETE and record.tally is not None and record.told != record.tally.signature
