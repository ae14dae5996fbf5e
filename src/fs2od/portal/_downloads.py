"""Where downloads are led to: plain addresses for everybody; for a link that is not open, an address of the visitor's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from fs2od.node.provider.access import Located
from fs2od.node.provider.archives.handing import archive_address, file_address, selection_address
from fs2od.node.provider.archives.layouts import Format
from fs2od.node.provider.archives.selections import chosen
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.zone.callers import GUEST, Caller
from fs2od.onedata import errors
from fs2od.onedata.ids import ShareId
from fs2od.portal._datasets import Dataset
from fs2od.portal._items import Item
from fs2od.portal._problems import problem_page
from fs2od.portal._selections import MOST_FIELDS, Selection
from fs2od.portal._visitors import Visitor, signed_in, visitor_of
from fs2od.portal.signin import FOREIGN, is_ours

__all__ = ["Downloads", "caller_of"]


def caller_of(request: Request) -> Caller:
    """Return as whom a request's browser is signed in; otherwise a guest."""
    return signed_in(request) or GUEST


@dataclass(frozen=True)
class Downloads:
    """Leads browsers to files and archives on the provider's origin, which knows no cookies."""

    provider: Oneprovider
    frame: Mapping[str, Any]

    @property
    def is_plain(self) -> bool:
        """Say whether the node has nothing beyond Onedata's own addresses."""
        return self.provider.zone.settings.plain

    def data_of(self, share: ShareId) -> str:
        """Return the address below which a share's plain files and archives lie."""
        return f"{self.provider.zone.settings.provider_url}/share/{quote(share, safe='')}"

    def data(self, dataset: Dataset) -> str:
        """Return that address if it serves everybody; else nothing."""
        return "" if self.is_plain or dataset.is_closed else self.data_of(dataset.id)

    def archives(self, dataset: Dataset) -> str:
        """Return where forms for archives are sent; empty where there are only Onedata's own."""
        if self.is_plain:
            return ""
        here = f"/share/{quote(dataset.id, safe='')}" if dataset.is_closed else self.data_of(dataset.id)
        return f"{here}/archive"

    def selection(self, request: Request, dataset: Dataset, selection: Selection) -> tuple[str, str]:
        """Return the addresses of a selection for commands, and for this very browser; empty where there are none.

        They are one where the link is open. Else the first is for whoever has an access token.
        """
        if self.is_plain or not selection.items:
            return "", ""
        top, paths = self._top(request), tuple(item.path for item in selection.items)
        at = selection_address(self.provider, top, paths)
        own = dataset.is_closed
        return at, selection_address(self.provider, top, paths, browser=_session(request)) if own else at

    def archive(self, request: Request, body: bytes) -> Response:
        """Answer a form of a dataset that is not open to everybody by the address of an archive.

        Raises:
            NotFound: The node has nothing beyond Onedata's own addresses.
            Rejected: It is no form.
            Unauthorized: A guest asks; Forbidden: somebody who is no member.
        """
        if self.is_plain:
            raise errors.not_found()
        visitor = visitor_of(request) or Visitor()
        try:
            form = parse_qs(body.decode("ascii"), errors="strict", keep_blank_values=True, max_num_fields=MOST_FIELDS)
        except ValueError as error:
            raise errors.error_of("badData", "This is no form.") from error
        last = {key: values[-1] for key, values in form.items()}
        if visitor.caller and not is_ours(request, last, self.provider.zone.settings.zone_url, visitor=visitor):
            return problem_page(request, FOREIGN, self.frame)
        kind: Format = "tar" if last.get("format") == "tar" else "zip"
        return _redirect(self._archive(request, chosen(form.get("path", [])), kind), status=303)

    def to_archive(self, request: Request, item: Item, kind: Format) -> Response:
        """Lead to the archive of a folder."""
        if self.is_plain:
            ticket = self.provider.tickets.issue(item.located)
            return _redirect(f"{self.provider.zone.settings.provider_url}/download/{ticket}")
        if self._is_closed(item):
            return _redirect(self._archive(request, (item.path,) if item.names else (), kind))
        query = f"?{urlencode({'path': item.path})}" if item.names else ""
        return _redirect(f"{self.data_of(_share(request))}/archive.{kind}{query}")

    def to_content(self, request: Request, item: Item) -> Response:
        """Lead to the bytes of a file."""
        if self.is_plain:
            base = f"{self.provider.zone.settings.provider_url}/api/v3/oneprovider/data"
            return _redirect(f"{base}/{item.located.file_id}/content")
        name = item.name or item.located.entry.name
        if self._is_closed(item):
            top = self._top(request)
            return _redirect(file_address(self.provider, top, item.path, name, browser=_session(request)))
        return _redirect(f"{self.data_of(_share(request))}/files/{item.quoted or quote(name, safe='')}")

    def _archive(self, request: Request, paths: tuple[str, ...], kind: Format) -> str:
        return archive_address(self.provider, self._top(request), paths, kind, browser=_session(request))

    def _top(self, request: Request) -> Located:
        return self.provider.access.locate_share_root(caller_of(request), _share(request))

    def _is_closed(self, item: Item) -> bool:
        share, now_s = item.located.share, self.provider.zone.clock.now_s()
        return share is not None and share.rule.closed_because(now_s) is not None


def _share(request: Request) -> ShareId:
    return ShareId(str(request.path_params["id"]))


def _session(request: Request) -> str:
    visitor = visitor_of(request)
    return visitor.session.id if visitor and visitor.session else ""


def _redirect(location: str, *, status: int = 302) -> Response:
    # Never kept: such an address lasts minutes, and the provider's own may change.
    return RedirectResponse(location, status, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
