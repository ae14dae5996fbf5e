"""All files below a directory, page by page, with flat memory and in the order of their paths, name by name.

Source: Oneprovider's GET /data/{id}/files.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fs2od.node.index import Entry, SpaceIndex
from fs2od.node.provider.located import Located
from fs2od.storage import Kind

__all__ = ["FilesPage", "Wanted", "files_below"]


@dataclass(frozen=True)
class Wanted:
    """What a listing asks for. Paths are relative to its top; `after` is the last one that is known already."""

    limit: int
    after: str = ""
    prefix: str = ""
    with_directories: bool = False


@dataclass
class FilesPage:
    """One page: paths with entries, directories that the caller may not enter, and whether nothing follows."""

    files: list[tuple[str, Entry]] = field(default_factory=list)
    inaccessible: list[str] = field(default_factory=list)
    is_last: bool = False


def files_below(index: SpaceIndex, top: Located, wanted: Wanted) -> FilesPage:
    """Return a page of what lies below a directory, as far as modes and the caller's token let them see it."""
    page = FilesPage()
    after = "/".join(filter(None, wanted.after.split("/")))

    def enters(path: str, entry: Entry) -> bool:
        if not _is_left(top, path):
            return False
        # What leads to where this page begins was told of with an earlier one.
        if not top.may_read(entry) and not f"{after}/".startswith(f"{path}/"):
            page.inaccessible.append(path)
        return top.may_read(entry)

    for path, entry in index.walk(top.entry, after=after, prefix=wanted.prefix, enters=enters):
        if _is_left(top, path) and (wanted.with_directories or entry.kind is not Kind.DIRECTORY):
            if len(page.files) == wanted.limit:
                return page
            page.files.append((path, entry))
    page.is_last = True
    return page


def _is_left(top: Located, path: str) -> bool:
    """Say whether the token leaves something at or below a path."""
    return top.remaining.leads_on(f"{top.canonical_path}/{path}")
