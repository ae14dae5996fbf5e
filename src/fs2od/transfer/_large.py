"""A file larger than one piece: brought by several connections at once, each piece checked before it is written.

A connection takes a run of pieces that follow each other as one request; the less is left of all files, the shorter the runs,
so that all end at about the same time and none has to be cut off.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from typing import Final, Iterator, Tuple

from fs2od.errors import Fs2odError, IntegrityFailure, StorageError, StorageFull
from fs2od.manifests import PIECE_BYTES, piece_ranges
from fs2od.transfer._answers import Content
from fs2od.transfer._beginnings import Beginnings
from fs2od.transfer._checking import is_promised
from fs2od.transfer._errors import Busy, ConnectionLost, MalformedAnswer, RangeRefused
from fs2od.transfer._partial_files import Partial, PartialGone
from fs2od.transfer._partials import PartialName, partial_name
from fs2od.transfer._patience import Tries
from fs2od.transfer._run import Changed, Run, Wanted
from fs2od.transfer._sidecar import pieces_of

__all__ = ["LargeFile", "Stretch"]

_MOST_AT_ONCE: Final = 8
_MOST_WRONG: Final = 3
_STEP_BYTES: Final = 1 << 20
_LEAST_STEP_BYTES: Final = 16 << 10
_FIRST_STEP_BYTES: Final = 64 << 10
_SHORT_S: Final = 0.05
_LONG_S: Final = 0.25
# Where lines are fast, pieces are whole before.
_KEEP_EVERY_S: Final = 1.0

Stretch = Tuple[int, int]
"""Pieces that follow each other: the first, and the one after the last."""


class LargeFile:
    """Brings one file. `take` hands out work, `bring` does it; whoever brings the last piece puts the file in its place."""

    def __init__(self, run: Run, wanted: Wanted) -> None:
        self.wanted = wanted
        self._run = run
        self._places = piece_ranges(wanted.entry.size_bytes, PIECE_BYTES)
        self._promised = pieces_of(wanted.promise)
        self._lock = threading.Lock()
        self._preparing = threading.Lock()
        self._waiting: list[Stretch] = [(0, len(self._places))]
        self._at_work = 0
        self._left = len(self._places)
        self._partial: Partial | None = None
        self._notes: bytes = b""
        self._beginnings: Beginnings | None = None
        self._etag: str | None = None
        self._in_parts = True
        self._wrong = 0
        self._doubted = False
        self._counted = 0
        self._dropped = False

    @property
    def waiting(self) -> int:
        """How many pieces nobody brings yet."""
        with self._lock:
            return sum(end - first for first, end in self._waiting)

    def take(self, connections: int, *, others: int = 0) -> Stretch | None:
        """Return pieces that nobody brings yet, if there are any.

        Args:
            connections: How many work at the moment.
            others: How many pieces of other files wait: as long as there are any, nobody need come to an end with this one.
        """
        with self._lock:
            if self._dropped or not self._waiting or (not self._in_parts and self._at_work):
                return None
            waiting = others + sum(end - first for first, end in self._waiting)
            most = max(1, min(_MOST_AT_ONCE, waiting // (2 * connections)))
            first, end = self._waiting.pop(0)
            if self._in_parts and end - first > most:
                self._waiting.insert(0, (first + most, end))
                end = first + most
            self._at_work += 1
            return first, end

    def bring(self, stretch: Stretch) -> bool:
        """Bring pieces that were taken, and say whether the file is whole now and in its place.

        Raises:
            Changed: It is another file now.
            Fs2odError: It cannot be brought.
        """
        try:
            partial = self._prepared()
            for first, end in self._missing(partial, stretch):
                self._fetch(partial, first, end)
        finally:
            with self._lock:
                self._at_work -= 1
                is_last = not self._left and not self._at_work and not self._dropped
        if not is_last:
            return False
        self._finish(self._prepared())
        return True

    def drop(self) -> bool:
        """Let nobody go on with the file, and say whether that is new. What has arrived stays."""
        with self._lock:
            was, self._dropped = self._dropped, True
            self._run.tally.moved(-self._counted)
            self._counted = 0
        return not was

    def forget(self) -> None:
        """Remove what has arrived: it is of a file that is no more."""
        if self._partial is not None:
            self._partial.discard()

    @property
    def is_untouched(self) -> bool:
        """Whether nobody has begun to bring it, but for whoever has just taken some of it."""
        with self._lock:
            return self._partial is None and self._at_work <= 1

    def close(self) -> None:
        """Close the partial file, once nobody works on it."""
        with self._lock:
            partial, self._partial = (self._partial, None) if not self._at_work else (None, self._partial)
        if partial is not None:
            partial.close()

    def _prepared(self) -> Partial:
        with self._preparing:
            self._check_going()
            if self._partial is None:
                if self.wanted.promise is None:
                    self._etag = self._identified()
                entry, run = self.wanted.entry, self._run
                name = partial_name(entry.name, entry.state(), etag=self._etag)
                left = self.wanted.partial
                if left is not None and left != name:
                    self._settle(left, name)
                self._partial = run.destination.open_partial(self.wanted.folder, name)
                self._beginnings = self._partial.beginnings(len(self._places))
                if not self._promised:
                    self._notes = self._partial.noted(len(self._places))
            return self._partial

    def _settle(self, left: PartialName, name: PartialName) -> None:
        """Take over what an earlier run left under another entity tag, if each piece of it is checked; else remove it."""
        disk, folder = self._run.destination, self.wanted.folder
        disk.remove((*folder, left.notes))
        if not (self._promised and disk.take_over(folder, left, name)):
            disk.remove((*folder, str(left)))

    def _identified(self) -> str | None:
        """Return the entity tag of the file, if the service has any."""
        tries = self._run.tries()
        while True:
            try:
                with self._run.shared.opened(self.wanted.entry, 0, 1) as content:
                    return content.etag
            except (ConnectionLost, Busy) as error:
                self._run.missed(tries, error)
            except (IntegrityFailure, RangeRefused) as error:
                self._check_unchanged()
                raise IntegrityFailure(str(error)) from error

    def _missing(self, partial: Partial, stretch: Stretch) -> Iterator[Stretch]:
        """Yield those of the pieces that have to be fetched; the others stand in the partial file already.

        One that was begun is the first of its run, for a request goes on within it.
        """
        begun: int | None = None
        for piece in range(*stretch):
            if self._stands(partial, piece):
                self._count(piece, arrived=False)
                if begun is not None:
                    yield begun, piece
                begun = None
            elif begun is None:
                begun = piece
            elif self._beginnings is not None and piece in self._beginnings:
                yield begun, piece
                begun = piece
        if begun is not None:
            yield begun, stretch[1]

    def _stands(self, partial: Partial, piece: int) -> bool:
        if not partial.was_there:
            return False
        first, count = self._places[piece]
        if not self._promised:
            return self._notes[piece] == 1 and partial.holds(first, count)
        self._run.ending.check()
        view = self._run.buffer()[:count]
        if not partial.read_into(view, first):
            return False
        self._run.tally.checked(count)
        return hashlib.sha256(view).hexdigest() == self._promised[piece]

    def _fetch(self, partial: Partial, first: int, end: int) -> None:
        """Fetch pieces that follow each other, with as many requests as it takes."""
        tries, at = self._run.tries(), self._begun(first)
        try:
            while at.piece < end:
                self._check_going()
                try:
                    self._ask(partial, at, end, tries)
                except _WrongBeginning:
                    self._forget_beginning(at.piece)
                except (ConnectionLost, Busy) as error:
                    self._run.missed(tries, error)
                except (MalformedAnswer, IntegrityFailure, RangeRefused) as error:
                    self._doubt(error, at)
        except (Fs2odError, Dropped):
            self._keep(at)
            raise

    def _begun(self, piece: int) -> _Position:
        """Return where to go on: within a piece, if an earlier run has left its beginning."""
        at = _Position(piece)
        if self._beginnings is not None and self._in_parts:
            view = self._run.buffer()[: self._places[piece][1]]
            with contextlib.suppress(StorageError):
                at.go_on(view[: self._beginnings.read_into(view, piece)])
        return at

    def _keep(self, at: _Position) -> None:
        """Keep what has come of a piece that is not whole; it is not worth a failure."""
        at.kept_s = time.monotonic()
        if self._beginnings is not None and at.kept < at.filled < self._places[at.piece][1]:
            with contextlib.suppress(StorageError):
                view = self._run.buffer()[: at.filled]
                digest = at.digest if self._promised else hashlib.sha256(view)
                self._beginnings.keep(at.piece, view, at.kept, digest.digest())
                at.kept = at.filled

    def _forget_beginning(self, piece: int) -> None:
        if self._beginnings is not None:
            self._beginnings.forget(piece)

    def _ask(self, partial: Partial, at: _Position, end: int, tries: Tries) -> None:
        entry = self.wanted.entry
        last, count = self._places[end - 1]
        start = self._places[at.piece][0] + at.filled
        if not self._in_parts:
            start = 0
            at.again()
        asked = last + count - start if self._in_parts else entry.size_bytes
        # What is promised piece by piece needs no tag: a foreign one would only make the service send the whole file.
        etag = None if self._promised else self._etag
        checked = bool(self._promised) and self._in_parts and not self._doubted
        with self._run.shared.opened(entry, start, asked, etag=etag, checked=checked) as content:
            self._check_same(content)
            if content.start != start:
                at.again()
            self._skip(content, self._places[at.piece][0] + at.filled - content.start)
            while at.piece < end:
                self._fill(content, at, tries)
                self._accept(partial, at)

    def _skip(self, content: Content, count: int) -> None:
        """Read over what is not wanted of an answer that begins too early."""
        with self._lock:
            self._in_parts = self._in_parts and not count
        room = bytearray(_STEP_BYTES)
        while count:
            got = content.read_into(memoryview(room)[: min(count, _STEP_BYTES)])
            if not got:
                raise ConnectionLost("the answer ended before it was whole")
            self._run.arrived(got)
            count -= got
            self._check_going()

    def _fill(self, content: Content, at: _Position, tries: Tries) -> None:
        """Read on until a piece is whole, and reckon its checksum meanwhile, if there is one to compare it with."""
        size = self._places[at.piece][1]
        view = self._run.buffer()[:size]
        while at.filled < size:
            began_s = time.monotonic()
            got = content.read_into(view[at.filled : at.filled + at.step_bytes])
            if not got:
                raise ConnectionLost("the answer ended before the file did")
            now_s = time.monotonic()
            at.step_bytes = _next_step(at.step_bytes, now_s - began_s)
            if self._promised:
                at.digest.update(view[at.filled : at.filled + got])
            at.filled += got
            if at.filled > at.furthest:
                at.furthest = at.filled
                tries.progressed()
            self._run.arrived(got, straight=content.is_straight)
            self._check_going()
            if now_s - at.kept_s > _KEEP_EVERY_S:
                self._keep(at)

    def _accept(self, partial: Partial, at: _Position) -> None:
        """Write a piece that is right.

        Raises:
            IntegrityFailure: It is not.
            _WrongBeginning: It is not, and its beginning was there before.
        """
        piece, (first, size) = at.piece, self._places[at.piece]
        if self._promised and at.digest.hexdigest() != self._promised[piece]:
            is_ours = not at.gone_on
            at.again()
            if not is_ours:
                raise _WrongBeginning
            raise _WrongPiece(f"bytes {first:,} to {first + size - 1:,} are not those that the manifest promises")
        self._write(partial, first, self._run.buffer()[:size])
        if not self._promised:
            partial.note(piece)
        if at.kept:
            self._forget_beginning(piece)
        self._count(piece, arrived=True)
        at.next()

    def _write(self, partial: Partial, first: int, piece: memoryview) -> None:
        try:
            partial.write(first, piece)
        except StorageFull:
            if self._beginnings is not None:
                self._beginnings.make_room()
            partial.write(first, piece)

    def _count(self, piece: int, *, arrived: bool) -> None:
        with self._lock:
            self._left -= 1
            if not self._dropped:
                self._counted += self._places[piece][1]
                self._run.tally.moved(self._places[piece][1])
            if arrived:
                self._wrong = 0

    def _check_same(self, content: Content) -> None:
        if self._etag is None:
            self._etag = content.etag
        elif content.etag is not None and content.etag != self._etag and self.wanted.promise is None:
            raise Changed(self._run.shared.facts(self.wanted.entry.file_id))

    def _check_going(self) -> None:
        self._run.ending.check()
        if self._dropped:
            raise Dropped

    def _doubt(self, error: Fs2odError, at: _Position) -> None:
        """Try another time what was answered wrongly, unless the file is another one now.

        Raises:
            Changed: It is.
            IntegrityFailure: It was answered wrongly too often.
        """
        self._check_unchanged()
        with self._lock:
            self._wrong += 1
            self._doubted = True  # what comes next comes through the provider
            if self._wrong > _MOST_WRONG:
                if not self._in_parts or isinstance(error, _WrongPiece):
                    raise IntegrityFailure(str(error)) from error
                # The service, or something before it, cannot give parts: take the file as one.
                self._in_parts, self._wrong = False, 0
        at.again()

    def _check_unchanged(self) -> None:
        now = self._run.shared.facts(self.wanted.entry.file_id)
        if now.state() != self.wanted.entry.state():
            raise Changed(now)

    def _finish(self, partial: Partial) -> None:
        entry, promise = self.wanted.entry, self.wanted.promise
        if promise is None and self._etag is None:
            self._check_unchanged()
        if promise is not None and not self._promised and not self._is_right(partial):
            partial.discard()
            raise IntegrityFailure("its bytes are not those that the manifest promises")
        try:
            partial.finish(entry.name, size_bytes=entry.size_bytes, mtime_s=entry.mtime_s)
        except PartialGone:
            if not is_promised(self._run, self.wanted):
                raise

    def _is_right(self, partial: Partial) -> bool:
        digest = hashlib.sha256()
        for first, count in self._places:
            view = self._run.buffer()[:count]
            if not partial.read_into(view, first):
                return False
            digest.update(view)
        return self.wanted.promise is not None and digest.hexdigest() == self.wanted.promise.sha256


class Dropped(Exception):
    """Nobody is to go on with this file."""


class _WrongPiece(IntegrityFailure):
    """A piece whose checksum is not the promised one."""


class _WrongBeginning(Exception):
    """A piece is not right whose beginning an earlier run had brought: only together with that it says nothing of the service."""


def _next_step(step_bytes: int, took_s: float) -> int:
    """Return how much to read next after a read that took so long: on a slow line little, so that little is lost when it ends."""
    if took_s > _LONG_S:
        return max(_LEAST_STEP_BYTES, step_bytes // 2)
    return min(_STEP_BYTES, step_bytes * 2) if took_s < _SHORT_S else step_bytes


class _Position:
    """How far one connection is: which piece, and how much of it stands in the thread's buffer, and is kept on the disk."""

    def __init__(self, piece: int) -> None:
        self.piece = piece
        self.step_bytes = _FIRST_STEP_BYTES
        self.furthest = 0
        self.again()

    def next(self) -> None:
        self.piece += 1
        self.furthest = 0
        self.again()

    def again(self) -> None:
        self.filled = self.kept = 0
        self.gone_on = False
        self.kept_s = time.monotonic()
        self.digest = hashlib.sha256()

    def go_on(self, beginning: memoryview) -> None:
        self.filled = self.kept = self.furthest = len(beginning)
        self.gone_on = bool(self.filled)
        self.digest.update(beginning)
