"""All files below a directory, page by page, with flat memory and in the order of their paths, name by name.

Source: Oneprovider's GET /data/{id}/files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from fs2od.node.index import Entry, SpaceIndex
from fs2od.node.provider.located import Located
from fs2od.storage import Kind

__all__ = ["FilesPage", "Wanted", "files_below"]

_PAGE = 1000


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
    walk = _Walk(index, top, wanted, page)
    for path, entry in walk.entries():
        if len(page.files) == wanted.limit:
            return page
        page.files.append((path, entry))
    page.is_last = True
    return page


@dataclass
class _Walk:
    index: SpaceIndex
    top: Located
    wanted: Wanted
    page: FilesPage

    def entries(self) -> Iterator[tuple[str, Entry]]:
        stack = self._start()
        while stack:
            below, parent, after = stack.pop()
            found = self.index.children(parent, after=after, limit=_PAGE)
            for position, entry in enumerate(found):
                path = below + entry.name
                if self._leads_on(path):
                    is_directory = entry.kind is Kind.DIRECTORY
                    if path.startswith(self.wanted.prefix) and (not is_directory or self.wanted.with_directories):
                        yield path, entry
                    if is_directory and self._enters(path, entry):
                        stack += [(below, parent, entry.name), (f"{path}/", entry.row, None)]
                        break
                if position == _PAGE - 1:
                    stack.append((below, parent, entry.name))

    def _start(self) -> list[tuple[str, int, str | None]]:
        """Return the directories to go on with, the innermost last: each with the name that was done last."""
        below, row = "", self.top.entry.row
        stack: list[tuple[str, int, str | None]] = []
        for name in filter(None, self.wanted.after.split("/")):
            stack.append((below, row, name))
            entry = self.index.child(row, name)
            if entry is None or entry.kind is not Kind.DIRECTORY or not self.top.may_read(entry):
                return stack
            below, row = f"{below}{name}/", entry.row
        return [*stack, (below, row, None)]

    def _leads_on(self, path: str) -> bool:
        """Say whether the token and the wanted prefix leave something at or below `path`."""
        prefix = self.wanted.prefix
        is_wanted = path.startswith(prefix) or prefix.startswith(f"{path}/")
        return is_wanted and self.top.remaining.leads_on(f"{self.top.canonical_path}/{path}")

    def _enters(self, path: str, entry: Entry) -> bool:
        if self.top.may_read(entry):
            return True
        self.page.inaccessible.append(path)
        return False
