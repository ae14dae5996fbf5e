"""A folder as a plain page of links, sent while it is read: for people, wget and rclone.

Each row has a link, a time and a size, in the order of Apache's fancy index (mod_autoindex), which programs can read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from html import escape
from urllib.parse import quote

from fs2od.names import shown_name
from fs2od.node.cut_off import AccessEnded
from fs2od.node.index import Entry
from fs2od.node.provider.data.finding import Given
from fs2od.storage import Kind

__all__ = ["INDEX_HEADERS", "STYLE", "folder_page", "link_to", "short_size"]

_NS = 1_000_000_000
_UNITS = ("", "K", "M", "G", "T", "P", "E")
_KILO = 1024

INDEX_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}

STYLE = b"""\
:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:75rem;margin:1rem auto;padding:0 1rem}
h1{font-size:1.2rem;overflow-wrap:anywhere}
table{width:100%;border-collapse:collapse;table-layout:fixed}
th,td{padding:.25rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
th+th,td+td{width:9.5rem;text-align:right;font-variant-numeric:tabular-nums}
th+th+th,td+td+td{width:4.5rem}
@media(max-width:40rem){th:nth-child(2),td:nth-child(2){display:none}}
"""


def folder_page(title: str, pages: Iterable[Given], *, is_top: bool, stands: Callable[[], bool]) -> Generator[bytes]:
    """Yield a folder's page, some hundred rows at a time.

    Raises:
        AccessEnded: The access ended before all was sent.
    """
    yield _head(title, is_top=is_top).encode()
    for page in pages:
        if not stands():
            raise AccessEnded("the access ended")
        yield "".join(_row(name, entry) for name, entry in page).encode()
    yield b"</tbody></table></body></html>\n"


def link_to(name: str, *, is_folder: bool) -> str:
    """Return a relative link to a name that may hold anything; never taken for a scheme, a query or an option."""
    return f"./{quote(name, safe='')}{'/' if is_folder else ''}"


def short_size(size_bytes: int) -> str:
    """Return a size as Apache's index has it: `742`, `1.2K`, `35M`."""
    size, unit = float(size_bytes), 0
    while round(size) >= _KILO and unit + 1 < len(_UNITS):
        size, unit = size / _KILO, unit + 1
    return f"{size:.1f}{_UNITS[unit]}" if unit and round(size, 1) < 10 else f"{size:.0f}{_UNITS[unit]}"


def _head(title: str, *, is_top: bool) -> str:
    shown = escape(shown_name(title))
    up = "" if is_top else '<tr><td><a href="../">Parent folder</a></td><td></td><td></td></tr>\n'
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Index of {shown}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<link rel="stylesheet" href="/files.css"></head>\n'
        f"<body><h1>Index of <bdi>{shown}</bdi></h1><table><thead>"
        "<tr><th>Name</th><th>Last modified (UTC)</th><th>Size</th></tr></thead><tbody>\n"
        f"{up}"
    )


def _row(name: str, entry: Entry) -> str:
    is_folder = entry.kind is Kind.DIRECTORY
    modified = time.strftime("%Y-%m-%d %H:%M", time.gmtime(entry.mtime_ns // _NS))
    size = "-" if is_folder else short_size(entry.size_bytes)
    link, shown = link_to(name, is_folder=is_folder), escape(shown_name(name)) + ("/" if is_folder else "")
    return f'<tr><td><a href="{link}"><bdi>{shown}</bdi></a></td><td>{modified}</td><td>{size}</td></tr>\n'
