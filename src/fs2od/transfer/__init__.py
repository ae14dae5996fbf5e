"""What runs at the user's end: downloads of shared data, safe to repeat and to interrupt; and reading it without a disk.

Only the standard library and Python 3.8, because the single-file downloader (`bundle`) is made from these very modules.
"""

from fs2od.transfer._answers import Content, DataAddress
from fs2od.transfer._bundle import bundle
from fs2od.transfer._claim import claim
from fs2od.transfer._crew import Crew
from fs2od.transfer._dataset import Dataset
from fs2od.transfer._descent import Descent
from fs2od.transfer._download import Download, folder_name
from fs2od.transfer._entries import Entry, EntryKind, Names, Present, shown_path
from fs2od.transfer._errors import (
    Busy,
    ConnectionLost,
    FileChanged,
    Forbidden,
    LinkLeftOut,
    Lost,
    MalformedAnswer,
    NeverReached,
    NotFound,
    RangeRefused,
    ServiceError,
    TokenRefused,
    UntrustedCertificate,
    Withheld,
)
from fs2od.transfer._extras import STATE, Extra, extras_document, remove_folder
from fs2od.transfer._following import NeverComplete
from fs2od.transfer._http import Timeouts
from fs2od.transfer._kept_ledger import KeptLedger
from fs2od.transfer._ledger import Ledger
from fs2od.transfer._links import (
    InvalidLink,
    Link,
    LinkEnded,
    NoSuchDataset,
    Place,
    SpacePlace,
    UnknownLink,
    UnknownSpace,
    is_link,
    parse_link,
    parse_place,
    parse_zone,
)
from fs2od.transfer._mirror import Mirror
from fs2od.transfer._opening import open_dataset
from fs2od.transfer._options import Options
from fs2od.transfer._patience import Patience
from fs2od.transfer._plan import Fetch, Plan, Refusal, plan_download
from fs2od.transfer._proxies import Proxies, Proxy, proxies_of
from fs2od.transfer._report import Estimate, Failure, FileReport, Progress, Report, readable_size
from fs2od.transfer._selection import InvalidPattern, Selection, listed_paths
from fs2od.transfer._sharing import SharedDataset
from fs2od.transfer._sidecar import Promise, Sidecar, pieces_of
from fs2od.transfer._signing_in import DeviceGrant, DeviceSignIn, SignInRefused
from fs2od.transfer._space import SpaceDataset
from fs2od.transfer._steady import SteadyFile
from fs2od.transfer._sums import Sums
from fs2od.transfer._tokens import AccessToken, given_token
from fs2od.transfer._undeliverable import Undeliverable
from fs2od.transfer._walk import DownloadLimits
from fs2od.transfer._words import (
    estimate_line,
    parse_duration,
    parse_rate,
    readable_duration,
    report_lines,
    try_report,
    write_report,
)

__all__ = [
    "STATE",
    "AccessToken",
    "Busy",
    "ConnectionLost",
    "Content",
    "Crew",
    "DataAddress",
    "Dataset",
    "Descent",
    "DeviceGrant",
    "DeviceSignIn",
    "Download",
    "DownloadLimits",
    "Entry",
    "EntryKind",
    "Estimate",
    "Extra",
    "Failure",
    "Fetch",
    "FileChanged",
    "FileReport",
    "Forbidden",
    "InvalidLink",
    "InvalidPattern",
    "KeptLedger",
    "Ledger",
    "Link",
    "LinkEnded",
    "LinkLeftOut",
    "Lost",
    "MalformedAnswer",
    "Mirror",
    "Names",
    "NeverComplete",
    "NeverReached",
    "NoSuchDataset",
    "NotFound",
    "Options",
    "Patience",
    "Place",
    "Plan",
    "Present",
    "Progress",
    "Promise",
    "Proxies",
    "Proxy",
    "RangeRefused",
    "Refusal",
    "Report",
    "Selection",
    "ServiceError",
    "SharedDataset",
    "Sidecar",
    "SignInRefused",
    "SpaceDataset",
    "SpacePlace",
    "SteadyFile",
    "Sums",
    "Timeouts",
    "TokenRefused",
    "Undeliverable",
    "UnknownLink",
    "UnknownSpace",
    "UntrustedCertificate",
    "Withheld",
    "bundle",
    "claim",
    "estimate_line",
    "extras_document",
    "folder_name",
    "given_token",
    "is_link",
    "listed_paths",
    "open_dataset",
    "parse_duration",
    "parse_link",
    "parse_place",
    "parse_rate",
    "parse_zone",
    "pieces_of",
    "plan_download",
    "proxies_of",
    "readable_duration",
    "readable_size",
    "remove_folder",
    "report_lines",
    "shown_path",
    "try_report",
    "write_report",
]
