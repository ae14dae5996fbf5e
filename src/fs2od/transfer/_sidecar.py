"""What the dataset says of itself: the manifest in its sidecar, read through the share or from the disk."""

from __future__ import annotations

import contextlib
from collections import deque
from functools import partial
from typing import Callable, Final, Iterator, TypeVar

from fs2od.errors import Fs2odError, IntegrityFailure, Interrupted, StorageError
from fs2od.manifests import (
    MANIFEST,
    MOST_PART_BYTES,
    PIECE_BYTES,
    SEAL,
    SIDECAR,
    SUMS,
    BrokenPart,
    Manifest,
    ManifestEntry,
    Seal,
    parse_part,
    parse_seal,
    part_name,
    part_number,
    piece_ranges,
    seal_of,
)
from fs2od.transfer._ahead import Ahead
from fs2od.transfer._dataset import MOST_ENTRIES, Dataset
from fs2od.transfer._destination import Destination
from fs2od.transfer._early_sidecar import EarlySidecar
from fs2od.transfer._entries import Entry, EntryKind
from fs2od.transfer._errors import ConnectionLost, MalformedAnswer, NotFound, ServiceError
from fs2od.transfer._own_files import OwnFiles, own_path
from fs2od.transfer._whole import Whole, lies_inside_a_space

__all__ = ["Promise", "Sidecar", "pieces_of"]

_TRIES: Final = 3
_MOST_ASKED: Final = 4
T = TypeVar("T")

Promise = ManifestEntry
"""What the manifest says that a file will be."""


class Sidecar:
    """The manifest as far as its parts can be trusted; empty where there is none.

    A part of a dataset goes by the manifest of the whole, where that is seen; paths here are the part's. A sidecar below the top of a
    space is a copy: what it says of a file helps where it fits, but it is no word on what has to be there, nor on when all is.

    Attributes:
        manifest: What the parts say, by the paths of the whole dataset.
        sealed: Whether the dataset says of itself that it is complete, and the parts are those that it means.
        is_there: Whether `look` saw a sidecar that is no copy.
        may_grow: Whether there is a folder without a seal: files may still come into it, change, and go.
        trouble: Why what was seen of the manifest could not be used, or not to its end; None where it could be, or where there
            is none but a copy.
    """

    def __init__(self) -> None:
        self.manifest = Manifest()
        self.sealed = False
        self.is_there = False
        self.may_grow = False
        self.trouble: Fs2odError | None = None
        self._folder: Entry | None = None
        self._whole: Whole | None = None
        self._is_copy = False
        self._inside: list[Entry] = []
        self._own = OwnFiles()
        self._early: EarlySidecar | None = None
        self._told: Seal | None = None

    @property
    def is_stuck(self) -> bool:
        """Whether the dataset may be complete, and its manifest lets nobody know."""
        return self.trouble is not None and not (self.may_grow and self._inside)

    def promise(self, path: str, entry: Entry) -> Promise | None:
        """Return what a file must be, if the manifest knows it in the state that the service lists."""
        path = path if self._whole is None else self._whole.path_of(path)
        if path.startswith(f"{SIDECAR}/"):
            return self._own.promise_of(path, entry, self.manifest, sealed=self.sealed)
        known = self.manifest.get(path)
        if known is None or known.size_bytes != entry.size_bytes:
            return None
        # A file that was touched since is not vouched for: its checksum may be of bytes that it had before.
        return known if known.mtime_ns // 1_000_000_000 == entry.mtime_s else None

    def list_promise(self) -> Promise | None:
        """Return what the sidecar's list of checksums must be; None where the dataset is not complete."""
        return self._own.promise(own_path(SUMS), self.manifest, sealed=self.sealed)

    def promises(self) -> Iterator[Promise]:
        """Yield what the manifest says of every file."""
        whole = self._whole
        if whole is None:
            yield from self.manifest.values()
            return
        for path, promise in self.manifest.items():
            inside = whole.path_inside(path)
            if inside is not None:
                yield promise._replace(path=inside)

    def look(
        self,
        shared: Dataset,
        root: Entry,
        *,
        most: int,
        listing: Ahead[list[Entry]] | None = None,
        early: EarlySidecar | None = None,
        above: bool = True,
    ) -> dict[str, list[Entry]]:
        """Look which parts there are, for `read`; return the listings this took, by folder.

        Whatever is listed after this look has at least the files of a dataset that it saw to be complete.

        Args:
            shared: The share.
            root: Its root.
            most: Entries in one folder that are still believed.
            listing: The root's entries, if they have been asked for already.
            early: The root's seal and first parts, if they have been.
            above: Whether to look above a root that has none.

        Raises:
            ConnectionLost: The share cannot be read just now.
        """
        listings: dict[str, list[Entry]] = {}
        is_folder = root.kind is EntryKind.FOLDER
        self._folder, self._whole, self._inside, self.trouble = None, None, [], None
        self.is_there, self.may_grow, self._early, self._told = False, is_folder, None, None
        self._is_copy = is_folder and lies_inside_a_space(root.file_id)
        # Of a root that cannot be listed, whoever lists it for its files says what is wrong.
        with contextlib.suppress(ServiceError, MalformedAnswer):
            if is_folder:
                found = shared.children(root, most=most) if listing is None else listing.result()
                listings[root.file_id] = found
                self._folder = _named(found, SIDECAR)
            if above and (self._folder is None or self._is_copy):
                self._whole = shared.whole(root)
                if self._whole is not None:
                    self._folder, self._is_copy = self._whole.sidecar, False
        if self._folder is None:
            return listings
        self.is_there = not self._is_copy
        self._early = early if self._whole is None and not self._is_copy else None
        self._told = self._early.seal() if self._early is not None else None
        if self._told is not None:
            self.may_grow = False
            return listings
        with self._noting():
            listings[self._folder.file_id] = self._look_inside(shared, most=most)
            self.may_grow = is_folder and (self.may_grow or self._is_copy)
        return listings

    def _look_inside(self, shared: Dataset, *, most: int = MOST_ENTRIES) -> list[Entry]:
        assert self._folder is not None
        self._inside = shared.children(self._folder, most=most)
        self.may_grow = not any(each.name == SEAL for each in self._inside)
        return self._inside

    def read(self, shared: Dataset) -> None:
        """Read the parts that are new since `look` saw the sidecar, as far as they are sound; `trouble` says what is not.

        Raises:
            ConnectionLost: The share cannot be read just now.
        """
        if self._folder is None or self.trouble is not None:
            return
        with self._noting():
            if self._told is not None:
                if self._took_early(self._told):
                    return
                self._look_inside(shared)
            try:
                self._read(shared, self._inside)
            except (IntegrityFailure, NotFound):
                # Since the look, a part may have been published and the seal taken away for it.
                seen = _seal_in(self._inside)
                self._inside = shared.children(self._folder)
                self._read(shared, self._inside, seal_may_be_gone=True)
                if self.sealed and _seal_in(self._inside) != seen:
                    # What is being listed may be older than this seal: the next look sees all that it speaks of.
                    self.sealed, self.may_grow = False, True

    def _took_early(self, told: Seal) -> bool:
        """Take what came early, and say whether the seal fits to it; nothing is kept of it otherwise."""
        assert self._early is not None
        try:
            self._take([part_name(number) for number in range(1, told.parts + 1)], self._early.read, has_seal=True)
        except (BrokenPart, NotFound):
            self.manifest, self._own, self.sealed = Manifest(), OwnFiles(), False
        return self.sealed

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        """Take note of what goes wrong, and let pass what the way to the share is to blame for."""
        try:
            yield
        except Interrupted:
            raise
        except Fs2odError as error:
            self.trouble = None if self._is_copy else error
            if isinstance(error, ConnectionLost):
                raise

    def _read(self, shared: Dataset, inside: list[Entry], *, seal_may_be_gone: bool = False) -> None:
        seal = _seal_in(inside)
        coming = _Coming(shared, [] if seal is None else [seal], self._early)
        manifest = _named(inside, MANIFEST)
        files = shared.children(manifest) if manifest is not None else []
        numbered = {part_number(each.name) or 0: each for each in files}
        coming.expect([numbered[number] for number in sorted(numbered) if number > self.manifest.parts])
        names = [each.name for each in files]
        self._take(names, coming.read, has_seal=seal is not None, seal_may_be_gone=seal_may_be_gone)

    def load(self, destination: Destination) -> None:
        """Read the parts that were downloaded before, without the network; `trouble` says what is wrong with them."""

        def read(name: str) -> bytes:
            where = (SIDECAR, name) if name == SEAL else (SIDECAR, MANIFEST, name)
            try:
                with open(destination.open_file(where), "rb") as file:  # noqa: PTH123 - a handle, not a path
                    return file.read(MOST_PART_BYTES + 1)
            except OSError as error:
                raise StorageError(f"the manifest cannot be read: {error.strerror}") from error

        with self._noting():
            self._take([*destination.scan((SIDECAR, MANIFEST))], read, has_seal=SEAL in destination.scan((SIDECAR,)))

    def _take(
        self, names: list[str], read: Callable[[str], bytes], *, has_seal: bool, seal_may_be_gone: bool = False
    ) -> None:
        by_number = {part_number(name) or 0: name for name in names}
        while self.manifest.parts + 1 in by_number:
            name = by_number[self.manifest.parts + 1]
            part, data = _sound(name, read, parse_part)
            self.manifest.add(part)
            self._own.note(name, data)
        seal = None
        try:
            if has_seal:
                seal, data = _sound(SEAL, read, parse_seal)
                self._own.note(SEAL, data)
        except NotFound:
            if not seal_may_be_gone:
                raise
            # Taken away for a part that is on its way; the service lists it until it looks at the folder again.
            self.may_grow = True
        fits = seal == seal_of(self.manifest)
        self.sealed = fits and not self._is_copy
        # Later parts say nothing without the one that is missing. Its files count as not yet verified.
        if max([*by_number, seal.parts if seal is not None else 0]) > self.manifest.parts:
            raise BrokenPart(f"{part_name(self.manifest.parts + 1)} is missing")
        if seal is not None and not fits:
            raise BrokenPart(f"{SEAL} does not fit the parts")


class _Coming:
    """Files of the sidecar, of which a few are asked for before their turn: far away, one after the other takes long."""

    def __init__(self, shared: Dataset, first: list[Entry], early: EarlySidecar | None) -> None:
        self._shared = shared
        self._early = early
        self._files: dict[str, Entry] = {}
        self._waiting: deque[Entry] = deque()
        self._asked: dict[str, Ahead[bytes]] = {}
        self.expect(first)

    def expect(self, files: list[Entry]) -> None:
        """Name files that will be read, in this order."""
        self._files.update((each.name, each) for each in files)
        self._waiting.extend(files)
        self._ask()

    def read(self, name: str) -> bytes:
        """Return a file's bytes; those of a file that is read again are asked for anew."""
        self._ask()
        asked = self._asked.pop(name, None)
        return self._content(self._files[name]) if asked is None else asked.result()

    def _ask(self) -> None:
        while self._waiting and len(self._asked) < _MOST_ASKED:
            file = self._waiting.popleft()
            self._asked[file.name] = Ahead(partial(self._content, file))

    def _content(self, file: Entry) -> bytes:
        if file.kind is not EntryKind.FILE or not 0 <= file.size_bytes <= MOST_PART_BYTES:
            raise BrokenPart("the manifest holds something that is no part")
        if self._early is not None and file.name != SEAL:
            with contextlib.suppress(NotFound):
                found = self._early.read(file.name)
                if len(found) == file.size_bytes:
                    return found
        return self._shared.read(file, 0, file.size_bytes)


def _sound(name: str, read: Callable[[str], bytes], parse: Callable[[bytes], T]) -> tuple[T, bytes]:
    """Return what a file says, and its bytes; one that arrives damaged is read again, but not for ever.

    Raises:
        BrokenPart: It is damaged each time.
    """
    for _ in range(_TRIES - 1):
        with contextlib.suppress(BrokenPart):
            data = read(name)
            return parse(data), data
    try:
        data = read(name)
        return parse(data), data
    except BrokenPart as error:
        raise BrokenPart(f"{name}: {error}") from error


def pieces_of(promise: Promise | None) -> tuple[str, ...]:
    """Return the checksums of a file's pieces, if they are those of pieces of our size."""
    if promise is None or len(promise.pieces) != len(piece_ranges(promise.size_bytes, PIECE_BYTES)):
        return ()
    return promise.pieces


def _seal_in(entries: list[Entry]) -> Entry | None:
    return next((e for e in entries if e.name == SEAL and e.kind is EntryKind.FILE), None)


def _named(entries: list[Entry], name: str) -> Entry | None:
    return next((e for e in entries if e.name == name and e.kind is EntryKind.FOLDER), None)
