"""What a check compares with: the checksums that were downloaded, or else those that the share tells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable, Optional

from fs2od.errors import Fs2odError, IntegrityFailure, Interrupted
from fs2od.transfer._dataset import Dataset
from fs2od.transfer._destination import Destination
from fs2od.transfer._errors import NotFound
from fs2od.transfer._patience import Patience
from fs2od.transfer._sidecar import Promise, Sidecar
from fs2od.transfer._sums import Sums

__all__ = ["Checklist", "checklist"]

Say = Optional[Callable[[str], None]]


@dataclass(frozen=True)
class Checklist:
    """What every file must be, as far as that is known.

    Attributes:
        promises: One for each file.
        is_sealed: Whether they are those of a complete dataset.
        trouble: Why the manifest could not be used to its end; None where it could be, or where there is none.
    """

    promises: tuple[Promise, ...]
    is_sealed: bool = False
    trouble: Fs2odError | None = None


def checklist(
    shared: Dataset,
    destination: Destination,
    *,
    most: int,
    patience: Patience,
    sleep: Callable[[float], None],
    say: Say = None,
) -> Checklist:
    """Return what the files in a folder must be.

    The share is asked only where no manifest stands in the folder, or a damaged one; if neither does, as much as is sound in the
    folder is returned, with the trouble.

    Args:
        shared: What was downloaded.
        destination: The folder.
        most: Entries in one folder of the share that are still believed.
        patience: How often to ask again.
        sleep: Pauses between tries.
        say: Told in one sentence that the manifest in the folder is damaged.

    Raises:
        NotFound: Nobody knows checksums, or not yet.
        ConnectionLost, ServiceError, MalformedAnswer: None are in the folder, and the share cannot be read.
    """
    sidecar = Sidecar()
    sidecar.load(destination)
    here = Checklist(tuple(sidecar.promises()), sidecar.sealed, sidecar.trouble)
    if here.promises and here.trouble is None:
        return here
    try:
        asked = _asked(shared, destination, most=most, patience=patience, sleep=sleep)
    except Interrupted:
        raise
    except Fs2odError as error:
        if here.trouble is None:
            raise
        asked = Checklist((), trouble=error)
    if here.trouble is None:
        if not asked.promises and asked.trouble is None:
            raise NotFound("the dataset has no checksums to compare with, or not yet")
        return asked
    if asked.promises and asked.trouble is None:
        if say is not None:
            say(
                f"the manifest here is damaged ({here.trouble}): the dataset's own is taken; to mend it, download again"
            )
        return asked
    there = asked.trouble or "there is none"
    return replace(here, trouble=IntegrityFailure(f"{here.trouble}; the dataset's own: {there}"))


def _asked(
    shared: Dataset, destination: Destination, *, most: int, patience: Patience, sleep: Callable[[float], None]
) -> Checklist:
    """Return what the share says: by its manifest, that of the dataset it is a part of, or the node's list of checksums."""
    entrance = shared.entrance(most=most)
    sidecar = Sidecar()
    sidecar.look(shared, entrance.root, most=most, listing=entrance.listing, above=entrance.goes_by_the_whole)
    sidecar.read(shared)
    if sidecar.is_there:
        return Checklist(tuple(sidecar.promises()), sidecar.sealed, sidecar.trouble)
    sums = Sums(entrance.sums_url)
    sums.read(shared, patience, sleep)
    return Checklist(tuple(sums.promises(destination)))
