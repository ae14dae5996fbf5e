"""How far a download is, and what has become of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fs2od.errors import Fs2odError, IntegrityFailure, StorageError
from fs2od.onedata.errors import Forbidden, NotFound, OnedataError, PosixError, Unauthorized
from fs2od.transfer._entries import Names, shown_path

__all__ = ["Failure", "Progress", "Report", "readable_size"]

_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
# Which exit code speaks for a download whose files failed for several reasons: what is worst to overlook comes first.
_GRAVEST_FIRST: Final = (8, 7, 5, 6, 4, 1)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is. While `listed` is False, the totals still grow.

    Attributes:
        files_done: Files that are whole on the disk, those that were there before included.
        files_total: Files that the share lists so far.
        bytes_done: Bytes of these files that are on the disk.
        bytes_total: Bytes of the files that the share lists so far.
        bytes_fetched: Bytes that this run has brought: what a rate is reckoned from.
        listed: Whether the listing has ended.
    """

    files_done: int = 0
    files_total: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    bytes_fetched: int = 0
    listed: bool = False


@dataclass(frozen=True, slots=True)
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
        return isinstance(self.error, PosixError) and self.error.errno in {"eacces", "eperm"}

    @property
    def exit_code(self) -> int:
        """The exit code that stands for the reason; 0 for what the link does not give."""
        return 0 if self.is_withheld else exit_code_of(self.error)

    @property
    def reason(self) -> str:
        """The reason in a few words."""
        return reason_of(self.error)

    def __str__(self) -> str:
        return f"{shown_path(self.path)}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Report:
    """What has become of a download.

    Attributes:
        files_total: Files that the share lists, as far as it was read.
        files_fetched: Files that this run brought.
        files_present: Files that were there already.
        bytes_done: Bytes of all files that are whole on the disk.
        bytes_fetched: Bytes that this run brought, those of unfinished files included.
        failures: What did not come, by name, what the link does not give included.
        elapsed_s: How long the run took.
        stopped_by: Why the run ended before everything was tried; None when it did not.
    """

    files_total: int
    files_fetched: int
    files_present: int
    bytes_done: int
    bytes_fetched: int
    failures: tuple[Failure, ...]
    elapsed_s: float
    stopped_by: Fs2odError | None = None

    @property
    def files_done(self) -> int:
        """Files that are whole on the disk."""
        return self.files_fetched + self.files_present

    @property
    def withheld(self) -> tuple[Failure, ...]:
        """What the link shows but does not give."""
        return tuple(failure for failure in self.failures if failure.is_withheld)

    @property
    def missing(self) -> tuple[Failure, ...]:
        """What should have come and did not."""
        return tuple(failure for failure in self.failures if not failure.is_withheld)

    @property
    def exit_code(self) -> int:
        """0 when everything that the link gives is there; else the code of what stopped the run, or of the gravest failure.

        A link that gives nothing at all is 5, not permitted.
        """
        if self.stopped_by is not None:
            return exit_code_of(self.stopped_by)
        if self.withheld and not self.files_done:
            return 5
        codes = {failure.exit_code for failure in self.failures}
        return next((code for code in _GRAVEST_FIRST if code in codes), max(codes, default=0))

    def summary(self, *, names: int = 3) -> str:
        """Return one line: "9,119 of 9,120 files, 1.84 TB; 1 could not be fetched: name: reason".

        Args:
            names: How many of those that failed are named.
        """
        offered = self.files_total - len(self.withheld)
        line = f"{self.files_done:,} of {offered:,} files, {readable_size(self.bytes_done)}"
        for failures, said in ((self.missing, "could not be fetched"), (self.withheld, "for members only")):
            if failures:
                line = f"{line}; {len(failures):,} {said}{_named(failures, names)}"
        return line


def _named(failures: tuple[Failure, ...], names: int) -> str:
    if names <= 0:
        return ""
    shown = [shown_path(each.path) if each.is_withheld else str(each) for each in failures[:names]]
    more = len(failures) - names
    return f": {', '.join(shown)}{f', and {more:,} more' if more > 0 else ''}"


def readable_size(size_bytes: int) -> str:
    """Return a size with three digits and a decimal unit, such as "1.84 TB"."""
    size, unit = float(size_bytes), 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    if unit == 0:
        return f"{size_bytes} B"
    digits = 2 if size < 9.995 else 1 if size < 99.95 else 0
    return f"{size:.{digits}f} {_UNITS[unit]}"


def exit_code_of(error: Fs2odError) -> int:
    """Return the exit code for an error; a file operation's depends on its errno."""
    if isinstance(error, PosixError):
        return {"eacces": 5, "eperm": 5, "enoent": 6}.get(error.errno, error.exit_code)
    return error.exit_code


def reason_of(error: Fs2odError) -> str:
    """Return in a few words why something did not come."""
    match error:
        case Unauthorized() | Forbidden():
            return "the link gives no access to it"
        case NotFound():
            return "it is not there any more"
        case PosixError():
            return _POSIX.get(error.errno, f"the service reports {error.errno or 'a failed file operation'}")
        case OnedataError() | IntegrityFailure() | StorageError():
            return str(error)
    return str(error)


_POSIX: Final = {
    "eacces": "the link gives no access to it",
    "eperm": "the link gives no access to it",
    "enoent": "it is not there any more",
}
