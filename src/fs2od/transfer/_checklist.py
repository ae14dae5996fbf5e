"""What a check compares with: the checksums that were downloaded, or else those that the share tells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import AbstractSet as Set
from typing import Callable, Iterable, Iterator, Optional

from fs2od.errors import Fs2odError, IntegrityFailure, Interrupted
from fs2od.manifests import SIDECAR, SUMS
from fs2od.transfer._belonging import is_of_another
from fs2od.transfer._dataset import Dataset
from fs2od.transfer._destination import Destination
from fs2od.transfer._entrance import Entrance
from fs2od.transfer._errors import NotFound
from fs2od.transfer._patience import Patience
from fs2od.transfer._sidecar import Promise, Sidecar
from fs2od.transfer._sums import Sums

__all__ = ["Checklist", "checklist", "with_what_came_since"]

Say = Optional[Callable[[str], None]]


@dataclass(frozen=True)
class Checklist:
    """What every file must be, as far as that is known.

    Attributes:
        promises: One for each file.
        is_sealed: Whether they are those of a complete dataset.
        trouble: Why the manifest could not be used to its end; None where it could be, or where there is none.
        unpromised: How many files stand in the folder of which nobody knows what they must be, while the dataset is not complete.
    """

    promises: tuple[Promise, ...]
    is_sealed: bool = False
    trouble: Fs2odError | None = None
    unpromised: int = 0


def checklist(
    shared: Dataset,
    destination: Destination,
    *,
    impatient: Dataset,
    most: int,
    patience: Patience,
    sleep: Callable[[float], None],
    say: Say = None,
) -> Checklist:
    """Return what the files in a folder must be.

    That is what the manifest in the folder says, unless the share can be asked and it is not the share's. The share's own is taken
    then, and where none stands in the folder, or a damaged one; if neither can be used, as much as is sound in the folder is
    returned, with the trouble.

    Args:
        shared: What was downloaded.
        impatient: The same, given up soon: nobody should have to wait for it to check what is here.
        destination: The folder.
        most: Entries in one folder of the share that are still believed.
        patience: How often to ask again.
        sleep: Pauses between tries.
        say: Told in one sentence that the manifest in the folder is damaged, or of another dataset, or that nobody knows.

    Raises:
        NotFound: Nobody knows checksums of the share, or not yet.
        ConnectionLost, ServiceError, MalformedAnswer: None are in the folder, and the share cannot be read.
    """
    sidecar = Sidecar()
    sidecar.load(destination)
    here = Checklist(tuple(sidecar.promises()), sidecar.sealed, sidecar.trouble)
    is_usable = bool(here.promises) and here.trouble is None
    if is_usable and not _is_anothers(impatient, sidecar, most=most, say=say):
        return replace(here, promises=(*here.promises, *_lists(sidecar, destination)))
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
            theirs = "the manifest here is that of another dataset, and " if is_usable else ""
            raise NotFound(f"{theirs}the dataset has no checksums to compare with, or not yet")
        return asked
    if asked.promises and asked.trouble is None:
        if say is not None:
            say(
                f"the manifest here is damaged ({here.trouble}): the dataset's own is taken; to mend it, download again"
            )
        return asked
    there = asked.trouble or "there is none"
    return replace(here, trouble=IntegrityFailure(f"{here.trouble}; the dataset's own: {there}"))


def with_what_came_since(
    known: Checklist,
    standing: Callable[[Set[str]], Set[str]],
    shared: Dataset,
    *,
    most: int,
) -> Checklist:
    """Return the same with what a dataset that is not complete has promised since of files that stand here already.

    Args:
        known: What the manifest in the folder says, or the share's own.
        standing: Returns which files stand here besides those that it is given.
        shared: The share, given up soon: as much as is known here is returned then.
        most: Entries in one folder of the share that are still believed.

    Raises:
        Interrupted: Everything is to end.
        StorageError: The folder cannot be read.
    """
    if known.is_sealed:
        return known
    besides = standing({each.path for each in known.promises})
    if not besides:
        return known
    further = tuple(each for each in _promised_since(shared, most=most) if each.path in besides)
    return replace(known, promises=(*known.promises, *further), unpromised=len(besides) - len(further))


def _promised_since(shared: Dataset, *, most: int) -> Iterable[Promise]:
    try:
        return list(_looked(shared, shared.entrance(most=most), most=most).promises())
    except Interrupted:
        raise
    except Fs2odError:
        return ()  # that the share cannot be asked was said


def _looked(shared: Dataset, entrance: Entrance, *, most: int) -> Sidecar:
    sidecar, above = Sidecar(), entrance.goes_by_the_whole
    sidecar.look(shared, entrance.root, most=most, listing=entrance.listing, early=entrance.early, above=above)
    sidecar.read(shared)
    return sidecar


def _lists(here: Sidecar, destination: Destination) -> Iterator[Promise]:
    """Yield what the list of checksums in the folder must be, if there is one: others will check by it."""
    promise, there = here.list_promise(), destination.scan((SIDECAR,)).get(SUMS)
    if promise is not None and there is not None:
        yield promise._replace(mtime_ns=there.mtime_s * 1_000_000_000)


def _is_anothers(impatient: Dataset, here: Sidecar, *, most: int, say: Say) -> bool:
    """Say whether the manifest here is of another dataset than the share, as far as the share can be asked just now."""
    try:
        is_anothers = is_of_another(impatient, here.manifest, most=most)
    except Interrupted:
        raise
    except Fs2odError as error:
        is_anothers, said = False, f"whether the manifest here is that of this dataset could not be asked ({error})"
    else:
        said = "the manifest here is that of another dataset: this one's own is taken" if is_anothers else ""
    if said and say is not None:
        say(said)
    return is_anothers


def _asked(
    shared: Dataset, destination: Destination, *, most: int, patience: Patience, sleep: Callable[[float], None]
) -> Checklist:
    """Return what the share says: by its manifest, that of the dataset it is a part of, or the node's list of checksums."""
    entrance = shared.entrance(most=most)
    sidecar = _looked(shared, entrance, most=most)
    if sidecar.is_there:
        return Checklist(tuple(sidecar.promises()), sidecar.sealed, sidecar.trouble)
    sums = Sums(entrance.sums_url)
    sums.read(shared, patience, sleep)
    # What a copied sidecar says counts where nobody else says anything.
    return Checklist(tuple(sums.promises(destination)) or tuple(sidecar.promises()))
