"""A share brought to the disk."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Final

from fs2od.errors import Fs2odError, Interrupted, StorageError, StorageMissing
from fs2od.manifests import MIRROR_STATE
from fs2od.manifests import folder_name as plain_name
from fs2od.transfer._ahead import Ahead
from fs2od.transfer._breaking_off import breaking_off
from fs2od.transfer._checklist import checklist, with_what_came_since
from fs2od.transfer._dataset import Dataset
from fs2od.transfer._destination import Destination
from fs2od.transfer._entrance import Entrance
from fs2od.transfer._entries import Entry, EntryKind
from fs2od.transfer._errand import Errand
from fs2od.transfer._errors import ConnectionLost, NotFound, UntrustedCertificate
from fs2od.transfer._folders import is_folder
from fs2od.transfer._following import Following, Shown, check_that_it_may_end
from fs2od.transfer._http import Timeouts
from fs2od.transfer._ledger import Ledger
from fs2od.transfer._links import Link, Place
from fs2od.transfer._options import Options, opened_dataset
from fs2od.transfer._pace import Pace, RateLimit
from fs2od.transfer._rehearsal import Rehearsal
from fs2od.transfer._report import Estimate, Progress, Report
from fs2od.transfer._run import Ending, Run
from fs2od.transfer._selection import Selection
from fs2od.transfer._sidecar import Sidecar
from fs2od.transfer._standing import standing_besides
from fs2od.transfer._tally import Tally
from fs2od.transfer._undeliverable import Undeliverable, says_complete, undeliverable_in
from fs2od.transfer._verification import Verification

if TYPE_CHECKING:
    from fs2od.transfer._crew import Crew

__all__ = ["Download", "folder_name"]

_LONGEST_NAME: Final = 200
_LOOK_S: Final = 0.1
_FEW_TRIES: Final = 2
_SOON: Final = Timeouts(5.0, 10.0)


class Download:
    """Brings a share into a folder. Running it again fetches only what is missing, and goes on within files.

    ```python
    report = Download(parse_link(text), Path("dataset")).run()
    print(report.summary())
    ```
    """

    def __init__(
        self,
        place: Place,
        destination: Path | str,
        options: Options | None = None,
        *,
        ledger: Ledger | None = None,
        crew: Crew | None = None,
    ) -> None:
        """Prepare a download; nothing is asked or written yet.

        Args:
            place: What to download: a link, or a space at its zone.
            destination: The folder to fill; made when it is missing.
            options: How to go about it.
            ledger: What was found right before, and need not be read again.
            crew: The processes that fill the folder together.
        """
        self._place = place
        self._path = Path(destination)
        self._options = options or Options()
        self._ledger = ledger or Ledger(keeps=self._options.follow)
        self._crew = crew

    def run(self, progress: Callable[[Progress], None] | None = None, stop: threading.Event | None = None) -> Report:
        """Return what has become of the download.

        What fails for one file is in the report, and so is what made everything stop. What has arrived is kept.

        Args:
            progress: Called by this very thread about ten times a second, and at the end.
            stop: Ends the download soon after it is set.

        Raises:
            NoSuchDataset: There is no such share, or no such space for the token.
            NeverComplete: It is to be followed, and is not a whole dataset.
            StorageError: The destination cannot be made or written.
            ConnectionLost, ServiceError, MalformedAnswer: The share cannot be read at all.
        """
        with _Course(self._place, self._path, self._options, progress, stop, self._ledger, self._crew) as course:
            return course.run()

    def verify(self, progress: Callable[[Progress], None] | None = None, stop: threading.Event | None = None) -> Report:
        """Return which files in the folder are what the manifest promises; nothing is fetched or changed.

        The manifest is the one that was downloaded. The share is asked whether it is its own, if it can be; if not, or where there is
        none or a damaged one, for its manifest, or for the checksums of the part that it shows.

        Args:
            progress: Called by this very thread about ten times a second, and at the end.
            stop: Ends the check soon after it is set.

        Raises:
            StorageMissing: There is no such folder.
            NotFound: There are no checksums, or not yet.
            ConnectionLost, ServiceError, MalformedAnswer: There is none here, and the share cannot be read.
        """
        if not is_folder(self._path):
            raise StorageMissing(f"the folder {self._path} is not there")
        with _Course(self._place, self._path, self._options, progress, stop, Ledger(), None) as course:
            return course.verify()

    def estimate(self, stop: threading.Event | None = None) -> Estimate:
        """Return what a run would bring, and how long it would take; nothing is written.

        Raises:
            NoSuchDataset: There is no such share, or no such space for the token.
            ConnectionLost, ServiceError, MalformedAnswer: The share cannot be read at all.
            Interrupted: `stop` was set.
        """
        with _Course(self._place, self._path, self._options, None, stop, self._ledger, None) as course:
            return course.estimate()


class _Course:
    """One call of `Download.run`: its passes over the share, one after the other while it follows."""

    def __init__(
        self,
        place: Place,
        path: Path,
        options: Options,
        progress: Callable[[Progress], None] | None,
        stop: threading.Event | None,
        ledger: Ledger,
        crew: Crew | None,
    ) -> None:
        self._place = place
        self._path = path
        self._options = options
        self._show = progress
        self._stop = stop
        self._over = threading.Event()
        self._ending = Ending(self._abort)
        self._sleep = options.sleep or self._ending.sleep
        self._shared = opened_dataset(place, options, self._sleep)
        self._sidecar = Sidecar()
        self._selection = Selection(options.include, options.exclude, options.only)
        self._tally = Tally(with_paths=options.follow)
        self._brought: set[str] = set()
        self._left_behind: tuple[str, ...] = ()
        self._undeliverable = Undeliverable()
        self._unmatched: tuple[str, ...] = ()
        self._ledger = ledger
        self._crew = crew
        self._has_named = False
        self._following = Following(options.follow_quiet_s, say=options.say)
        rate = options.limit_rate
        self._limit = RateLimit(rate, clock=time.monotonic, sleep=self._ending.sleep) if rate else None

    def __enter__(self) -> _Course:
        if self._stop is not None:
            threading.Thread(target=self._watch, args=(self._stop,), name="fs2od-stop", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._shared.http.abort()  # also what was asked for ahead, and proved of no use

    def run(self) -> Report:
        began_s = time.monotonic()
        # Being told to stop is no failure, whenever it comes: what was counted until then is the report.
        with contextlib.suppress(Interrupted):
            most = self._options.limits.folder_entries
            entrance = self._shared.entrance(most=most)
            if self._options.follow:
                check_that_it_may_end(self._shared, entrance)
            ask = partial(undeliverable_in, self._shared, entrance.root, is_wanted=self._selection.is_everything)
            lacking = Ahead(ask)
            with Destination(self._path) as destination:
                self._pass(entrance, destination)
                if self._options.follow:
                    self._follow(replace(entrance, listing=None, early=None, tree=None), destination)
                    self._left_behind = self._no_longer_listed(destination)
                    # Facilities say it of complete datasets.
                    lacking = Ahead(ask)
                self._name_unmet("it was asked for, and the dataset does not show it")
                self._unmatched = self._selection.unmatched
            self._undeliverable = lacking.result()
        return self._report(began_s, trouble=self._sidecar.trouble, sealed=self._sidecar.sealed)

    def verify(self) -> Report:
        began_s = time.monotonic()
        with Destination(self._path) as destination, self._impatient() as impatient:
            known = checklist(
                self._shared,
                destination,
                impatient=impatient,
                most=self._options.limits.folder_entries,
                patience=self._options.patience,
                sleep=self._sleep,
                say=self._options.say,
            )
            known = with_what_came_since(
                known,
                lambda promised: standing_besides(promised, destination, self._selection, self._ending),
                impatient,
                most=self._options.limits.folder_entries,
            )
            self._tally = Tally(with_files=self._options.with_files)
            verification = Verification(self._surroundings(destination), known.promises, self._selection)
            verification.run(min(self._options.jobs, os.cpu_count() or 1), self._look)
            self._name_unmet("it was asked for, and the manifest does not name it")
            self._unmatched = self._selection.unmatched
        report = self._report(began_s, trouble=known.trouble, sealed=known.is_sealed)
        return replace(report, is_check=True, files_unpromised=known.unpromised)

    def _impatient(self) -> Dataset:
        """Return the dataset for questions that may stay without an answer."""
        options, patience = self._options, self._options.patience
        soon = replace(options, patience=replace(patience, tries=min(_FEW_TRIES, patience.tries)))
        return opened_dataset(self._place, replace(soon, timeouts=options.timeouts.within(_SOON)), self._sleep)

    def estimate(self) -> Estimate:
        rehearsal = Rehearsal(self._shared, self._path, self._selection, self._options.limits, limit=self._limit)
        estimate = rehearsal.run(self._ending)
        self._ending.check()
        return estimate

    def _report(self, began_s: float, *, trouble: Fs2odError | None, sealed: bool) -> Report:
        report = self._tally.report(
            elapsed_s=time.monotonic() - began_s,
            stopped_by=self._ending.cause,
            manifest_error=trouble if self._ending.cause is None else None,
            sealed=sealed,
        )
        # Where something could not be listed, nobody knows what it would have shown.
        is_sure = report.stopped_by is None and not report.missing
        unmatched = self._unmatched if is_sure else ()
        return replace(report, undeliverable=self._undeliverable, unmatched=unmatched, left_behind=self._left_behind)

    def _surroundings(self, destination: Destination) -> Run:
        http = self._shared.http
        return Run(
            self._shared,
            destination,
            self._tally,
            Pace(self._options.jobs, round_trip_s=http.round_trip_s if http.is_far else 0.0),
            self._ending,
            self._options.patience,
            self._sleep,
            self._limit,
            self._ledger,
            self._crew,
        )

    def _pass(self, entrance: Entrance, destination: Destination) -> None:
        options = self._options
        # Where this fails, what the pass before has counted stands.
        known = self._looked(entrance)
        self._name_what_is_never_mirrored(known.get(entrance.root.file_id, []))
        if options.follow and known:
            self._following.announce(has_sidecar=self._sidecar.is_there)
        self._brought |= self._tally.paths
        self._tally = self._tally.following(with_files=options.with_files)
        run = self._surroundings(destination)
        errand = Errand(
            run,
            self._sidecar,
            self._selection,
            options.limits,
            jobs=options.jobs,
            address=entrance.address,
            sums_url=entrance.sums_url,
            tree=entrance.tree,
        )
        if self._crew is not None:
            self._crew.work()
        errand.run(entrance.root, known, self._look)
        self._ledger.flush()
        destination.sync()
        self._look()

    def _name_what_is_never_mirrored(self, listed: list[Entry]) -> None:
        """Say once that a mirror leaves out what has the name of its own state: what lies there is data of somebody."""
        say = self._options.say
        if self._crew is None or self._has_named or say is None:
            return
        if any(each.name == MIRROR_STATE for each in listed):
            say(
                f"{MIRROR_STATE} of the dataset is left out, for a mirror keeps its own there: fs2od download brings it"
            )
            self._has_named = True

    def _looked(self, entrance: Entrance) -> dict[str, list[Entry]]:
        """Look at the manifest, and return the listings this took.

        Raises:
            ConnectionLost: The root cannot be listed just now.
        """
        try:
            most = self._options.limits.folder_entries
            return self._sidecar.look(
                self._shared,
                entrance.root,
                most=most,
                listing=entrance.listing,
                early=entrance.early,
                above=entrance.goes_by_the_whole,
            )
        except ConnectionLost:
            if not self._sidecar.is_there:
                raise
            return {}

    def _no_longer_listed(self, destination: Destination) -> tuple[str, ...]:
        """Return what earlier looks have brought, stands there, and was renamed or removed in the dataset meanwhile.

        Where the last look did not see everything, nobody knows; and what is withheld by now is in the dataset still.
        """
        failures = self._tally.failures
        if self._ending.has_come or any(failure.is_missing for failure in failures):
            return ()
        kept_back = {failure.path for failure in failures}
        found = []
        for path in sorted(self._brought - self._tally.paths):
            names = tuple(path.split("/"))
            with contextlib.suppress(StorageError):
                if kept_back.isdisjoint(names[:end] for end in range(len(names) + 1)):
                    destination.facts(names)
                    found.append(path)
        return tuple(found)

    def _name_unmet(self, reason: str) -> None:
        """Say of every path of a list that nothing lies there: whoever listed it would believe that it has come."""
        if not self._ending.has_come:
            for path in self._selection.unmet:
                self._tally.listed([Entry(path[-1], EntryKind.FILE, "", 0)])
                self._tally.failed(path, NotFound(reason))

    def _abort(self) -> None:
        self._shared.http.abort()

    def _look(self) -> None:
        if self._show is not None:
            self._show(self._tally.progress(time.monotonic()))

    def _watch(self, stop: threading.Event) -> None:
        while not self._over.is_set():
            if stop.wait(_LOOK_S):
                self._ending.stop(Interrupted("stopped; what has arrived is kept"))
                return

    def _follow(self, entrance: Entrance, destination: Destination) -> None:
        """Look again until the dataset is complete or nothing new comes any more, or until too many looks in a row did not see it.

        Raises:
            Interrupted: Everything is to end.
        """
        misses = 0
        lost: ConnectionLost | None = None
        while not self._ending.has_come and not self._sidecar.sealed:
            missed = lost or self._missed()
            misses = 0 if missed is None else misses + 1
            if missed is not None and self._is_enough(misses, missed):
                if lost is not None:
                    self._ending.stop(lost)
                return
            if missed is None and self._following.is_over(self._shown(entrance)):
                return
            if self._crew is not None:
                # Others would leave files to us that we have no mind to bring, or may not.
                self._crew.wait()
            self._ending.sleep(self._options.follow_every_s)
            lost = None
            try:
                self._pass(entrance, destination)
            except ConnectionLost as error:
                lost = error

    def _shown(self, entrance: Entrance) -> Shown:
        has_sidecar = self._sidecar.is_there
        far, parts = self._tally.progress(time.monotonic()), self._sidecar.manifest.parts
        told = not has_sidecar and says_complete(self._shared.metadata(entrance.root))
        return Shown(has_sidecar, told, far.files_total, far.bytes_total, parts, self._tally.files_fetched)

    def _is_enough(self, misses: int, cause: Fs2odError) -> bool:
        return isinstance(cause, UntrustedCertificate) or self._options.patience.is_enough(misses, misses, cause)

    def _missed(self) -> Fs2odError | None:
        """Return why a look did not show how the dataset stands; None if it did."""
        if self._sidecar.is_stuck:
            return self._sidecar.trouble
        return self._tally.failure_of(())


def folder_name(place: Place, options: Options | None = None, stop: threading.Event | None = None) -> str:
    """Return what the folder for the dataset is called, as pages, mails and archives call it.

    A folder that stands here under the name that earlier releases gave it goes by that name: what is in it is gone on with.

    Args:
        place: The dataset.
        options: How it is reached.
        stop: Ends the question soon after it is set.

    Raises:
        Interrupted: `stop` was set.
        NoSuchDataset: There is none.
        ConnectionLost, ServiceError, MalformedAnswer: It cannot be read at all.
    """
    with breaking_off(stop) as ending, opened_dataset(place, options or Options(), ending.sleep) as dataset:
        ending.of(dataset.http.abort)
        name = dataset.name()
    id_ = place.share if isinstance(place, Link) else place.space
    former = "".join(c if c.isprintable() and c not in '/\\:*?"<>|' else "_" for c in name).strip(" .")
    former = former.encode()[:_LONGEST_NAME].decode(errors="ignore")
    return former if former and Path(former).is_dir() else plain_name(name, unnamed=id_)
