"""Import while data comes, and the last one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from fs2od.configuration import Configuration, Watch
from fs2od.facility.deciding import (
    Rules,
    closed_names_of,
    data_signature,
    pause_after_setback,
    quiet_at,
    shows_metadata_file,
)
from fs2od.facility.journal import TO_SEAL, Journal, Phase, Problem, ProblemKind, Record, Step, parts_in
from fs2od.facility.metadata import NEVER_IMPORTED
from fs2od.facility.onboarding._imported import Imported, imported, lack
from fs2od.facility.onboarding._names import provider_path
from fs2od.facility.onboarding._services import Services
from fs2od.facility.onboarding._setbacks import NotYet
from fs2od.facility.onboarding._steps import Scene
from fs2od.facility.watching import Sighting, Surveys, Uncounted
from fs2od.manifests import SIDECAR
from fs2od.onedata import wire
from fs2od.onedata.errors import Conflict, Forbidden, NotFound, Rejected
from fs2od.onedata.ids import FileId, SpaceId, StorageId

__all__ = ["Importer", "importing_again", "uncounted_names"]

_SOON = timedelta(seconds=2)


@dataclass
class Importer:
    """Asks the provider to scan, and sees how it went."""

    journal: Journal
    surveys: Surveys
    clock: Callable[[], datetime]

    def soon(self) -> datetime:
        """Return when a scan that was asked for now should have ended."""
        return self.clock() + _SOON

    async def set_continuous(self, scene: Scene, *, on: bool) -> None:
        """Let the provider scan by itself, or no longer."""
        await scene.services.panel.spaces.change(scene.space, auto_import=wire.AutoImportConfig(continuous_scan=on))
        said = "the provider scans by itself" if on else "the provider's own scans ended"
        await self._write(replace(eased(scene.record), continuous=on), "import", said)

    async def end(self, record: Record, services: Services) -> None:
        """Let the provider neither scan by itself any more nor go on with the scan that is under way."""
        space = SpaceId(record.done[Step.SPACE])
        await services.panel.spaces.change(space, auto_import=wire.AutoImportConfig(continuous_scan=False))
        with contextlib.suppress(NotFound):  # none is under way
            await services.panel.imports.force_stop(space)
        ended = replace(eased(record), continuous=False, import_ended=True)
        await self._write(ended, "import", "nothing more is imported until the folder is in order")

    async def tell_folder(self, scene: Scene) -> None:
        """Tell the provider that the folder which stands there now is meant. One that tells none from another need not know."""
        storage, panel = StorageId(scene.record.done[Step.STORAGE]), scene.services.panel
        mount_point = provider_path(scene.folder.path, scene.configuration.onedata.path_map)
        said = "the provider takes the folder that stands there now"
        try:
            name = (await panel.storages.get(storage)).name
            await panel.storages.change_posix(storage, current_name=name, mount_point=mount_point)
        except (Rejected, NotFound, Forbidden) as error:
            said = f"the provider keeps the folder that it knows ({error})"
        await self._write(replace(eased(scene.record), other_folder=False, imported=""), "import", said)

    async def ask(self, scene: Scene, sighting: Sighting) -> None:
        """Ask for a scan of what has changed. One that is under way may have passed it already: then ask again later."""
        begun = await self.force(scene)
        record = replace(eased(scene.record), import_asked_at=self.clock(), tally=sighting.tally)
        await self._write(replace(record, imported=data_signature(sighting)) if begun else record)

    async def ask_for_sidecar(self, scene: Scene, sighting: Sighting) -> None:
        """Ask for a scan of what was published in the sidecar; where there is none, note that."""
        record, before = eased(scene.record), scene.record.scans_before
        if sighting.sidecar.endswith(TO_SEAL):
            before = (await scene.services.panel.imports.info(scene.space)).total_scans
        begun = sighting.sidecar == "none" or await self.force(scene)
        record = replace(record, import_asked_at=self.clock())
        await self._write(replace(record, sidecar=sighting.sidecar, scans_before=before) if begun else record)

    async def check_sidecar(self, scene: Scene) -> None:
        """See whether the scan has ended that was asked for what is to be sealed anew, and brought it; if not, look again soon."""
        info, record = await scene.services.panel.imports.info(scene.space), eased(scene.record)
        if not _has_ended(info, record):
            self.journal.pause(replace(record, next_attempt_at=self.soon()))
            return
        parts = parts_in(record.sidecar)
        if info.status == "completed":
            await self._write(replace(record, parts_imported=parts))
        else:
            # Asked for again, as what is new.
            await self._write(replace(record, sidecar=str(parts)))

    async def force(self, scene: Scene) -> bool:
        """Begin a scan; `False`: one is under way."""
        try:
            await scene.services.panel.imports.force_start(scene.space)
        except Conflict:
            return False
        return True

    async def finish(self, scene: Scene, sighting: Sighting) -> None:
        """Count every file once more, and begin the last scan, unless the data turns out to have changed just now.

        Raises:
            NotYet: Another scan is under way, or the folder cannot be counted.
        """
        record, watch = scene.record, Rules(scene.configuration).watch(scene.record.root)
        counted = await self._counted(scene, sighting)
        if watch is not None and self.clock() < quiet_at(record, counted, watch):
            return
        before = (await scene.services.panel.imports.info(scene.space)).total_scans
        if not await self.force(scene):
            raise NotYet("another import is under way")
        begun = replace(
            record,
            phase=Phase.FINISHING,
            scans_before=before,
            imported=data_signature(counted),
            import_asked_at=self.clock(),
            tally=counted.tally,
            attempts=0,
            next_attempt_at=None,
            trouble=record.trouble if record.unfinished else None,
        )
        # Told once, not again with every repetition.
        await self._write(begun, *(() if record.unfinished else ("import", "last import asked for")))

    async def check(self, scene: Scene, sighting: Sighting) -> None:
        """See whether the last scan ended, and brought everything. If the data changed meanwhile, acquisition goes on.

        Raises:
            NotYet: It has not ended, or the folder cannot be counted.
        """
        info = await scene.services.panel.imports.info(scene.space)
        if not _has_ended(info, scene.record):
            raise NotYet("the last import has not ended")
        if info.status != "completed":
            seen_at = provider_path(scene.folder.path, scene.configuration.onedata.path_map)
            await self._repeat(scene, f"the last import {info.status}: can the provider read {seen_at}?")
            return
        counted = await self._counted(scene, sighting)
        if data_signature(counted) != scene.record.imported:
            said = "data changed during the last import"
            await self._write(replace(eased(scene.record), phase=Phase.ACQUIRING), "import", said)
            return
        tally = counted.tally
        if tally is not None and (said := lack(await self._imported(scene), tally)):
            await self._repeat(scene, f"the last import did not bring everything: {said}")
            return
        record = replace(eased(scene.record), phase=Phase.COMPLETE, completed_at=self.clock(), unfinished=0)
        if record.quietly and tally is not None:
            record = replace(record, told=tally.signature, quietly=False)
        files = tally.files if tally else 0
        await self._write(record, "imported", f"the last import ended: {files} files can be delivered")

    async def _repeat(self, scene: Scene, said: str) -> None:
        """Let the last import be repeated after a pause that grows, and show why."""
        record, now = scene.record, self.clock()
        unfinished = record.unfinished + 1
        again = replace(
            record,
            phase=Phase.ACQUIRING,
            unfinished=unfinished,
            attempts=0,
            trouble=Problem(ProblemKind.WAITING, said, record.trouble.since if record.trouble else now),
            next_attempt_at=now + pause_after_setback(ProblemKind.WAITING, unfinished),
        )
        is_known = record.trouble is not None and record.trouble.said == said
        await self._write(again, *(() if is_known else ("waits", said)))

    async def _counted(self, scene: Scene, sighting: Sighting) -> Sighting:
        tally = await self.surveys.look(scene.record.id, scene.folder.path, _uncounted(scene), anew=True)
        if tally is None:
            raise NotYet("the folder cannot be read")
        return Sighting(sighting.folder, sighting.unchanged_since, tally)

    async def _imported(self, scene: Scene) -> Imported:
        return await imported(scene.services.provider, FileId(scene.record.root_file), _uncounted(scene))

    async def _write(self, record: Record, kind: str = "", said: str = "") -> None:
        await asyncio.to_thread(self.journal.write, record, kind=kind, said=said, now=self.clock())


def _has_ended(info: wire.ImportInfo, record: Record) -> bool:
    return info.total_scans > record.scans_before and info.status not in {"enqueued", "running", "aborting"}


def eased(record: Record) -> Record:
    """Return the record without the trouble of earlier attempts, for this one worked out; pure."""
    return replace(record, attempts=0, trouble=None, next_attempt_at=None)


def importing_again(record: Record) -> Record:
    """Return the record of a dataset that may be imported again: what was cut off is asked for anew; pure."""
    return replace(record, import_ended=False, imported="") if record.import_ended else record


def uncounted_names(record: Record, configuration: Configuration, watch: Watch) -> Uncounted:
    """Return what lies in a dataset's folder and does not count as its data: links do not deliver it, or it is ours."""
    hidden = () if shows_metadata_file(record, configuration) else watch.metadata_files
    return Uncounted(
        frozenset({SIDECAR, watch.running_file, *hidden}), NEVER_IMPORTED, closed_names_of(record, configuration)
    )


def _uncounted(scene: Scene) -> Uncounted:
    watch = Rules(scene.configuration).watch(scene.record.root)
    return uncounted_names(scene.record, scene.configuration, watch) if watch else Uncounted()
