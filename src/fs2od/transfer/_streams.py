"""Many small files in one stream: in bulk from an fs2od node, or as the TAR of a folder from any Onedata.

What a stream does not bring, or not rightly, is left to be fetched file by file, which also tells the reason. A file that
arrives and that the disk does not take has failed; the others go on.
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import Callable, Final, Iterable, List

from fs2od.errors import StorageError
from fs2od.transfer._answers import DataAddress
from fs2od.transfer._entries import Entry
from fs2od.transfer._errors import Busy, ConnectionLost, MalformedAnswer, ServiceError
from fs2od.transfer._http import Answer
from fs2od.transfer._partial_files import Landing
from fs2od.transfer._run import Run, Wanted
from fs2od.transfer._setbacks import Setbacks
from fs2od.transfer._small import put_in_place
from fs2od.transfer._tar import Member, TarStream

__all__ = ["bring_bulk", "bring_folder"]

_SKIP_BYTES: Final = 1 << 20
_FEW: Final = 8

_Opened = Callable[[List[str]], "contextlib.AbstractContextManager[Answer]"]


def bring_bulk(run: Run, setbacks: Setbacks, address: DataAddress, batch: Iterable[Wanted]) -> list[Wanted]:
    """Bring files of an fs2od node, and return those that the stream did not bring.

    Raises:
        Interrupted: Everything is to end.
    """
    wanted = {"/".join(each.path): each for each in batch}
    return _bring(run, setbacks, wanted, lambda paths: run.shared.bulk(address, paths), lambda member: member.name)


def bring_folder(run: Run, setbacks: Setbacks, folder: Entry, batch: Iterable[Wanted]) -> list[Wanted]:
    """Bring files that lie in one folder as its TAR, and return those that it did not bring.

    Raises:
        Interrupted: Everything is to end.
    """
    wanted = {each.entry.name: each for each in batch}
    return _bring(
        run,
        setbacks,
        wanted,
        lambda _: run.shared.folder_archive(folder),
        lambda member: member.name.partition("/")[2],
    )


def _bring(
    run: Run, setbacks: Setbacks, left: dict[str, Wanted], opened: _Opened, name_of: Callable[[Member], str]
) -> list[Wanted]:
    rest: dict[str, Wanted] = {}
    tries = run.tries()
    while len(left) > _FEW or (left and not rest):
        before = len(left)
        try:
            with opened(list(left)) as answer:
                _Stream(run, setbacks, answer, name_of).bring(left, rest)
            break
        except (ConnectionLost, Busy) as error:
            if len(left) < before:
                tries.progressed()
            try:
                run.missed(tries, error)
            except (ConnectionLost, Busy):
                break
        except (ServiceError, MalformedAnswer):
            break
    return [*left.values(), *rest.values()]


class _Stream:
    """One answer, read member by member."""

    def __init__(self, run: Run, setbacks: Setbacks, answer: Answer, name_of: Callable[[Member], str]) -> None:
        self._run = run
        self._setbacks = setbacks
        self._answer = answer
        self._name_of = name_of
        self._archive = TarStream(answer.read_exactly, self._skip)

    def bring(self, left: dict[str, Wanted], rest: dict[str, Wanted]) -> None:
        """Take out of `left` what arrived rightly, taken by the disk or not; move to `rest` what arrived otherwise than it was listed."""
        with Landing(self._run.destination) as landing:
            for member in self._archive.members():
                name = self._name_of(member)
                wanted = left.get(name) if member.is_file else None
                if wanted is None:
                    continue
                if member.size_bytes == wanted.entry.size_bytes and self._take(landing, wanted):
                    del left[name]
                else:
                    rest[name] = left.pop(name)

    def _take(self, landing: Landing, wanted: Wanted) -> bool:
        data = self._archive.take(self._run.buffer())
        self._run.arrived(len(data))
        promise = wanted.promise
        if promise is not None and hashlib.sha256(data).hexdigest() != promise.sha256:
            return False
        try:
            put_in_place(self._run, landing, wanted, data)
            self._setbacks.came()
        except StorageError as error:
            self._setbacks.failed(wanted.path, error)
        return True

    def _skip(self, count: int) -> None:
        room = memoryview(bytearray(min(count, _SKIP_BYTES)))
        while count:
            part = room[: min(count, _SKIP_BYTES)]
            self._answer.read_exactly(part)
            self._run.arrived(len(part))
            count -= len(part)
