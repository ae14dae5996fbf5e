"""Comparing what lies in the watched folders with what the journal knows: new datasets, and folders that are not as they were."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fs2od.configuration import Watch
from fs2od.facility.deciding._actions import Adopt, Hold, Identify, Release
from fs2od.facility.deciding._passing_over import CLOSED_FOLDER
from fs2od.facility.journal import Phase, Problem, ProblemKind, Record
from fs2od.facility.watching import Look, Oddity, SeenFolder, Sighting

__all__ = ["STRUCTURAL", "reconcile"]

STRUCTURAL = frozenset(
    {
        ProblemKind.NAME,
        ProblemKind.NESTED,
        ProblemKind.RENAMED,
        ProblemKind.REMOVED,
        ProblemKind.REPLACED,
        ProblemKind.METADATA_LOST,
        ProblemKind.CLOSED,
    }
)
"""Problems with the folder itself. With such a one nothing is done: what it means is for a person to say."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def reconcile(
    look: Look,
    sightings: Mapping[tuple[str, str], Sighting],
    records: Iterable[Record],
    watches: Iterable[Watch],
    now: datetime,
) -> list[Adopt | Hold | Release | Identify]:
    """Decide which folders are new datasets and which known ones need a person. Roots that cannot be read say nothing."""
    one = _Reconciling(look, sightings, tuple(records), {str(watch.path): watch for watch in watches}, now)
    return [*one.known(), *one.new()]


class _Reconciling:
    def __init__(
        self,
        look: Look,
        sightings: Mapping[tuple[str, str], Sighting],
        records: tuple[Record, ...],
        watches: Mapping[str, Watch],
        now: datetime,
    ) -> None:
        self._look = look
        self._sightings = sightings
        self._records = records
        self._watches = watches
        self._now = now
        self._by_identity = {record.identity: record for record in records}
        self._strangers = {
            (folder.device, folder.inode): folder for folder in look.folders if folder.identity not in self._by_identity
        }
        self._closed = {str(each.path) for each in look.passed_over if each.oddity is Oddity.CLOSED}
        self._dataset_paths = {str(record.path) for record in records if not _is(record, ProblemKind.NESTED)}

    def known(self) -> Iterator[Hold | Release | Identify]:
        for record in self._records:
            if record.root not in self._watches or record.root in self._look.missing:
                continue
            sighting = self._sightings.get(record.identity)
            folder = sighting.folder if sighting else None
            problem = self._problem(record, folder)
            held = record.problem if record.problem and record.problem.kind in STRUCTURAL else None
            if problem and (held is None or (held.kind, held.said) != (problem.kind, problem.said)):
                yield Hold(record.id, problem)
            elif held and not problem:
                yield Release(record.id)
            if folder and not problem and (folder.device, folder.inode) != (record.device, record.inode):
                yield Identify(record.id, folder.device, folder.inode)

    def new(self) -> Iterator[Adopt]:
        taken = set(self._dataset_paths)
        # Outer folders first, so that the inner one of two new datasets is the nested one.
        for sighting in sorted(self._sightings.values(), key=lambda each: len(each.folder.relative)):
            folder = sighting.folder
            if folder.identity in self._by_identity or not self._is_due(sighting) or self._is_renamed(folder):
                continue
            problem = self._unfit(folder, taken)
            if problem is None:
                taken.add(str(folder.path))
            yield Adopt(folder, problem)

    def _is_due(self, sighting: Sighting) -> bool:
        file, watch = sighting.folder.metadata, self._watches[sighting.folder.root]
        if file is None or sighting.folder.is_closed or self._now - sighting.unchanged_since < watch.settle:
            return False
        return (
            watch.ignore_before is None or _EPOCH + timedelta(microseconds=file.mtime_ns // 1000) >= watch.ignore_before
        )

    def _is_renamed(self, folder: SeenFolder) -> bool:
        """Say whether a known dataset's folder seems to have got this name, so that it is no new one."""
        return any(
            (record.device, record.inode) == (folder.device, folder.inode)
            and record.identity not in self._sightings
            and not (_is(record, ProblemKind.REMOVED) and record.metadata != folder.metadata)
            for record in self._records
        )

    def _unfit(self, folder: SeenFolder, taken: set[str]) -> Problem | None:
        if folder.shown != folder.relative:
            return self._report(ProblemKind.NAME, "the folder's name is not UTF-8: rename it")
        return self._nested(folder, taken)

    def _nested(self, folder: SeenFolder, taken: set[str]) -> Problem | None:
        above = next((str(parent) for parent in folder.path.parents if str(parent) in taken), None)
        if above is None:
            return None
        said = f"it lies inside the dataset {above}: nested datasets are not taken up, move one of them"
        return self._report(ProblemKind.NESTED, said)

    def _problem(self, record: Record, folder: SeenFolder | None) -> Problem | None:
        if folder is None:
            return self._gone(record)
        if folder.shown != folder.relative:
            return self._unfit(folder, set())
        if _is_another(record, folder):
            said = "another folder now has this name: move it away and put the dataset back"
            return self._report(ProblemKind.REPLACED, said)
        if folder.is_closed:
            return self._report(ProblemKind.CLOSED, CLOSED_FOLDER)
        if folder.metadata is None:
            name = record.metadata.name if record.metadata else "its metadata file"
            return self._report(ProblemKind.METADATA_LOST, f"{name} is gone from the folder: put it back")
        return self._nested(folder, self._dataset_paths - {str(folder.path)}) if record.phase is Phase.SEEN else None

    def _gone(self, record: Record) -> Problem:
        stranger = self._strangers.get((record.device, record.inode))
        if stranger is not None and not (_is(record, ProblemKind.REMOVED) and record.metadata != stranger.metadata):
            where = Path(stranger.root, stranger.shown)
            return self._report(ProblemKind.RENAMED, f"the folder seems to be called {where} now: name it as it was")
        if any(str(parent) in self._closed for parent in record.path.parents):
            return self._report(ProblemKind.CLOSED, f"a folder above it is closed; {CLOSED_FOLDER}")
        return self._report(ProblemKind.REMOVED, "the folder is gone: put it back")

    def _report(self, kind: ProblemKind, said: str) -> Problem:
        return Problem(kind, said, self._now)


def _is(record: Record, kind: ProblemKind) -> bool:
    return record.problem is not None and record.problem.kind is kind


def _is_another(record: Record, folder: SeenFolder) -> bool:
    if (folder.device, folder.inode) == (record.device, record.inode) or record.metadata is None:
        return False
    there = folder.metadata
    # A new mount has other numbers, and a copy put back keeps the file's size and time.
    same_file = there and (there.size_bytes, there.mtime_ns) == (record.metadata.size_bytes, record.metadata.mtime_ns)
    return not same_file
