"""Watched folders that are reached by several names: through a link, or from where a shell happened to stand."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from fs2od.configuration import Watch

__all__ = ["by_known_names"]

_Folder = tuple[int, int]


def by_known_names(watches: Iterable[Watch], known: Collection[str]) -> Sequence[Watch]:
    """Return each watched folder once, under the name by which the journal knows it if it does so by another one.

    Otherwise every dataset in it would be another one than before, and be announced again.

    Args:
        watches: What is configured; of two names of one folder, the first counts.
        known: The names of folders whose datasets are in the journal.
    """
    names = {folder: name for name in sorted(known) if (folder := _folder(Path(name))) is not None}
    found: dict[_Folder | str, Watch] = {}
    for watch in watches:
        folder = _folder(watch.path)
        name = str(watch.path) if folder is None or str(watch.path) in known else names.get(folder, str(watch.path))
        found.setdefault(folder or name, watch.model_copy(update={"path": Path(name)}))
    return tuple(found.values())


def _folder(path: Path) -> _Folder | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino
