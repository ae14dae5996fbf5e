"""A dataset at computing centres: which sites support it and how much they hold, storage asked for, the token for a job."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from fs2od.node.index import replicas
from fs2od.node.zone.job_tokens import Job, JobToken
from fs2od.node.zone.offers import SiteView
from fs2od.onedata import errors
from fs2od.onedata.ids import ProviderId
from fs2od.onedata.tokens import InviteToken, InviteType, Time
from fs2od.portal._sentences import sentence
from fs2od.portal.members._rooms import Form, Rooms, Visit, json_wanted, to
from fs2od.portal.mine._token_commands import token_commands

__all__ = ["ComputePages"]

_GB = 10**9
_MOST_GB = 10**7
_MOST_HOURS = 24 * 365
_TOKEN_LASTS = timedelta(days=7)
_TAKEN = sentence("You have a token of that name already: choose another.")
_NO_NUMBER = sentence("That is no number that makes sense here.")


@dataclass(frozen=True)
class ComputePages:
    """Everything below /space/{id}/compute."""

    rooms: Rooms

    def routes(self) -> list[BaseRoute]:
        """Return the routes of these pages."""
        base = "/space/{id}/compute"
        return [
            *self.rooms.seen(base, self.show),
            self.rooms.pressed(f"{base}/request", self.request),
            self.rooms.pressed(f"{base}/withdraw", self.withdraw),
            self.rooms.pressed(f"{base}/support-token", self.support_token),
            self.rooms.pressed(f"{base}/job", self.job),
        ]

    def show(self, visit: Visit) -> Response:
        """Show the sites, the requests and the forms."""
        if json_wanted(visit.request):
            sites = [
                {
                    "provider_id": view.provider.id,
                    "name": view.provider.name,
                    "domain": view.provider.domain,
                    "online": view.is_online,
                    "accepts_requests": view.offer.accepts,
                    **self._held(visit, view),
                }
                for view in self._sites(visit)
            ]
            return self.rooms.twin(visit, {"sites": sites})
        return self._page(visit, {})

    def request(self, visit: Visit, form: Form) -> Response:
        """Ask a site for storage."""
        size = _number(form.get("gigabytes", ""), most=_MOST_GB)
        if size is None:
            return self._page(visit, {"said": _NO_NUMBER}, status=400)
        self.rooms.zone.support_requests.ask(
            visit.caller, visit.space.id, ProviderId(form.get("site", "")), size * _GB, note=form.get("note", "")[:500]
        )
        return to(f"{visit.base}/compute")

    def withdraw(self, visit: Visit, form: Form) -> Response:
        """Take a request back."""
        self.rooms.zone.support_requests.withdraw(visit.caller, form.get("request", ""))
        return to(f"{visit.base}/compute")

    def support_token(self, visit: Visit, _: Form) -> Response:
        """Make a token by which any site's administrator can support the dataset, and show it once."""
        zone, kind = self.rooms.zone, InviteToken(InviteType.SUPPORT_SPACE, visit.space.id)
        zone.rights.require_space(visit.caller, visit.space.id, "space_add_support")
        until = Time(zone.clock.now_s() + int(_TOKEN_LASTS.total_seconds()))
        token = zone.tokens.issue_temporary(visit.standing.user, kind=kind, caveats=[until])
        return self._page(visit, {"support_token": token.reveal()})

    def job(self, visit: Visit, form: Form) -> Response:
        """Make the token for a job, and show it once with its commands."""
        hours = _number(form.get("hours", ""), most=_MOST_HOURS)
        if hours is None:
            return self._page(visit, {"said": _NO_NUMBER}, status=400)
        site = form.get("results", "")
        job = Job(
            name=form.get("name", "").strip(),
            dataset=visit.space.id,
            valid_for=timedelta(hours=hours),
            networks=tuple(filter(None, re.split(r"[\s,;]+", form.get("networks", "")))),
            with_results=bool(site),
            provider=ProviderId(site) if site else None,
        )
        try:
            made = self.rooms.zone.job_tokens.make(visit.caller, job)
        except errors.ServiceError as error:
            if error.error_id != "badValueIdentifierOccupied":
                raise
            return self._page(visit, {"said": _TAKEN}, status=400)
        return self._page(visit, {"job": made, "commands": self._commands(visit, made)})

    def _page(self, visit: Visit, values: Mapping[str, Any], *, status: int = 200) -> Response:
        zone, held = self.rooms.zone, visit.standing.held
        sites = self._sites(visit)
        supported = [(view, self._held(visit, view)) for view in sites if view.provider.id in visit.space.supports]
        known: dict[str, Any] = {
            "said": None,
            "job": None,
            "support_token": None,
            "commands": (),
            "supported": supported,
            "askable": [view for view in sites if view.offer.accepts and view.is_online],
            "takers": [view for view in sites if view.offer.results_storage is not None and view.is_online],
            "requests": zone.support_requests.of_space(visit.caller, visit.space.id)[:20],
            "may_support": "space_add_support" in held,
            "may_read": "space_read_data" in held,
            "authority": self.rooms.desk.frame["authority"],
        }
        return self.rooms.page(visit, "compute.html", "compute", {**known, **values}, status=status)

    def _sites(self, visit: Visit) -> list[SiteView]:
        return self.rooms.zone.offers.every(visit.caller)

    def _held(self, visit: Visit, view: SiteView) -> dict[str, Any]:
        """Return how much of the dataset a site holds: all at its home, elsewhere what was copied and checked."""
        space, provider = visit.space.id, view.provider.id
        size_bytes = visit.space.supports.get(provider)
        if size_bytes is None:
            return {"support_bytes": None}
        shared = self.rooms.provider
        home = shared.sources.of_space(space)
        with shared.indexes.using(space) as index:
            if home.provider == provider:
                root = index.lookup([])
                files, held = (root.files, root.size_bytes) if root else (0, 0)
                return {"support_bytes": size_bytes, "is_home": True, "files": files, "bytes": held}
            found = [
                replicas.counts(index, storage.id)
                for storage in shared.storages.of_space(space)
                if storage.provider == provider
            ]
        files = sum(each.replicated_files for each in found)
        held = sum(each.replicated_bytes for each in found)
        return {"support_bytes": size_bytes, "is_home": False, "files": files, "bytes": held}

    def _commands(self, visit: Visit, made: JobToken) -> tuple[Any, ...]:
        settings = self.rooms.zone.settings
        return token_commands(
            zone=settings.zone_url,
            provider=settings.provider_url,
            place=visit.space.id,
            folder="dataset",
            root="",
            with_data=made.token is not None,
            authority=self.rooms.desk.frame["authority"] is not None,
        )


def _number(text: str, *, most: int) -> int | None:
    given = text.strip()
    number = int(given) if given.isdecimal() and len(given) < 12 else 0
    return number if 1 <= number <= most else None
