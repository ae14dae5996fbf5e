"""What to do about one folder of a share: decided from its listing and from what stands on the disk, without touching either."""

from __future__ import annotations

import re
import unicodedata
from typing import Callable, Final, Iterable, Mapping, NamedTuple

from fs2od.manifests import MOST_FILE_BYTES
from fs2od.transfer._entries import Entry, EntryKind, Present
from fs2od.transfer._partials import PartialName, partial_name, partials_of

__all__ = ["Fetch", "Plan", "Refusal", "narrowed", "plan_download"]

_LONGEST_NAME: Final = 255
_LONGEST_TARGET: Final = 4_095
# Signs with a meaning in paths there, what is dropped from a name's end, and the names of devices.
_WINDOWS: Final = re.compile(r'[\\:*?"<>|\x00-\x1f]|[. ]$|^(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?$', re.IGNORECASE)


class Fetch(NamedTuple):
    """A file to fetch.

    Attributes:
        entry: The file.
        partial: What an earlier run left of exactly this state, if anything.
        stands: Whether a file of this size stands in its place, of another time: it may yet be the right one.
    """

    entry: Entry
    partial: PartialName | None = None
    stands: bool = False


class Refusal(NamedTuple):
    """An entry that is not brought to the disk, and why."""

    entry: Entry
    reason: str


class Plan(NamedTuple):
    """What to do in one folder. Every entry of the listing stands in exactly one of the first five.

    Attributes:
        fetch: Files that are missing, or differ in size or time.
        skip: Files and links that are there already.
        folders: Folders to enter, and to make where they are missing.
        links: Symbolic links to make.
        refuse: What must not be brought here.
        remove: Partial files of states that these files no longer have.
    """

    fetch: tuple[Fetch, ...] = ()
    skip: tuple[Entry, ...] = ()
    folders: tuple[Entry, ...] = ()
    links: tuple[Entry, ...] = ()
    refuse: tuple[Refusal, ...] = ()
    remove: tuple[str, ...] = ()


def plan_download(
    listing: Iterable[Entry],
    present: Mapping[str, Present],
    *,
    depth: int = 0,
    folds_case: bool = False,
    on_windows: bool = False,
) -> Plan:
    """Decide what to fetch, to make, to skip and to refuse in one folder.

    Args:
        listing: The folder's entries, as the service listed them. Nothing in them is trusted.
        present: What stands on the disk in that folder, by name.
        depth: How many folders lie between the destination and this folder: so far a symbolic link may climb.
        folds_case: Whether the disk takes names that differ only in case for the same.
        on_windows: Whether the names must be such as Windows knows, where more signs than "/" have a meaning in a path.
    """
    entries = list(listing)
    partials = partials_of(present.keys() - {entry.name for entry in entries})
    draft = _Draft(depth, on_windows, _folded if folds_case else _as_it_is, present, partials)
    for entry in entries:
        draft.place(entry)
    return draft.plan()


def narrowed(plan: Plan, wants: Callable[[Entry], bool]) -> Plan:
    """Return what a plan says of some of the entries only."""
    return Plan(
        tuple(each for each in plan.fetch if wants(each.entry)),
        tuple(filter(wants, plan.skip)),
        tuple(filter(wants, plan.folders)),
        tuple(filter(wants, plan.links)),
        tuple(each for each in plan.refuse if wants(each.entry)),
        plan.remove,
    )


class _Draft:
    def __init__(
        self,
        depth: int,
        on_windows: bool,
        key_of: Callable[[str], str],
        present: Mapping[str, Present],
        partials: Mapping[str, tuple[PartialName, ...]],
    ) -> None:
        self._depth = depth
        self._on_windows = on_windows
        self._key_of = key_of
        self._present = present
        self._partials = partials
        self._taken: dict[str, str] = {}
        self._fetch: list[Fetch] = []
        self._skip: list[Entry] = []
        self._folders: list[Entry] = []
        self._links: list[Entry] = []
        self._refuse: list[Refusal] = []
        self._remove: list[str] = []

    def plan(self) -> Plan:
        listed = partials_of(self._taken.values())
        kept = [fetch for fetch in self._fetch if not self._in_the_way(fetch, listed)] if listed else self._fetch
        return Plan(
            tuple(kept),
            tuple(self._skip),
            tuple(self._folders),
            tuple(self._links),
            tuple(self._refuse),
            tuple(self._remove),
        )

    def place(self, entry: Entry) -> None:
        reason = _fault(entry, self._depth, self._on_windows) or self._conflict(entry)
        if reason:
            self._refuse.append(Refusal(entry, reason))
            return
        self._taken[self._key_of(entry.name)] = entry.name
        if entry.kind is EntryKind.FOLDER:
            self._folders.append(entry)
        elif entry.kind is EntryKind.SYMLINK:
            (self._links if entry.name not in self._present else self._skip).append(entry)
        else:
            self._place_file(entry)

    def _place_file(self, entry: Entry) -> None:
        there = self._present.get(entry.name)
        # Hardly ever is there any; then it does not matter what they would be called.
        partials = self._partials.get(partial_name(entry.name, "").stem, ()) if self._partials else ()
        state = entry.state() if partials else ""
        whole = there is not None and (there.size_bytes, there.mtime_s) == (entry.size_bytes, entry.mtime_s)
        # A shortened stem may belong to another file's partial, so those are left alone.
        stale = [p for p in partials if p.stem == entry.name and (whole or p.state != state)]
        self._remove += [name for p in stale for name in (str(p), p.notes) if name in self._present]
        if whole:
            self._skip.append(entry)
        else:
            stands = there is not None and there.size_bytes == entry.size_bytes
            self._fetch.append(Fetch(entry, next((p for p in partials if p.state == state), None), stands))

    def _conflict(self, entry: Entry) -> str | None:
        other = self._taken.get(self._key_of(entry.name))
        if other is not None:
            return "listed twice" if other == entry.name else "another name in its folder differs from it only in case"
        there = self._present.get(entry.name)
        if there is None or _same_kind(entry, there):
            return None
        return f"{_WORDS[there.kind]} stands in its place on the disk"

    def _in_the_way(self, fetch: Fetch, listed: Mapping[str, tuple[PartialName, ...]]) -> bool:
        """Refuse a file whose partial file another listed name would take away."""
        begin = partial_name(fetch.entry.name, fetch.entry.state())
        taken = any(p.state == begin.state for p in listed.get(begin.stem, ()))
        if taken:
            self._refuse.append(Refusal(fetch.entry, "the listing holds the name of its partial file"))
        return taken


_WORDS: Final = {
    EntryKind.FILE: "a file",
    EntryKind.FOLDER: "a folder",
    EntryKind.SYMLINK: "a symbolic link",
    EntryKind.OTHER: "a device or pipe",
}


def _same_kind(entry: Entry, there: Present) -> bool:
    return entry.kind is there.kind and (entry.kind is not EntryKind.SYMLINK or entry.target == there.target)


def _fault(entry: Entry, depth: int, on_windows: bool) -> str | None:
    """Return why an entry may not come to any disk, or None."""
    if on_windows and (
        _WINDOWS.search(entry.name) or (entry.target and _WINDOWS.search(entry.target.replace("/", "")))
    ):
        return "Windows knows no such name"
    return _name_fault(entry.name) or _kind_fault(entry, depth)


def _name_fault(name: str) -> str | None:
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        return "its name would lead out of its folder"
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        return "its name is not valid Unicode"
    return f"its name is longer than {_LONGEST_NAME} bytes" if length > _LONGEST_NAME else None


def _size_fault(size_bytes: int) -> str | None:
    if size_bytes < 0:
        return "its size is not known"
    # Beyond it, the list of its pieces alone would not fit into memory.
    return f"it is larger than any file may be, {MOST_FILE_BYTES >> 40} TiB" if size_bytes > MOST_FILE_BYTES else None


def _kind_fault(entry: Entry, depth: int) -> str | None:
    if entry.kind is EntryKind.FILE:
        return _size_fault(entry.size_bytes)
    if entry.kind is EntryKind.FOLDER:
        return None
    if entry.kind is not EntryKind.SYMLINK:
        return "it is neither a file nor a folder nor a symbolic link"
    if entry.target is None:
        return "the service does not tell where the symbolic link leads"
    try:
        entry.target.encode()
    except UnicodeEncodeError:
        return "where the symbolic link leads is not valid Unicode"
    return None if _stays_inside(entry.target, depth) else "the symbolic link leads out of the download"


def _stays_inside(target: str, depth: int) -> bool:
    """Say whether a link can only lead to places below the destination.

    After a name no ".." is accepted: that name may itself be a link, and ".." then starts from where it leads.
    """
    if not target or target.startswith("/") or "\0" in target or len(target.encode()) > _LONGEST_TARGET:
        return False
    steps = [step for step in target.split("/") if step not in {"", "."}]
    climbs = next((i for i, step in enumerate(steps) if step != ".."), len(steps))
    return climbs <= depth and ".." not in steps[climbs:]


def _as_it_is(name: str) -> str:
    return name


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
