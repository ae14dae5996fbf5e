"""`fs2od datasets retire`: what becomes of a dataset whose folder is gone for good, said before it is done."""

from __future__ import annotations

from fs2od.facility import DatasetRow, Retirement
from fs2od.quantities import human_bytes, human_count

__all__ = ["RETIREMENTS", "consequences"]

RETIREMENTS: dict[Retirement, str] = {
    "keep": "At Onedata all stays as it is: the space, its link and invites, and copies at other sites.",
    "close": "At Onedata its link and its invites end, and letters that wait are withdrawn. Its members and copies at other sites stay.",
    "delete": "At Onedata its space is deleted for everybody, with its link, invites and groups, and so are its copies at other sites. Letters that wait are withdrawn.",
}


def consequences(row: DatasetRow, onedata: Retirement) -> list[str]:
    """Return what the retirement of a dataset brings, in lines for whoever decides; pure."""
    return [
        f"{row.path}: {row.stuck or row.state}",
        f"The facility looks for this folder no longer, imports nothing and writes no letters about it. {RETIREMENTS[onedata]}",
        *_copies(row, onedata),
    ]


def _copies(row: DatasetRow, onedata: Retirement) -> list[str]:
    if onedata != "delete":
        return []
    return [
        f"Copies at {site.name} are lost by that: {human_count(site.copied_files)} files, {human_bytes(site.copied_bytes)}."
        for site in row.sites
        if not site.is_own and site.copied_files
    ]
