"""Tokens: making, listing and ending them, and what is told about one that is shown."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Address, IPv6Address

from msgspec import UNSET

from fs2od.node.http import Answer, Call, Endpoint, created, done, json_answer
from fs2od.node.zone.rest.documents import named_token_document
from fs2od.node.zone.rest.given import understood
from fs2od.node.zone.rest.scopes import access_scope
from fs2od.node.zone.tokens import NamedToken
from fs2od.node.zone.zone import Zone
from fs2od.onedata import errors, privileges, tokens, wire
from fs2od.onedata.ids import TokenId, UserId
from fs2od.onedata.tokens import Context, InviteToken, InviteType, Subject

__all__ = ["endpoints"]


def endpoints(zone: Zone) -> list[Endpoint]:
    """Return the endpoints of this noun."""
    return [*_making(zone), *_named(zone), *_inspection(zone)]


def _subject(zone: Zone, call: Call) -> UserId:
    """Return whose tokens the path is about: the caller's, or another user's for administrators."""
    user = zone.rights.require_user(call.caller)
    call.caller.require_all_access()
    wanted = call.request.path_params.get("uid")
    if wanted is None or wanted == user:
        return user
    zone.rights.require_zone(call.caller, "oz_tokens_manage")
    return zone.users.get(UserId(wanted)).id


def _making(zone: Zone) -> list[Endpoint]:
    base = f"{zone.settings.zone_url}/api/v3/onezone"

    def create_named(call: Call) -> Answer:
        subject = _subject(zone, call)
        request = call.read(wire.NamedTokenRequest)
        kind = request.kind()
        chosen = None if request.privileges is UNSET else list(request.privileges)
        if isinstance(kind, InviteToken):
            chosen = _parsed(kind.invite_type, chosen)
            zone.invites.require_may_invite(subject, kind, with_privileges=bool(chosen))
        zone.credentials.require_judgeable(request.parsed_caveats())
        limit = request.usage_limit if isinstance(request.usage_limit, int) else None
        token = zone.tokens.issue_named(
            subject,
            request.name,
            kind=kind,
            caveats=request.parsed_caveats(),
            usage_limit=limit,
            privileges=chosen,
            custom=None if request.custom_metadata is UNSET else request.custom_metadata,
            revoked=request.revoked,
        )
        document = wire.NamedTokenCreated(token_id=token.id, token=token.token)
        return created(f"{base}/tokens/named/{token.id}", document)

    def create_temporary(call: Call) -> Answer:
        subject = _subject(zone, call)
        request = call.read(wire.TemporaryTokenRequest)
        kind = request.kind()
        if isinstance(kind, InviteToken):
            zone.invites.require_may_invite(subject, kind, with_privileges=False)
        zone.credentials.require_judgeable(request.parsed_caveats())
        token = zone.tokens.issue_temporary(subject, kind=kind, caveats=request.parsed_caveats())
        return json_answer(wire.TokenDocument(token=token), status=201)

    def end_temporary(call: Call) -> Answer:
        zone.tokens.end_temporary(_subject(zone, call))
        return done()

    def list_named(call: Call) -> Answer:
        return json_answer(wire.TokenIds(tokens=tuple(zone.tokens.named_of(_subject(zone, call)))))

    def by_name(call: Call) -> Answer:
        found = zone.tokens.named_by_name(_subject(zone, call), call.path("name"))
        return json_answer(named_token_document(found))

    return [
        Endpoint("POST", "/user/tokens/named", "create_named_token_for_current_user", create_named),
        Endpoint("POST", "/users/{uid}/tokens/named", "create_named_token_for_user", create_named),
        Endpoint("POST", "/user/tokens/temporary", "create_temporary_token_for_current_user", create_temporary),
        Endpoint("POST", "/users/{uid}/tokens/temporary", "create_temporary_token_for_user", create_temporary),
        Endpoint("DELETE", "/user/tokens/temporary", "revoke_all_temporary_tokens_of_current_user", end_temporary),
        Endpoint("DELETE", "/users/{uid}/tokens/temporary", "revoke_all_temporary_tokens_of_user", end_temporary),
        Endpoint("GET", "/user/tokens/named", "list_named_tokens_of_current_user", list_named),
        Endpoint("GET", "/users/{uid}/tokens/named", "list_named_tokens_of_user", list_named),
        Endpoint("GET", "/user/tokens/named/name/{name}", "get_named_token_of_current_user_by_name", by_name),
        Endpoint("GET", "/users/{uid}/tokens/named/name/{name}", "get_named_token_of_user_by_name", by_name),
    ]


def _parsed(invite_type: InviteType, chosen: list[str] | None) -> list[str] | None:
    """Return the privileges that an invite carries, judged by what it invites to."""
    if chosen is None:
        return None
    if invite_type in (InviteType.USER_JOIN_GROUP, InviteType.GROUP_JOIN_GROUP):
        return [str(held) for held in privileges.parse_group_privileges(chosen)]
    if invite_type is InviteType.USER_JOIN_CLUSTER:
        return [str(held) for held in privileges.parse_cluster_privileges(chosen)]
    return [str(held) for held in privileges.parse_space_privileges(chosen)]


def _named(zone: Zone) -> list[Endpoint]:
    def known(call: Call) -> NamedToken:
        user = zone.rights.require_user(call.caller)
        call.caller.require_all_access()
        found = zone.tokens.named(TokenId(call.path("id")))
        if found.user != user:
            zone.rights.require_zone(call.caller, "oz_tokens_manage")
        return found

    def get(call: Call) -> Answer:
        return json_answer(named_token_document(known(call)))

    def change(call: Call) -> Answer:
        token = known(call)
        request = call.read(wire.NamedTokenChange)
        zone.tokens.change(
            token.id,
            name=None if request.name is UNSET else request.name,
            revoked=None if request.revoked is UNSET else request.revoked,
            custom=None if request.custom_metadata is UNSET else request.custom_metadata,
        )
        return done()

    def delete(call: Call) -> Answer:
        zone.tokens.delete(known(call).id)
        return done()

    def status(call: Call) -> Answer:
        return json_answer(wire.TokenStatus(revoked=known(call).revoked))

    return [
        Endpoint("GET", "/tokens/named/{id}", "get_named_token", get),
        Endpoint("PATCH", "/tokens/named/{id}", "modify_named_token", change),
        Endpoint("DELETE", "/tokens/named/{id}", "delete_named_token", delete),
        Endpoint("GET", "/tokens/named/{id}/status", "get_named_token_status", status),
    ]


def _inspection(zone: Zone) -> list[Endpoint]:
    def context_of(call: Call, request: wire.VerifyIdentityTokenRequest) -> Context:
        context = zone.credentials.circumstances(_address(request.peer_ip) or call.peer_ip)
        if request.consumer_token is None and call.caller.user is not None:
            groups = partial(zone.rights.effective_groups, call.caller.user)
            return replace(context, consumer=Subject("user", call.caller.user), consumer_groups=groups)
        return zone.credentials.consumed_by(context, request.consumer_token)

    def infer(call: Call) -> Answer:
        request = call.read(wire.TokenScopeRequest)
        return json_answer(access_scope(zone, request, peer_ip=call.peer_ip))

    def examine(call: Call) -> Answer:
        return json_answer(tokens.examine(understood(call.read(wire.TokenDocument).token)).to_json())

    def confine(call: Call) -> Answer:
        request = call.read(wire.ConfineRequest)
        confined = tokens.confine(understood(request.token), request.parsed_caveats())
        return json_answer(wire.TokenDocument(token=confined))

    def verify_access(call: Call) -> Answer:
        request = call.read(wire.VerifyAccessTokenRequest)
        context = replace(
            context_of(call, request),
            interface=request.interface,
            allow_data_access=request.allow_data_access_caveats,
        )
        return _verified(zone.credentials.verify_access(understood(request.token), context))

    def verify_invite(call: Call) -> Answer:
        request = call.read(wire.VerifyInviteTokenRequest)
        _, kind = zone.credentials.invitation(understood(request.token), context_of(call, request))
        expected = request.expected_invite_type
        if expected is not None and kind.invite_type is not expected:
            details = {"expectedInviteType": expected.value, "received": tokens.kind_to_json(kind)}
            raise errors.error_of("notAnInviteToken", f"The token is not an invite of type {expected.value}.", details)
        return _verified(tokens.examine(request.token))

    def verify_identity(call: Call) -> Answer:
        request = call.read(wire.VerifyIdentityTokenRequest)
        return _verified(zone.credentials.verify_identity(understood(request.token), context_of(call, request)))

    def _verified(examined: tokens.Examined) -> Answer:
        subject: Subject = examined.identifier.subject
        until = tokens.valid_until_s(examined.caveats)
        ttl = None if until is None else max(0, until - zone.clock.now_s())
        reference = wire.SubjectRef(type=subject.type, id=subject.id)
        return json_answer(wire.VerifiedToken(subject=reference, ttl=ttl))

    return [
        Endpoint("POST", "/tokens/infer_access_token_scope", "infer_access_token_scope", infer),
        Endpoint("POST", "/tokens/examine", "examine_token", examine),
        Endpoint("POST", "/tokens/confine", "confine_token", confine),
        Endpoint("POST", "/tokens/verify_access_token", "verify_access_token", verify_access),
        Endpoint("POST", "/tokens/verify_identity_token", "verify_identity_token", verify_identity),
        Endpoint("POST", "/tokens/verify_invite_token", "verify_invite_token", verify_invite),
    ]


def _address(text: str | None) -> IPv4Address | IPv6Address | None:
    if text is None:
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise errors.bad_value("String", "peerIp", "is not an IP address") from error
