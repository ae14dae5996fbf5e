"""A site's storages: where they are, what they have granted and have left, whether they work, and trying them again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from fs2od.node.panel import granted
from fs2od.node.panel.granted import Room
from fs2od.node.panel.storage_records import Bucket, StorageRecord
from fs2od.node.panel.storages import Trial
from fs2od.onedata.ids import StorageId
from fs2od.portal._rendering import wants_twin
from fs2od.portal._words import iso_of_s
from fs2od.portal.sites._counters import Counters, Form, Visit, to

__all__ = ["StoragePages"]


@dataclass(frozen=True)
class Shown:
    """One storage as the page shows it; `direct` is where members read straight from it, "" if they do not."""

    record: StorageRecord
    address: str
    direct: str
    room: Room
    trial: Trial | None


@dataclass(frozen=True)
class StoragePages:
    """Everything below /sites/{id}/storages."""

    counters: Counters

    def routes(self) -> list[BaseRoute]:
        """Return the routes of these pages."""
        base = "/sites/{id}/storages"
        return [
            *self.counters.seen(base, self.every),
            self.counters.pressed(f"{base}/{{storage}}/try", self.try_again),
        ]

    def every(self, visit: Visit) -> Response:
        """Show the storages."""
        rooms, provider = granted.of_storages(visit.provider), visit.provider
        found = [
            Shown(
                each,
                _address(each),
                _direct(each),
                granted.room(each, rooms.get(each.id, Room())),
                provider.storages.trial(each.id),
            )
            for each in visit.storages()
        ]
        if wants_twin(visit.request):
            return self.counters.twin(visit, {"storages": [_document(each) for each in found]})
        return self.counters.page(visit, "site_storages.html", "storages", {"storages": found})

    def try_again(self, visit: Visit, _: Form) -> Response:
        """Try a storage again, and show what was found."""
        visit.require_update()
        storage = StorageId(str(visit.request.path_params["storage"]))
        visit.provider.storages.tried(storage)
        return to(f"{visit.base}/storages")


def _address(record: StorageRecord) -> str:
    place = record.place
    return f"{place.endpoint}/{place.name}" if isinstance(place, Bucket) else str(place)


def _direct(record: StorageRecord) -> str:
    place = record.place
    return (place.given_endpoint or place.endpoint) if isinstance(place, Bucket) and place.direct else ""


def _document(shown: Shown) -> dict[str, Any]:
    record, trial = shown.record, shown.trial
    failure = None if trial is None else trial.failure
    return {
        "storage_id": record.id,
        "name": record.name,
        "type": record.type,
        "address": shown.address,
        "direct": shown.direct or None,
        "imported": record.imported,
        "readonly": record.readonly,
        "spaces": shown.room.spaces,
        "granted_bytes": shown.room.granted_bytes,
        "free_bytes": shown.room.free_bytes,
        "total_bytes": shown.room.total_bytes,
        "tried": None if trial is None else iso_of_s(trial.at_s),
        "keeps_versions": None if trial is None else trial.keeps_versions,
        "works": None if trial is None else failure is None,
        "problem": None if failure is None else f"{failure.operation}: {failure.reason}",
    }
