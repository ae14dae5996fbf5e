"""A sidecar beside files, as the facility makes it, in one go: for tests and benchmarks of what reads it."""

from __future__ import annotations

from pathlib import Path

from fs2od.manifests import (
    MANIFEST,
    SEAL,
    SIDECAR,
    SUMS,
    Digester,
    Manifest,
    ManifestEntry,
    dump_part,
    dump_seal,
    parse_part,
    part_name,
    seal_of,
    sha256sums_line,
)

__all__ = ["extend_sidecar"]

_STEP_BYTES = 1 << 20


def extend_sidecar(folder: Path, *, seal: bool = False) -> int:
    """Publish the next part of a dataset's manifest, with every file that is new or has changed; return how many.

    Args:
        folder: The dataset.
        seal: Whether the dataset is complete now: the sums and the seal are written, too.
    """
    place = folder / SIDECAR / MANIFEST
    place.mkdir(parents=True, exist_ok=True)
    manifest = Manifest(parse_part(path.read_bytes()) for path in sorted(place.iterdir()))
    entries = [_entry(folder, path) for path in _files(folder) if not _is_known(manifest, folder, path)]
    if entries:
        part = dump_part(manifest.parts + 1, entries)
        (place / part_name(manifest.parts + 1)).write_bytes(part)
        manifest.add(parse_part(part))
    if seal:
        sums = "".join(sha256sums_line(entry) for entry in sorted(manifest.values()))
        (folder / SIDECAR / SUMS).write_text(sums)
        (folder / SIDECAR / SEAL).write_bytes(dump_seal(seal_of(manifest)))
    return len(entries)


def _files(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(path for path in found if path.relative_to(folder).parts[0] != SIDECAR)


def _is_known(manifest: Manifest, folder: Path, path: Path) -> bool:
    known, facts = manifest.get(path.relative_to(folder).as_posix()), path.stat()
    return known is not None and (known.size_bytes, known.mtime_ns) == (facts.st_size, facts.st_mtime_ns)


def _entry(folder: Path, path: Path) -> ManifestEntry:
    digester = Digester()
    with path.open("rb") as file:
        while data := file.read(_STEP_BYTES):
            digester.update(data)
    return digester.entry(path.relative_to(folder).as_posix(), path.stat().st_mtime_ns)
