"""What runs at the user's end: downloads of shared data, safe to repeat and to interrupt."""

from fs2od.transfer._download import Download, folder_name
from fs2od.transfer._entries import Entry, EntryKind, Names, Present, shown_path
from fs2od.transfer._errand import DownloadLimits, Manner
from fs2od.transfer._links import InvalidLink, Link, LinkEnded, UnknownLink, parse_link
from fs2od.transfer._patience import Patience
from fs2od.transfer._plan import Fetch, Plan, Refusal, plan_download
from fs2od.transfer._report import Failure, Progress, Report, readable_size

__all__ = [
    "Download",
    "DownloadLimits",
    "Entry",
    "EntryKind",
    "Failure",
    "Fetch",
    "InvalidLink",
    "Link",
    "LinkEnded",
    "Manner",
    "Names",
    "Patience",
    "Plan",
    "Present",
    "Progress",
    "Refusal",
    "Report",
    "UnknownLink",
    "folder_name",
    "parse_link",
    "plan_download",
    "readable_size",
    "shown_path",
]
