"""Following a dataset while it grows: what can be followed, and when that has come to an end."""

from __future__ import annotations

import time
from typing import Callable, Final, NamedTuple

from fs2od.errors import Fs2odError
from fs2od.manifests import SIDECAR
from fs2od.transfer._dataset import Dataset
from fs2od.transfer._entrance import Entrance
from fs2od.transfer._entries import EntryKind
from fs2od.transfer._whole import lies_inside_a_space
from fs2od.transfer._words import readable_duration

__all__ = ["QUIET_S", "Following", "NeverComplete", "Shown", "check_that_it_may_end"]

QUIET_S: Final = 2 * 3600.0
"""How long a dataset without a sidecar, which never says that it is complete, is followed while nothing new comes."""


class Shown(NamedTuple):
    """What a look at a dataset has shown.

    Attributes:
        has_sidecar: Whether the dataset has the folder that says one day that it is complete.
        says_complete: Whether its facility says so in the metadata, as all do that may write no sidecar.
        files: How many files it lists.
        size_bytes: Their sizes, added up.
        parts: How many parts its manifest has.
        fetched: How many files were brought after this look.
    """

    has_sidecar: bool
    says_complete: bool = False
    files: int = 0
    size_bytes: int = 0
    parts: int = 0
    fetched: int = 0


class Following:
    """Judges by what each look shows whether a dataset that is not sealed is to be followed any longer."""

    def __init__(
        self,
        quiet_s: float | None,
        *,
        say: Callable[[str], None] | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin to follow.

        Args:
            quiet_s: How long to go on while nothing new comes; None for as long as it takes where there is a sidecar, else `QUIET_S`.
            say: Told in one sentence how it will end, and why it has ended.
            clock: Seconds that only grow.
        """
        self._quiet_s = quiet_s
        self._say = say or (lambda _: None)
        self._clock = clock
        self._told: str | None = None
        self._before: tuple[int, ...] = ()
        self._since_s = clock()
        self._was_complete = False

    def announce(self, *, has_sidecar: bool) -> None:
        """Say what is waited for, once, and again if that changes."""
        quiet_s = self._longest_quiet_s(has_sidecar=has_sidecar)
        quiet = "" if quiet_s is None else f", or until nothing new has come for {_length(quiet_s)} (--until-quiet)"
        told = (
            f"following until the dataset is complete{quiet}"
            if has_sidecar
            else f"the dataset has no {SIDECAR}, which would say when it is complete: following until its facility says so{quiet}"
        )
        if told != self._told:
            self._told = told
            self._say(told)

    def is_over(self, shown: Shown) -> bool:
        """Say whether to look no more, after a look that reached everything."""
        now_s = self._clock()
        seen = (shown.files, shown.size_bytes, shown.parts)
        if shown.fetched or seen != self._before:
            self._before, self._since_s = seen, now_s
        is_complete = shown.says_complete and not shown.has_sidecar
        # It is said after the last file has come, but a look may have begun before: one more has seen everything.
        was_complete, self._was_complete = self._was_complete, is_complete
        if is_complete and was_complete:
            return True
        quiet_s = self._longest_quiet_s(has_sidecar=shown.has_sidecar)
        if quiet_s is None or now_s - self._since_s < quiet_s:
            return False
        self._say(f"nothing new has come for {_length(quiet_s)}: this ends here, and the same command looks again")
        return True

    def _longest_quiet_s(self, *, has_sidecar: bool) -> float | None:
        return self._quiet_s if self._quiet_s is not None or has_sidecar else QUIET_S


def _length(seconds: float) -> str:
    return readable_duration(seconds).replace(" h 0 min", " h")


class NeverComplete(Fs2odError):
    """It cannot be followed to its end, for it would never say that it is complete: follow the whole dataset, or do not follow."""

    exit_code = 2


def check_that_it_may_end(shared: Dataset, entrance: Entrance) -> None:
    """Make sure that what is to be followed can ever say that it is complete.

    Args:
        shared: The dataset, or what is shared of it.
        entrance: Where it begins.

    Raises:
        NeverComplete: It is a single file, or a folder of a dataset whose sidecar is not seen.
        ConnectionLost, ServiceError, MalformedAnswer: What lies above it cannot be asked for.
    """
    root = entrance.root
    if root.kind is not EntryKind.FOLDER:
        raise _refusal("a single file")
    # A sidecar in it would be a copy, whose seal says nothing of what comes here. With a token, that of the whole is seen.
    if lies_inside_a_space(root.file_id) and shared.whole(root) is None:
        raise _refusal("a folder inside a dataset")


def _refusal(what: str) -> NeverComplete:
    return NeverComplete(
        f"{what} cannot be followed: only a whole dataset says when it is complete. "
        "Leave --follow away, or use the link to the whole dataset"
    )
