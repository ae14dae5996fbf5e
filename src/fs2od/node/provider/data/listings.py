"""Everything in a share as lists that programs check or download by: SHA256SUMS and Metalink 4 (RFC 5854).

Both are sent while they are read, so memory stays flat whatever the share holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from fs2od.manifests import ManifestEntry, sha256sums_line
from fs2od.node.index import Entry
from fs2od.node.provider.access import Located
from fs2od.node.provider.checksums import Checksum
from fs2od.node.provider.data.finding import given_below
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.provider.streaming import AccessEnded

__all__ = ["metalink", "sha256sums"]

# XML 1.0 §2.2 holds no control characters, not even as references, but for three; and aria2 refuses the whole list for any.
_UNWRITABLE = re.compile("[\x00-\x1f\x7f\ufffe\uffff]")


def sha256sums(provider: Oneprovider, top: Located, *, stands: Callable[[], bool]) -> Generator[bytes]:
    """Yield a line for `sha256sum --check` for each file whose checksum is known; the others are absent.

    Raises:
        AccessEnded: The access ended before all was sent.
    """
    for page in _pages(provider, top, stands):
        yield "".join(_sum(path, known) for path, _, known in page if known is not None).encode()


def metalink(provider: Oneprovider, top: Located, *, base: str, stands: Callable[[], bool]) -> Generator[bytes]:
    """Yield a Metalink of all files; those whose checksum is not known have their size only.

    Names with control characters are left out and counted in a comment at the end.

    Args:
        provider: The provider that serves the files.
        top: The share's root.
        base: The address below which the files lie, with its slash.
        stands: Says whether the access still holds.

    Raises:
        AccessEnded: The access ended before all was sent.
    """
    left_out = 0
    yield b'<?xml version="1.0" encoding="UTF-8"?>\n<metalink xmlns="urn:ietf:params:xml:ns:metalink">\n'
    for page in _pages(provider, top, stands):
        writable = [(path, entry, known) for path, entry, known in page if not _UNWRITABLE.search(path)]
        left_out += len(page) - len(writable)
        yield "".join(_file(path, entry, known, base) for path, entry, known in writable).encode()
    if left_out:
        yield f"<!-- left out, because of control characters in their names: {left_out} -->\n".encode()
    yield b"</metalink>\n"


def _pages(
    provider: Oneprovider, top: Located, stands: Callable[[], bool]
) -> Iterator[list[tuple[str, Entry, Checksum | None]]]:
    provider.checksums.load(top.space)
    for page in given_below(provider, top):
        if not stands():
            raise AccessEnded("the access ended")
        known = provider.checksums.of_all(top.space, [entry for _, entry in page])
        yield [(path, entry, known.get(entry.row)) for path, entry in page]


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
