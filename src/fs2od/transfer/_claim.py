"""Folders that nobody named: each is for one link, though several datasets may be called the same."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

from fs2od.errors import StorageError
from fs2od.transfer._entries import shown_path
from fs2od.transfer._links import Link, Place

__all__ = ["claim"]

_NOTE: Final = "user.fs2od.share"
"""The extended attribute of the folder that tells of which share it is: nothing lies among the data for it."""


def claim(folder: Path, place: Place) -> None:
    """Make a folder that is called as its dataset, or make sure that it was made for the same link.

    One that was there before, one that a person has named, and one on a file system without extended attributes is nobody's. What
    keeps it from being made is for the download to say.

    Raises:
        StorageError: It was made for another link, whose files would be replaced.
    """
    if not isinstance(place, Link) or not hasattr(os, "setxattr"):
        return
    try:
        with contextlib.suppress(OSError):
            folder.mkdir()
            os.setxattr(folder, _NOTE, place.share.encode())
        of_share = os.getxattr(folder, _NOTE)
    except OSError:
        return
    if of_share != place.share.encode():
        shown = shown_path((str(folder),))
        raise StorageError(
            f"the folder {shown} here is of another link that is called the same: name one for this, as in {shown}-2"
        )
