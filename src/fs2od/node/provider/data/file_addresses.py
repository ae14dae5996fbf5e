"""A file of a share by its path: its bytes with everything that HTTP lets one say of them."""

from __future__ import annotations

from base64 import b64encode
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from fs2od.node.http.endpoints import headers_of
from fs2od.node.provider.access import Located
from fs2od.node.provider.checksums import Checksum
from fs2od.node.provider.content import file_answer, state_of
from fs2od.node.provider.provider import Oneprovider
from fs2od.storage import Facts, facts_of

__all__ = ["file_at"]

_HEADERS = {
    # Whatever a dataset holds, it is shown as nobody's page.
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
# Programs that walk through links would follow those in a dataset's own pages.
_FOLLOWED = ("text/html", "application/xhtml+xml", "text/css")


def file_at(provider: Oneprovider, located: Located, request: Request, *, name: str) -> Response:
    """Return what a GET or HEAD request for a file gets. May block.

    Where the checksum of the file with this size and modification time is known, `Repr-Digest` says it (RFC 9530 §3).

    Raises:
        PosixError: enoent, the file is not on the storage any more.
        StorageError: It cannot be read.
    """
    known = provider.checksums.of(located.space, located.entry)
    source = provider.sources.open(located)
    state, digest = state_of(source), "" if known is None else _digest(known, facts_of(source))
    limits = provider.zone.settings.limits
    answer = file_answer(
        request.method,
        headers_of(request),
        source,
        name=name,
        stands=partial(provider.access.stands, located),
        chunk_bytes=limits.chunk_bytes,
        recheck_bytes=limits.recheck_bytes,
        headers=_HEADERS,
    )
    # The entity tag says whether it is still the state that was judged here.
    if digest and answer.status_code in (200, 206) and answer.headers["ETag"] == state.etag:
        answer.headers["Repr-Digest"] = digest
    if answer.headers.get("Content-Type", "").startswith(_FOLLOWED):
        answer.headers["Content-Type"] = "application/octet-stream"
    return answer


def _digest(known: Checksum, facts: Facts) -> str:
    """Return the checksum as the header has it, or nothing where the file is not the one that was registered."""
    if (facts.size_bytes, facts.mtime_ns) != (known.size_bytes, known.mtime_ns):
        return ""
    return f"sha-256=:{b64encode(known.sha256).decode()}:"
