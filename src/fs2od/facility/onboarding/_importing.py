"""Import while data comes, and the last one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from fs2od.facility.configuration import Configuration, Watch
from fs2od.facility.deciding import Rules, data_signature
from fs2od.facility.journal import Journal, Phase, Record
from fs2od.facility.metadata import ACCESS_FILE_NAME
from fs2od.facility.onboarding._setbacks import NotYet
from fs2od.facility.onboarding._steps import Scene
from fs2od.facility.watching import Sighting, Surveys, Tally
from fs2od.manifests import SIDECAR
from fs2od.onedata import wire
from fs2od.onedata.errors import Conflict

__all__ = ["Importer", "uncounted_names"]

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

    async def ask(self, scene: Scene, sighting: Sighting) -> None:
        """Ask for a scan of what has changed. One that is under way may have passed it already: then ask again later."""
        begun = await self.force(scene)
        record = replace(eased(scene.record), import_asked_at=self.clock(), tally=sighting.tally)
        await self._write(replace(record, imported=data_signature(sighting)) if begun else record)

    async def ask_for_sidecar(self, scene: Scene, sighting: Sighting) -> None:
        """Ask for a scan of what was published in the sidecar; where there is none, note that."""
        begun = sighting.sidecar == "none" or await self.force(scene)
        record = replace(eased(scene.record), import_asked_at=self.clock())
        await self._write(replace(record, sidecar=sighting.sidecar) if begun else record)

    async def force(self, scene: Scene) -> bool:
        """Begin a scan; `False`: one is under way."""
        try:
            await scene.services.panel.imports.force_start(scene.space)
        except Conflict:
            return False
        return True

    async def finish(self, scene: Scene, sighting: Sighting) -> None:
        """Count every file once more, and begin the last scan.

        Raises:
            NotYet: Another scan is under way, or the folder cannot be counted.
        """
        tally = await self._count(scene, anew=True)
        if tally is None:
            raise NotYet("the folder cannot be read")
        counted = Sighting(sighting.folder, sighting.unchanged_since, tally)
        before = (await scene.services.panel.imports.info(scene.space)).total_scans
        if not await self.force(scene):
            raise NotYet("another import is under way")
        record = replace(
            eased(scene.record),
            phase=Phase.FINISHING,
            scans_before=before,
            imported=data_signature(counted),
            import_asked_at=self.clock(),
            tally=tally,
        )
        await self._write(record, "import", "last import asked for")

    async def check(self, scene: Scene, sighting: Sighting) -> None:
        """See whether the last scan ended. If the data changed meanwhile, or the scan failed, acquisition goes on.

        Raises:
            NotYet: It has not ended.
        """
        info = await scene.services.panel.imports.info(scene.space)
        if info.total_scans <= scene.record.scans_before or info.status in {"enqueued", "running", "aborting"}:
            raise NotYet("the last import has not ended")
        tally = await self._count(scene, anew=False)
        now_there = Sighting(sighting.folder, sighting.unchanged_since, tally)
        if info.status != "completed" or data_signature(now_there) != scene.record.imported:
            said = "data changed during the last import" if info.status == "completed" else f"the import {info.status}"
            await self._write(replace(eased(scene.record), phase=Phase.ACQUIRING), "import", said)
            return
        record = replace(eased(scene.record), phase=Phase.COMPLETE, completed_at=self.clock())
        files = scene.record.tally.files if scene.record.tally else 0
        await self._write(record, "imported", f"the last import ended: {files} files can be delivered")

    async def _count(self, scene: Scene, *, anew: bool) -> Tally | None:
        watch = Rules(scene.configuration).watch(scene.record.root)
        excluded = uncounted_names(scene.configuration, watch) if watch else ()
        return await self.surveys.look(scene.record.id, scene.folder.path, excluded, anew=anew)

    async def _write(self, record: Record, kind: str = "", said: str = "") -> None:
        await asyncio.to_thread(self.journal.write, record, kind=kind, said=said, now=self.clock())


def eased(record: Record) -> Record:
    """Return the record without the trouble of earlier attempts, for this one worked out; pure."""
    return replace(record, attempts=0, trouble=None, next_attempt_at=None)


def uncounted_names(configuration: Configuration, watch: Watch) -> Collection[str]:
    """Return what lies in a dataset's folder and does not count as its data: links do not deliver it, or it is ours."""
    hidden = () if configuration.publish.metadata_file else watch.metadata_files
    return frozenset({ACCESS_FILE_NAME, SIDECAR, watch.running_file, *hidden})
