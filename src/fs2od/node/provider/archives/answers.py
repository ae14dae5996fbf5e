"""What a request for an archive gets: all of it, parts of it, or that the client has it already."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from fs2od.node.provider.archives.plans import Plan
from fs2od.node.provider.byte_ranges import State, judge
from fs2od.node.provider.content import Framed, bodiless, content_disposition, unsatisfiable
from fs2od.node.provider.streaming import StreamedResponse

__all__ = ["archive_response"]

Part = Callable[[int, int], Generator[bytes, None, None]]
"""Makes the bytes from one on, so many."""
_HEADERS = {
    "Accept-Ranges": "bytes",
    # Nobody on the way may compress it: its length and ranges are those of these bytes.
    "Cache-Control": "no-cache, no-transform",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
# An archive has no time: what it holds may be older than the last one and yet other.
_OF_TIMES = (b"if-modified-since", b"if-unmodified-since")


def archive_response(
    request: Request, plan: Plan, part: Part, *, name: str, headers: Mapping[str, str], always_ranges: bool
) -> Response:
    """Return the answer to a GET or HEAD request. May block.

    Args:
        request: The request.
        plan: The archive.
        part: Makes any part of it.
        name: What the download is called.
        headers: More headers.
        always_ranges: Whether a range is given without If-Range: the address stands for this state alone.

    Raises:
        AccessEnded: The first bytes cannot be given.
    """
    asked = _conditions(request, always_ranges=always_ranges)
    verdict = judge(request.method, asked, State(plan.size_bytes, plan.etag, 0))
    if verdict.status == 416:
        return unsatisfiable(plan.size_bytes)
    common = {**_HEADERS, **headers, "ETag": plan.etag}
    if not verdict.parts:
        return bodiless(verdict.status, common)
    framed = Framed.of(verdict.status, verdict.parts, plan.size_bytes, plan.layout.media_type)
    common |= {"Content-Disposition": content_disposition(name), **framed.headers}
    if request.method == "HEAD":
        return Response(b"", verdict.status, headers=common | {"Content-Length": str(framed.length)})
    pieces = _pieces(framed, part)
    # Made before the headers leave: what has changed already is an answer of its own, and no broken one.
    first = next(pieces)
    return StreamedResponse(pieces, pieces.close, verdict.status, headers=common, length=framed.length, first=first)


def _conditions(request: Request, *, always_ranges: bool) -> Headers:
    dropped = _OF_TIMES if always_ranges or "If-Range" in request.headers else (*_OF_TIMES, b"range")
    return Headers(raw=[(name, value) for name, value in request.headers.raw if name not in dropped])


def _pieces(framed: Framed, part: Part) -> Generator[bytes, None, None]:
    for before, (first, count) in framed.parts:
        if before:
            yield before
        yield from part(first, count)
    if framed.end:
        yield framed.end
