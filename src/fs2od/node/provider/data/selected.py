"""The lists of a selection: what was chosen, and each file of it, for the programs that download by lists."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import partial
from urllib.parse import quote

from starlette.responses import Response

from fs2od.node.provider.data.finding import find
from fs2od.node.provider.data.listings import Page, addresses, everything, metalink, paths, sha256sums
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.provider.sessions import Session
from fs2od.node.provider.streaming import StreamedResponse
from fs2od.node.zone.callers import Caller
from fs2od.onedata import errors

__all__ = ["ADDRESSES", "CHOSEN", "FILES", "LISTS", "METALINK", "SUMS", "selected_list"]

CHOSEN, FILES, ADDRESSES, SUMS, METALINK = "chosen.txt", "files.txt", "addresses.txt", "SHA256SUMS", "files.meta4"
LISTS = (CHOSEN, FILES, ADDRESSES, SUMS, METALINK)
"""What was chosen as it was chosen; each file's path; each file's address; and as for a whole share."""


def selected_list(provider: Oneprovider, session: Session, caller: Caller, name: str) -> Response:
    """Answer with a list of what a session's address stands for. What is gone by now cuts the answer, but for `CHOSEN`.

    Raises:
        NotFound: There is no such list.
    """
    base, pages = f"{provider.record.url}/share/{quote(session.share)}/files/", _pages(provider, session, caller)
    match name:
        case "chosen.txt":
            pieces: Generator[bytes] = (f"{path}\n".encode() for path in session.paths)
        case "files.txt":
            pieces = paths(pages)
        case "addresses.txt":
            pieces = addresses(pages, base=base)
        case "SHA256SUMS":
            pieces = sha256sums(pages)
        case "files.meta4":
            pieces = metalink(pages, base=base)
        case _:
            raise errors.not_found()
    kind = "application/metalink4+xml" if name == METALINK else "text/plain; charset=utf-8"
    headers = {
        "Content-Type": kind,
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return StreamedResponse(pieces, pieces.close, headers=headers)


def _pages(provider: Oneprovider, session: Session, caller: Caller) -> Iterator[Page]:
    for path in session.paths:
        located = find(provider, session.share, path, caller)
        yield from everything(provider, located, stands=partial(provider.access.stands, located), path=path)
