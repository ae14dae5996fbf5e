"""Files that stand on the disk already: checked, not believed."""

from __future__ import annotations

import hashlib
import os
from typing import Final

from fs2od.errors import StorageError
from fs2od.manifests import PIECE_BYTES
from fs2od.transfer._disk import read_at
from fs2od.transfer._run import Run, Wanted
from fs2od.transfer._sidecar import Promise, pieces_of

__all__ = ["is_promised", "wrong_ranges"]

_STEP_BYTES: Final = 1 << 20


def is_promised(run: Run, wanted: Wanted, *, counting: bool = False) -> bool:
    """Say whether the file that stands in its place is what the manifest promises, or, without one, of the right size and time.

    Args:
        run: The run it belongs to.
        wanted: The file.
        counting: Whether its bytes count as under way from now on, if it is right.

    Raises:
        StorageError: It cannot be read.
        Interrupted: Everything is to end.
    """
    try:
        handle = run.destination.open_file(wanted.path)
    except FileNotFoundError:
        return False
    try:
        facts = os.fstat(handle)
        if facts.st_size != wanted.entry.size_bytes:
            return False
        if wanted.promise is None:
            return facts.st_mtime_ns // 1_000_000_000 == wanted.entry.mtime_s
        known = (wanted.promise.sha256, facts.st_ino, facts.st_size, facts.st_mtime_ns)
        path = "/".join(wanted.path)
        if run.ledger.get(path) == known:
            run.tally.moved(facts.st_size if counting else 0)
            return True
        is_right = not wrong_ranges(run, handle, wanted.promise, counting=counting)
        if is_right:
            run.ledger.remember(path, known)
        return is_right
    finally:
        os.close(handle)


def wrong_ranges(run: Run, handle: int, promise: Promise, *, counting: bool = False) -> list[str]:
    """Return which parts of an open file are not what they must be, in words; none when all is right.

    Raises:
        StorageError: It cannot be read.
        Interrupted: Everything is to end.
    """
    pieces = pieces_of(promise)
    size = promise.size_bytes
    expected = pieces or (promise.sha256,)
    length = PIECE_BYTES if pieces else max(size, 1)
    wrong, counted = [], 0
    for number, sha256 in enumerate(expected):
        first, end = number * length, min((number + 1) * length, size)
        if _digest(run, handle, first, end) != sha256:
            wrong.append(f"{first:,} to {end - 1:,}")
        if counting:
            counted += end - first
            run.tally.moved(end - first)
    if wrong:
        run.tally.moved(-counted)
    return wrong


def _digest(run: Run, handle: int, first: int, end: int) -> str:
    digest = hashlib.sha256()
    while first < end:
        run.ending.check()
        try:
            data = read_at(handle, min(_STEP_BYTES, end - first), first)
        except OSError as error:
            raise StorageError(f"the disk says: {error.strerror}") from error
        if not data:
            break
        digest.update(data)
        run.tally.checked(len(data))
        first += len(data)
    return digest.hexdigest()
