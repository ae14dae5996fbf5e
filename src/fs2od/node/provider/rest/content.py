"""Bytes of files, and directories as archives."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fs2od.node.http import Answer, Call, Endpoint
from fs2od.node.http.endpoints import headers_of
from fs2od.node.http.working import in_worker
from fs2od.node.provider.access import Located, Need
from fs2od.node.provider.archives import tar_stream
from fs2od.node.provider.content import archive_answer, file_answer
from fs2od.node.provider.counting import say_who_takes
from fs2od.node.provider.provider import Oneprovider
from fs2od.onedata import errors
from fs2od.storage import Kind

__all__ = ["download", "endpoints"]


def endpoints(provider: Oneprovider) -> list[Endpoint]:
    """Return the endpoints of this noun."""

    # Synchronous, so that a request costs one change of threads: mounts and downloads ask for very many ranges.
    def content(call: Call) -> Answer:
        return answer(call, partial(provider.access.locate, call.caller, call.path("id")))

    def by_path(call: Call) -> Answer:
        def find() -> Located:
            top = provider.access.locate_private(call.caller, call.path("id"), Need.LOOK)
            return provider.access.locate_below(top, call.path("path"))

        return answer(call, find)

    def answer(call: Call, find: Callable[[], Located]) -> Answer:
        follows = _flag(call, "follow_symlinks", default=True)
        located = find()
        if follows and located.entry.kind is Kind.SYMLINK:
            located = provider.access.followed(located)
        say_who_takes(call.request.scope, located)
        return _answer_with(provider, located, call.request)

    def link_value(call: Call) -> Answer:
        located = provider.access.locate(call.caller, call.path("id"), Need.LOOK)
        if located.entry.kind is not Kind.SYMLINK:
            raise errors.posix("einval")
        return Response(located.entry.target or "", media_type="application/octet-stream")

    return [
        # A body says nothing here, and is not waited for.
        Endpoint("GET", "/data/{id}/content", "download_file_content", content, takes_body=False),
        Endpoint("GET", "/data/{id}/path/{path:path}", "download_file_content_by_path", by_path, takes_body=False),
        Endpoint("GET", "/data/{id}/symlink_value", "get_symlink_value", link_value),
    ]


def _flag(call: Call, key: str, *, default: bool) -> bool:
    given = (call.values(key) or [str(default)])[-1].lower()
    if given not in ("true", "false"):
        raise errors.bad_value("Boolean", key, "must be a boolean")
    return given == "true"


def _answer_with(provider: Oneprovider, located: Located, request: Request) -> Response:
    """Return the bytes of a file, the way to a directory's archive, or a link's target."""
    match located.entry.kind:
        case Kind.DIRECTORY:
            secret = provider.tickets.issue(located)
            return RedirectResponse(f"{provider.record.url}/download/{secret}", 302)
        case Kind.SYMLINK:
            return Response(located.entry.target or "", media_type="application/octet-stream")
    return _file_answer(provider, located, request)


async def download(provider: Oneprovider, secret: str) -> Response:
    """Return a directory as a TAR stream, for a ticket.

    Raises:
        NotFound: The ticket is unknown or has ended.
    """
    return await in_worker(_archive_answer, provider, provider.tickets.redeem(secret))


def _archive_answer(provider: Oneprovider, located: Located) -> Response:
    if not provider.access.stands(located):
        raise errors.not_found()
    limits = provider.zone.settings.limits
    name = located.entry.name or (located.share.name if located.share else located.space_name)
    pieces = tar_stream(
        located,
        provider.sources.tree(located.space),
        provider.indexes,
        root_name=name,
        stands=partial(provider.access.stands, located),
        chunk_bytes=limits.chunk_bytes,
        recheck_bytes=limits.recheck_bytes,
    )
    return archive_answer(pieces, name=name)


def _file_answer(provider: Oneprovider, located: Located, request: Request) -> Response:
    source = provider.sources.open(located)
    limits = provider.zone.settings.limits
    return file_answer(
        request.method,
        headers_of(request),
        source,
        name=located.entry.name,
        stands=partial(provider.access.stands, located),
        chunk_bytes=limits.chunk_bytes,
        recheck_bytes=limits.recheck_bytes,
    )
