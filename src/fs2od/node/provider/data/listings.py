"""What lies in a share as lists that programs check or download by: SHA256SUMS, Metalink 4 (RFC 5854), paths and addresses.

All are sent while they are read, so memory stays flat whatever the share holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from fs2od.manifests import ManifestEntry, sha256sums_line
from fs2od.node.cut_off import AccessEnded
from fs2od.node.index import Entry
from fs2od.node.provider.access import Located
from fs2od.node.provider.checksums import Checksum
from fs2od.node.provider.data.finding import given_below
from fs2od.node.provider.provider import Oneprovider
from fs2od.storage import Kind

__all__ = ["Page", "addresses", "everything", "metalink", "paths", "sha256sums"]

# XML 1.0 §2.2 holds no control characters, not even as references, but for three; and aria2 refuses the whole list for any.
_UNWRITABLE = re.compile("[\x00-\x1f\x7f\ufffe\uffff]")


Page = list[tuple[str, Entry, Checksum | None]]
"""Files by their paths below the share, each with its checksum where that is known."""


def sha256sums(pages: Iterable[Page]) -> Generator[bytes]:
    """Yield a line for `sha256sum --check` for each file whose checksum is known; the others are absent."""
    for page in pages:
        yield "".join(_sum(path, known) for path, _, known in page if known is not None).encode()


def metalink(pages: Iterable[Page], *, base: str) -> Generator[bytes]:
    """Yield a Metalink of all files; those whose checksum is not known have their size only.

    Names with control characters are left out and counted in a comment at the end.

    Args:
        pages: The files.
        base: The address below which they lie, with its slash.
    """
    left_out = 0
    yield b'<?xml version="1.0" encoding="UTF-8"?>\n<metalink xmlns="urn:ietf:params:xml:ns:metalink">\n'
    for page in pages:
        writable = [(path, entry, known) for path, entry, known in page if not _UNWRITABLE.search(path)]
        left_out += len(page) - len(writable)
        yield "".join(_file(path, entry, known, base) for path, entry, known in writable).encode()
    if left_out:
        yield f"<!-- left out, because of control characters in their names: {left_out} -->\n".encode()
    yield b"</metalink>\n"


def paths(pages: Iterable[Page]) -> Generator[bytes]:
    """Yield the path of every file, one a line, as it is; those with a line break in them are absent."""
    for page in pages:
        yield "".join(f"{path}\n" for path, _, _ in page if "\n" not in path and "\r" not in path).encode()


def addresses(pages: Iterable[Page], *, base: str) -> Generator[bytes]:
    """Yield the address of every file, one a line."""
    for page in pages:
        yield "".join(f"{base}{quote(path)}\n" for path, _, _ in page).encode()


def everything(provider: Oneprovider, top: Located, *, stands: Callable[[], bool], path: str = "") -> Iterator[Page]:
    """Yield all files at or below a located file or folder, page by page.

    Args:
        provider: The provider that serves the files.
        top: Where to begin: the share's root, or something below it.
        stands: Says whether the access still holds.
        path: The way from the share to `top`; empty if that is its root.

    Raises:
        AccessEnded: The access ended before all was sent.
    """
    is_folder = top.entry.kind is Kind.DIRECTORY
    provider.checksums.load(top.space)
    for page in given_below(provider, top):
        if not stands():
            raise AccessEnded("the access ended")
        known = provider.checksums.of_all(top.space, [entry for _, entry in page])
        # What lies below is named by its way from there, a file by its name, which is another one's behind a link.
        called = ((f"{path}/{below}" if path and is_folder else path or below, entry) for below, entry in page)
        yield [(name, entry, known.get(entry.row)) for name, entry in called]


def _sum(path: str, known: Checksum) -> str:
    entry = ManifestEntry(path, known.size_bytes, known.mtime_ns, known.sha256.hex(), known.crc32)
    return sha256sums_line(entry)


def _file(path: str, entry: Entry, known: Checksum | None, base: str) -> str:
    digest = "" if known is None else f'<hash type="sha-256">{known.sha256.hex()}</hash>{_pieces(known)}'
    url = escape(base + quote(path))
    return f"<file name={quoteattr(path)}><size>{entry.size_bytes}</size>{digest}<url>{url}</url></file>\n"


def _pieces(known: Checksum) -> str:
    if not known.pieces:
        return ""
    hashes = "".join(f"<hash>{piece.hex()}</hash>" for piece in known.pieces)
    return f'<pieces length="{known.piece_bytes}" type="sha-256">{hashes}</pieces>'
