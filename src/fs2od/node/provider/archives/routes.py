"""The routes of archives: /share/ID/archive…, /download/SECRET/NAME, /share/ID/bulk, and for members /data/FILE_ID/archive… and bulk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from functools import partial
from urllib.parse import parse_qs, quote, urlencode

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from fs2od.errors import Fs2odError
from fs2od.node.cut_off import AccessEnded
from fs2od.node.http.endpoints import token_text
from fs2od.node.http.routing import PlainRoute
from fs2od.node.http.working import in_worker
from fs2od.node.provider.access import Located
from fs2od.node.provider.archives.answers import archive_response
from fs2od.node.provider.archives.bulk import gzipped
from fs2od.node.provider.archives.contents import Changed
from fs2od.node.provider.archives.handing import archive_address, archive_name
from fs2od.node.provider.archives.layouts import Format
from fs2od.node.provider.archives.plans import Plan, parse_state
from fs2od.node.provider.archives.selections import MOST_PATHS, chosen, root_name
from fs2od.node.provider.archives.service import StateGone
from fs2od.node.provider.content import archive_answer
from fs2od.node.provider.counting import say_who_takes
from fs2od.node.provider.data.file_addresses import file_at
from fs2od.node.provider.data.finding import find
from fs2od.node.provider.data.selected import LISTS, selected_list
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.provider.sessions import SELECTION, Session
from fs2od.node.zone.callers import GUEST, Caller
from fs2od.onedata import errors
from fs2od.onedata.ids import ShareId

__all__ = ["archive_routes"]

_MOST_BODY_BYTES = 8 << 20
_TRIES = 3
_BUSY = "A file is being written just now: try again in a minute."
_GONE = "The files of this download were changed since it began: delete what you have of it and start again from the dataset's page."
_ENDED = "There is no such share or download, or it has ended: open the dataset's page again."
_NOT_YOURS = "The access token is not accepted here."
# The first that fits is said.
_ANSWERS: dict[type[Exception], tuple[int, str]] = {
    StateGone: (410, _GONE),
    Changed: (410, _GONE),
    AccessEnded: (404, _ENDED),
    errors.Unauthorized: (401, _NOT_YOURS),
    errors.Forbidden: (403, _NOT_YOURS),
    errors.PosixError: (404, "There is nothing at one of these paths."),
    errors.Rejected: (400, "There is nothing to be had for such a path."),
    errors.ServiceError: (404, _ENDED),
    Fs2odError: (503, "This cannot be read just now: try again later."),
}


class _BulkRequest(msgspec.Struct):
    paths: list[str]
    gzip: bool = False


class _Refused(Exception):  # an answer rather than a failure
    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


def archive_routes(provider: Oneprovider, authenticate: Callable[[Request], Caller]) -> list[BaseRoute]:
    """Return the provider's routes of archives and of many files at once; none with `plain`.

    Args:
        provider: What answers.
        authenticate: Returns who asks: a guest, or a member by token; raises Unauthorized for a token that is not valid.
    """
    if provider.zone.settings.plain:
        return []
    addresses = _Addresses(provider, authenticate)
    return [
        PlainRoute("/share/{id}/archive.{format}", _guarded(addresses.present)),
        PlainRoute("/share/{id}/archive/{state}/{name}", _guarded(addresses.pinned)),
        PlainRoute("/download/{secret}/{name}", _guarded(addresses.session)),
        PlainRoute("/share/{id}/archive", _with_body(addresses.start), methods=["POST"]),
        PlainRoute("/share/{id}/bulk", _with_body(addresses.bulk), methods=["POST"]),
        PlainRoute("/data/{file_id}/archive.{format}", _guarded(addresses.members_present)),
        PlainRoute("/data/{file_id}/archive/{state}/{name}", _guarded(addresses.members_pinned)),
        PlainRoute("/data/{file_id}/bulk", _with_body(addresses.members_bulk), methods=["POST"]),
    ]


class _Addresses:
    def __init__(self, provider: Oneprovider, authenticate: Callable[[Request], Caller]) -> None:
        self._provider = provider
        self._authenticate = authenticate
        self._archives = provider.archives
        self._sessions = provider.sessions

    def present(self, request: Request) -> Response:
        """Answer with the archive of the present state."""
        return self._present(request, self._top(request), f"/share/{quote(request.path_params['id'])}")

    def members_present(self, request: Request) -> Response:
        """Answer with the archive of a folder or file that a token reaches, in the present state."""
        return self._present(request, self._members_top(request), f"/data/{quote(request.path_params['file_id'])}")

    def _present(self, request: Request, top: Located, base: str) -> Response:
        format_ = _format(str(request.path_params["format"]))
        paths = chosen(request.query_params.getlist("path"))
        for _ in range(_TRIES):
            plan = self._archives.present(top, paths, format_)
            name = archive_name(top, paths, format_)
            query = f"?{urlencode([('path', path) for path in paths])}" if paths else ""
            location = f"{base}/archive/{plan.state}/{quote(name, safe='')}{query}"
            try:
                return self._answer(request, top, plan, name, {"Content-Location": location}, always_ranges=False)
            except Changed:
                continue  # it is registered anew by now
        raise _Refused(503, _BUSY)

    def pinned(self, request: Request) -> Response:
        """Answer with the archive of a state."""
        return self._pinned(request, self._top(request))

    def members_pinned(self, request: Request) -> Response:
        """Answer with the archive of a folder or file that a token reaches, in a state."""
        return self._pinned(request, self._members_top(request))

    def _pinned(self, request: Request, top: Located) -> Response:
        state = parse_state(str(request.path_params["state"]))
        if state is None:
            raise errors.not_found()
        format_ = _format(str(request.path_params["name"]).rpartition(".")[2])
        paths = chosen(request.query_params.getlist("path"))
        plan = self._archives.pinned(top, paths, format_, state)
        return self._answer(request, top, plan, archive_name(top, paths, format_), {}, always_ranges=True)

    def session(self, request: Request) -> Response:
        """Answer with the archive of a session."""
        session = self._sessions.redeem(str(request.path_params["secret"]))
        if session.format == SELECTION:
            return self._selection(request, session, str(request.path_params["name"]))
        caller = self._provider.zone.accounts.sessions.acting(session.browser) if session.browser else GUEST
        if session.format == "file":
            return self._file(request, session, caller)
        top, format_ = self._located(session.share, caller), _format(session.format)
        state = parse_state(session.state)
        if state is None:
            raise errors.not_found()
        plan = self._archives.pinned(top, session.paths, format_, state)
        name = archive_name(top, session.paths, format_)
        return self._answer(request, top, plan, name, {}, always_ranges=True, session=session)

    def _selection(self, request: Request, session: Session, asked: str) -> Response:
        """Answer with a list of a selection, or with an archive of it: the first one settles the state for all."""
        is_browsers = bool(session.browser)
        accounts = self._provider.zone.accounts
        caller = accounts.sessions.acting(session.browser) if is_browsers else self._authenticate(request)
        top = self._located(session.share, caller)
        say_who_takes(request.scope, top)
        self._sessions.touch(session)
        self._sessions.write_down(session)
        if asked in LISTS:
            return selected_list(self._provider, session, caller, asked)
        format_ = _format(asked.rpartition(".")[2])
        present = session.state or str(self._archives.present(top, session.paths, format_).state)
        state = parse_state(session.state or self._sessions.bind(session, present))
        if state is None:
            raise errors.not_found()
        plan = self._archives.pinned(top, session.paths, format_, state)
        return self._answer(request, top, plan, asked, {}, always_ranges=True, session=session)

    def start(self, request: Request, body: bytes) -> Response:
        """Make a session and send the browser to it."""
        try:
            form = parse_qs(
                body.decode("ascii"), errors="strict", keep_blank_values=True, max_num_fields=MOST_PATHS + 10
            )
        except ValueError as error:
            raise _Refused(400, "This is no form.") from error
        top, paths = self._top(request), chosen(form.get("path", []))
        format_ = _format(form.get("format", ["zip"])[-1])
        address = archive_address(self._provider, top, paths, format_)
        return RedirectResponse(address, 303, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})

    def bulk(self, request: Request, body: bytes) -> Response:
        """Answer with many files of a share."""
        wanted = _wanted(body)
        return self._bulk(self._top(request), wanted)

    def members_bulk(self, request: Request, body: bytes) -> Response:
        """Answer with many files below a folder, which a token reaches as a whole."""
        wanted = _wanted(body)
        return self._bulk(self._members_top(request), wanted)

    def _bulk(self, top: Located, wanted: _BulkRequest) -> Response:
        pieces = self._archives.bulk(top, wanted.paths)
        if wanted.gzip:
            return archive_answer(gzipped(pieces), name=f"{root_name(top)}.tar.gz", content_type="application/gzip")
        return archive_answer(pieces, name=f"{root_name(top)}.tar")

    def _top(self, request: Request) -> Located:
        top = self._located(ShareId(str(request.path_params["id"])), self._authenticate(request))
        say_who_takes(request.scope, top)
        return top

    def _members_top(self, request: Request) -> Located:
        top = self._provider.access.locate(self._authenticate(request), str(request.path_params["file_id"]))
        say_who_takes(request.scope, top)
        return top

    def _located(self, share: ShareId, caller: Caller = GUEST) -> Located:
        return self._provider.access.locate_share_root(caller, share)

    def _file(self, request: Request, session: Session, caller: Caller) -> Response:
        (path,) = session.paths
        located = find(self._provider, session.share, path, caller)
        # Whoever pauses a download of many hours goes on with the same address.
        self._sessions.touch(session)
        self._sessions.write_down(session)
        return file_at(self._provider, located, request, name=path.rpartition("/")[2] or located.entry.name)

    def _answer(
        self,
        request: Request,
        top: Located,
        plan: Plan,
        name: str,
        headers: dict[str, str],
        *,
        always_ranges: bool,
        session: Session | None = None,
    ) -> Response:
        part: Callable[[int, int], Generator[bytes, None, None]] = partial(self._archives.part, top, plan)
        if session is not None:
            part = partial(self._used, session, part)
        return archive_response(request, plan, part, name=name, headers=headers, always_ranges=always_ranges)

    def _used(
        self, session: Session, part: Callable[[int, int], Generator[bytes, None, None]], first: int, count: int
    ) -> Generator[bytes, None, None]:
        """Yield what `part` does, and note with every piece that the session lives."""
        left = count
        try:
            for piece in part(first, count):
                left -= len(piece)
                self._sessions.touch(session)
                # The last one leaves with nothing behind it that waits for a disk.
                self._sessions.write_down(session, at_once=not left)
                yield piece
        finally:
            if left:
                self._sessions.touch(session)
                self._sessions.write_down(session, at_once=True)


def _wanted(body: bytes) -> _BulkRequest:
    try:
        wanted = msgspec.json.decode(body, type=_BulkRequest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _Refused(400, 'This is not {"paths": [...]}.') from error
    if len(wanted.paths) > MOST_PATHS:
        raise _Refused(413, f"These are more than {MOST_PATHS} paths: ask for fewer at once.")
    return wanted


def _format(text: str) -> Format:
    match text:
        case "tar":
            return "tar"
        case "zip":
            return "zip"
    raise errors.not_found()


def _guarded(handler: Callable[..., Response]) -> Callable[..., Response]:
    def answer(*given: object) -> Response:
        try:
            return handler(*given)
        except (_Refused, StateGone, AccessEnded, Fs2odError) as error:
            if isinstance(error, _Refused):
                return _said(error.status, str(error))
            is_closed = isinstance(error, (errors.Unauthorized, errors.Forbidden))
            if is_closed and isinstance(given[0], Request) and token_text(given[0]) is None:
                return _said(404, _ENDED)  # a guest is not told that there is a link for members
            return _said(*next(answer for kind, answer in _ANSWERS.items() if isinstance(error, kind)))

    return answer


def _with_body(handler: Callable[[Request, bytes], Response]) -> Callable[[Request], Awaitable[Response]]:
    guarded = _guarded(handler)

    async def answer(request: Request) -> Response:
        body = bytearray()
        try:
            async for chunk in request.stream():
                body += chunk
                if len(body) > _MOST_BODY_BYTES:
                    return _said(413, "This request is too long: ask for fewer paths at once.")
        except ClientDisconnect:
            return _said(400, "The request did not arrive whole.")
        return await in_worker(guarded, request, bytes(body))

    return answer


def _said(status: int, sentence: str) -> Response:
    headers = {"Cache-Control": "no-cache", "Content-Security-Policy": "default-src 'none'; sandbox"}
    if status == 503:
        headers["Retry-After"] = "10"
    return Response(f"{sentence}\n", status, headers=headers, media_type="text/plain")
