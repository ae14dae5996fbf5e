"""How far a download is, and what has become of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from fs2od.errors import Fs2odError, Interrupted
from fs2od.transfer._entries import Names, shown_path
from fs2od.transfer._errors import LinkLeftOut, NotFound, Withheld
from fs2od.transfer._undeliverable import Undeliverable

__all__ = ["Estimate", "Failure", "FileReport", "Progress", "Report", "no_match", "readable_size"]

_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
# Which exit code speaks for a download whose files failed for several reasons: what is worst to overlook comes first.
_GRAVEST_FIRST: Final = (8, 7, 5, 6, 4, 1)


@dataclass(frozen=True)
class Progress:
    """How far a download is. While `listed` is False, the totals still grow.

    Attributes:
        files_done: Files that are whole on the disk, those that were there before included.
        files_total: Files that the share lists so far.
        bytes_done: Bytes of these files that are on the disk.
        bytes_total: Bytes of the files that the share lists so far.
        bytes_fetched: Bytes that this run has brought: what a rate is reckoned from.
        listed: Whether the listing has ended.
        rate: Bytes per second just now, fetched or checked.
        left_s: Seconds that the rest takes at this rate; None while nobody knows.
    """

    files_done: int = 0
    files_total: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    bytes_fetched: int = 0
    listed: bool = False
    rate: float = 0.0
    left_s: float | None = None


@dataclass(frozen=True)
class Failure:
    """A file, folder or link that did not come, and why.

    Attributes:
        path: Where it would stand below the destination, name by name.
        error: Why it did not come.
    """

    path: Names
    error: Fs2odError

    @property
    def is_withheld(self) -> bool:
        """Whether the link shows it but does not give it: it is for the dataset's members. Trying again would not help."""
        return isinstance(self.error, Withheld)

    @property
    def is_left_out(self) -> bool:
        """Whether it is a symbolic link that no download makes, for it leads out. No data are missing without it."""
        return isinstance(self.error, LinkLeftOut)

    @property
    def is_missing(self) -> bool:
        """Whether it should have come: it is neither withheld nor left out."""
        return not self.is_withheld and not self.is_left_out

    @property
    def exit_code(self) -> int:
        """The exit code that stands for the reason; 0 for what the link does not give, and for links that are left out."""
        return 0 if self.is_withheld else self.error.exit_code

    @property
    def reason(self) -> str:
        """The reason in a few words."""
        return str(self.error)

    def __str__(self) -> str:
        return f"{shown_path(self.path)}: {self.reason}"


@dataclass(frozen=True)
class FileReport:
    """What has become of one file.

    Attributes:
        path: Its path below the destination, with "/" between names.
        state: "intact" (its checksum was found right), "size" (only its size is known), "withheld", "left out" (a symbolic link
            that leads out), "failed", or "gone" (it was renamed or removed after it was listed, while the dataset grew).
        size_bytes: Its size.
        fetched: Whether this run brought it.
        reason: Why it is withheld, left out or failed; "" otherwise.
    """

    path: str
    state: str
    size_bytes: int
    fetched: bool
    reason: str = ""

    def document(self) -> dict[str, object]:
        """Return it as JSON has it."""
        told: dict[str, object] = {"path": self.path, "state": self.state, "bytes": self.size_bytes}
        return {**told, "fetched": self.fetched, **({"reason": self.reason} if self.reason else {})}


@dataclass(frozen=True)
class Estimate:
    """What a download would bring.

    Attributes:
        files: Files to fetch.
        size_bytes: Their bytes, without those that an earlier run has brought.
        files_present: Files that are there already, judged by size and time.
        bytes_present: Their bytes.
        rate: Bytes per second that a short reading reached, no more than are allowed; 0 where there was nothing to read.
        failures: What would not come.
        undeliverable: What the dataset has besides, by its facility's word, and nobody can deliver.
        unmatched: The patterns of what to bring, if nothing at all matches any of them.
    """

    files: int
    size_bytes: int
    files_present: int
    bytes_present: int
    rate: float
    failures: tuple[Failure, ...] = ()
    undeliverable: Undeliverable = field(default_factory=Undeliverable)
    unmatched: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """6, not found, where no file matches what was asked for; else 0."""
        return 6 if self.unmatched else 0

    def document(self) -> dict[str, object]:
        """Return it as JSON has it."""
        return {
            "files": self.files,
            "bytes": self.size_bytes,
            "files_present": self.files_present,
            "bytes_present": self.bytes_present,
            "bytes_per_s": round(self.rate),
            "seconds": None if self.seconds is None else round(self.seconds, 1),
            "failures": [{"path": "/".join(each.path), "reason": each.reason} for each in self.failures],
            "undeliverable": self.undeliverable.count,
            "undeliverable_names": list(self.undeliverable.names),
            "unmatched": list(self.unmatched),
        }

    @property
    def seconds(self) -> float | None:
        """How long it would take; None when that is not known."""
        return self.size_bytes / self.rate if self.rate > 0 else None if self.size_bytes else 0.0


@dataclass(frozen=True)
class Report:
    """What has become of a download.

    Attributes:
        files_total: Files that the share lists, as far as it was read.
        files_fetched: Files that this run brought.
        files_present: Files that were there already.
        bytes_done: Bytes of all files that are whole on the disk.
        bytes_fetched: Bytes that this run brought, those of unfinished files included.
        failures: What did not come, by name, what the link does not give and links that lead out included.
        elapsed_s: How long the run took.
        stopped_by: Why the run ended before everything was tried; None when it did not.
        manifest_error: Why the manifest could not be used, or not to its end, so that not everything was compared with it; None
            when it could be, or when the dataset has none.
        files_intact: Of the dataset's files that are whole, those whose checksum was found right.
        unchecked: A few paths of files that are whole as far as their size tells; those of the sidecar are not among them,
            for it lists everything but itself.
        files_beside: Files of the sidecar that are whole: compared with what the dataset says of itself, as far as that could be read.
        gone: Paths of what was renamed or removed after it was listed, while the dataset grew; those of folders end with "/".
            What came in its place was brought.
        bytes_straight: Of the bytes that this run brought, those that a store sent past the provider.
        sealed: Whether the dataset says of itself that it is complete.
        is_check: Whether files were only looked at: then nothing was to be fetched.
        files_unpromised: Of a check: files that stand in the folder and were not compared, for the dataset is not complete and has no
            checksums of them so far.
        undeliverable: What the dataset has besides, by its facility's word, and nobody can deliver. It is no failure.
        unmatched: The patterns of what to bring, if nothing at all matches any of them.
        left_behind: Paths of files that this run brought while it followed, and that were renamed or removed in the dataset
            since. They stay.
        leftovers: Paths of what earlier runs left unfinished of files that the dataset does not have, or has no more. They stay.
        files: Every file, if that was asked for.
    """

    files_total: int
    files_fetched: int
    files_present: int
    bytes_done: int
    bytes_fetched: int
    failures: tuple[Failure, ...]
    elapsed_s: float
    stopped_by: Fs2odError | None = None
    manifest_error: Fs2odError | None = None
    files_intact: int = 0
    files_beside: int = 0
    unchecked: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    bytes_straight: int = 0
    sealed: bool = False
    is_check: bool = False
    files_unpromised: int = 0
    undeliverable: Undeliverable = field(default_factory=Undeliverable)
    unmatched: tuple[str, ...] = ()
    left_behind: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()
    files: tuple[FileReport, ...] = ()

    @property
    def files_done(self) -> int:
        """Files that are whole on the disk."""
        return self.files_fetched + self.files_present

    @property
    def files_by_size(self) -> int:
        """Files of the dataset that are whole as far as their size tells: no checksum of them is known."""
        return self.files_done - self.files_intact - self.files_beside

    @property
    def withheld(self) -> tuple[Failure, ...]:
        """What the link shows but does not give."""
        return tuple(failure for failure in self.failures if failure.is_withheld)

    @property
    def left_out(self) -> tuple[Failure, ...]:
        """Symbolic links that no download makes, for they lead out of what was asked for."""
        return tuple(failure for failure in self.failures if failure.is_left_out)

    @property
    def missing(self) -> tuple[Failure, ...]:
        """What should have come and did not."""
        return tuple(failure for failure in self.failures if failure.is_missing)

    @property
    def was_interrupted(self) -> bool:
        """Whether it was asked to stop."""
        return isinstance(self.stopped_by, Interrupted)

    @property
    def exit_code(self) -> int:
        """0 when everything that the link gives is there; else the code of what stopped the run, or of the gravest failure.

        That a manifest is there and cannot be used is a failure, too. That no file matches is 6, not found. A link that gives nothing at all is 5, not permitted.
        """
        if self.stopped_by is not None:
            return self.stopped_by.exit_code
        if self.withheld and not self.files_done:
            return 5
        codes = {failure.exit_code for failure in self.failures}
        if self.manifest_error is not None and not isinstance(self.manifest_error, Withheld):
            codes.add(self.manifest_error.exit_code)
        if self.unmatched:
            codes.add(NotFound.exit_code)
        return next((code for code in _GRAVEST_FIRST if code in codes), max(codes, default=0))

    def summary(self, *, names: int = 3) -> str:
        """Return one line: "9,119 of 9,120 files, 1.84 TB, all intact; 1 could not be fetched: name: reason".

        Args:
            names: How many of those that failed are named.
        """
        lacking = self.undeliverable
        offered = self.files_total - len(self.withheld) + (lacking.count if lacking.is_wanted else 0)
        line = f"{self.files_done:,} of {offered:,} files, {readable_size(self.bytes_done)}{self._trust()}"
        if self.unmatched:
            line = no_match(self.unmatched)
        came_not = "not as promised" if self.is_check else "could not be fetched"
        links = f"symbolic link{'' if len(self.left_out) == 1 else 's'} left out"
        for failures, said in ((self.missing, came_not), (self.withheld, "for members only"), (self.left_out, links)):
            if failures:
                line = f"{line}; {len(failures):,} {said}{_named(failures, names)}"
        if self.files_unpromised:
            line = f"{line}; {self.files_unpromised:,} more here could not be compared: the dataset has no checksums of them yet"
        if lacking.count:
            line = f"{line}; {lacking.said(names=max(1, names))}"
        if self.manifest_error is not None:
            to_its_end = " to its end" if self.files_intact else ""
            line = f"{line}; the manifest cannot be used{to_its_end}: {self.manifest_error}"
        if self.gone:
            line = f"{line}; {_gone(self.gone)} renamed or removed while the dataset grew"
        if self.left_behind:
            line = f"{line}; {_left_behind(self.left_behind, max(1, names))}"
        return f"{line}; {_left_over(self.leftovers, max(1, names))}" if self.leftovers else line

    def document(self, folder: str) -> dict[str, object]:
        """Return it as JSON has it.

        Args:
            folder: Where the files lie.
        """
        told: dict[str, object] = {
            "folder": folder,
            "complete": self.exit_code == 0,
            "exit_code": self.exit_code,
            "files_total": self.files_total,
            "files_fetched": self.files_fetched,
            "files_present": self.files_present,
            "files_intact": self.files_intact,
            "files_by_size": self.files_by_size,
            "files_unpromised": self.files_unpromised,
            "bytes_done": self.bytes_done,
            "bytes_fetched": self.bytes_fetched,
            "bytes_straight_from_store": self.bytes_straight,
            "sealed": self.sealed,
            "elapsed_s": round(self.elapsed_s, 3),
            "failures": [
                {"path": "/".join(failure.path), "reason": failure.reason, "exit_code": failure.exit_code}
                for failure in self.missing
            ],
            "renamed_or_removed": list(self.gone),
            "no_longer_in_dataset": list(self.left_behind),
            "leftovers": list(self.leftovers),
            "for_members_only": ["/".join(failure.path) for failure in self.withheld],
            "links_left_out": [{"path": "/".join(failure.path), "reason": failure.reason} for failure in self.left_out],
            "undeliverable": self.undeliverable.count,
            "undeliverable_names": list(self.undeliverable.names),
            "unmatched": list(self.unmatched),
            "stopped_by": str(self.stopped_by) if self.stopped_by is not None else None,
            "manifest_error": str(self.manifest_error) if self.manifest_error is not None else None,
            "summary": self.summary(),
        }
        return {**told, "files": [file.document() for file in self.files]} if self.files else told

    def _trust(self) -> str:
        if not self.files_done:
            return ""
        if not self.files_intact:
            return ", checked by size only"
        if not self.files_by_size:
            return ", all intact" if self.manifest_error is None else ", intact as far as is known"
        named = f" ({', '.join(self.unchecked)})" if self.files_by_size == len(self.unchecked) else ""
        return f", intact but for {self.files_by_size:,} checked by size only{named}"


def _named(failures: tuple[Failure, ...], names: int) -> str:
    if names <= 0:
        return ""
    shown = [shown_path(each.path) if each.is_withheld else str(each) for each in failures[:names]]
    more = len(failures) - names
    return f": {', '.join(shown)}{f', and {more:,} more' if more > 0 else ''}"


def _left_behind(paths: tuple[str, ...], names: int) -> str:
    is_one = len(paths) == 1
    count = f"{len(paths):,} file{' that stands here is' if is_one else 's that stand here are'}"
    return f"{count} no longer in the dataset: {_first(paths, names)}"


def _left_over(paths: tuple[str, ...], names: int) -> str:
    said = "unfinished file here is" if len(paths) == 1 else "unfinished files here are"
    return f"{len(paths):,} {said} of nothing in the dataset: {_first(paths, names)}"


def _first(paths: tuple[str, ...], names: int) -> str:
    more = len(paths) - names
    shown = ", ".join(shown_path(tuple(path.split("/"))) for path in paths[:names])
    return f"{shown}{f', and {more:,} more' if more > 0 else ''}"


def no_match(patterns: tuple[str, ...]) -> str:
    """Return what to say of patterns that match nothing."""
    return f"no file matches {', '.join(shown_path(tuple(pattern.split('/'))) for pattern in patterns)}"


def _gone(paths: tuple[str, ...]) -> str:
    """Return how many files and folders are gone, as the subject of a sentence: "6 files and 1 folder were"."""
    folders = sum(path.endswith("/") for path in paths)
    counted = [(len(paths) - folders, "file"), (folders, "folder")]
    said = [f"{count:,} {noun}{'' if count == 1 else 's'}" for count, noun in counted if count]
    return f"{' and '.join(said)} {'was' if len(paths) == 1 else 'were'}"


def readable_size(size_bytes: int) -> str:
    """Return a size with three digits and a decimal unit, such as "1.84 TB"."""
    size, unit = float(size_bytes), 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    if unit == 0:
        return f"{size_bytes} B"
    digits = 2 if size < 9.995 else 1 if size < 99.95 else 0
    return f"{size:.{digits}f} {_UNITS[unit]}"
