"""A mirror: a folder that follows a dataset. A download that remembers what it found right, shares its work, and may remove."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Callable

from fs2od.errors import StorageMissing
from fs2od.transfer._breaking_off import breaking_off
from fs2od.transfer._crew import Crew
from fs2od.transfer._destination import Destination
from fs2od.transfer._download import Download
from fs2od.transfer._extras import STATE, Extra, find_extras, remove_extras
from fs2od.transfer._kept_ledger import KeptLedger
from fs2od.transfer._links import Place
from fs2od.transfer._options import Options, opened_dataset
from fs2od.transfer._report import Estimate, Progress, Report
from fs2od.transfer._selection import Selection

__all__ = ["Mirror"]


class Mirror:
    """Keeps a folder as a dataset is. Any number of processes, also on several machines, may mirror into one folder at once.

    ```python
    mirror = Mirror(place, Path("/scratch/grid2"), Options(token=token))
    report = mirror.run()
    if not report.exit_code:
        mirror.remove(mirror.extras())
    ```

    What was found right once is not read again while the disk says that it is the same; delete the folder ".fs2od-mirror" in
    the mirror, or verify it, to have it read again.
    """

    def __init__(self, place: Place, destination: Path | str, options: Options | None = None) -> None:
        """Prepare a mirror; nothing is asked or written yet.

        Args:
            place: The dataset.
            destination: The folder; made when it is missing.
            options: As for a download.
        """
        given = options or Options()
        self._selection = Selection(given.include, given.exclude, given.only)
        self._place = place
        self._path = Path(destination)
        # A dataset that holds a folder of that name must not tell us what we found right.
        self._options = replace(given, exclude=(*given.exclude, f"/{STATE}"))

    def run(self, progress: Callable[[Progress], None] | None = None, stop: threading.Event | None = None) -> Report:
        """Return what has become of the mirror: as `Download.run`, with the files that other processes brought.

        Raises:
            NoSuchDataset: There is no such dataset.
            StorageError: The folder cannot be made or written.
            ConnectionLost, ServiceError, MalformedAnswer: The dataset cannot be read at all.
        """
        state = self._path / STATE
        try:
            (state / "checked").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageMissing(f"the folder {state} cannot be made ({error.strerror})") from error
        with Crew(state / "crew") as crew:
            ledger = KeptLedger(state / "checked", crew.name)
            if crew.is_alone():
                ledger.compact()
            try:
                return Download(self._place, self._path, self._options, ledger=ledger, crew=crew).run(progress, stop)
            finally:
                ledger.flush()

    def estimate(self, stop: threading.Event | None = None) -> Estimate:
        """Return what a run would bring; nothing is written. Raises as `run`."""
        return Download(self._place, self._path, self._options).estimate(stop)

    def extras(self, stop: threading.Event | None = None) -> list[Extra]:
        """Return what is in the folder and not listed in the dataset now.

        Raises:
            Fs2odError: Not everything could be listed.
        """
        if not self._path.is_dir():
            return []
        with breaking_off(stop) as ending, opened_dataset(self._place, self._options, ending.sleep) as dataset:
            ending.of(dataset.http.abort)
            with Destination(self._path) as destination:
                return find_extras(dataset, destination, self._selection, self._options.limits, ending)

    def remove(self, extras: list[Extra]) -> None:
        """Remove what `extras` found, but for what is to be kept. Call it only after a run whose exit code was 0.

        Raises:
            StorageError: Something cannot be removed.
        """
        with Destination(self._path) as destination:
            remove_extras(destination, extras)
