"""What runs at the user's end: downloads of shared data, safe to repeat and to interrupt; and reading it without a disk.

Only the standard library and Python 3.8, because the single-file downloader (`bundle`) is made from these very modules.
"""

from fs2od.transfer._bundle import bundle
from fs2od.transfer._download import Download, Options, folder_name
from fs2od.transfer._entries import Entry, EntryKind, Names, Present, shown_path
from fs2od.transfer._errors import (
    Busy,
    ConnectionLost,
    Forbidden,
    MalformedAnswer,
    NotFound,
    RangeRefused,
    ServiceError,
    UntrustedCertificate,
    Withheld,
)
from fs2od.transfer._http import Timeouts
from fs2od.transfer._links import InvalidLink, Link, LinkEnded, UnknownLink, parse_link
from fs2od.transfer._patience import Patience
from fs2od.transfer._plan import Fetch, Plan, Refusal, plan_download
from fs2od.transfer._report import Estimate, Failure, FileReport, Progress, Report, readable_size
from fs2od.transfer._selection import Selection
from fs2od.transfer._sharing import Content, DataAddress, SharedDataset
from fs2od.transfer._walk import DownloadLimits
from fs2od.transfer._words import estimate_line, parse_rate, readable_duration, report_lines, write_report

__all__ = [
    "Busy",
    "ConnectionLost",
    "Content",
    "DataAddress",
    "Download",
    "DownloadLimits",
    "Entry",
    "EntryKind",
    "Estimate",
    "Failure",
    "Fetch",
    "FileReport",
    "Forbidden",
    "InvalidLink",
    "Link",
    "LinkEnded",
    "MalformedAnswer",
    "Names",
    "NotFound",
    "Options",
    "Patience",
    "Plan",
    "Present",
    "Progress",
    "RangeRefused",
    "Refusal",
    "Report",
    "Selection",
    "ServiceError",
    "SharedDataset",
    "Timeouts",
    "UnknownLink",
    "UntrustedCertificate",
    "Withheld",
    "bundle",
    "estimate_line",
    "folder_name",
    "parse_link",
    "parse_rate",
    "plan_download",
    "readable_duration",
    "readable_size",
    "report_lines",
    "shown_path",
    "write_report",
]
