"""What to do about one folder of a share: decided from its listing and from what stands on the disk, without touching either."""

from __future__ import annotations

import re
import unicodedata
from typing import Callable, Final, Iterable, Iterator, Mapping, NamedTuple, Sequence

from fs2od.errors import Fs2odError, IntegrityFailure, StorageError
from fs2od.manifests import MOST_FILE_BYTES, PIECE_BYTES, is_straight, link_fault, target_fault
from fs2od.transfer._entries import Entry, EntryKind, Present
from fs2od.transfer._errors import LinkLeftOut
from fs2od.transfer._partials import PartialName, partial_name, partials_of

__all__ = [
    "Fetch",
    "Folding",
    "Plan",
    "Refusal",
    "are_alike",
    "folded",
    "name_fault",
    "narrowed",
    "other_form",
    "plan_download",
]

_LONGEST_NAME: Final = 255
# Signs with a meaning in paths there, what is dropped from a name's end, and the names of devices.
_WINDOWS: Final = re.compile(r'[\\:*?"<>|\x00-\x1f]|[. ]$|^(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?$', re.IGNORECASE)


class Fetch(NamedTuple):
    """A file to fetch.

    Attributes:
        entry: The file.
        partial: What an earlier run left of exactly this state, if anything.
        stands: Whether a file stands in its place that may yet be the right one, for only its time is another; or from which
            pieces may be kept, for it is large.
    """

    entry: Entry
    partial: PartialName | None = None
    stands: bool = False


class Refusal(NamedTuple):
    """An entry that is not brought to the disk.

    Attributes:
        entry: The entry.
        error: Why: LinkLeftOut where nothing is missing without it, StorageError where this disk cannot take it, IntegrityFailure
            where no disk should.
    """

    entry: Entry
    error: Fs2odError

    @property
    def reason(self) -> str:
        """The reason in a few words."""
        return str(self.error)


class Folding(NamedTuple):
    """Which names a disk takes for the same: those that differ only in case, or only in how their letters are composed."""

    case: bool = False
    form: bool = False

    def key(self, name: str) -> str:
        """Return what is the same of such names."""
        if self.case:
            return folded(name)
        return unicodedata.normalize("NFC", name) if self.form else name

    def said(self, name: str, other: str) -> str:
        """Return in what two such names differ."""
        alike = unicodedata.normalize("NFC", name) == unicodedata.normalize("NFC", other)
        return "how its letters are composed" if alike else "case"


_FOLDS_NOTHING: Final = Folding()


class Plan(NamedTuple):
    """What to do in one folder. Every entry of the listing stands in exactly one of the first five.

    Attributes:
        fetch: Files that are missing, or differ in size or time.
        skip: Files and links that are there already.
        folders: Folders to enter, and to make where they are missing.
        links: Symbolic links to make. One that goes up after a name may stand already, in its straight form: where it leads is
            known when all that lies on its way is there.
        refuse: What must not be brought here.
        remove: Partial files of states that these files no longer have.
    """

    fetch: tuple[Fetch, ...] = ()
    skip: tuple[Entry, ...] = ()
    folders: tuple[Entry, ...] = ()
    links: tuple[Entry, ...] = ()
    refuse: tuple[Refusal, ...] = ()
    remove: tuple[str, ...] = ()

    def entries(self) -> Iterator[Entry]:
        """Yield every entry that it says what to do about."""
        yield from (fetch.entry for fetch in self.fetch)
        yield from (*self.skip, *self.folders, *self.links)
        yield from (refusal.entry for refusal in self.refuse)


def plan_download(
    listing: Iterable[Entry],
    present: Mapping[str, Present],
    *,
    depth: int = 0,
    folding: Folding = _FOLDS_NOTHING,
    on_windows: bool = False,
) -> Plan:
    """Decide what to fetch, to make, to skip and to refuse in one folder.

    Args:
        listing: The folder's entries, as the service listed them. Nothing in them is trusted.
        present: What stands on the disk in that folder, by name.
        depth: How many folders lie between the destination and this folder: so far a symbolic link may climb.
        folding: Which names the disk takes for the same.
        on_windows: Whether the names must be such as Windows knows, where more signs than "/" have a meaning in a path.
    """
    entries = list(listing)
    partials = partials_of(present.keys() - {entry.name for entry in entries})
    draft = _Draft(depth, on_windows, folding, present, partials)
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
        folding: Folding,
        present: Mapping[str, Present],
        partials: Mapping[str, tuple[PartialName, ...]],
    ) -> None:
        self._depth = depth
        self._on_windows = on_windows
        self._folding = folding
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
        fault = _fault(entry, self._depth, self._on_windows) or self._conflict(entry)
        if fault is not None:
            self._refuse.append(Refusal(entry, fault))
            return
        self._taken[self._folding.key(entry.name)] = entry.name
        if entry.kind is EntryKind.FOLDER:
            self._folders.append(entry)
        elif entry.kind is EntryKind.SYMLINK:
            there = self._present.get(entry.name)
            (self._skip if there is not None and there.target == entry.target else self._links).append(entry)
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
            partial = next((p for p in partials if p.state == state), None)
            self._fetch.append(Fetch(entry, partial, there is not None and _is_worth_a_look(entry, there, partial)))

    def _conflict(self, entry: Entry) -> Fs2odError | None:
        other = self._taken.get(self._folding.key(entry.name))
        if other is not None and other == entry.name:
            return IntegrityFailure("listed twice")
        if other is not None:
            how = self._folding.said(entry.name, other)
            return StorageError(
                f"another name in its folder differs from it only in {how}, and this disk takes both for one"
            )
        there = self._present.get(entry.name)
        return None if there is None or _may_stand_for(entry, there) else in_the_way(there)

    def _in_the_way(self, fetch: Fetch, listed: Mapping[str, tuple[PartialName, ...]]) -> bool:
        """Refuse a file whose partial file another listed name would take away."""
        begin = partial_name(fetch.entry.name, fetch.entry.state())
        taken = any(p.state == begin.state for p in listed.get(begin.stem, ()))
        if taken:
            fault = IntegrityFailure("the listing holds the name of its partial file")
            self._refuse.append(Refusal(fetch.entry, fault))
        return taken


_WORDS: Final = {
    EntryKind.FILE: "a file",
    EntryKind.FOLDER: "a folder",
    EntryKind.SYMLINK: "a symbolic link",
    EntryKind.OTHER: "a device or pipe",
}


def in_the_way(there: Present) -> StorageError:
    """Return what is said of an entry in whose place something else stands."""
    return StorageError(f"{_WORDS[there.kind]} stands in its place on the disk")


def _may_stand_for(entry: Entry, there: Present) -> bool:
    if entry.kind is not EntryKind.SYMLINK or entry.kind is not there.kind:
        return entry.kind is there.kind
    return entry.target == there.target or not is_straight(entry.target or "")


def _fault(entry: Entry, depth: int, on_windows: bool) -> Fs2odError | None:
    """Return why an entry may not come to any disk, or None."""
    if on_windows and (
        _WINDOWS.search(entry.name) or (entry.target and _WINDOWS.search(entry.target.replace("/", "")))
    ):
        return StorageError("Windows knows no such name")
    reason = name_fault(entry.name)
    if reason:
        return IntegrityFailure(reason)
    if entry.kind is EntryKind.SYMLINK:
        return _link_fault(entry, depth)
    reason = _kind_fault(entry)
    return IntegrityFailure(reason) if reason else None


def name_fault(name: str) -> str | None:
    """Return why no disk should be given a name, or None."""
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


def _is_worth_a_look(entry: Entry, there: Present, partial: PartialName | None) -> bool:
    """Say whether a file that stands in the place of another state may hold the bytes of this one, or pieces of it."""
    if there.size_bytes == entry.size_bytes:
        return True
    # Cut off by another program, for one; what an earlier run has left of it is better.
    return partial is None and min(there.size_bytes, entry.size_bytes) > PIECE_BYTES


def _kind_fault(entry: Entry) -> str | None:
    if entry.kind is EntryKind.FILE:
        return _size_fault(entry.size_bytes)
    return None if entry.kind is EntryKind.FOLDER else "it is neither a file nor a folder nor a symbolic link"


def _link_fault(entry: Entry, depth: int) -> LinkLeftOut | None:
    """Judge a link by what it says alone. Where one leads that goes up after a name is known later."""
    path, target = "/".join([*["folder"] * depth, entry.name]), entry.target
    is_clear = target is None or is_straight(target)
    reason = link_fault(path, target, _knows_none) if is_clear else target_fault(target)
    return left_out(reason) if reason else None


def left_out(reason: str) -> LinkLeftOut:
    """Return what is said of a link that is not made, by the fault that it has below the destination."""
    return LinkLeftOut(reason.replace("the dataset", "the download"))


def _knows_none(_: str) -> None:
    return None


def other_form(name: str) -> str:
    """Return a name with its letters composed, or taken apart where they are; the same where that is no difference."""
    composed = unicodedata.normalize("NFC", name)
    return composed if composed != name else unicodedata.normalize("NFD", name)


def folded(name: str) -> str:
    """Return what is the same of names that differ only in case, or in how their letters are composed."""
    if name.isascii():  # as nearly all are
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def are_alike(entries: Sequence[Entry]) -> bool:
    """Say whether there are two among these that some disk may take for one."""
    return len({folded(entry.name) for entry in entries}) < len(entries)
