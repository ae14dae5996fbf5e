"""What a facility says in the JSON metadata of a dataset's root: what no service can deliver, and whether it is complete.

Anybody with write access may write there, so nothing is trusted: what is not of the expected form is left out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, Mapping

from fs2od.manifests import MOST_UNDELIVERABLE_NAMES
from fs2od.transfer._dataset import Dataset
from fs2od.transfer._entries import Entry, shown_path

__all__ = ["Undeliverable", "says_complete", "told_of", "undeliverable_in", "undeliverable_of"]

_OWN: Final = "fs2od"
_LONGEST_NAME: Final = 300
_MOST_DIGITS: Final = 9


@dataclass(frozen=True)
class Undeliverable:
    """How many files of a dataset cannot be delivered by anybody, and the first of them.

    Attributes:
        count: How many.
        names: Some of their paths with the reasons, such as "Grids/a?.mrc (not UTF-8)", each on one line.
        is_wanted: Whether the whole dataset was asked for, so that these would have come.
    """

    count: int = 0
    names: tuple[str, ...] = ()
    is_wanted: bool = True

    def said(self, *, names: int) -> str:
        """Return what a summary says of them: "1 cannot be delivered: a?.mrc (not UTF-8)"; "" where there are none."""
        if not self.count:
            return ""
        shown = ", ".join(self.names[:names])
        more = self.count - len(self.names[:names])
        named = f": {shown}{f', and {more:,} more' if more else ''}" if shown else ""
        return f"{'' if self.is_wanted else 'of the whole dataset, '}{self.count:,} cannot be delivered{named}"


def undeliverable_in(shared: Dataset, root: Entry, *, is_wanted: bool) -> Undeliverable:
    """Ask a dataset what of it cannot be delivered; where it does not answer, nothing is known of.

    Args:
        shared: The dataset.
        root: Its root.
        is_wanted: Whether the whole dataset was asked for.

    Raises:
        Interrupted: Everything is to end.
    """
    return undeliverable_of(shared.metadata(root), is_wanted=is_wanted)


def undeliverable_of(body: bytes, *, is_wanted: bool) -> Undeliverable:
    """Return what the JSON metadata of a dataset's root tells; nothing at all is as good as an empty answer.

    Args:
        body: The metadata, as they were sent.
        is_wanted: Whether the whole dataset was asked for.
    """
    count, names = told_of(body) or (0, ())
    return Undeliverable(count, tuple(map(_shown, names)), is_wanted) if count else Undeliverable()


def told_of(body: bytes) -> tuple[int, tuple[str, ...]] | None:
    r"""Return how many cannot be delivered, and some of them as they were told, which is not fit to be shown; None where nothing is said.

    A name is a path with its bytes that are no UTF-8 written out, and the reason behind it: "Grids/bad\xff.tiff (name is not UTF-8)".
    """
    own = _own(body)
    count, names = own.get("undeliverable"), own.get("undeliverable_names")
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        return None
    told = [each for each in names if isinstance(each, str)] if isinstance(names, list) else []
    # Of as many names as there are to be, a few do.
    return count, tuple(told[: min(count, MOST_UNDELIVERABLE_NAMES)])


def says_complete(body: bytes) -> bool:
    """Say whether the JSON metadata of a dataset's root tell that its facility calls it complete."""
    return _own(body).get("state") == "complete"


def _own(body: bytes) -> Mapping[str, object]:
    """Return what fs2od says in JSON metadata; nothing where they are of another form."""
    try:
        return _mapping(_mapping(json.loads(body, parse_int=_number)).get(_OWN))
    except (ValueError, RecursionError):
        return {}


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _number(digits: str) -> int:
    """Return a number that a dataset may have files; longer ones, which take long to read, are none."""
    return int(digits) if len(digits) <= _MOST_DIGITS else 0


def _shown(name: str) -> str:
    return shown_path(tuple(name[:_LONGEST_NAME].split("/")))
