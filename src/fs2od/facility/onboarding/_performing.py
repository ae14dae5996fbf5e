"""Carrying out what was decided: the journal first, then the world, then the journal again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import assert_never

from msgspec.structs import replace

from fs2od.configuration import Configuration
from fs2od.facility.deciding import (
    STRUCTURAL,
    Adopt,
    AnnounceAgain,
    AskImport,
    CheckImport,
    CheckSidecar,
    CloseMetadata,
    EndImport,
    FinishImport,
    GiveRights,
    Hold,
    Identify,
    ImportSidecar,
    LeaveAccess,
    NoteRunning,
    Publish,
    ReadMetadata,
    Release,
    Reopen,
    Retire,
    Rules,
    SetContinuous,
    SetLinks,
    Take,
    TellComplete,
    TellFolder,
    Withhold,
    heard_by_configuration,
    is_completion_untold,
    told_so_far,
)
from fs2od.facility.journal import FactRules, Facts, Journal, Phase, Problem, ProblemKind, Record, Step
from fs2od.facility.metadata import (
    MetadataProblem,
    fact_rules,
    facts_of,
    facts_still_allowed,
    publication_of,
    read_metadata,
)
from fs2od.facility.onboarding._announcing import LINK_ENDED, Announcer
from fs2od.facility.onboarding._imported import difference
from fs2od.facility.onboarding._importing import Importer, importing_again
from fs2od.facility.onboarding._names import dataset_name, unique_name
from fs2od.facility.onboarding._provisioning import Groups
from fs2od.facility.onboarding._retiring import end_at_onedata
from fs2od.facility.onboarding._services import Services
from fs2od.facility.onboarding._setbacks import NotYet
from fs2od.facility.onboarding._steps import (
    STEPS,
    Outcome,
    Scene,
    close_metadata_files,
    give_rights_of_today,
    progressed,
    publish,
    set_links_of_today,
)
from fs2od.facility.watching import SeenFolder, Sighting, Surveys, Tally
from fs2od.onedata.errors import Forbidden, NotFound, Rejected
from fs2od.onedata.roles import bundles_fingerprint

__all__ = ["ApartAction", "LocalAction", "OnedataAction", "Performer"]

LocalAction = Adopt | Hold | Release | Identify | ReadMetadata | Withhold | NoteRunning | Reopen
"""What needs nothing from Onedata, and so is done while it is away."""

ApartAction = EndImport | Retire | SetLinks | Publish
"""What needs Onedata, and no folder."""

OnedataAction = (
    Take
    | SetContinuous
    | TellFolder
    | AskImport
    | ImportSidecar
    | CheckSidecar
    | FinishImport
    | CheckImport
    | CloseMetadata
    | GiveRights
    | LeaveAccess
    | AnnounceAgain
    | TellComplete
)


@dataclass
class Performer:
    """Carries out actions. Every method may be repeated after any failure."""

    configuration: Configuration
    journal: Journal
    surveys: Surveys
    clock: Callable[[], datetime]
    _fresh: set[tuple[int, Step]] = field(default_factory=set)
    """Steps that this very process has begun and not yet tried."""

    async def perform_local(self, action: LocalAction, sighting: Sighting | None = None) -> None:
        """Carry out what needs nothing from Onedata.

        Raises:
            StorageFull: The journal could not be written; nothing was done.
            TimeoutError: The dataset's folder does not answer; nothing was done.
        """
        match action:
            case Adopt(folder, problem):
                await asyncio.to_thread(self._adopt, folder, problem)
            case Hold(dataset, problem):
                await self._write(replace(self.journal.get(dataset), problem=problem), "needs you", problem.said)
            case Release(dataset):
                # Read again: what was wrong with the metadata file may still be.
                released = replace(self.journal.get(dataset), problem=None, reread=True)
                await self._write(importing_again(released), "goes on", "the folder is in order again")
            case Identify(dataset, folder):
                await self._write(self.journal.get(dataset).found_as(folder))
            case Withhold(dataset):
                await self._withhold(self.journal.get(dataset))
            case NoteRunning(dataset):
                await self._note_running(self.journal.get(dataset))
            case Reopen(dataset):
                if sighting is not None and sighting.tally is not None:
                    await self._reopen(self.journal.get(dataset), sighting.tally)
            case ReadMetadata(dataset):
                if sighting is not None:
                    await self._read(self.journal.get(dataset), sighting.folder)
            case _:
                assert_never(action)

    async def perform(self, action: OnedataAction, sighting: Sighting, services: Services, groups: Groups) -> None:
        """Carry out what needs Onedata.

        Raises:
            Fs2odError: It did not work out; `setback_of` says what to make of it.
        """
        scene = self._scene(action.dataset, sighting, services, groups)
        importer = Importer(self.journal, self.surveys, self.clock)
        match action:
            case Take(_, step, look_first):
                await self._take(scene, step, look_first=look_first)
            case SetContinuous() | TellFolder():
                await _instruct(importer, scene, action)
            case AskImport():
                await importer.ask(scene, sighting)
            case ImportSidecar():
                await importer.ask_for_sidecar(scene, sighting)
            case CheckSidecar():
                await importer.check_sidecar(scene)
            case FinishImport():
                await importer.finish(scene, sighting)
            case CheckImport():
                await importer.check(scene, sighting)
            case CloseMetadata():
                await self._close(scene, importer)
            case GiveRights():
                await self._give_rights(scene)
            case LeaveAccess():
                await Announcer(self.journal, self.clock, self.surveys.answers).leave_access(scene)
            case AnnounceAgain() | TellComplete():
                await self._tell(scene, action)
            case _:
                assert_never(action)

    async def perform_apart(self, action: ApartAction, services: Services, groups: Groups) -> None:
        """Carry out what needs no folder, whatever stands in its place.

        Raises:
            Fs2odError: As `perform`.
        """
        record = self.journal.get(action.dataset)
        match action:
            case EndImport():
                await Importer(self.journal, self.surveys, self.clock).end(record, services)
            case Retire():
                await self._retire(record, services, groups)
            case SetLinks():
                await self._set_links(record, services)
            case Publish():
                await self._publish(record, services)
            case _:
                assert_never(action)

    def _scene(self, dataset: int, sighting: Sighting, services: Services, groups: Groups) -> Scene:
        record = self.journal.get(dataset)
        return Scene(record, sighting.folder, self.configuration, services, groups, self.journal, self.clock())

    async def _take(self, scene: Scene, step: Step, *, look_first: bool) -> None:
        record = scene.record
        if record.begun is not step:
            record = await self._write(replace(record, begun=step))
        look_first = look_first and (record.id, step) not in self._fresh
        self._fresh.discard((record.id, step))
        scene = Scene(**{**scene.__dict__, "record": record, "look_first": look_first})
        if step in STEPS:
            await self._done(scene, step, await STEPS[step](scene))
        else:
            await Announcer(self.journal, self.clock, self.surveys.answers).take(scene, step)

    async def _tell(self, scene: Scene, action: AnnounceAgain | TellComplete) -> None:
        announcer = Announcer(self.journal, self.clock, self.surveys.answers)
        if isinstance(action, TellComplete):
            await announcer.tell_complete(scene)
            return
        try:
            await announcer.announce_again(scene)
        except (Forbidden, NotFound, Rejected):
            # An owner may have taken the right to invite from us: the completion is told all the same.
            if is_completion_untold(scene.record):
                await announcer.tell_complete(scene)
            raise

    async def _done(self, scene: Scene, step: Step, outcome: Outcome) -> None:
        record = progressed(scene.record, step, outcome)
        await self._write(record, str(step), outcome.said)
        if record.begun is not None:
            self._fresh.add((record.id, record.begun))

    async def _close(self, scene: Scene, importer: Importer) -> None:
        fingerprint = scene.folder.fingerprint
        try:
            await close_metadata_files(scene)
        except NotYet:
            # One that came after the dataset was complete: nothing else asks for a scan.
            await importer.force(scene)
            raise
        if scene.record.closed == fingerprint + "?":
            await self._write(replace(scene.record, closed=fingerprint), "closed", "changed metadata file closed again")
            return
        # A file that was deleted and written anew is a new one to the provider, so it is closed again after the scan.
        await importer.force(scene)
        await self._write(replace(scene.record, closed=fingerprint + "?", next_attempt_at=importer.soon()))

    async def _give_rights(self, scene: Scene) -> None:
        said = "owners and members have the rights of today"
        try:
            await give_rights_of_today(scene)
        except (Forbidden, NotFound) as error:
            # Somebody took the groups away, or us out of them: the dataset is none the worse, and nobody is asked to act.
            said = f"owners and members keep the rights that they have ({error})"
        done = {**scene.record.done, Step.MEMBERS_RIGHTS: bundles_fingerprint()}
        await self._write(replace(scene.record, done=done), "rights", said)

    async def _retire(self, record: Record, services: Services, groups: Groups) -> None:
        after, said = await end_at_onedata(record, services, groups, self.journal)
        # What waits would bring people a link and invites that work no longer.
        withdrawing = partial(self.journal.write, after, kind="retired", said=said, now=self.clock())
        await asyncio.to_thread(withdrawing, withdraw=record.unique_name)

    async def _set_links(self, record: Record, services: Services) -> None:
        try:
            after, said = await set_links_of_today(record, self.configuration, services)
        except (Forbidden, Rejected):
            # Known no longer, so that it is asked for anew, and the trouble goes, also when the configuration is set back.
            if record.links is not None:
                await self._write(replace(record, links=None))
            raise
        set_now = replace(after, attempts=0, trouble=None, next_attempt_at=None)
        await self._write(set_now, *(("links", said) if said else ()))

    async def _publish(self, record: Record, services: Services) -> None:
        said = "description and metadata, as allowed"
        try:
            fingerprint = await publish(record, self.configuration, services)
        except NotFound:
            # Owners may end the link: the dataset goes on for its members. Where more is gone, this fails as well.
            said = f"metadata, as allowed; {LINK_ENDED}"
            try:
                fingerprint = await publish(record, self.configuration, services, link=False)
            except (Forbidden, NotFound):
                # Of a dataset that was put away here and there, nothing is public any more.
                if record.problem is None or record.problem.kind not in STRUCTURAL:
                    raise
                fingerprint = publication_of(record, self.configuration.facility).fingerprint
                said = "nothing: Onedata does not have it any more"
        done = {**record.done, Step.PUBLISHED: fingerprint}
        await self._write(replace(record, done=done, attempts=0, trouble=None, next_attempt_at=None), "published", said)

    def _adopt(self, folder: SeenFolder, problem: Problem | None) -> None:
        watch = Rules(self.configuration).watch(folder.root)
        if watch is None:
            return
        now = self.clock()
        name = dataset_name(folder, watch, {record.name for record in self.journal.records()}, now)
        record = Record(
            id=0,
            root=folder.root,
            relative=folder.shown,
            name=name,
            unique_name=unique_name(name),
            device=folder.device,
            inode=folder.inode,
            generation=folder.generation,
            detected_at=now,
            problem=problem,
        )
        self.journal.add(record, said=problem.said if problem else str(folder.path), now=now)

    async def _read(self, record: Record, folder: SeenFolder) -> None:
        if folder.metadata is None:
            return
        watch = Rules(self.configuration).watch(folder.root)
        rules = fact_rules(self.configuration, watch)
        try:
            reading = partial(read_metadata, folder.path / folder.metadata.name)
            metadata = await self.surveys.answers.of(folder.path, reading)
        except MetadataProblem as error:
            malformed = Problem(ProblemKind.METADATA, str(error), self.clock())
            known = facts_still_allowed(record, self.configuration, watch)
            held = replace(record, metadata=folder.metadata, reread=False, problem=malformed, facts=known)
            await self._write(self._by_rules(record, held, rules), "needs you", str(error))
            return
        facts = facts_of(metadata, folder=record.name, configuration=self.configuration, watch=watch)
        problem = None if facts.to else self._nobody(record, facts)
        phase = Phase.ONBOARDING if record.phase is Phase.SEEN else record.phase
        read = replace(
            record,
            metadata=folder.metadata,
            reread=False,
            facts=facts,
            problem=problem,
            phase=phase,
            announcements=told_so_far(record),
        )
        read = self._by_rules(record, read, rules)
        if (facts, folder.metadata, False) == (record.facts, record.metadata, record.reread):
            await self._write(read)  # others are configured, and nothing of it concerns this one
            return
        said = "; ".join((f"{folder.metadata.name} read", *facts.complaints))
        await self._write(
            read, "metadata" if problem is None else "needs you", said if problem is None else problem.said
        )

    async def _withhold(self, record: Record) -> None:
        before, rules = record.taken_by, Rules(self.configuration).facts(record)
        known = facts_still_allowed(record, self.configuration, Rules(self.configuration).watch(record.root))
        # Read as soon as that is possible: what is listed since then, and whom to tell, is not known.
        withheld = replace(record, facts=known, reread=True)
        rules = replace(rules, people=before.people if before else "")
        said = "what is published no longer is left out; the metadata file is read as soon as it can be"
        event = ("metadata", said) if known != record.facts else ()
        await self._write(self._by_rules(record, withheld, rules), *event)

    def _by_rules(self, before: Record, after: Record, rules: FactRules) -> Record:
        """Return a dataset whose facts were taken by other rules perhaps: what they change is published soon, and nobody is told."""
        if before.taken_by == rules:
            return after
        after = replace(after, taken_by=rules)
        if Step.PUBLISHED in after.done and after.facts != before.facts:
            after = replace(after, done={**after.done, Step.PUBLISHED: ""}, attempts=0, next_attempt_at=None)
        if after.metadata != before.metadata or (before.taken_by and before.taken_by.people == rules.people):
            return after
        # Where the facts stayed as they were, they name those whom an earlier configuration named.
        named = None if after.facts == before.facts else before.facts
        return replace(after, announcements=heard_by_configuration(after, named, self.configuration.mail))

    def _nobody(self, record: Record, facts: Facts) -> Problem | None:
        if Step.ANNOUNCED in record.done:
            return None
        keys = self.configuration.mail.to_keys
        unusable = [each for each in facts.complaints if each.startswith(tuple(f"{key}: " for key in keys))]
        said = "; ".join(unusable) or f"no mail address at {', '.join(keys)}"
        return Problem(ProblemKind.RECIPIENTS, f"nobody to tell: {said}", self.clock())

    async def _note_running(self, record: Record) -> None:
        phase = Phase.ONBOARDING if record.next_step is not None else Phase.ACQUIRING
        said = "acquisition goes on again" if record.running_seen else "acquisition goes on"
        noted = replace(
            record, running_seen=True, phase=phase, completed_at=None, unfinished=0, changed_later="", quietly=False
        )
        await self._write(noted, "acquiring", said)

    async def _reopen(self, record: Record, tally: Tally) -> None:
        said = difference(record.tally, tally) if record.tally else "files changed"
        was_told = record.tally is not None and record.told == record.tally.signature
        reopened = replace(
            record, phase=Phase.ACQUIRING, completed_at=None, changed_later=said, quietly=was_told, unfinished=0
        )
        await self._write(reopened, "data changed", f"changed after completion: {said}")

    async def _write(self, record: Record, kind: str = "", said: str = "") -> Record:
        return await asyncio.to_thread(self.journal.write, record, kind=kind, said=said, now=self.clock())


async def _instruct(importer: Importer, scene: Scene, action: SetContinuous | TellFolder) -> None:
    if isinstance(action, TellFolder):
        await importer.tell_folder(scene)
    else:
        await importer.set_continuous(scene, on=action.on)
