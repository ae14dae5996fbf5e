"""Links to a dataset or a part of it: what each shows, for whom and until when, how much it was used; made, changed, ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from starlette.responses import Response
from starlette.routing import BaseRoute

from fs2od.node.provider.located import Need
from fs2od.node.zone.link_rules import Link, Rule
from fs2od.node.zone.shares import RootType, Share
from fs2od.onedata import errors
from fs2od.onedata.ids import ShareId, space_root_uuid
from fs2od.portal._rendering import wants_twin
from fs2od.portal._sentences import Sentence, sentence
from fs2od.portal.members._days import day_shown, last_day_shown, rule_given
from fs2od.portal.members._rooms import Form, Rooms, Visit, to
from fs2od.storage import Kind

__all__ = ["LinkPages"]

State = Literal["public", "members", "embargo", "ended"]


@dataclass(frozen=True)
class SeenLink:
    """A link as the page shows it; `path` is what it shows, from the dataset's top on, None where that is gone."""

    share: Share
    link: Link
    url: str
    path: str | None
    state: State
    is_main: bool
    now: datetime

    @property
    def opened(self) -> int:
        """How often it was opened."""
        return self.link.opened

    @property
    def sent_bytes(self) -> int:
        """How many bytes left through it."""
        return self.link.sent_bytes

    @property
    def opens(self) -> datetime | None:
        """When it opens, while it has not."""
        begins = _moment(self.link.effective.from_s)
        return begins if begins is not None and begins > self.now else None

    @property
    def ends(self) -> datetime | None:
        """When it ends, while it has not."""
        end = _moment(self.link.effective.until_s)
        return end if end is not None and end > self.now else None

    @property
    def ended(self) -> datetime | None:
        """When it ended."""
        end = _moment(self.link.effective.until_s)
        return end if end is not None and end <= self.now else None


@dataclass(frozen=True)
class LinkPages:
    """Everything about links."""

    rooms: Rooms

    def routes(self) -> list[BaseRoute]:
        """Return the routes of these pages."""
        rooms, base = self.rooms, "/space/{id}/links"
        return [
            *rooms.seen(base, self.links),
            rooms.pressed("/space/{id}/link-rule", self.change_rule),
            rooms.asked(f"{base}/new", self.ask_new),
            rooms.pressed(f"{base}/new", self.make),
            rooms.asked(f"{base}/{{share}}", self.ask_change),
            rooms.pressed(f"{base}/{{share}}", self.change),
            rooms.asked(f"{base}/{{share}}/end", self.ask_end),
            rooms.pressed(f"{base}/{{share}}/end", self.end),
        ]

    def links(self, visit: Visit) -> Response:
        """Show all links of the dataset."""
        if not wants_twin(visit.request):
            return self._show(visit)
        rule = self.rooms.zone.link_rules.of_space(visit.caller, visit.space.id)
        found = [_document(each) for each in self._seen(visit)]
        return self.rooms.twin(visit, {"links": found, "rule": _rule_document(rule)})

    def change_rule(self, visit: Visit, form: Form) -> Response:
        """Change what holds for all links."""
        rules = self.rooms.zone.link_rules
        try:
            before = rules.of_space(visit.caller, visit.space.id)
            rules.set_for_space(visit.caller, visit.space.id, _rule(form, before))
        except errors.Rejected as error:
            return self._show(visit, said=_said(error), given=form, status=400)
        return to(f"{visit.base}/links")

    def ask_new(self, visit: Visit) -> Response:
        """Ask what a new link shall be."""
        self._require_manage(visit)
        path = visit.request.query_params.get("path", "")
        self.rooms.provider.access.locate_path(visit.caller, visit.space.id, _names(path), Need.MANAGE)
        name = _suggested(path.rpartition("/")[2] or visit.space.name)
        return self._form(visit, path, {"name": name, "audience": "public", "from": "", "until": ""})

    def make(self, visit: Visit, form: Form) -> Response:
        """Make a link."""
        provider, path = self.rooms.provider, form.get("path", "")
        self._require_manage(visit)
        located = provider.access.locate_path(visit.caller, visit.space.id, _names(path), Need.MANAGE)
        kind: RootType = "dir" if located.entry.kind is Kind.DIRECTORY else "file"
        try:
            rule = _rule(form, None)
            self.rooms.zone.shares.create(visit.caller, located.ref, kind, form.get("name", "").strip(), rule=rule)
        except errors.Rejected as error:
            return self._form(visit, path, form, said=_said(error), status=400)
        return to(f"{visit.base}/links")

    def ask_change(self, visit: Visit) -> Response:
        """Show what a link is, to be changed."""
        self._require_manage(visit)
        found = self._one(visit)
        given = {"name": found.share.name, **_given(found.link.own)}
        return self._form(visit, found.path or "", given, share=found.share)

    def change(self, visit: Visit, form: Form) -> Response:
        """Change a link's name and its own rule."""
        zone, found, name = self.rooms.zone, self._one(visit), form.get("name", "").strip()
        try:
            rule = _rule(form, found.link.own)
            if name != found.share.name:
                zone.shares.change(visit.caller, found.share.id, name=name, description=None)
            if rule != found.link.own:
                zone.link_rules.set_for_share(visit.caller, found.share.id, rule, label=found.link.label)
        except errors.Rejected as error:
            return self._form(visit, found.path or "", form, share=found.share, said=_said(error), status=400)
        return to(f"{visit.base}/links")

    def ask_end(self, visit: Visit) -> Response:
        """Ask before a link is ended."""
        self._require_manage(visit)
        return self.rooms.page(visit, "link_end.html", "links", {"link": self._one(visit)})

    def end(self, visit: Visit, _: Form) -> Response:
        """End a link, at once."""
        self.rooms.zone.shares.end(visit.caller, self._one(visit).share.id)
        return to(f"{visit.base}/links")

    def _show(self, visit: Visit, *, said: str = "", given: Form | None = None, status: int = 200) -> Response:
        rule = self.rooms.zone.link_rules.of_space(visit.caller, visit.space.id)
        held = visit.standing.held
        values = {
            "links": self._seen(visit),
            "rule": rule,
            "may_manage": "space_manage_shares" in held,
            "may_rule": {"space_manage_shares", "space_update"} <= held,
            "given": {**_given(rule), **(given or {})},
            "said": said,
        }
        return self.rooms.page(visit, "links.html", "links", values, status=status)

    def _form(
        self,
        visit: Visit,
        path: str,
        given: Form,
        *,
        share: Share | None = None,
        said: str = "",
        status: int = 200,
    ) -> Response:
        values = {
            "share": share,
            "path": path,
            "given": {"name": "", **_given(Rule()), **given},
            "said": said,
            "action": f"{visit.base}/links/{'new' if share is None else share.id}",
        }
        return self.rooms.page(visit, "link_form.html", "links", values, status=status)

    def _require_manage(self, visit: Visit) -> None:
        if "space_manage_shares" not in visit.standing.held:
            raise errors.forbidden()

    def _one(self, visit: Visit) -> SeenLink:
        wanted = ShareId(str(visit.request.path_params["share"]))
        for found in self._seen(visit):
            if found.share.id == wanted:
                return found
        raise errors.not_found()

    def _seen(self, visit: Visit) -> list[SeenLink]:
        zone, space, now = self.rooms.zone, visit.space.id, self.rooms.zone.clock.now()
        shares = zone.shares.of_space(visit.caller, space)
        known = zone.link_rules.of_links(visit.caller, space)
        top = space_root_uuid(space)
        main = next((each.id for each in shares if each.root.uuid == top), None)
        return [
            SeenLink(
                share=each,
                link=known[each.id],
                url=zone.public_url(each.id),
                path=self._path(each),
                state=known[each.id].effective.closed_because(int(now.timestamp())) or "public",
                is_main=each.id == main,
                now=now,
            )
            for each in shares
            if each.id in known
        ]

    def _path(self, share: Share) -> str | None:
        if share.root.uuid == space_root_uuid(share.space):
            return ""
        if not self.rooms.zone.providers.supporting(share.space):
            return None
        with self.rooms.provider.indexes.using(share.space) as index:
            entry = index.find(share.root.uuid)
            return None if entry is None else index.path(entry)


def _rule(form: Form, before: Rule | None) -> Rule:
    return rule_given(form.get("audience", ""), form.get("from", ""), form.get("until", ""), before=before)


def _given(rule: Rule) -> dict[str, str]:
    return {"audience": rule.audience, "from": day_shown(rule.from_s), "until": last_day_shown(rule.until_s)}


def _names(path: str) -> list[str]:
    """Return the names in a path; one that leads upwards names nothing."""
    names = path.split("/") if path else []
    if any(name in ("", ".", "..") for name in names):
        raise errors.posix("enoent")
    return names


def _suggested(name: str) -> str:
    """Return a name that a link may have, made of a file's."""
    kept = "".join(each if each.isalnum() or each in "()[]_-. " else "_" for each in name).strip("-. ")
    return kept[:128].strip("-. ") if len(kept) > 1 else f"{kept or 'link'}_"


def _moment(at_s: int | None) -> datetime | None:
    return None if at_s is None else datetime.fromtimestamp(at_s, UTC)


def _document(link: SeenLink) -> Mapping[str, Any]:
    return {
        "id": link.share.id,
        "name": link.share.name,
        "url": link.url,
        "path": link.path,
        "state": link.state,
        "is_main": link.is_main,
        "rule": _rule_document(link.link.own),
        "in_force": _rule_document(link.link.effective),
        "opened": link.opened,
        "bytes": link.sent_bytes,
    }


def _rule_document(rule: Rule) -> Mapping[str, Any]:
    return {"audience": rule.audience, "from": rule.from_s, "until": rule.until_s}


_SAID: Mapping[str, Sentence] = {
    "name": sentence(
        "A link's name has 2 to 128 letters, digits, brackets and underscores, with blanks, dots and hyphens inside."
    ),
    "from": sentence("The day on which it opens is no day: it looks like 2026-11-05."),
    "until": sentence("The last day is no day, or lies before the day on which it opens."),
}


def _said(error: errors.Rejected) -> str:
    return _SAID.get(str(error.details.get("key", "")), error.description)
