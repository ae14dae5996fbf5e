"""What can be followed until it is complete: what is seen of a dataset with its sidecar, which says so one day."""

from __future__ import annotations

import re
from typing import Final

from fs2od.errors import Fs2odError
from fs2od.manifests import SIDECAR
from fs2od.transfer._dataset import Dataset, Entrance
from fs2od.transfer._entries import EntryKind

__all__ = ["NeverComplete", "check_that_it_may_end"]

_HEAD_BYTES: Final = 8
_MEANING: Final = re.compile(r"(?:guid|shareGuid)#([^#]+)#([^#]+)(?:#[^#]+)?")


class NeverComplete(Fs2odError):
    """It cannot be followed to its end, for it would never say that it is complete: follow the whole dataset, or do not follow."""

    exit_code = 2


def check_that_it_may_end(shared: Dataset, entrance: Entrance, *, most: int) -> None:
    """Make sure that what is to be followed can ever say that it is complete.

    Args:
        shared: The dataset, or what is shared of it.
        entrance: Where it begins.
        most: Entries in one folder that are still believed.

    Raises:
        NeverComplete: It is a single file, or a folder of a dataset whose sidecar is not seen.
        ConnectionLost, ServiceError, MalformedAnswer: It cannot be listed.
    """
    root = entrance.root
    if root.kind is not EntryKind.FOLDER:
        raise _refusal("a single file")
    # Some put a dataset, with its sidecar, into a folder of a larger space. With a token, that of the whole is seen.
    if (
        _lies_inside_a_space(root.file_id)
        and not any(each.name == SIDECAR for each in shared.children(root, most=most))
        and shared.whole(root) is None
    ):
        raise _refusal("a folder inside a dataset")


def _lies_inside_a_space(file_id: str) -> bool:
    """Say whether a file id is that of something below the root of its space; not where it is of another form."""
    try:
        text = bytes.fromhex(file_id)[_HEAD_BYTES:].decode()
    except ValueError:
        return False
    meaning = _MEANING.fullmatch(text)
    return meaning is not None and meaning[1] != f"space_{meaning[2]}"


def _refusal(what: str) -> NeverComplete:
    return NeverComplete(
        f"{what} cannot be followed: only a whole dataset says when it is complete. "
        "Leave --follow away, or use the link to the whole dataset"
    )
