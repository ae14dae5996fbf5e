"""The pages of the zone's origin: a dataset by its public link, its folders and files, and what surrounds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from fs2od.errors import Fs2odError
from fs2od.node.provider.provider import Oneprovider
from fs2od.node.zone.zone import Zone
from fs2od.onedata.ids import ShareId
from fs2od.portal._commands import CA_FILE, Authority, Command, dataset_commands, file_commands
from fs2od.portal._datasets import Dataset, Item, PublicDatasets, is_readable
from fs2od.portal._documents import (
    dataset_document,
    dataset_version,
    dataset_words,
    item_document,
    item_url,
    listing_document,
    page_query,
    poll_after_s,
)
from fs2od.portal._markdown import description_html
from fs2od.portal._names import NAMES
from fs2od.portal._paging import Position
from fs2od.portal._problems import NO_PAGE, problem_of, problem_page
from fs2od.portal._rendering import PAGE_HEADERS, asset_route, html_page, json_twin, wants_json
from fs2od.portal._words import folder_name

__all__ = ["public_pages"]

# Finding out what state a dataset has costs a look at each of its files: 50 ms for so many.
_MOST_PLANNED = 10_000

Handler = Callable[[Request], Response]


def public_pages(
    zone: Zone, provider: Oneprovider, *, ca_pem: bytes | None = None, site_name: str = ""
) -> list[BaseRoute]:
    """Return the routes of the pages that everybody may see, for the zone's origin.

    The last one answers whatever else is asked for, so hand them in last.

    Args:
        zone: The zone whose shares are shown.
        provider: The provider that serves their files.
        ca_pem: The certificate of the node's own authority, if it has one: commands then name it, and /ca.pem offers it.
        site_name: What stands at the top of every page; by default the node's name.

    Raises:
        ValueError: `ca_pem` is no certificate.
    """
    authority = None if ca_pem is None else Authority.of_pem(ca_pem)
    frame = {"site": site_name or zone.settings.name, "home": "/", "authority": authority}
    pages = _DatasetPages(zone, provider, PublicDatasets(provider), frame)
    return [
        asset_route(),
        *pages.routes(),
        *_front_routes(zone, authority, frame),
        Route(f"/{{path:{NAMES}}}", _nothing_here(frame)),
    ]


@dataclass(frozen=True)
class _DatasetPages:
    """Everything below /share."""

    zone: Zone
    provider: Oneprovider
    datasets: PublicDatasets
    frame: Mapping[str, Any]

    def routes(self) -> list[BaseRoute]:
        handlers: list[tuple[str, Handler]] = [
            ("/share/{id}.json", self.twin),
            ("/share/{id}", self.dataset),
            ("/share/{id}/files", self.files),
            (f"/share/{{id}}/files/{{path:{NAMES}}}", self.files),
            ("/share/{id}/content", self.content),
            (f"/share/{{id}}/content/{{path:{NAMES}}}", self.content),
            ("/share/{id}/tar", self.tar),
            (f"/share/{{id}}/tar/{{path:{NAMES}}}", self.tar),
        ]
        return [Route(path, self._guarded(handler)) for path, handler in handlers]

    def twin(self, request: Request) -> Response:
        found = self.datasets.get(_share(request))
        return json_twin(request, dataset_document(found, self._link(found), self._commands(found)))

    def dataset(self, request: Request) -> Response:
        if wants_json(request):
            return self.twin(request)
        found = self.datasets.get(_share(request))
        top = Item(found.root, ())
        listing = self._listing(found, top, request) if found.is_folder else {"page": None}
        values = {
            **self._about(found),
            **listing,
            "about": description_html(found.description),
            "commands": self._commands(found),
        }
        return html_page(request, "dataset.html", values)

    def files(self, request: Request) -> Response:
        share = _share(request)
        item = self.datasets.find(share, _path(request))
        if wants_json(request):
            if not item.is_folder:
                return json_twin(request, item_document(share, item))
            return json_twin(request, listing_document(share, item, self.datasets.children(item, _position(request))))
        found = self.datasets.get(share)
        if item.is_folder and not item.names:
            return self.dataset(request)
        if item.is_folder:
            return html_page(request, "folder.html", {**self._about(found), **self._listing(found, item, request)})
        link = f"{self.zone.settings.zone_url}{item_url(share, 'content', item)}"
        commands = file_commands(link, authority=self.frame["authority"] is not None)
        return html_page(request, "file.html", {**self._about(found), "item": item, "commands": commands})

    def content(self, request: Request) -> Response:
        item = self.datasets.find(_share(request), _path(request))
        return self._to_tar(item) if item.is_folder else self._to_content(item)

    def tar(self, request: Request) -> Response:
        item = self.datasets.find(_share(request), _path(request))
        return self._to_tar(item) if item.is_folder else self._to_content(item)

    def _to_tar(self, item: Item) -> Response:
        ticket = self.provider.tickets.issue(item.located)
        return _redirect(f"{self.zone.settings.provider_url}/download/{ticket}")

    def _to_content(self, item: Item) -> Response:
        base = f"{self.zone.settings.provider_url}/api/v3/oneprovider/data"
        return _redirect(f"{base}/{item.located.file_id}/content")

    def _listing(self, dataset: Dataset, folder: Item, request: Request) -> dict[str, Any]:
        page = self.datasets.children(folder, _position(request))
        return {"folder": folder, "page": page, "here": item_url(dataset.id, "files", folder)}

    def _about(self, dataset: Dataset) -> dict[str, Any]:
        return {
            **self.frame,
            "dataset": dataset,
            "words": dataset_words(dataset),
            "version": dataset_version(dataset),
            "poll_after_s": poll_after_s(dataset),
            "readable": is_readable,
            "url": item_url,
            "query": lambda position: urlencode(page_query(position)),
        }

    def _link(self, dataset: Dataset) -> str:
        return self.zone.public_url(dataset.id)

    def _commands(self, dataset: Dataset) -> tuple[Command, ...]:
        with_authority = self.frame["authority"] is not None
        if not dataset.is_folder:
            return file_commands(f"{self._link(dataset)}/content", authority=with_authority)
        settings, link = self.zone.settings, self._link(dataset)
        if settings.plain:
            return dataset_commands(link, dataset.title, authority=with_authority)
        data = f"{settings.provider_url}/share/{dataset.id}"
        archive = self._archive(dataset, data)
        return dataset_commands(link, dataset.title, authority=with_authority, data=data, archive=archive)

    def _archive(self, dataset: Dataset, data: str) -> str:
        """Return the address of an archive of the present state, without its suffix; nothing where that would take long."""
        if dataset.files > _MOST_PLANNED:
            return ""
        state = self.provider.archives.present(dataset.root, (), "tar").state
        return f"{data}/archive/{state}/{folder_name(dataset.title)}"

    def _guarded(self, handler: Handler) -> Handler:
        def answer(request: Request) -> Response:
            try:
                return handler(request)
            except Fs2odError as error:
                share, below = _share(request), bool(_path(request))
                problem = problem_of(error, dataset=f"/share/{share}", below=below)
                return problem_page(request, problem, self.frame)

        return answer


def _front_routes(zone: Zone, authority: Authority | None, frame: Mapping[str, Any]) -> list[BaseRoute]:
    def front(request: Request) -> Response:
        return html_page(request, "front.html", frame)

    def join(request: Request) -> Response:
        call = f"'{zone.settings.zone_url}/api/v3/onezone/user/groups/join'"
        trust = f" --cacert {CA_FILE}" if authority else ""
        line = f"curl -f{trust} -H @header.txt -H 'Content-Type: application/json' -d @join.json {call}"
        return html_page(request, "join.html", {**frame, "command": Command("curl", line)})

    def certificate(request: Request) -> Response:
        if authority is None:
            return problem_page(request, NO_PAGE, frame)
        headers = {**PAGE_HEADERS, "Content-Disposition": f'attachment; filename="{CA_FILE}"'}
        return Response(authority.pem, media_type="application/x-pem-file", headers=headers)

    return [Route("/", front), Route("/join", join), Route("/ca.pem", certificate)]


def _nothing_here(frame: Mapping[str, Any]) -> Handler:
    def answer(request: Request) -> Response:
        if request.url.path.startswith("/api/"):
            raise HTTPException(404)  # the API's own error document is made by who mounts us
        return problem_page(request, NO_PAGE, frame)

    return answer


def _share(request: Request) -> ShareId:
    return ShareId(str(request.path_params["id"]))


def _path(request: Request) -> str:
    return str(request.path_params.get("path", ""))


def _position(request: Request) -> Position:
    skipped = request.query_params.get("skipped", "")
    return Position(
        after=request.query_params.get("after"),
        before=request.query_params.get("before"),
        skipped=int(skipped) if skipped.isascii() and skipped.isdecimal() and len(skipped) < 10 else 0,
    )


def _redirect(location: str) -> Response:
    # 302, and never kept: a ticket lasts minutes, and the provider's address may change.
    return RedirectResponse(location, 302, headers={"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
