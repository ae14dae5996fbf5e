"""A share brought to the disk."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from fs2od.client import Connection
from fs2od.onedata.errors import NotFound
from fs2od.transfer._destination import Destination
from fs2od.transfer._errand import Errand, Manner
from fs2od.transfer._links import Link, UnknownLink
from fs2od.transfer._report import Progress, Report
from fs2od.transfer._share import SharedFiles
from fs2od.transfer._tally import Tally
from fs2od.transfer._threads import Threads

__all__ = ["Download", "folder_name"]

_LONGEST_NAME: Final = 200


class Download:
    """Brings a share into a folder. Running it again fetches only what is missing, and goes on within files.

    ```python
    async with Connection(token=None) as connection:
        report = await Download(parse_link(text), Path("dataset"), connection=connection).run()
    print(report.summary())
    ```
    """

    def __init__(
        self,
        link: Link,
        destination: Path,
        *,
        connection: Connection,
        manner: Manner | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare a download; nothing is asked or written yet.

        Args:
            link: What to download.
            destination: The folder to fill; made when it is missing.
            connection: The way to the zone and its providers, as a guest.
            manner: How many files at once, how patiently, and within which limits.
            monotonic: Seconds from a clock that never jumps.
        """
        self._link = link
        self._path = destination
        self._files = SharedFiles(connection, link)
        self._manner = manner or Manner()
        self._monotonic = monotonic

    async def run(self, progress: Callable[[Progress], None] | None = None) -> Report:
        """Return what has become of the download; `progress` is called from the event loop with every change.

        What fails for one file is in the report, and so is what made everything stop. To be cancelled is no failure:
        what has arrived is kept for the next run.

        Raises:
            UnknownLink: There is no such share.
            StorageError: The destination cannot be made or written.
            OnedataError: The share cannot be read at all.
        """
        began_s = self._monotonic()
        try:
            root = await self._files.root()
        except NotFound as error:
            raise _unknown(self._link) from error
        tally = Tally(progress)
        with Threads(self._manner.at_once + 1) as threads, await threads.run(Destination, self._path) as destination:
            folds_case = await threads.run(destination.folds_case)
            errand = Errand(self._files, destination, threads, tally, self._manner, folds_case=folds_case)
            stopped_by = await errand.run(root)
            await errand.settle()
        return tally.report(elapsed_s=self._monotonic() - began_s, stopped_by=stopped_by)


async def folder_name(link: Link, *, connection: Connection) -> str:
    """Return what a folder for the share is best called: the share's name, made safe, or else its id.

    Raises:
        UnknownLink: There is no such share.
        OnedataError: The share cannot be read at all.
    """
    try:
        name = await SharedFiles(connection, link).name()
    except NotFound as error:
        raise _unknown(link) from error
    plain = "".join(c if c.isprintable() and c not in '/\\:*?"<>|' else "_" for c in name).strip(" .")
    return plain.encode()[:_LONGEST_NAME].decode(errors="ignore") or link.share


def _unknown(link: Link) -> UnknownLink:
    return UnknownLink(f"{link} leads nowhere: it has ended, or is not complete; ask whoever sent it")
