"""What a dataset does not list and may have all the same: what nobody can deliver, nobody lists."""

from __future__ import annotations

import os
from typing import Final

from fs2od.manifests import link_fault
from fs2od.transfer._entries import EntryKind, Names, Present
from fs2od.transfer._undeliverable import told_of

__all__ = ["Doubts"]

_NOT_UTF_8: Final = "its name is not UTF-8"
_LEADS_OUT: Final = "a link that leads out"
_SPECIAL: Final = "a special file"
_NAMED: Final = "the dataset has it, and nobody can deliver it"
_NOT_ALL_NAMED: Final = "the dataset does not name all that nobody can deliver"


class Doubts:
    """What is known of a dataset beside its listing, by its facility's word. Whoever has copied it by hand may hold that, too."""

    def __init__(self, metadata: bytes) -> None:
        """Read what a facility says in the JSON metadata of a dataset's root, as they were sent."""
        self._said = told_of(metadata)

    def about(self, path: Names, there: Present) -> str:
        """Return why something that is not listed may be the dataset's, in a few words; "" if it is not."""
        try:
            path[-1].encode()
        except UnicodeEncodeError:
            return _NOT_UTF_8
        if self._said is None:
            return _unsaid(path, there)
        count, names = self._said
        places = [
            os.fsencode("/".join(path[:end])).decode("utf-8", "backslashreplace") for end in range(1, len(path) + 1)
        ]
        begins = (*(f"{place} (" for place in places), f"{places[-1]}/")
        if any(name in places or name.startswith(begins) for name in names):
            return _NAMED
        return _NOT_ALL_NAMED if count > len(names) else ""


def _unsaid(path: Names, there: Present) -> str:
    """Judge where nothing is said, as at a plain Onedata, in a part of a dataset and while one grows: what is never delivered."""
    if there.kind is EntryKind.SYMLINK:
        return _LEADS_OUT if link_fault("/".join(path), there.target, lambda _: None) else ""
    return _SPECIAL if there.kind is EntryKind.OTHER else ""
