"""The routes of the data's plain addresses: /share/ID/files/…, /share/ID/SHA256SUMS, /share/ID/files.meta4, /share/ID/tree.json.gz, and of some for members."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from functools import partial
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute

from fs2od.errors import Fs2odError
from fs2od.node.http.endpoints import token_text
from fs2od.node.http.routing import PlainRoute, Route, is_text
from fs2od.node.http.working import in_worker
from fs2od.node.provider.access import Located, Need
from fs2od.node.provider.archives.selections import MOST_PATHS
from fs2od.node.provider.content import content_disposition
from fs2od.node.provider.counting import say_who_takes
from fs2od.node.provider.data.file_addresses import file_at
from fs2od.node.provider.data.finding import find, given_in
from fs2od.node.provider.data.folder_index import INDEX_HEADERS, STYLE, folder_page
from fs2od.node.provider.data.listings import everything, metalink, sha256sums
from fs2od.node.provider.data.tree import tree
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.provider.streaming import StreamedResponse
from fs2od.node.zone.callers import Caller
from fs2od.node.zone.zone import Zone
from fs2od.onedata import errors
from fs2od.onedata.ids import ShareId
from fs2od.storage import Kind

__all__ = ["discovery_routes", "file_routes"]

_VERSION = 1
_ANSWERS = {
    "enoent": (404, "There is nothing at this address."),
    "enotdir": (404, "There is nothing at this address."),
    "eacces": (403, "This is not for everybody who has the link."),
}
_UNKNOWN = "There is no such share, or it has ended."
_DOCUMENT = {"Cache-Control": "no-cache", "Content-Security-Policy": "default-src 'none'; sandbox"}

Handler = Callable[[Request], Response]


def discovery_routes(zone: Zone) -> list[BaseRoute]:
    """Return the zone's route that tells a downloader where the data's plain addresses are; none with `plain`."""
    document = {
        "version": _VERSION,
        "data": f"{zone.settings.provider_url}/share/{{id}}",
        "members": f"{zone.settings.provider_url}/data/{{id}}",
        "bulk_paths": MOST_PATHS,
    }

    def discovery(_: Request) -> Response:
        return JSONResponse(document, headers={"Cache-Control": "no-cache", "Access-Control-Allow-Origin": "*"})

    return [] if zone.settings.plain else [Route("/.well-known/fs2od.json", discovery)]


def file_routes(provider: Oneprovider, authenticate: Callable[[Request], Caller]) -> list[BaseRoute]:
    """Return the provider's routes of files, folders and lists of a share; none with `plain`.

    Args:
        provider: What answers.
        authenticate: Returns who asks: a guest, or a member by token; raises Unauthorized for a token that is not valid.
    """
    if provider.zone.settings.plain:
        return []
    addresses = _Addresses(provider, authenticate)
    handlers: list[tuple[str, Handler]] = [
        ("/share/{id}/files/{path:path}", addresses.file_or_folder),
        ("/share/{id}/files", addresses.file_or_folder),
        ("/share/{id}/SHA256SUMS", addresses.sums),
        ("/data/{file_id}/SHA256SUMS", addresses.members_sums),
        ("/share/{id}/files.meta4", addresses.metalink),
        ("/share/{id}/tree.json.gz", addresses.tree),
        ("/data/{file_id}/tree.json.gz", addresses.members_tree),
    ]
    return [*(PlainRoute(path, _guarded(handler)) for path, handler in handlers), PlainRoute("/files.css", _style)]


class _Addresses:
    def __init__(self, provider: Oneprovider, authenticate: Callable[[Request], Caller]) -> None:
        self._provider = provider
        self._authenticate = authenticate

    def file_or_folder(self, request: Request) -> Response:
        path = str(request.path_params.get("path", ""))
        located = self._find(request, path)
        # The path that was asked for: the one in the scope has lost its slash at the end.
        asked = bytes(request.scope.get("raw_path") or b"").decode("latin-1")
        is_slashed = asked.endswith("/")
        if not path or located.entry.kind is Kind.DIRECTORY:
            return self._folder(located, path) if is_slashed else RedirectResponse(f"{asked}/", 302)
        if is_slashed:
            raise errors.posix("enoent")
        return file_at(self._provider, located, request, name=path.rpartition("/")[2])

    def _folder(self, located: Located, path: str) -> Response:
        is_folder = located.entry.kind is Kind.DIRECTORY
        pages = given_in(self._provider, located) if is_folder else iter([[(located.entry.name, located.entry)]])
        title = "/".join(filter(None, (located.share.name if located.share else "", path)))
        pieces = folder_page(title, pages, is_top=not path, stands=self._stands(located))
        return _streamed(pieces, INDEX_HEADERS)

    def sums(self, request: Request) -> Response:
        return self._sums(self._find(request, ""))

    def members_sums(self, request: Request) -> Response:
        """Answer with the checksums of what a token reaches by its id."""
        top = self._provider.access.locate(self._authenticate(request), str(request.path_params["file_id"]))
        say_who_takes(request.scope, top)
        return self._sums(top)

    def _sums(self, top: Located) -> Response:
        headers = {**_DOCUMENT, "Content-Type": "text/plain; charset=utf-8"}
        return _streamed(sha256sums(everything(self._provider, top, stands=self._stands(top))), headers)

    def tree(self, request: Request) -> Response:
        return self._tree(request, self._find(request, "").file_id)

    def members_tree(self, request: Request) -> Response:
        """Answer with what lies below a folder that a token reaches by its id."""
        return self._tree(request, str(request.path_params["file_id"]))

    def _tree(self, request: Request, folder: str) -> Response:
        top = self._provider.access.locate(self._authenticate(request), folder, Need.LIST)
        say_who_takes(request.scope, top)
        return Response(tree(self._provider, top), headers={**_DOCUMENT, "Content-Type": "application/gzip"})

    def metalink(self, request: Request) -> Response:
        share = _share(request)
        top = self._find(request, "")
        base = f"{self._provider.record.url}/share/{quote(share)}/files/"
        name = f"{top.share.name if top.share else share}.meta4"
        headers = {
            **_DOCUMENT,
            "Content-Type": "application/metalink4+xml",
            "Content-Disposition": content_disposition(name),
        }
        pages = everything(self._provider, top, stands=self._stands(top))
        return _streamed(metalink(pages, base=base), headers)

    def _find(self, request: Request, path: str) -> Located:
        if not is_text(request.scope["raw_path"]):
            raise errors.posix("enoent")
        found = find(self._provider, _share(request), path, self._authenticate(request))
        say_who_takes(request.scope, found)
        return found

    def _stands(self, located: Located) -> Callable[[], bool]:
        return partial(self._provider.access.stands, located)


def _streamed(pieces: Generator[bytes], headers: dict[str, str]) -> Response:
    return StreamedResponse(pieces, pieces.close, headers=headers)


def _style(_: Request) -> Response:
    return Response(STYLE, media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})


def _share(request: Request) -> ShareId:
    return ShareId(str(request.path_params["id"]))


def _guarded(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    def answer(request: Request) -> Response:
        try:
            return handler(request)
        except errors.PosixError as error:
            return _said(*_ANSWERS.get(error.errno, (503, "This cannot be read just now; try again later.")))
        except (errors.Unauthorized, errors.Forbidden) as error:
            # A guest is not told that there is a link for members.
            if token_text(request) is None:
                return _said(404, _UNKNOWN)
            return _said(error.status, "The access token is not accepted here.")
        except errors.ServiceError:
            return _said(404, _UNKNOWN)
        except Fs2odError:
            return _said(503, "This cannot be read just now; try again later.")

    async def answered(request: Request) -> Response:
        return await in_worker(answer, request)

    return answered


def _said(status: int, sentence: str) -> Response:
    return Response(f"{sentence}\n", status, headers=_DOCUMENT, media_type="text/plain")
