"""All that a small dataset shows, listed by one question beside the first ones: far away, to list folder after folder takes long."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Callable, Final, Iterable

from fs2od.errors import Fs2odError
from fs2od.manifests import SEAL, SIDECAR, ManifestEntry
from fs2od.transfer._ahead import Ahead
from fs2od.transfer._answers import DataAddress, entry_of, unpacked
from fs2od.transfer._entries import Entry, EntryKind
from fs2od.transfer._errors import MalformedAnswer

if TYPE_CHECKING:
    from fs2od.transfer._dataset import Dataset

__all__ = ["Tree"]

_MOST_BYTES: Final = 16 << 20
_SEAL: Final = f"{SIDECAR}/{SEAL}"


class Tree:
    """The listings of a dataset's folders, as far as an fs2od node gives them all at once. What does not come is no failure."""

    def __init__(self, shared: Dataset, address: Callable[[], DataAddress | None]) -> None:
        """Ask for them.

        Args:
            shared: The dataset.
            address: Returns where an fs2od node gives it; may wait, and raise.
        """
        self._shared = shared
        self._address = address
        self._listed = Ahead(self._asked)

    def has_come(self) -> bool:
        """Wait for the answer, and say whether it shows anything."""
        return bool(self._listed.result())

    def listings(self, promises: Iterable[ManifestEntry]) -> dict[str, list[Entry]]:
        """Return what the folders below the root show, by their ids; nothing where this lacks the seal, or what was promised.

        It may be older than the seal, and what came between the two would be called absent.
        """
        listed = self._listed.result()
        files = {path: entry for path, entry in listed.items() if entry.kind is EntryKind.FILE}
        is_older = SIDECAR in listed and _SEAL not in files
        if is_older or not all(_is_listed(files.get(promise.path), promise) for promise in promises):
            return {}
        found: dict[str, list[Entry]] = {path: [] for path, entry in listed.items() if entry.kind is EntryKind.FOLDER}
        for path, entry in listed.items():
            above, _, _ = path.rpartition("/")
            if above in found:
                found[above].append(entry)
        return {listed[path].file_id: entries for path, entries in found.items()}

    def _asked(self) -> dict[str, Entry]:
        try:
            address = self._address()
            return {} if address is None else _entries(self._shared.tree(address))
        except Fs2odError:
            return {}


def _entries(body: bytes) -> dict[str, Entry]:
    """Return entries by their paths.

    Raises:
        MalformedAnswer: This is no such answer.
    """
    try:
        items: list[dict[str, Any]] = json.loads(unpacked(body, _MOST_BYTES))["entries"]
        found = {str(item["path"]): entry_of(item) for item in items}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise MalformedAnswer("a tree of folders is none") from error
    if any(path.rpartition("/")[2] != entry.name for path, entry in found.items()):
        raise MalformedAnswer("a tree of folders names what it does not hold")
    return found


def _is_listed(entry: Entry | None, promise: ManifestEntry) -> bool:
    return (
        entry is not None
        and entry.size_bytes == promise.size_bytes
        and entry.mtime_s == promise.mtime_ns // 1_000_000_000
    )
