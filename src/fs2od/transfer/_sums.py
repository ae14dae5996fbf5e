"""Checksums as a node lists them for what has no sidecar to be seen: a folder inside a dataset, or a single file."""

from __future__ import annotations

from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Callable, Final, Iterator

from fs2od.errors import Fs2odError, Interrupted
from fs2od.manifests import ManifestEntry, parse_sha256sums_line
from fs2od.transfer._dataset import MOST_ENTRIES, Dataset
from fs2od.transfer._destination import Destination
from fs2od.transfer._entries import Entry, EntryKind, Names, Present
from fs2od.transfer._errors import MalformedAnswer
from fs2od.transfer._http import Answer
from fs2od.transfer._patience import Patience, patiently
from fs2od.transfer._sidecar import Promise

__all__ = ["Sums"]

_FEW_TRIES: Final = 3
_LONGEST_LINE: Final = 16 << 10
_STEP_BYTES: Final = 256 << 10
_SETTLED_S: Final = 2


class Sums:
    """What SHA256SUMS of a share or a folder says; nothing where there is none, as at any other Onedata, or where it cannot be had whole."""

    def __init__(self, url: str | None) -> None:
        """Know nothing yet; `url` is where the list is to be had, None where there is none."""
        self._url = url
        self._known: dict[str, str] = {}
        self._told_s = 0.0

    def read(self, shared: Dataset, patience: Patience, sleep: Callable[[float], None]) -> None:
        """Read the list.

        Raises:
            Interrupted: Everything is to end.
        """
        if self._url is None:
            return
        url = self._url

        def ask() -> tuple[dict[str, str], float]:
            with shared.sums(url) as answer:
                return _entries(answer), _moment_s(answer.header("date"))

        try:
            few = replace(patience, tries=min(_FEW_TRIES, patience.tries))
            self._known, self._told_s = patiently(ask, few, sleep)
        except Interrupted:
            raise
        except Fs2odError:
            return

    def promises(self, destination: Destination) -> Iterator[Promise]:
        """Yield what every file must be that the list knows; its size and time are those of what stands on the disk."""
        present: dict[Names, dict[str, Present]] = {}
        for path, sha256 in self._known.items():
            *above, name = path.split("/")
            folder = tuple(above)
            if folder not in present:
                present[folder] = destination.scan(folder)
            here = present[folder].get(name, Present(EntryKind.FILE))
            yield ManifestEntry(path, here.size_bytes, here.mtime_s * 1_000_000_000, sha256, 0)

    def promise(self, path: str, entry: Entry) -> Promise | None:
        """Return what a file must be, if the list knows it in the state that the service lists.

        The list has no sizes and no times: what was modified after it was made may be another file than the one it speaks of.
        """
        sha256 = self._known.get(path)
        if sha256 is None or entry.size_bytes < 0 or entry.mtime_s + _SETTLED_S > self._told_s:
            return None
        return ManifestEntry(path, entry.size_bytes, entry.mtime_s * 1_000_000_000, sha256, 0)


def _entries(answer: Answer) -> dict[str, str]:
    """Return the checksums of a list by the files' paths.

    Raises:
        MalformedAnswer: It is no such list.
        ConnectionLost: It broke off.
    """
    known: dict[str, str] = {}
    for line in _lines(answer):
        entry = parse_sha256sums_line(line)
        if entry is None or len(known) >= MOST_ENTRIES:
            raise MalformedAnswer("the list of checksums is none")
        path, sha256 = entry
        known[path] = sha256
    return known


def _lines(answer: Answer) -> Iterator[bytes]:
    """Yield the lines of an answer, without their ends."""
    view = memoryview(bytearray(_STEP_BYTES))
    rest = b""
    while True:
        count = answer.read_into(view)
        if not count:
            break
        *whole, rest = (rest + view[:count]).split(b"\n")
        if len(rest) > _LONGEST_LINE:
            raise MalformedAnswer("the list of checksums has a line without an end")
        yield from whole
    if rest:
        raise MalformedAnswer("the list of checksums ends within a line")


def _moment_s(date: str | None) -> float:
    """Return an HTTP date in seconds since 1970; 0 where it is none, so that nothing counts as older."""
    try:
        return parsedate_to_datetime(date or "").timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return 0.0
