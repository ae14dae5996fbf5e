"""What the files of the sidecar itself must be: parts and seal as they were read, the list of checksums as the parts make it.

A dataset is also checked with `sha256sum`, and later without the link: what comes of the sidecar must be as sound as the rest.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from fs2od.manifests import MANIFEST, SEAL, SIDECAR, SUMS, Digester, Manifest, ManifestEntry, sha256sums_line
from fs2od.transfer._entries import Entry

__all__ = ["OwnFiles", "own_path"]

_LINES: Final = 5_000
_REPLACED: Final = frozenset({f"{SIDECAR}/{SEAL}", f"{SIDECAR}/{SUMS}"})


class OwnFiles:
    """Promises for the files of a sidecar, by their paths in the dataset."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._read: dict[str, ManifestEntry] = {}
        self._sums: tuple[int, ManifestEntry] | None = None
        self._states: dict[str, str] = {}

    def note(self, name: str, data: bytes) -> None:
        """Take note of the bytes of a part, or of the seal, that proved sound."""
        if name == SEAL:
            self._states.clear()
        digester = Digester()
        digester.update(data)
        self._read[own_path(name)] = digester.entry(own_path(name), 0)

    def promise_of(self, path: str, entry: Entry, manifest: Manifest, *, sealed: bool) -> ManifestEntry | None:
        """Return what a file must be in the state that the service lists; None if that is not known, or not any more.

        A dataset may be sealed anew while it is read. Its seal and its list are then other files, often of the same size, which what
        was read before says nothing of: only the state in which they were seen first is vouched for.
        """
        if path in _REPLACED and self._states.setdefault(path, entry.state()) != entry.state():
            return None
        known = self.promise(path, manifest, sealed=sealed)
        return known if known is not None and known.size_bytes == entry.size_bytes else None

    def promise(self, path: str, manifest: Manifest, *, sealed: bool) -> ManifestEntry | None:
        """Return what a file must be; None if that is not known, or not yet.

        Args:
            path: Its path in the dataset.
            manifest: What all parts say.
            sealed: Whether the seal fits to it: the list of checksums is of complete datasets only.
        """
        if path == own_path(SUMS):
            return self._list_of(manifest) if sealed else None
        return self._read.get(path) if sealed or path != own_path(SEAL) else None

    def _list_of(self, manifest: Manifest) -> ManifestEntry:
        known = self._sums
        if known is None or known[0] != manifest.parts:
            self._sums = known = (manifest.parts, _sums_of(manifest))
        return known[1]


def own_path(name: str) -> str:
    """Return where a file of the sidecar lies, below the dataset's root."""
    return f"{SIDECAR}/{name}" if name in {SEAL, SUMS} else f"{SIDECAR}/{MANIFEST}/{name}"


def _sums_of(manifest: Manifest) -> ManifestEntry:
    """Return what the list of checksums must be: a line for each file, in the order of their paths."""
    digester, paths = Digester(), iter(sorted(manifest))
    while True:
        lines = "".join(sha256sums_line(manifest[path]) for path in islice(paths, _LINES))
        if not lines:
            return digester.entry(own_path(SUMS), 0)
        digester.update(lines.encode())
