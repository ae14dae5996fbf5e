"""JSON twins: what the pages say, with exact numbers and moments, and the words that the script puts into place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from fs2od.node.provider.data.selected import LISTS
from fs2od.portal._commands import Command
from fs2od.portal._datasets import Dataset
from fs2od.portal._items import Item, is_readable, is_selectable
from fs2od.portal._language import Language
from fs2od.portal._listings import Listing, Wanted
from fs2od.portal._paging import LAST
from fs2od.portal._selections import Selection
from fs2od.portal._sentences import sentence
from fs2od.portal._words import iso

__all__ = [
    "dataset_document",
    "dataset_version",
    "dataset_words",
    "item_document",
    "item_url",
    "listing_document",
    "page_url",
    "poll_after_s",
    "selection_document",
]

_STATES = {"acquiring": sentence("acquiring"), "complete": sentence("complete")}
_POLL_S = {"acquiring": 2, "complete": 60, None: 10}


def poll_after_s(dataset: Dataset) -> int:
    """Return how many seconds an open page waits before it looks again."""
    return _POLL_S[dataset.facts.state]


def dataset_version(dataset: Dataset) -> str:
    """Return a text that changes whenever anything on a page may have changed."""
    return f"{dataset.facts.state}-{dataset.files}-{dataset.size_bytes}-{dataset.undeliverable}"


def item_url(share: str, verb: str, item: Item | Sequence[str] = ()) -> str:
    """Return the address of a page or download of one file or folder: verb "files", "content", "tar" or "zip"."""
    quoted = item.quoted if isinstance(item, Item) else "/".join(quote(name, safe="") for name in item)
    return f"/share/{share}/{verb}/{quoted}" if quoted else f"/share/{share}/{verb}"


def dataset_words(dataset: Dataset, language: Language) -> dict[str, str]:
    """Return the words of a page that change while it is open, by their places in it."""
    size = language.bytes(dataset.size_bytes)
    state = language.text(_STATES[dataset.facts.state]) if dataset.facts.state else ""
    return {
        "state": state,
        "files": language.count(dataset.files),
        "size": size,
        "size_exact": language.exact_bytes(dataset.size_bytes),
        "newest": "" if dataset.newest is None else language.ago(dataset.newest, dataset.now),
        "newest_exact": "" if dataset.newest is None else language.moment(dataset.newest),
        "everything": language.text("Download everything (.zip, %(size)s)", size=size),
        "checksums": _checksum_words(dataset, language),
        "announcement": ", ".join(filter(None, [language.files(dataset.files), size, state])),
    }


def _checksum_words(dataset: Dataset, language: Language) -> str:
    """Say of how many files the checksums are known, and why of no more."""
    known, files = dataset.known_checksums, dataset.files
    if known is None:
        if dataset.facts.checksums == "none":
            return language.text(
                "The facility writes no checksums beside this data: downloads can be checked by size only."
            )
        if dataset.sidecar is not None:
            return ""
        return language.text("No checksums are known yet: downloads are checked by size.")
    if known >= files:
        said = language.plural(
            "The checksum of %(count)s file is known.", "The checksums of all %(count)s files are known.", files
        )
        return " ".join([said, language.text("The dataset is sealed.")] if dataset.is_sealed else [said])
    said = language.plural(
        "Checksums of %(known)s of %(count)s file are known.",
        "Checksums of %(known)s of %(count)s files are known.",
        files,
        known=known,
    )
    follow = dataset.facts.state == "acquiring" or not dataset.is_sealed
    return " ".join([said, language.text("The others follow.")] if follow else [said])


def dataset_document(
    dataset: Dataset, link: str, data: str, commands: tuple[Command, ...], language: Language
) -> dict[str, Any]:
    """Return the twin of a dataset's page. `data` is the address of its plain files, empty where there are none.

    Only its `words` are in a language.
    """
    facts, sidecar = dataset.facts, dataset.sidecar
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
        "since": iso(facts.since),
        "completed": iso(facts.completed),
        "available_until": facts.available_until.isoformat() if facts.available_until else None,
        "files": dataset.files,
        "size_bytes": dataset.size_bytes,
        "sidecar": None if sidecar is None else {"files": sidecar.files, "size_bytes": sidecar.size_bytes},
        "sealed": dataset.is_sealed,
        "checksums": {"known": dataset.known_checksums, "files": dataset.files, "published": facts.checksums},
        "newest": iso(dataset.newest),
        "undeliverable": {"count": dataset.undeliverable, "names": list(dataset.undeliverable_names)},
        "values": {label: str(value) for label, value in facts.values},
        "files_url": f"{link}/files?format=json",
        "tar_url": f"{link}/tar" if dataset.is_folder else None,
        **_data_addresses(dataset, data),
        "commands": {command.tool: command.line for command in commands},
        "platforms": {command.tool: list(command.platforms) for command in commands},
        "as_of": iso(dataset.now),
        "poll_after_s": poll_after_s(dataset),
        "version": dataset_version(dataset),
        "words": dataset_words(dataset, language),
    }


def _data_addresses(dataset: Dataset, data: str) -> dict[str, str | None]:
    given = data if dataset.is_folder else ""
    names = {
        "index_url": "files/",
        "zip_url": "archive.zip",
        "archive_url": "archive",
        "sha256sums_url": "SHA256SUMS",
        "metalink_url": "files.meta4",
    }
    return {key: f"{given}/{name}" if given else None for key, name in names.items()}


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
        "modified": iso(item.modified),
        "target": entry.target,
        "url": item_url(share, "files", item),
        "download_url": item_url(share, verb, item) if readable and entry.target is None else None,
        "selectable": is_selectable(item),
    }


def listing_document(share: str, listing: Listing) -> dict[str, Any]:
    """Return the twin of a folder's page."""
    wanted, page = listing.wanted, listing.page
    more = page.next is not None or page.previous is not None

    def url(other: Wanted) -> str:
        return page_url(share, listing, other, as_json=True)

    return {
        **item_document(share, listing.folder),
        "search": wanted.search or None,
        "search_ended": listing.ended if wanted.search else None,
        "sorted_by": wanted.order.by,
        "descending": wanted.order.descending,
        "skipped": page.skipped,
        "skipped_from_end": page.from_end,
        "entries": [item_document(share, item) for item in page.items],
        "previous_url": None if page.previous is None else url(wanted.at(page.previous)),
        "next_url": None if page.next is None else url(wanted.at(page.next)),
        "last_url": url(wanted.at(LAST)) if more else None,
    }


def selection_document(share: str, selection: Selection, commands: tuple[Command, ...], at: str) -> dict[str, Any]:
    """Return the twin of a selection's page. `at` is its address, empty where there is none."""
    return {
        "lists": {name: f"{at}/{name}" for name in LISTS} if at else {},
        "files": selection.files,
        "size_bytes": selection.size_bytes,
        "entries": [item_document(share, item) for item in selection.items],
        "commands": {command.tool: command.line for command in commands},
        "platforms": {command.tool: list(command.platforms) for command in commands},
    }


def page_url(share: str, listing: Listing, wanted: Wanted, *, as_json: bool = False) -> str:
    """Return the address of another page of a listing, on the page itself at the place of the list."""
    query = urlencode({**wanted.query, **({"format": "json"} if as_json else {})})
    here = item_url(share, "files", listing.folder)
    return f"{here}{'?' if query else ''}{query}{'' if as_json else '#files'}"
