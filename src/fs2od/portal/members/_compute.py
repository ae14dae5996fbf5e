"""A dataset at computing centres: where it is, "use here" by one press, storage asked for, the token for a job."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from fs2od.manifests import folder_name
from fs2od.node.http.endpoints import peer_ip
from fs2od.node.index.schema import ROOT
from fs2od.node.zone.job_tokens import Job, JobToken
from fs2od.node.zone.offers import SiteView
from fs2od.node.zone.provenance import Results
from fs2od.node.zone.results import Room, name_after
from fs2od.node.zone.support_requests import SupportRequest
from fs2od.onedata import errors
from fs2od.onedata.ids import ProviderId, SpaceId
from fs2od.onedata.tokens import InviteToken, InviteType, Time
from fs2od.portal._facts import parse_facts
from fs2od.portal._language import Language
from fs2od.portal._rendering import wants_twin
from fs2od.portal._results import results_of
from fs2od.portal._sentences import Sentence, sentence
from fs2od.portal._sizes import NO_SIZE, size_of, written
from fs2od.portal._texts import language_of
from fs2od.portal.members._copies import AtSite, Counting, at_sites, live_document, problem_of, said_of, state_of
from fs2od.portal.members._job_commands import JobPlaces, job_commands
from fs2od.portal.members._rooms import Form, Rooms, Visit, to
from fs2od.portal.mine._token_words import what_it_can

__all__ = ["ComputePages"]

_GB = 10**9
_MOST_GB = 10**7
_MOST_HOURS = 24 * 365
_HOURS = 72
_EXISTING = "space/"
_WRITES = "space_write_data"
_TOKEN_LASTS = timedelta(days=7)
_TAKEN = sentence("You have a token of that name already: choose another.")
_NAME = sentence(
    "A name has 2 to 128 letters, digits, brackets and underscores, with blanks, dots and hyphens only inside."
)
_NETWORK = sentence("A network is an address or a range, such as 192.0.2.7 or 192.0.2.0/24.")
_SPACE_NAME = sentence(
    "The name of the new space has 2 to 128 letters, digits, brackets and underscores, with blanks, dots and hyphens only inside."
)
_REFUSED = {"badValueIdentifierOccupied": _TAKEN, "badValueName": _NAME, "badValueCaveat": _NETWORK}
_NO_ROOM = sentence(
    "All that the site has for results is granted: remove results that nobody needs, or ask its administrators."
)
_NO_NUMBER = sentence("That is no number that makes sense here.")


@dataclass(frozen=True)
class ComputePages:
    """Everything below /space/{id}/compute."""

    rooms: Rooms
    _counting: Counting = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_counting", Counting(self.rooms.provider))

    def routes(self) -> list[BaseRoute]:
        """Return the routes of these pages."""
        base = "/space/{id}/compute"
        return [
            *self.rooms.seen(base, self.show),
            self.rooms.pressed(f"{base}/use", self.use),
            self.rooms.pressed(f"{base}/drop", self.drop),
            self.rooms.pressed(f"{base}/withdraw", self.withdraw),
            self.rooms.pressed(f"{base}/support-token", self.support_token),
            self.rooms.pressed(f"{base}/job", self.job),
        ]

    def show(self, visit: Visit) -> Response:
        """Show the sites, the requests and the forms."""
        if not wants_twin(visit.request):
            return self._page(visit, {})
        sites, requests = self._sites(visit), self._requests(visit)
        known = {at.id: at for at in self._at(visit, sites)}
        live = live_document(
            list(known.values()), _state(known, requests), self.rooms.zone.clock.now(), language_of(visit.request)
        )
        return self.rooms.twin(
            visit, {"sites": [_document(view, known.get(view.provider.id)) for view in sites], **live}
        )

    def use(self, visit: Visit, form: Form) -> Response:
        """Have the dataset copied to a site: now, or as soon as it lends the storage that it is asked for here."""
        zone, space, site = self.rooms.zone, visit.space, ProviderId(form.get("site", ""))
        zone.rights.require_space(visit.caller, space.id, "space_manage_qos")
        granted = space.supports.get(site)
        if granted is None or form.get("gigabytes"):
            size = _number(form.get("gigabytes", ""), most=_MOST_GB)
            if size is None:
                return self._page(visit, {"said": _NO_NUMBER}, status=400)
            most = zone.offers.of(site).largest_bytes
            if most is not None and size * _GB > most:
                return self._page(visit, {"said": _at_most(most, language_of(visit.request))}, status=400)
            # A conflict: it was asked already, or lends as much by now.
            with contextlib.suppress(errors.Conflict):
                zone.support_requests.ask(visit.caller, space.id, site, size * _GB, note=form.get("note", "")[:500])
        self.rooms.provider.wishes.make(visit.caller, space.id, site)
        return to(f"{visit.base}/compute")

    def drop(self, visit: Visit, form: Form) -> Response:
        """Have nothing copied to a site any more."""
        self.rooms.provider.wishes.drop(visit.caller, visit.space.id, ProviderId(form.get("site", "")))
        return to(f"{visit.base}/compute")

    def withdraw(self, visit: Visit, form: Form) -> Response:
        """Take a request back, and the wish with it that waits for nothing else."""
        zone, wishes = self.rooms.zone, self.rooms.provider.wishes
        request = form.get("request", "")
        zone.support_requests.withdraw(visit.caller, request)
        site = zone.support_requests.known(request).provider
        if site not in visit.space.supports and "space_manage_qos" in visit.standing.held:
            wishes.drop_waiting(visit.caller, visit.space.id, site)
        return to(f"{visit.base}/compute")

    def support_token(self, visit: Visit, _: Form) -> Response:
        """Make a token by which any site's administrator can support the dataset, and show it once. Copies begin with that."""
        zone, kind = self.rooms.zone, InviteToken(InviteType.SUPPORT_SPACE, visit.space.id)
        zone.rights.require_space(visit.caller, visit.space.id, "space_add_support")
        until = Time(zone.clock.now_s() + int(_TOKEN_LASTS.total_seconds()))
        token = zone.tokens.issue_temporary(visit.standing.user, kind=kind, caveats=[until])
        if "space_manage_qos" in visit.standing.held:
            self.rooms.provider.wishes.make(visit.caller, visit.space.id, None)
        return self._page(visit, {"support_token": token.reveal()})

    def job(self, visit: Visit, form: Form) -> Response:
        """Make the token for a job, and show it once with its commands."""
        hours = _number(form.get("hours", ""), most=_MOST_HOURS)
        if hours is None:
            return self._page(visit, {"said": _NO_NUMBER, "given": form}, status=400)
        site, space = _results_chosen(form.get("results", ""))
        size_bytes = size_of(form.get("results_size", ""))
        if site is not None and size_bytes is None and form.get("results_size", "").strip():
            return self._page(visit, {"said": NO_SIZE, "given": form}, status=400)
        job = Job(
            name=form.get("name", "").strip(),
            dataset=visit.space.id,
            valid_for=timedelta(hours=hours),
            networks=tuple(filter(None, re.split(r"[\s,;]+", form.get("networks", "")))),
            with_results=site is not None or space is not None,
            results=space,
            provider=site,
            results_name=form.get("results_name", "").strip() or None,
            results_bytes=size_bytes,
        )
        try:
            made = self.rooms.zone.job_tokens.make(visit.caller, job)
        except errors.ServiceError as error:
            said = _refused(error, language_of(visit.request))
            if said is None:
                raise
            return self._page(visit, {"said": said, "given": form}, status=400)
        name = "" if made.results is None else self.rooms.zone.spaces.known(made.results).name
        names = {visit.space.id: visit.space.name, made.results: name}
        can = what_it_can(
            language_of(visit.request),
            made.token.kind,
            made.token.caveats,
            name_of=lambda place: names.get(SpaceId(place), place),
            now=self.rooms.zone.clock.now(),
        )
        commands = self._commands(visit, made, form.get("runs", ""))
        return self._page(visit, {"job": made, "results_name": name, "can": can, "commands": commands})

    def _page(self, visit: Visit, values: Mapping[str, Any], *, status: int = 200) -> Response:
        zone, held, language = self.rooms.zone, visit.standing.held, language_of(visit.request)
        sites, requests = self._sites(visit), self._requests(visit)
        known = {at.id: at for at in self._at(visit, sites)}
        state = _state(known, requests)
        size_bytes = self._size(visit)
        asked = {each.provider for each in requests if each.state == "waiting"}
        wishes, user = self.rooms.provider.wishes.of_space(visit.space.id), visit.standing.user
        members = {each.user for each in wishes if zone.rights.space_privileges(each.user, visit.space.id) is not None}
        takers = [view for view in sites if view.offer.results_storage is not None and view.is_online]
        rooms = {view.provider.id: zone.results.room(view.provider.id) for view in takers}
        shown: dict[str, Any] = {
            "said": None,
            "job": None,
            "support_token": None,
            "commands": (),
            "supported": list(known.values()),
            "figures": {at.id: said_of(at, language) for at in known.values()},
            "problems": {at.id: problem_of(at, language) for at in known.values()},
            "askable": [
                view for view in sites if _is_askable(view) and view.provider.id not in {*visit.space.supports, *asked}
            ],
            "writable": self._writable(visit),
            "takers": takers,
            "most_results": {site: room.most_bytes for site, room in rooms.items()},
            "more_gb": {
                at.id: more
                for at in known.values()
                if at.id not in asked and (more := _more_gb(at, size_bytes)) and "space_add_support" in held
            },
            "gigabytes": _gigabytes(size_bytes),
            "is_growing": self._is_growing(visit),
            "requests": requests,
            "wished": {wish.provider for wish in wishes if wish.user == user},
            "wished_by_others": {wish.provider for wish in wishes if wish.user in members - {user}},
            "given": {},
            "here_ip": str(peer_ip(visit.request) or ""),
            "defaults": self._defaults(visit, known, rooms),
            "may_want": "space_manage_qos" in held,
            "may_support": "space_add_support" in held,
            "may_read": "space_read_data" in held,
            "authority": self.rooms.desk.frame["authority"],
            "live": live_document(list(known.values()), state, zone.clock.now(), language),
        }
        return self.rooms.page(visit, "compute.html", "compute", {**shown, **values}, status=status)

    def _sites(self, visit: Visit) -> list[SiteView]:
        return self.rooms.zone.offers.every(visit.caller)

    def _requests(self, visit: Visit) -> list[SupportRequest]:
        """Return the requests that wait, and the last answers of sites that declined and lend nothing."""
        found: dict[ProviderId, SupportRequest] = {}
        for each in self.rooms.zone.support_requests.of_space(visit.caller, visit.space.id):
            found.setdefault(each.provider, each)
        return [
            each
            for each in found.values()
            if each.state == "waiting" or (each.state == "declined" and each.provider not in visit.space.supports)
        ]

    def _at(self, visit: Visit, sites: list[SiteView]) -> list[AtSite]:
        shared, space = self.rooms.provider, visit.space
        if not space.supports:
            return []
        counted = self._counting.of(space.id, self.rooms.zone.clock.now_s())
        home = shared.sources.of_space(space.id).provider
        return at_sites(space, sites, shared.wishes.of_space(space.id), counted, home)

    def _size(self, visit: Visit) -> int:
        if not visit.space.supports:
            return 0
        with self.rooms.provider.indexes.using(visit.space.id) as index:
            root = index.get(ROOT)
        return root.size_bytes if root else 0

    def _writable(self, visit: Visit) -> list[Results]:
        """Return the results of the dataset that there are already, and that the visitor may add to."""
        zone, user = self.rooms.zone, visit.standing.user
        found = results_of(zone, visit.caller, visit.space.id)
        return [each for each in found if _WRITES in (zone.rights.space_privileges(user, each.space) or ())]

    def _is_growing(self, visit: Visit) -> bool:
        return bool(visit.space.supports) and (
            parse_facts(self.rooms.provider.files.json_metadata_of_space(visit.space.id)).state == "acquiring"
        )

    def _defaults(
        self, visit: Visit, known: Mapping[ProviderId, AtSite], rooms: Mapping[ProviderId, Room]
    ) -> dict[str, str]:
        """Return what the form of a job's token says before anybody has typed: this dataset, read-only, from that site's network, 72 hours.

        A new space for results is proposed as large as every site that has room for them would make it.
        """
        asked = visit.request.query_params.get("site")
        usable = [at for at in known.values() if at.view.is_online and at.stage != "lost"]
        chosen = [at for at in usable if (at.stage == "ready" if asked is None else at.id == asked)]
        runs = chosen[0].view if chosen else None
        proposed = [room.proposed_bytes for room in rooms.values() if room.most_bytes]
        return {
            "name": f"{visit.space.name[:80]} {self.rooms.zone.clock.now():%Y-%m-%d %H.%M.%S}",
            "hours": str(_HOURS),
            "networks": "" if runs is None else " ".join(runs.offer.networks),
            "runs": "" if runs is None else runs.provider.id,
            "results": f"{_EXISTING}{visit.request.query_params.get('results', '')}",
            "results_name": name_after(visit.space.name),
            "results_size": written(min(proposed)) if proposed else "",
        }

    def _commands(self, visit: Visit, made: JobToken, runs: str) -> tuple[Any, ...]:
        zone = self.rooms.zone
        site = next((view for view in self._sites(visit) if view.provider.id == runs), None)
        places = JobPlaces(
            zone=zone.settings.zone_url,
            dataset=visit.space.id,
            folder=folder_name(visit.space.name, unnamed=visit.space.id),
            results=made.results,
            site="" if site is None else site.provider.domain,
            authority=self.rooms.desk.frame["authority"] is not None,
        )
        return job_commands(places)


def _is_askable(view: SiteView) -> bool:
    return view.offer.accepts and view.is_online


def _results_chosen(text: str) -> tuple[ProviderId | None, SpaceId | None]:
    """Return the site that a new space for results is wanted at, or the space that is there already; neither for none."""
    if text.startswith(_EXISTING):
        return None, SpaceId(text.removeprefix(_EXISTING)) if text != _EXISTING else None
    return ProviderId(text) if text else None, None


def _refused(error: errors.ServiceError, language: Language) -> Sentence | None:
    """Return in one sentence what is wrong with a form of a job's token; None if it is not the form."""
    key, limit = error.details.get("key"), error.details.get("limit")
    if key == "resultsSize" and isinstance(limit, int):
        least = sentence("That is too small: it must be at least %(size)s.", size=language.bytes(limit))
        if not limit:
            return _NO_ROOM
        return least if error.error_id == "badValueTooLow" else _at_most(limit, language)
    return _SPACE_NAME if key == "resultsName" else _REFUSED.get(error.error_id)


def _at_most(size_bytes: int, language: Language) -> Sentence:
    return sentence("The site lends %(size)s at most.", size=language.bytes(size_bytes))


def _state(known: Mapping[ProviderId, AtSite], requests: list[SupportRequest]) -> str:
    return state_of(list(known.values()), tuple((each.id, each.state) for each in requests))


def _gigabytes(size_bytes: int) -> int:
    """Return how much storage is proposed for so many bytes: a little more, for checksums and the last files."""
    return max(1, -(-size_bytes * 21 // (20 * _GB)))


def _more_gb(at: AtSite, size_bytes: int) -> int | None:
    """Return how many gigabytes to ask a site for that lends too few; None where they do."""
    is_short = at.support_bytes is not None and at.stage != "home" and at.support_bytes < size_bytes
    return _gigabytes(size_bytes) if is_short and _is_askable(at.view) else None


def _document(view: SiteView, at: AtSite | None) -> dict[str, Any]:
    copies = None if at is None else at.copies
    return {
        "provider_id": view.provider.id,
        "name": view.provider.name,
        "domain": view.provider.domain,
        "online": view.is_online,
        "accepts_requests": view.offer.accepts,
        "stage": None if at is None else at.stage,
        "wanted": at is not None and at.is_wanted,
        "support_bytes": None if at is None else at.support_bytes,
        "files": None if copies is None else copies.files,
        "bytes": None if copies is None else copies.size_bytes,
        "copied_files": None if copies is None else copies.copied_files,
        "copied_bytes": None if copies is None else copies.copied_bytes,
        "bytes_per_second": None if copies is None else round(copies.bytes_s),
        "seconds_left": None if copies is None or copies.left_s is None else round(copies.left_s),
        "failed_files": None if copies is None else copies.failed,
        "problem": None if copies is None else copies.problem,
    }


def _number(text: str, *, most: int) -> int | None:
    given = text.strip()
    number = int(given) if given.isdecimal() and len(given) < 12 else 0
    return number if 1 <= number <= most else None
