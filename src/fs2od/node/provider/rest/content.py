"""Bytes of files, and directories as archives."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fs2od.manifests import SEAL, SIDECAR
from fs2od.node.cut_off import AccessEnded
from fs2od.node.http import Answer, Call, Endpoint
from fs2od.node.http.endpoints import headers_of
from fs2od.node.http.working import in_worker
from fs2od.node.index.schema import ROOT
from fs2od.node.provider.access import Located, Need
from fs2od.node.provider.archives import tar_stream
from fs2od.node.provider.archives.answers import archive_response
from fs2od.node.provider.archives.selections import root_name
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
            return provider.access.locate_below(top, call.file_path())

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


async def download(provider: Oneprovider, secret: str, request: Request) -> Response:
    """Return a directory as a TAR, for a ticket: of a sealed dataset with its length and ranges, else as a stream.

    Raises:
        NotFound: The ticket is unknown or has ended.
    """
    return await in_worker(_archive_answer, provider, provider.tickets.redeem(secret), request)


def _archive_answer(provider: Oneprovider, located: Located, request: Request) -> Response:
    if not provider.access.stands(located):
        raise errors.not_found()
    if not provider.zone.settings.plain and _is_sealed(provider, located):
        # What changed all the same is sent as a stream: it takes each file as it is.
        with contextlib.suppress(AccessEnded):
            plan = provider.archives.present(located, (), "tar")
            part = partial(provider.archives.part, located, plan)
            name = f"{root_name(located)}.tar"
            return archive_response(request, plan, part, name=name, headers={}, always_ranges=False)
    return _streamed_archive(provider, located)


def _is_sealed(provider: Oneprovider, located: Located) -> bool:
    """Say whether the dataset is complete: in one that grows, a file that is written to again and again would end every plan."""
    with provider.indexes.using(located.space) as index:
        sidecar = index.child(ROOT, SIDECAR)
        return sidecar is not None and index.child(sidecar.row, SEAL) is not None


def _streamed_archive(provider: Oneprovider, located: Located) -> Response:
    limits = provider.zone.settings.limits
    name = root_name(located)
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
