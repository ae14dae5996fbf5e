"""Comparing what lies in the watched folders with what the journal knows: new datasets, and folders that are not as they were."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fs2od.configuration import Watch
from fs2od.facility.deciding._actions import Adopt, Hold, Identify, Release
from fs2od.facility.deciding._passing_over import CLOSED_FOLDER
from fs2od.facility.journal import Phase, Problem, ProblemKind, Record
from fs2od.facility.watching import Look, Oddity, SeenFolder, Sighting, fits_glob

__all__ = ["STRUCTURAL", "reconcile"]

STRUCTURAL = frozenset(
    {
        ProblemKind.NAME,
        ProblemKind.NESTED,
        ProblemKind.RENAMED,
        ProblemKind.REMOVED,
        ProblemKind.REPLACED,
        ProblemKind.UNWATCHED,
        ProblemKind.METADATA_LOST,
        ProblemKind.CLOSED,
        ProblemKind.RETIRED,
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
        self._by_numbers = defaultdict[tuple[int, int], list[Record]](list)
        for record in records:
            self._by_numbers[_numbers(record)].append(record)
        self._by_path = {str(folder.path): folder for folder in look.folders}
        self._closed = {str(each.path) for each in look.passed_over if each.oddity is Oddity.CLOSED}
        self._dataset_paths = {str(record.path): record for record in records if not _is(record, ProblemKind.NESTED)}
        self._above_datasets = {
            str(parent): path
            for path, record in self._dataset_paths.items()
            for parent in record.path.parents
            if not record.is_retired
        }

    def known(self) -> Iterator[Hold | Release | Identify]:
        for record in self._records:
            if record.is_retired or any(record.path.is_relative_to(root) for root in self._look.missing):
                continue
            folder = self._folder(record)
            problem = self._problem(record, folder)
            held = record.problem if record.problem and record.problem.kind in STRUCTURAL else None
            if problem and (held is None or (held.kind, held.said) != (problem.kind, problem.said)):
                yield Hold(record.id, problem)
            elif held and not problem:
                yield Release(record.id)
            if folder and not problem and _is_news(record, folder):
                yield Identify(record.id, folder)

    def new(self) -> Iterator[Adopt]:
        taken = {path for path, record in self._dataset_paths.items() if not record.is_retired}
        # Outer folders first, so that the inner one of two new datasets is the nested one.
        for sighting in sorted(self._sightings.values(), key=lambda each: len(each.folder.path.parts)):
            folder = sighting.folder
            if folder.identity in self._by_identity or str(folder.path) in self._dataset_paths:
                continue
            if not self._is_due(sighting) or self._is_renamed(folder):
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
            record.identity not in self._sightings and not record.is_retired and _has_moved(record, folder)
            for record in self._by_numbers.get(_numbers(folder), ())
        )

    def _unfit(self, folder: SeenFolder, taken: set[str]) -> Problem | None:
        if folder.shown != folder.relative:
            return self._report(ProblemKind.NAME, "the folder's name is not UTF-8: rename it")
        return self._nested(folder, taken)

    def _nested(self, folder: SeenFolder, taken: Collection[str]) -> Problem | None:
        above = next((str(parent) for parent in folder.path.parents if str(parent) in taken), None)
        below = self._above_datasets.get(str(folder.path))
        if above is None and below is None:
            return None
        where = f"it lies inside the dataset {above}" if above else f"the dataset {below} lies inside it"
        return self._report(ProblemKind.NESTED, f"{where}: nested datasets are not taken up, move one of them")

    def _folder(self, record: Record) -> SeenFolder | None:
        """Return a dataset's folder, by whatever watch it is seen."""
        sighting = self._sightings.get(record.identity)
        return sighting.folder if sighting else self._by_path.get(str(record.path))

    def _problem(self, record: Record, folder: SeenFolder | None) -> Problem | None:
        if folder is None:
            return self._gone(record)
        if folder.shown != folder.relative:
            return self._unfit(folder, set())
        if _is_another(record, folder):
            said = "another folder now has this name: move it away and put the dataset back"
            accept = f"if this is its data, all the same: fs2od datasets accept {record.name}"
            return self._report(ProblemKind.REPLACED, f"{said}; {accept}; {_for_good(record)}")
        if folder.is_closed:
            return self._report(ProblemKind.CLOSED, CLOSED_FOLDER)
        if folder.metadata is None:
            name = record.metadata.name if record.metadata else "its metadata file"
            return self._report(ProblemKind.METADATA_LOST, f"{name} is gone from the folder: put it back")
        return self._nested(folder, self._dataset_paths) if record.phase is Phase.SEEN else None

    def _gone(self, record: Record) -> Problem | None:
        stranger = self._strangers.get(_numbers(record))
        if stranger is not None and _has_moved(record, stranger):
            where = Path(stranger.root, stranger.shown)
            said = f"the folder seems to be called {where} now: name it as it was"
            return self._report(ProblemKind.RENAMED, f"{said}; {_for_good(record)}")
        if any(str(parent) in self._closed for parent in record.path.parents):
            return self._report(ProblemKind.CLOSED, f"a folder above it is closed; {CLOSED_FOLDER}")
        watch = self._watches.get(record.root)
        if watch is None or not fits_glob(record.relative, watch.glob):
            return self._unwatched(record, watch)
        return self._report(ProblemKind.REMOVED, f"the folder is gone: put it back; {_for_good(record)}")

    def _unwatched(self, record: Record, watch: Watch | None) -> Problem | None:
        # What is complete stands in Onedata, and whoever stops watching old folders need not hear of each dataset there.
        if record.phase is Phase.COMPLETE:
            return None
        reason = f"watch.glob of {record.root} does not match it" if watch else f"{record.root} is not watched"
        said = f"{reason} any more: it stays as it is until it is watched again"
        return self._report(ProblemKind.UNWATCHED, f"{said}; {_for_good(record)}")

    def _report(self, kind: ProblemKind, said: str) -> Problem:
        return Problem(kind, said, self._now)


def _for_good(record: Record) -> str:
    return f"if it is gone for good: fs2od datasets retire {record.name}"


def _is(record: Record, kind: ProblemKind) -> bool:
    return record.problem is not None and record.problem.kind is kind


def _numbers(one: Record | SeenFolder) -> tuple[int, int]:
    return one.device, one.inode


def _is_numbered_alike(record: Record, folder: SeenFolder) -> bool:
    return folder.device == record.device and record.has_number_of(folder)


def _is_news(record: Record, folder: SeenFolder) -> bool:
    """Say whether a dataset's folder is seen by another watch or with other numbers than are written down."""
    known = (record.identity, *_numbers(record), record.generation)
    return (folder.identity, *_numbers(folder), folder.generation or record.generation) != known


def _is_another(record: Record, folder: SeenFolder) -> bool:
    # A new mount has other numbers, and a copy put back keeps the file's size and time.
    if _has_its_file(record, folder):
        return False
    # Numbers of what was removed are given to new folders.
    was_away = _is(record, ProblemKind.REMOVED) or _is(record, ProblemKind.REPLACED)
    return was_away or not _is_numbered_alike(record, folder)


def _has_moved(record: Record, folder: SeenFolder) -> bool:
    """Say whether a folder under another name is a dataset's, and not a new one that was given a removed one's number.

    Once it was said to be the dataset's, its metadata file may be edited there.
    """
    is_known = _is(record, ProblemKind.RENAMED) or _has_its_file(record, folder)
    return is_known and _is_numbered_alike(record, folder)


def _has_its_file(record: Record, folder: SeenFolder) -> bool:
    ours, there = record.metadata, folder.metadata
    if ours is None:
        return True  # never read: nothing was made of it yet
    return there is not None and (there.size_bytes, there.mtime_ns) == (ours.size_bytes, ours.mtime_ns)
