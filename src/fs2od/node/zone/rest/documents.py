"""The zone's records as wire documents."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from fs2od.node.zone.accounts import Account
from fs2od.node.zone.groups import Group
from fs2od.node.zone.providers import Provider
from fs2od.node.zone.shares import Share
from fs2od.node.zone.spaces import Space
from fs2od.node.zone.tokens import NamedToken
from fs2od.node.zone.users import User
from fs2od.node.zone.zone import Zone
from fs2od.onedata import tokens, wire
from fs2od.onedata.ids import UserId

__all__ = [
    "account_document",
    "group_document",
    "named_token_document",
    "provider_document",
    "public_share_document",
    "share_document",
    "space_document",
    "user_document",
]


def account_document(account: Account) -> wire.UserDetails:
    """Return GET /users/{id}'s answer, and that of GET /user."""
    linked = tuple({"idp": identity.issuer or "mail", "subjectId": identity.subject} for identity in account.identities)
    return msgspec.structs.replace(user_document(account.user), linked_accounts=linked)


def user_document(user: User) -> wire.UserDetails:
    """Return what is known of a user, with the names of older releases beside."""
    return wire.UserDetails(
        user_id=user.id,
        full_name=user.full_name,
        username=user.username,
        creation_time=user.created_s,
        emails=user.emails,
        linked_accounts=(),
        basic_auth_enabled=False,
        blocked=user.blocked,
        name=user.full_name,
        login=user.username,
        alias=user.username,
        email_list=user.emails,
    )


def group_document(group: Group) -> wire.GroupDetails:
    """Return GET /groups/{id}'s answer."""
    return wire.GroupDetails(
        group_id=group.id,
        name=group.name,
        type=group.type,
        creation_time=group.created_s,
        creator=_creator(group.creator),
    )


def space_document(space: Space) -> wire.SpaceDetails:
    """Return GET /spaces/{id}'s answer."""
    parameters = wire.SupportParameters(
        accounting_enabled=False, dir_stats_service_enabled=True, dir_stats_service_status="enabled"
    )
    return wire.SpaceDetails(
        space_id=space.id,
        name=space.name,
        description=space.description,
        organization_name=space.organization,
        tags=(),
        advertised_in_marketplace=False,
        marketplace_contact_email="",
        providers=space.supports,
        support_parameters_registry=dict.fromkeys(space.supports, parameters),
        creator=_creator(space.creator),
        creation_time=space.created_s,
    )


def provider_document(zone: Zone, provider: Provider) -> wire.ProviderDetails:
    """Return GET /providers/{id}'s answer. Where the provider stands on Earth is not known: 0, 0."""
    return wire.ProviderDetails(
        provider_id=provider.id,
        cluster_id=provider.cluster,
        name=provider.name,
        domain=provider.domain,
        latitude=0.0,
        longitude=0.0,
        online=zone.providers.is_online(provider.id),
        creation_time=provider.created_s,
    )


def public_share_document(zone: Zone, share: Share) -> wire.PublicShare:
    """Return GET /shares/{id}/public's answer."""
    return wire.PublicShare(
        share_id=share.id,
        name=share.name,
        description=share.description,
        public_url=zone.public_url(share.id),
        public_rest_url=zone.public_rest_url(share.id),
        root_file_id=share.root_file_id,
        file_type=share.root_type,
        handle_id=None,
        creation_time=share.created_s,
    )


def share_document(zone: Zone, share: Share) -> wire.ZoneShare:
    """Return GET /shares/{id}'s answer."""
    return wire.ZoneShare(
        share_id=share.id,
        name=share.name,
        description=share.description,
        public_url=zone.public_url(share.id),
        public_rest_url=zone.public_rest_url(share.id),
        root_file_id=share.root_file_id,
        file_type=share.root_type,
        handle_id=None,
        creation_time=share.created_s,
        space_id=share.space,
        creator=_creator(share.creator),
    )


def named_token_document(token: NamedToken) -> wire.NamedTokenDetails:
    """Return GET /tokens/named/{id}'s answer."""
    is_invite = isinstance(token.kind, tokens.InviteToken)
    metadata = wire.TokenMetadata(
        creation_time=token.created_s,
        custom=token.custom,
        privileges=token.privileges if is_invite else UNSET,
        usage_limit=(token.usage_limit or "infinity") if is_invite else UNSET,
        usage_count=token.usage_count if is_invite else UNSET,
    )
    return wire.NamedTokenDetails(
        id=token.id,
        name=token.name,
        subject=wire.SubjectRef(type="user", id=token.user),
        type=tokens.kind_to_json(token.kind),
        caveats=tuple(map(tokens.caveat_to_json, token.caveats)),
        metadata=metadata,
        revoked=token.revoked,
        token=token.token,
    )


def _creator(user: UserId) -> wire.SubjectRef:
    return wire.SubjectRef(type="user", id=user) if user else wire.SubjectRef(type="nobody")
