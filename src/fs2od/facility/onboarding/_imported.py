"""What Onedata's index has of a dataset, beside what lies in its folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fs2od.client import Oneprovider
from fs2od.facility.watching import Tally, Uncounted
from fs2od.onedata.ids import FileId
from fs2od.quantities import human_bytes, human_count

__all__ = ["Imported", "difference", "imported", "lack"]


@dataclass(frozen=True)
class Imported:
    """Sums over the files that Onedata knows."""

    files: int
    size_bytes: int


async def imported(provider: Oneprovider, root: FileId, uncounted: Uncounted) -> Imported:
    """Count what Onedata knows of a dataset, as far as it is data. A request for every thousand files.

    Raises:
        Fs2odError: It cannot be asked.
    """
    files = size_bytes = 0
    async for file in provider.files.below(root, ["path", "type", "size"]):
        path = file.path if isinstance(file.path, str) else ""
        if file.type == "REG" and isinstance(file.size, int) and not uncounted.covers(path):
            files, size_bytes = files + 1, size_bytes + file.size
    return Imported(files, size_bytes)


def lack(known: Imported, tally: Tally) -> str:
    """Say how Onedata's sums differ from those of the folder, or nothing if they do not; pure.

    Who reads for Onedata may be allowed more than we are: files that we cannot read may be known there.
    """
    if known == Imported(tally.files, tally.size_bytes):
        return ""
    is_more = tally.files < known.files <= tally.files + tally.undeliverable and known.size_bytes >= tally.size_bytes
    if is_more:
        return ""
    there = f"{human_count(known.files)} files, {human_bytes(known.size_bytes)}"
    here = f"{human_count(tally.files)} files, {human_bytes(tally.size_bytes)}"
    bytes_there, bytes_here = f"{known.size_bytes:,} bytes", f"{tally.size_bytes:,} bytes"
    exact = f" ({bytes_there}, not {bytes_here})" if there == here else ""
    return f"Onedata has {there} of {here} that lie here{exact}"


def difference(before: Tally, now: Tally) -> str:
    """Say how a dataset differs from what it was, as in "2 files more, 10.0 kB more"; pure."""
    said = [
        _more(now.files - before.files, lambda count: f"{human_count(count)} {'file' if count == 1 else 'files'}"),
        _more(now.size_bytes - before.size_bytes, human_bytes),
    ]
    return ", ".join(filter(None, said)) or "files changed, as many and as large as before"


def _more(by: int, shown: Callable[[int], str]) -> str:
    return f"{shown(abs(by))} {'more' if by > 0 else 'fewer'}" if by else ""
