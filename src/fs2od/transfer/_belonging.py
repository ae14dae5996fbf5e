"""Whether the manifest in a folder is that of the dataset that is asked about, or of another one that was downloaded there, too."""

from __future__ import annotations

from fs2od.manifests import (
    MANIFEST,
    MOST_PART_BYTES,
    SEAL,
    SIDECAR,
    Manifest,
    parse_part,
    parse_seal,
    part_number,
    seal_of,
)
from fs2od.transfer._dataset import Dataset
from fs2od.transfer._entries import Entry, EntryKind
from fs2od.transfer._errors import MalformedAnswer
from fs2od.transfer._whole import lies_inside_a_space

__all__ = ["is_of_another"]


def is_of_another(shared: Dataset, manifest: Manifest, *, most: int) -> bool:
    """Say whether a manifest is that of another dataset: neither the seal nor the first part, which never changes, is the same.

    Args:
        shared: The dataset, or a part of it.
        manifest: What stands in the folder, with at least one part.
        most: Entries in one folder that are still believed.

    Raises:
        BrokenPart: What the dataset shows is damaged.
        ConnectionLost, ServiceError, MalformedAnswer: It cannot be read.
    """
    sidecar = _sidecar_of(shared, most=most)
    if sidecar is None:
        return True
    inside = {each.name: each for each in shared.children(sidecar, most=most)}
    seal, folder = inside.get(SEAL), inside.get(MANIFEST)
    if seal is not None and parse_seal(_content(shared, seal)) == seal_of(manifest):
        return False
    parts = [] if folder is None else shared.children(folder, most=most)
    first = next((each for each in parts if part_number(each.name) == 1), None)
    return first is None or parse_part(_content(shared, first)).sha256 != manifest.part_hashes[0]


def _sidecar_of(shared: Dataset, *, most: int) -> Entry | None:
    root = shared.root()
    if root.kind is EntryKind.FOLDER and not lies_inside_a_space(root.file_id):
        for each in shared.children(root, most=most):
            if each.name == SIDECAR and each.kind is EntryKind.FOLDER:
                return each
    whole = shared.whole(root)
    return None if whole is None else whole.sidecar


def _content(shared: Dataset, file: Entry) -> bytes:
    if file.kind is not EntryKind.FILE or not 0 <= file.size_bytes <= MOST_PART_BYTES:
        raise MalformedAnswer("the manifest holds something that is no part")
    return shared.read(file, 0, file.size_bytes)
