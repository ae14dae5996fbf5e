"""What a site grants: each space with its size and what it holds; raised, lowered, and ended with its data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import BaseRoute

from fs2od.node.panel import granted, granting
from fs2od.node.panel.clearances import Clearance, Clearances
from fs2od.node.panel.granted import Granted
from fs2od.onedata.errors import ServiceError
from fs2od.onedata.ids import SpaceId
from fs2od.portal._rendering import wants_twin
from fs2od.portal._sizes import NO_SIZE, size_of
from fs2od.portal._texts import language_of
from fs2od.portal.sites._counters import Counters, Form, Visit, to
from fs2od.portal.sites._words import why

__all__ = ["SpacePages"]

_AT_ONCE = 50
_MOST_PAGES = 10_000
_LONGEST_SEARCH = 200


@dataclass(frozen=True)
class SpacePages:
    """Everything below /sites/{id}/spaces."""

    counters: Counters

    def routes(self) -> list[BaseRoute]:
        """Return the routes of these pages."""
        base = "/sites/{id}/spaces"
        return [
            *self.counters.seen(base, self.every),
            *self.counters.seen(f"{base}/{{space}}", self.one),
            self.counters.pressed(f"{base}/{{space}}", self.resize),
            *self.counters.seen(f"{base}/{{space}}/end", self.ask),
            self.counters.pressed(f"{base}/{{space}}/end", self.end),
        ]

    def every(self, visit: Visit) -> Response:
        """Show the supports by the names of their spaces."""
        query = visit.request.query_params
        search, page = query.get("search", "").strip()[:_LONGEST_SEARCH], _number(query.get("page", ""))
        shelf = granted.granted(visit.provider, search=search, limit=_AT_ONCE, offset=(page - 1) * _AT_ONCE)
        has_more = page * _AT_ONCE < shelf.total

        def address(number: int, path: str = f"{visit.base}/spaces") -> str:
            words = {"search": search, "page": str(number) if number > 1 else ""}
            asked = urlencode({key: value for key, value in words.items() if value})
            return f"{path}?{asked}" if asked else path

        removed = Clearances(self.counters.zone.database).of_provider(visit.provider.record.id, limit=_AT_ONCE)
        if wants_twin(visit.request):
            following = address(page + 1, f"{visit.base}/spaces.json") if has_more else None
            document = {
                "spaces": [_document(each) for each in shelf.rows],
                "total": shelf.total,
                "next_url": following,
                "being_removed": [_removed(each) for each in removed],
            }
            return self.counters.twin(visit, document)
        values = {
            "shelf": shelf,
            "removed": removed,
            "search": search,
            "first": (page - 1) * _AT_ONCE + 1,
            "previous": address(page - 1) if page > 1 else None,
            "next": address(page + 1) if has_more else None,
        }
        return self.counters.page(visit, "site_spaces.html", "spaces", values)

    def one(self, visit: Visit) -> Response:
        """Show one support, and the form that changes its size."""
        found = granted.one(visit.provider, _space(visit))
        if wants_twin(visit.request):
            return self.counters.twin(visit, _document(found))
        return self._one(visit, found, {})

    def resize(self, visit: Visit, form: Form) -> Response:
        """Raise or lower the size of a support."""
        visit.require_update()
        found, size_bytes = granted.one(visit.provider, _space(visit)), size_of(form.get("size", ""))
        if size_bytes is None:
            return self._one(visit, found, {"said": NO_SIZE, "given": {"size": form.get("size", "")}}, status=400)
        try:
            visit.provider.supports.change(found.space, size_bytes=size_bytes)
        except ServiceError as error:
            said = why(error, language_of(visit.request))
            if said is None:
                raise
            return self._one(visit, found, {"said": said, "given": {"size": form.get("size", "")}}, status=400)
        return to(f"{visit.base}/spaces/{found.space}")

    def ask(self, visit: Visit) -> Response:
        """Say what the end of a support would mean."""
        visit.require_update()
        found = granted.ending(visit.provider, _space(visit))
        if wants_twin(visit.request):
            document = {
                **_document(found.granted),
                "is_only_support": found.is_only,
                "files": found.files,
                "bytes": found.size_bytes,
                "files_lost": found.lost_files,
            }
            return self.counters.twin(visit, document)
        return self.counters.page(visit, "site_end.html", "spaces", {"ending": found, "one": found.granted})

    def end(self, visit: Visit, _: Form) -> Response:
        """End a support."""
        visit.require_update()
        granting.end(visit.provider, _space(visit))
        return to(f"{visit.base}/spaces")

    def _one(self, visit: Visit, found: Granted, values: Mapping[str, Any], *, status: int = 200) -> Response:
        known = {"one": found, "given": {"size": ""}, **values}
        return self.counters.page(visit, "site_space.html", "spaces", known, status=status)


def _space(visit: Visit) -> SpaceId:
    return SpaceId(str(visit.request.path_params["space"]))


def _number(text: str) -> int:
    return max(1, min(int(text), _MOST_PAGES)) if text.isascii() and text.isdigit() and len(text) < 10 else 1


def _document(found: Granted) -> dict[str, Any]:
    return {
        "space_id": found.space,
        "space_name": found.name,
        "storage_id": found.storage,
        "storage_name": found.storage_name,
        "size_bytes": found.size_bytes,
        "occupied_bytes": found.occupied_bytes,
        "is_home": found.is_home,
        "failed_files": found.failed,
        "problem": found.problem or None,
    }


def _removed(known: Clearance) -> dict[str, Any]:
    return {
        "space_id": known.space,
        "space_name": known.name,
        "storage_id": known.storage,
        "storage_name": known.storage_name,
        "begun_s": known.begun_s,
        "removed": known.removed,
        "problem": known.problem,
    }
