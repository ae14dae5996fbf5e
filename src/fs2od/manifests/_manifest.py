"""All parts together: what each file of a dataset should be."""

from __future__ import annotations

from typing import Iterable, Iterator, Mapping

from fs2od.manifests._entries import ManifestEntry
from fs2od.manifests._parts import BrokenPart, Part

__all__ = ["Manifest"]


class Manifest(Mapping[str, ManifestEntry]):
    """What is known of a dataset's files, by path. A file that is not in it is not yet verified, and not wrong.

    `part_hashes` are the parts' SHA-256 in their order, `size_bytes` the sizes of all files added up.
    """

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        """Begin with parts in their order.

        Raises:
            BrokenPart: They are not numbered from 1 without gaps.
        """
        self.size_bytes = 0
        self.part_hashes: list[str] = []
        self._entries: dict[str, ManifestEntry] = {}
        for part in parts:
            self.add(part)

    @property
    def files(self) -> int:
        """How many files are known."""
        return len(self._entries)

    @property
    def parts(self) -> int:
        """How many parts were added."""
        return len(self.part_hashes)

    def add(self, part: Part) -> None:
        """Take in the next part; what it says comes before what earlier ones said.

        Raises:
            BrokenPart: It is not the next one.
        """
        if part.number != self.parts + 1:
            raise BrokenPart(f"part {self.parts + 1} is missing")
        for gone in part.gone:
            self._forget(gone.path)
        for entry in part.entries:
            self._forget(entry.path)
            self._entries[entry.path] = entry
            self.size_bytes += entry.size_bytes
        self.part_hashes.append(part.sha256)

    def _forget(self, path: str) -> None:
        before = self._entries.pop(path, None)
        self.size_bytes -= before.size_bytes if before is not None else 0

    def __getitem__(self, path: str) -> ManifestEntry:
        return self._entries[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
