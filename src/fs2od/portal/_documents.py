"""JSON twins: what the pages say, with exact numbers and moments, and the words that the script puts into place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from fs2od.mail import human_bytes, human_count
from fs2od.portal._commands import Command
from fs2od.portal._datasets import Dataset, Item, is_readable
from fs2od.portal._paging import Page, Position
from fs2od.portal._words import ago, moment, plural

__all__ = [
    "dataset_document",
    "dataset_version",
    "dataset_words",
    "item_document",
    "item_url",
    "listing_document",
    "page_query",
    "poll_after_s",
]

_POLL_S = {"acquiring": 2, "complete": 60, None: 10}


def poll_after_s(dataset: Dataset) -> int:
    """Return how many seconds an open page waits before it looks again."""
    return _POLL_S[dataset.facts.state]


def dataset_version(dataset: Dataset) -> str:
    """Return a text that changes whenever anything on a page may have changed."""
    return f"{dataset.facts.state}-{dataset.files}-{dataset.size_bytes}-{dataset.undeliverable}"


def item_url(share: str, verb: str, item: Item | Sequence[str] = ()) -> str:
    """Return the address of a page or download of one file or folder: verb "files", "content" or "tar"."""
    names = item.names if isinstance(item, Item) else item
    # A name "." or ".." cannot be; every other name is escaped as a whole.
    return "/".join([f"/share/{share}/{verb}", *(quote(name, safe="") for name in names)])


def dataset_words(dataset: Dataset) -> dict[str, str]:
    """Return the words of a page that change while it is open, by their places in it."""
    size = human_bytes(dataset.size_bytes)
    return {
        "state": dataset.facts.state or "",
        "files": human_count(dataset.files),
        "size": size,
        "size_exact": f"{human_count(dataset.size_bytes)} bytes",
        "newest": "" if dataset.newest is None else ago(dataset.newest, dataset.now),
        "newest_exact": "" if dataset.newest is None else moment(dataset.newest),
        "everything": f"Download everything (.tar, {size})",
        "announcement": ", ".join(filter(None, [plural(dataset.files, "file"), size, dataset.facts.state])),
    }


def dataset_document(dataset: Dataset, link: str, commands: tuple[Command, ...]) -> dict[str, Any]:
    """Return the twin of a dataset's page."""
    facts = dataset.facts
    return {
        "share_id": dataset.id,
        "url": link,
        "name": dataset.share.name,
        "title": dataset.title,
        "description": dataset.share.description,
        "instrument": facts.instrument or None,
        "facility": facts.facility or None,
        "contact": facts.contact or None,
        "state": facts.state,
        "since": _iso(facts.since),
        "completed": _iso(facts.completed),
        "available_until": facts.available_until.isoformat() if facts.available_until else None,
        "files": dataset.files,
        "size_bytes": dataset.size_bytes,
        "newest": _iso(dataset.newest),
        "undeliverable": {"count": dataset.undeliverable, "names": list(dataset.undeliverable_names)},
        "values": dict(facts.values),
        "files_url": f"{link}/files?format=json",
        "tar_url": f"{link}/tar" if dataset.is_folder else None,
        "commands": {command.tool: command.line for command in commands},
        "as_of": _iso(dataset.now),
        "poll_after_s": poll_after_s(dataset),
        "version": dataset_version(dataset),
        "words": dataset_words(dataset),
    }


def item_document(share: str, item: Item) -> dict[str, Any]:
    """Return one file or folder with its addresses, relative to the origin."""
    entry, readable = item.located.entry, is_readable(item)
    verb = "tar" if item.is_folder else "content"
    return {
        "name": item.name,
        "path": item.path,
        "file_id": item.located.file_id,
        "type": entry.kind.value,
        "size_bytes": entry.size_bytes,
        "files": entry.files if item.is_folder else None,
        "modified": _iso(item.modified),
        "target": entry.target,
        "url": item_url(share, "files", item),
        "download_url": item_url(share, verb, item) if readable and entry.target is None else None,
    }


def listing_document(share: str, folder: Item, page: Page[Item]) -> dict[str, Any]:
    """Return the twin of a folder's page."""
    here = item_url(share, "files", folder)
    return {
        **item_document(share, folder),
        "skipped": page.skipped,
        "entries": [item_document(share, item) for item in page.items],
        "previous_url": _page_url(here, page.previous),
        "next_url": _page_url(here, page.next),
    }


def _page_url(here: str, position: Position | None) -> str | None:
    return None if position is None else f"{here}?{urlencode({**page_query(position), 'format': 'json'})}"


def page_query(position: Position) -> dict[str, str]:
    """Return the query parameters that lead to a page of a folder."""
    given = {"after": position.after, "before": position.before, "skipped": str(position.skipped or "") or None}
    return {key: value for key, value in given.items() if value is not None}


def _iso(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat().replace("+00:00", "Z")
