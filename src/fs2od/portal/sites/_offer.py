"""What a site offers to those who look for storage, and the form that says it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from fs2od.node.zone.offers import Offer
from fs2od.onedata.errors import ServiceError
from fs2od.onedata.ids import StorageId
from fs2od.portal._rendering import wants_twin
from fs2od.portal._sentences import sentence
from fs2od.portal._sizes import NO_SIZE, size_of, written
from fs2od.portal.sites._counters import Counters, Form, Visit, to

__all__ = ["OfferPages"]

_LONGEST_HINT = 500
_MOST_NETWORKS = 20
_FIELDS = ("accepts", "largest", "hint", "results", "results_total", "networks")
_REFUSED = {
    "badValueString": sentence("A network is written as 192.0.2.0/24 or 2001:db8::/32."),
    "badValueIdNotFound": sentence("Results cannot be written to this storage: choose another."),
}


@dataclass(frozen=True)
class OfferPages:
    """The page of a site's offer."""

    counters: Counters

    def routes(self) -> list[BaseRoute]:
        """Return the routes of this page."""
        base = "/sites/{id}/offer"
        return [*self.counters.seen(base, self.show), self.counters.pressed(base, self.say)]

    def show(self, visit: Visit) -> Response:
        """Show the offer."""
        zone, site = self.counters.zone, visit.provider.record.id
        offer = zone.offers.of(site)
        if wants_twin(visit.request):
            document = {
                "accepts": offer.accepts,
                "largest_bytes": offer.largest_bytes,
                "hint": offer.hint,
                "results_storage_id": offer.results_storage,
                "results_total_bytes": offer.results_total_bytes,
                "results_granted_bytes": zone.results.room(site).granted_bytes,
                "networks": list(offer.networks),
            }
            return self.counters.twin(visit, document)
        given = {
            "accepts": "1" if offer.accepts else "",
            "largest": written(offer.largest_bytes) if offer.largest_bytes else "",
            "hint": offer.hint,
            "results": offer.results_storage or "",
            "results_total": written(offer.results_total_bytes) if offer.results_total_bytes else "",
            "networks": " ".join(offer.networks),
        }
        return self._page(visit, given)

    def say(self, visit: Visit, form: Form) -> Response:
        """Say what the site offers."""
        sizes = {key: size_of(form.get(key, "")) for key in ("largest", "results_total")}
        if any(form.get(key, "").strip() and size is None for key, size in sizes.items()):
            return self._page(visit, form, said=NO_SIZE)
        offer = Offer(
            accepts=bool(form.get("accepts")),
            largest_bytes=sizes["largest"],
            hint=form.get("hint", "").strip()[:_LONGEST_HINT],
            results_storage=StorageId(form["results"]) if form.get("results") else None,
            networks=tuple(filter(None, re.split(r"[\s,;]+", form.get("networks", ""))))[:_MOST_NETWORKS],
            results_total_bytes=sizes["results_total"],
        )
        try:
            self.counters.zone.offers.set(visit.caller, visit.provider.record.id, offer)
        except ServiceError as error:
            if error.error_id not in _REFUSED:
                raise
            return self._page(visit, form, said=_REFUSED[error.error_id])
        return to(f"{visit.base}/offer?said=1")

    def _page(self, visit: Visit, given: Mapping[str, str], *, said: str | None = None) -> Response:
        values: dict[str, Any] = {
            "given": {**dict.fromkeys(_FIELDS, ""), **given},
            "said": said,
            "is_said": said is None and "said" in visit.request.query_params,
            "storages": visit.writable(),
            "room": self.counters.zone.results.room(visit.provider.record.id),
        }
        return self.counters.page(visit, "site_offer.html", "offer", values, status=400 if said else 200)
