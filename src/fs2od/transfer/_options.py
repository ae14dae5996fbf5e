"""How a download goes about it, and the dataset reached so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

from fs2od.transfer._dataset import Dataset
from fs2od.transfer._http import Proxies, Timeouts
from fs2od.transfer._links import Place
from fs2od.transfer._opening import open_dataset
from fs2od.transfer._patience import Patience
from fs2od.transfer._selection import Selection
from fs2od.transfer._tokens import AccessToken
from fs2od.transfer._walk import DownloadLimits

__all__ = ["Options", "opened_dataset"]


@dataclass(frozen=True)
class Options:
    """How a download goes about it.

    Attributes:
        jobs: The most connections at once.
        include: Patterns of what to bring; nothing means everything.
        exclude: Patterns of what to leave.
        only: Paths from the dataset's top, of files and of folders with all below them; None for everything.
        follow: Whether to go on while the dataset grows, until it is complete.
        follow_every_s: Seconds between two looks while following.
        follow_quiet_s: Seconds without anything new after which following ends; None for two hours of a dataset that has no sidecar to
            say when it is complete, and for as long as it takes of one that has.
        limit_rate: Bytes per second, all connections together; None for no limit.
        token: For spaces, and for links that are for members.
        prefer: The domain of the provider to ask first, where several have the space.
        ca_file: Certificates (PEM) to trust besides the system's.
        proxies: What stands between this machine and the services.
        straight: Whether bytes of a space may come straight from a store that has a copy, where the provider leads there.
        say: Told in one sentence what changes on the way.
        with_files: Whether the report names every file.
        limits: How much a share may list.
        patience: How often a file is taken up again.
        timeouts: How long to wait for an answer.
        sleep: Pauses between tries; None to wait really.
    """

    jobs: int = 8
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None
    follow: bool = False
    follow_every_s: float = 15.0
    follow_quiet_s: float | None = None
    limit_rate: float | None = None
    token: AccessToken | None = None
    prefer: str | None = None
    ca_file: str | None = None
    proxies: Proxies = field(default_factory=Proxies)
    straight: bool = True
    say: Callable[[str], None] | None = None
    with_files: bool = False
    limits: DownloadLimits = field(default_factory=DownloadLimits)
    patience: Patience = field(default_factory=Patience)
    timeouts: Timeouts = field(default_factory=Timeouts)
    sleep: Callable[[float], None] | None = None

    def __post_init__(self) -> None:
        """Look at the patterns before anything is asked or written.

        Raises:
            InvalidPattern: One of them has no meaning.
        """
        Selection(self.include, self.exclude)


def opened_dataset(place: Place, options: Options, sleep: Callable[[float], None]) -> Dataset:
    """Return the dataset at a place, reached as the options say. Whoever opens it closes it."""
    return open_dataset(
        place,
        token=options.token,
        prefer=options.prefer,
        ca_file=options.ca_file,
        timeouts=options.timeouts,
        patience=options.patience,
        sleep=sleep,
        proxies=options.proxies,
        straight=options.straight,
        say=options.say,
    )
