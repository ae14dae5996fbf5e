"""Names: what a dataset is called by people, what its parts are called in Onedata, and where a provider sees its folder."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath

from fs2od.configuration import Watch
from fs2od.facility.watching import SeenFolder

__all__ = ["dataset_name", "provider_path", "unique_name"]

_LONGEST = 40
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


def dataset_name(folder: SeenFolder, watch: Watch, taken: Collection[str], now: datetime) -> str:
    """Return what people call a new dataset. Of two with one name the later one also says where it lies."""
    name = watch.name.format(folder=folder.shown, instrument=watch.instrument, year=now.year)
    name = " ".join("".join(c if c.isprintable() else " " for c in name).split())[:200] or folder.shown
    candidates = (name, f"{name} ({watch.path.name})", f"{name} ({watch.path})")
    free = next((each for each in candidates if each not in taken), None)
    return free if free is not None else f"{name} ({_suffix()})"


def unique_name(name: str) -> str:
    """Return a name that Onedata and its clients take, and that nothing else has."""
    clean = re.sub(r"[^A-Za-z0-9()_.-]+", "_", name).strip("_.-")[:_LONGEST].rstrip("_.-")
    return f"{clean or 'dataset'}-{_suffix()}"


def provider_path(path: Path, path_map: Mapping[str, str]) -> str:
    """Return where the provider sees a folder of the facility, by the longest matching beginning."""
    best = max(
        (start for start in path_map if path.is_relative_to(start)),
        key=lambda start: len(Path(start).parts),
        default=None,
    )
    return str(path) if best is None else str(PurePosixPath(path_map[best]) / path.relative_to(best))


def _suffix() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(8))
