"""Watched folders that are reached by several names: through a link, or from where a shell happened to stand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from fs2od.answering import in_time
from fs2od.configuration import Watch

__all__ = ["by_known_names"]

_Folder = tuple[int, int]


def by_known_names(watches: Sequence[Watch], known: Collection[str], *, away: Collection[Path] = ()) -> Sequence[Watch]:
    """Return each watched folder once, under the name by which the journal knows it if it does so by another one.

    Otherwise every dataset in it would be another one than before, and be announced again.

    Args:
        watches: What is configured; of two names of one folder, the first counts.
        known: The names of folders whose datasets are in the journal.
        away: Those that do not answer, and are not asked.
    """
    asked = {path: _folder(path) for path in {*map(Path, known), *(watch.path for watch in watches)} - set(away)}
    names = {folder: name for name in sorted(known) if (folder := asked.get(Path(name))) is not None}
    found: dict[_Folder | str, Watch] = {}
    for watch in watches:
        folder = asked.get(watch.path)
        name = str(watch.path) if folder is None or str(watch.path) in known else names.get(folder, str(watch.path))
        found.setdefault(folder or name, watch.model_copy(update={"path": Path(name)}))
    return tuple(found.values())


def _folder(path: Path) -> _Folder | None:
    try:
        facts = in_time(path.stat)
    except OSError:
        return None
    return facts.st_dev, facts.st_ino
