"""The pages of the zone's origin: a dataset by its public link, its folders and files, and what surrounds them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from fs2od.errors import Fs2odError
from fs2od.node.http.routing import Route
from fs2od.node.provider.data.selected import LISTS
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.zone.zone import Zone
from fs2od.onedata.errors import Forbidden, Unauthorized
from fs2od.onedata.ids import ShareId
from fs2od.portal._above import page_above
from fs2od.portal._attending import attended
from fs2od.portal._choosing import language_route
from fs2od.portal._commands import (
    Authority,
    Command,
    closed_commands,
    closed_file_commands,
    dataset_commands,
    file_commands,
)
from fs2od.portal._datasets import Dataset, Datasets
from fs2od.portal._documents import (
    dataset_document,
    dataset_version,
    dataset_words,
    item_document,
    item_url,
    listing_document,
    page_url,
    poll_after_s,
    selection_document,
)
from fs2od.portal._downloads import Downloads, caller_of
from fs2od.portal._items import Item, is_readable, is_selectable
from fs2od.portal._language import Language
from fs2od.portal._listings import Wanted, wanted_of
from fs2od.portal._markdown import description_html
from fs2od.portal._paging import FIRST, LAST
from fs2od.portal._problems import NO_PAGE, TOO_MUCH, closed_problem, problem_of, problem_page
from fs2od.portal._rendering import PAGE_HEADERS, asset_route, html_page, json_twin, sending_forms_to, wants_json
from fs2od.portal._results import results_of
from fs2od.portal._selections import Ways, chosen_in, selection_commands
from fs2od.portal._tabs import new_link, tabs_of
from fs2od.portal._texts import Texts, language_of
from fs2od.portal._tools import CA_FILE
from fs2od.portal._visitors import signed_in, visitor_of
from fs2od.portal.members import member_routes
from fs2od.portal.mine import own_routes
from fs2od.portal.signin import Desk, SignInSettings, sign_in_routes
from fs2od.portal.sites import site_routes

__all__ = ["public_pages"]

Handler = Callable[[Request], Response]

_MOST_BODY_BYTES = 8 << 20


def public_pages(
    zone: Zone,
    provider: Oneprovider,
    *,
    ca_pem: bytes | None = None,
    site_name: str = "",
    sign_in: SignInSettings | None = None,
    sites: Iterable[Oneprovider] = (),
    texts: Texts | None = None,
) -> list[BaseRoute]:
    """Return the routes of the pages that everybody may see, for the zone's origin.

    The last one answers whatever else is asked for, so hand them in last.

    Args:
        zone: The zone whose shares are shown.
        provider: The provider that serves their files.
        ca_pem: The certificate of the node's own authority, if it has one: commands then name it, and /ca.pem offers it.
        site_name: What stands at the top of every page; by default the node's name.
        sign_in: How people may sign in; by default with links by mail.
        sites: All providers of the node, whose administrators have pages of their own; by default `provider` alone. It is
            looked through anew at each request, for sites come and go.
        texts: The languages of the pages; by default those of the zone's settings.

    Raises:
        ValueError: `ca_pem` is no certificate.
        ConfigurationError: There are no texts in the node's language.
    """
    authority = None if ca_pem is None else Authority.of_pem(ca_pem)
    frame = {"site": site_name or zone.settings.name, "home": "/", "authority": authority}
    desk = Desk(zone, sign_in or SignInSettings(), frame)
    spoken = texts or Texts.of(zone.settings.page_language, zone.settings.page_texts)
    pages = _DatasetPages(zone, provider, Datasets(provider), Downloads(provider, frame), frame)
    found = [
        *pages.routes(),
        *sign_in_routes(desk),
        *own_routes(desk, provider),
        *member_routes(desk, provider),
        *site_routes(desk, sites or (provider,)),
        *_front_routes(authority, frame),
        language_route(spoken, frame, zone.settings.zone_url),
    ]
    return [asset_route(), *attended(zone, [*found, Route("/{path:path}", _nothing_here(frame, found))], spoken)]


@dataclass(frozen=True)
class _DatasetPages:
    """Everything below /share."""

    zone: Zone
    provider: Oneprovider
    datasets: Datasets
    downloads: Downloads
    frame: Mapping[str, Any]

    def routes(self) -> list[BaseRoute]:
        handlers: list[tuple[str, Handler]] = [
            ("/share/{id}.json", self.twin),
            ("/share/{id}", self.dataset),
            ("/share/{id}/files", self.files),
            ("/share/{id}/files/{path:path}", self.files),
        ]
        verbs: list[tuple[str, Handler]] = [("content", self.content), ("tar", self.tar), ("zip", self.zip)]
        for verb, handler in verbs:
            handlers += [(f"/share/{{id}}/{verb}", handler), (f"/share/{{id}}/{verb}/{{path:path}}", handler)]
        return [
            *(Route(path, self._guarded(handler)) for path, handler in handlers),
            Route("/share/{id}/selection", self._with_body(self.selection), methods=["POST"]),
            Route("/share/{id}/archive", self._with_body(self.downloads.archive), methods=["POST"]),
        ]

    def twin(self, request: Request) -> Response:
        found = self.datasets.get(_share(request), caller_of(request))
        commands, language = self._commands(found), language_of(request)
        return json_twin(
            request, dataset_document(found, self._link(found), self.downloads.data(found), commands, language)
        )

    def dataset(self, request: Request) -> Response:
        if wants_json(request):
            return self.twin(request)
        found = self.datasets.get(_share(request), caller_of(request))
        if request.method == "GET":
            self.zone.link_rules.count_opened(found.id)
        listing = self._listing(found, Item(found.root, ()), request) if found.is_folder else {"listing": None}
        values = {
            **self._about(found, language_of(request)),
            **listing,
            "about": description_html(found.description),
            "commands": self._commands(found),
        }
        return self._page(request, "dataset.html", values)

    def files(self, request: Request) -> Response:
        share = _share(request)
        item = self.datasets.find(share, _path(request), caller_of(request))
        if wants_json(request):
            if not item.is_folder:
                return json_twin(request, item_document(share, item))
            return json_twin(request, listing_document(share, self.datasets.listing(item, _wanted(request))))
        found = self.datasets.get(share, caller_of(request))
        if item.is_folder and not item.names:
            return self.dataset(request)
        if item.is_folder:
            values = {**self._about(found, language_of(request)), **self._listing(found, item, request)}
            return self._page(request, "folder.html", values)
        values = {
            **self._about(found, language_of(request)),
            "item": item,
            "commands": self._file_commands(found, item),
        }
        return self._page(request, "file.html", values)

    def content(self, request: Request) -> Response:
        item = self.datasets.find(_share(request), _path(request), caller_of(request))
        return (
            self.downloads.to_archive(request, item, "zip")
            if item.is_folder
            else self.downloads.to_content(request, item)
        )

    def tar(self, request: Request) -> Response:
        item = self.datasets.find(_share(request), _path(request), caller_of(request))
        return (
            self.downloads.to_archive(request, item, "tar")
            if item.is_folder
            else self.downloads.to_content(request, item)
        )

    def zip(self, request: Request) -> Response:
        return self.content(request)

    def selection(self, request: Request, body: bytes) -> Response:
        found = self.datasets.get(_share(request), caller_of(request))
        selection = chosen_in(self.datasets, found, body)
        if selection is None:
            return problem_page(request, TOO_MUCH, self.frame)
        at, at_browsers = self.downloads.selection(request, found, selection)
        ways = Ways(self._link(found), self.downloads.data(found), at)
        commands = selection_commands(found, selection, ways, authority=self.frame["authority"] is not None)
        if wants_json(request):
            return json_twin(request, selection_document(found.id, selection, commands, at))
        values = {
            **self._about(found, language_of(request)),
            "selection": selection,
            "commands": commands,
            "at": at_browsers,
            "archive_name": found.folder,
            "lists": LISTS,
        }
        return self._page(request, "selection.html", values)

    def _page(self, request: Request, template: str, values: Mapping[str, object]) -> Response:
        dataset = values["dataset"]
        assert isinstance(dataset, Dataset)
        space, caller = dataset.share.space, signed_in(request)
        item = values.get("item") or getattr(values.get("listing"), "folder", None)
        known = {
            "tabs": tabs_of(self.zone, caller, space),
            "tab": "overview",
            "results": results_of(self.zone, caller, space) if template == "dataset.html" else (),
            "new_link": new_link(self.zone, caller, space, item.located.path) if isinstance(item, Item) else "",
            **values,
        }
        return html_page(request, template, known, headers=sending_forms_to(self.zone.settings.provider_url))

    def _listing(self, dataset: Dataset, folder: Item, request: Request) -> dict[str, Any]:
        listing = self.datasets.listing(folder, _wanted(request))
        return {
            "listing": listing,
            "here": item_url(dataset.id, "files", folder),
            "at": lambda position: page_url(dataset.id, listing, listing.wanted.at(position)),
            "sorted_by": lambda by: page_url(dataset.id, listing, listing.wanted.by(by)),
            "first": FIRST,
            "last": LAST,
        }

    def _about(self, dataset: Dataset, language: Language) -> dict[str, Any]:
        return {
            **self.frame,
            "dataset": dataset,
            "words": dataset_words(dataset, language),
            "version": dataset_version(dataset),
            "poll_after_s": poll_after_s(dataset),
            "data": self.downloads.data(dataset),
            "archives": self.downloads.archives(dataset),
            "readable": is_readable,
            "selectable": is_selectable,
            "url": item_url,
        }

    def _link(self, dataset: Dataset) -> str:
        return self.zone.public_url(dataset.id)

    def _commands(self, dataset: Dataset) -> tuple[Command, ...]:
        with_authority, link, data = (
            self.frame["authority"] is not None,
            self._link(dataset),
            self.downloads.data(dataset),
        )
        if not dataset.is_folder:
            return self._file_commands(dataset, Item(dataset.root, ()))
        if dataset.is_closed and not self.downloads.is_plain:
            data = self.downloads.data_of(dataset.id)
        state = dataset.archive_state
        archive = f"{data}/archive/{state}/{dataset.folder}" if data and state else ""
        offered = closed_commands if dataset.is_closed else dataset_commands
        return offered(link, dataset.folder, authority=with_authority, data=data, archive=archive)

    def _file_commands(self, dataset: Dataset, item: Item) -> tuple[Command, ...]:
        with_authority = self.frame["authority"] is not None
        if dataset.is_closed:
            name = item.quoted or quote(item.located.entry.name, safe="")
            return closed_file_commands(f"{self.downloads.data_of(dataset.id)}/files/{name}", authority=with_authority)
        link = f"{self.zone.settings.zone_url}{item_url(dataset.id, 'content', item)}"
        return file_commands(link, authority=with_authority)

    def _with_body(self, handler: Callable[[Request, bytes], Response]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            body = bytearray()
            try:
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > _MOST_BODY_BYTES:
                        return problem_page(request, TOO_MUCH, self.frame)
            except ClientDisconnect:
                return Response(b"", 400)  # nobody reads it
            content = bytes(body)
            return await anyio.to_thread.run_sync(self._guarded(lambda again: handler(again, content)), request)

        return answer

    def _guarded(self, handler: Handler) -> Handler:
        def answer(request: Request) -> Response:
            try:
                return handler(request)
            except Fs2odError as error:
                share, is_form = _share(request), request.method == "POST"
                below = bool(_path(request)) or is_form
                problem = problem_of(error, dataset=f"/share/{share}", below=below, is_form=is_form)
                if isinstance(error, (Unauthorized, Forbidden)):
                    problem = closed_problem(visitor_of(request))
                return problem_page(request, problem, self.frame)

        return answer


def _front_routes(authority: Authority | None, frame: Mapping[str, Any]) -> list[BaseRoute]:
    def front(request: Request) -> Response:
        if signed_in(request) is not None:
            return _redirect("/datasets")
        return html_page(request, "front.html", frame)

    def certificate(request: Request) -> Response:
        if authority is None:
            return problem_page(request, NO_PAGE, frame)
        headers = {**PAGE_HEADERS, "Content-Disposition": f'attachment; filename="{CA_FILE}"'}
        return Response(authority.pem, media_type="application/x-pem-file", headers=headers)

    return [Route("/", front), Route("/ca.pem", certificate)]


def _nothing_here(frame: Mapping[str, Any], routes: Sequence[BaseRoute]) -> Handler:
    def answer(request: Request) -> Response:
        if request.url.path.startswith("/api/"):
            raise HTTPException(404)  # the API's own error document is made by who mounts us
        above = page_above(request.scope, routes)
        if above:
            return _redirect(quote(above))
        return problem_page(request, NO_PAGE, frame)

    return answer


def _share(request: Request) -> ShareId:
    return ShareId(str(request.path_params["id"]))


def _path(request: Request) -> str:
    return str(request.path_params.get("path", ""))


def _wanted(request: Request) -> Wanted:
    return wanted_of(request.query_params)


def _redirect(location: str) -> Response:
    # 302, and never kept: a ticket lasts minutes, and the provider's address may change.
    return RedirectResponse(location, 302, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
