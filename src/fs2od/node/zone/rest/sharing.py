"""Invites and links beyond Onedata, below /fs2od/; none of it with `plain`. Described in docs/reference/sharing.md."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from msgspec import UNSET

from fs2od.node.http import Answer, Call, Endpoint, created, done, json_answer
from fs2od.node.zone.invite_book import DEFAULT_USES, DEFAULT_VALID_FOR
from fs2od.node.zone.invite_memory import InviteRecord, Joined
from fs2od.node.zone.link_rules import Link, Rule
from fs2od.node.zone.rest.given import understood
from fs2od.node.zone.tokens import NamedToken
from fs2od.node.zone.zone import Zone
from fs2od.onedata import privileges, wire
from fs2od.onedata.ids import ShareId, SpaceId, TokenId
from fs2od.onedata.tokens import InviteToken, InviteType
from fs2od.onedata.wire import sharing as ours
from fs2od.onedata.wire.results import ResultsOfDataset, ResultsSpace

__all__ = ["endpoints"]

_Noun = Literal["group", "space"]
_TYPES = {
    ("group", "user"): InviteType.USER_JOIN_GROUP,
    ("group", "group"): InviteType.GROUP_JOIN_GROUP,
    ("space", "user"): InviteType.USER_JOIN_SPACE,
    ("space", "group"): InviteType.GROUP_JOIN_SPACE,
}


def endpoints(zone: Zone) -> list[Endpoint]:
    """Return the endpoints of this noun; none with `plain`."""
    if zone.settings.plain:
        return []
    return [*_invites_to(zone, "group"), *_invites_to(zone, "space"), *_invites(zone), *_links(zone), *_results(zone)]


def _invites_to(zone: Zone, noun: _Noun) -> list[Endpoint]:
    def make(call: Call) -> Answer:
        zone.rights.require_user(call.caller)
        request = call.read(ours.InviteRequest)
        parse: Any = privileges.parse_group_privileges if noun == "group" else privileges.parse_space_privileges
        made = zone.invite_book.make(
            call.caller,
            InviteToken(_TYPES[noun, request.joins], call.path("id")),
            label=request.label,
            privileges=[str(each) for each in parse(list(request.privileges))],
            made_by="api",
            address=request.address,
            **_limits(request),
        )
        return _made(zone, made)

    def list_(call: Call) -> Answer:
        found = zone.invite_book.of_target(call.caller, noun, call.path("id"))
        return json_answer(ours.Invites(invites=tuple(map(_document, found))))

    path = f"/fs2od/{noun}s/{{id}}/invites"
    return [
        Endpoint("POST", path, f"fs2od_create_{noun}_invite", make),
        Endpoint("GET", path, f"fs2od_list_{noun}_invites", list_),
    ]


def _results(zone: Zone) -> list[Endpoint]:
    def list_(call: Call) -> Answer:
        found = zone.provenance.results_of(call.caller, SpaceId(call.path("id")))
        document = ResultsOfDataset(
            results=tuple(ResultsSpace(space_id=each.space, name=each.name, noted=each.noted_s) for each in found)
        )
        return json_answer(document)

    return [Endpoint("GET", "/fs2od/spaces/{id}/results", "fs2od_list_results", list_)]


def _invites(zone: Zone) -> list[Endpoint]:
    def preview(call: Call) -> Answer:
        token = understood(call.read(wire.TokenDocument).token)
        seen = zone.invite_previews.preview(call.caller, token, peer_ip=call.peer_ip)
        document = ours.InvitePreview(
            invite_type=seen.kind.value,
            name=seen.target_name,
            spaces=seen.spaces,
            facility=zone.settings.facility_name or zone.settings.name,
            inviter=seen.inviter_name,
            rights=seen.rights,
            until=seen.until_s,
            uses_left=seen.uses_left,
            is_member=seen.is_member,
        )
        return json_answer(document)

    def renew(call: Call) -> Answer:
        request = call.read(ours.InviteRenewal)
        return _made(zone, zone.invite_book.renew(call.caller, TokenId(call.path("id")), **_limits(request)))

    def end(call: Call) -> Answer:
        request = call.read(ours.InviteEnd)
        ended = zone.invite_book.end(call.caller, TokenId(call.path("id")), with_members=request.memberships)
        return json_answer(ours.EndedInvite(ended=tuple(map(_member, ended))))

    return [
        Endpoint("POST", "/fs2od/invites/preview", "fs2od_preview_invite", preview),
        Endpoint("POST", "/fs2od/invites/{id}/renew", "fs2od_renew_invite", renew),
        Endpoint("POST", "/fs2od/invites/{id}/end", "fs2od_end_invite", end),
    ]


def _links(zone: Zone) -> list[Endpoint]:
    def get_share(call: Call) -> Answer:
        return json_answer(_link(zone.link_rules.of_share(call.caller, ShareId(call.path("id")))))

    def put_share(call: Call) -> Answer:
        request = call.read(ours.LinkChange)
        rule = Rule(request.audience, request.from_, request.until)
        zone.link_rules.set_for_share(call.caller, ShareId(call.path("id")), rule, label=request.label)
        return done()

    def get_space(call: Call) -> Answer:
        return json_answer(_rule(zone.link_rules.of_space(call.caller, SpaceId(call.path("id")))))

    def put_space(call: Call) -> Answer:
        request = call.read(ours.LinkRule)
        rule = Rule(request.audience, request.from_, request.until)
        zone.link_rules.set_for_space(call.caller, SpaceId(call.path("id")), rule)
        return done()

    return [
        Endpoint("GET", "/fs2od/shares/{id}/rule", "fs2od_get_link", get_share),
        Endpoint("PUT", "/fs2od/shares/{id}/rule", "fs2od_set_link", put_share),
        Endpoint("GET", "/fs2od/spaces/{id}/link_rule", "fs2od_get_space_link_rule", get_space),
        Endpoint("PUT", "/fs2od/spaces/{id}/link_rule", "fs2od_set_space_link_rule", put_space),
    ]


def _limits(request: ours.InviteRenewal) -> dict[str, Any]:
    uses = DEFAULT_USES if request.uses is UNSET else request.uses
    # Clipped where timedelta ends; what is too long is refused by the service.
    valid_for = (
        DEFAULT_VALID_FOR if request.valid_for_s is UNSET else timedelta(seconds=min(request.valid_for_s, 10**10))
    )
    return {"uses": uses, "valid_for": valid_for}


def _made(zone: Zone, made: NamedToken) -> Answer:
    location = f"{zone.settings.zone_url}/api/v3/onezone/tokens/named/{made.id}"
    return created(location, ours.InviteMade(token_id=made.id, token=made.token))


def _document(record: InviteRecord) -> ours.InviteDetails:
    return ours.InviteDetails(
        token_id=record.id,
        label=record.label,
        made_by=record.made_by,
        inviter_id=record.inviter,
        inviter_name=record.inviter_name,
        invite_type=record.kind.invite_type.value,
        privileges=record.privileges,
        creation_time=record.created_s,
        until=record.until_s,
        uses=record.uses,
        usage_limit=record.usage_limit,
        ended=record.ended,
        joined=tuple(map(_member, record.joined)),
        token=record.token,
    )


def _member(joined: Joined) -> ours.InviteMember:
    return ours.InviteMember(type=joined.type, id=joined.id, name=joined.name, at=joined.at_s)


def _rule(rule: Rule) -> ours.LinkRule:
    return ours.LinkRule(audience=rule.audience, from_=rule.from_s, until=rule.until_s)


def _link(link: Link) -> ours.LinkDetails:
    return ours.LinkDetails(
        audience=link.own.audience,
        from_=link.own.from_s,
        until=link.own.until_s,
        label=link.label,
        in_force=_rule(link.effective),
        opened=link.opened,
        bytes=link.sent_bytes,
    )
