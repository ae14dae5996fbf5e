"""Users for administrators: added, listed, shown, blocked. Onezone's routes, and those of its panel."""

from __future__ import annotations

from fs2od.errors import ConfigurationError
from fs2od.mail import parse_mailbox
from fs2od.node.http import Answer, Call, Endpoint, done, json_answer
from fs2od.node.zone.names import require_name
from fs2od.node.zone.rest.documents import account_document
from fs2od.node.zone.zone import Zone
from fs2od.onedata import errors, wire
from fs2od.onedata.ids import UserId

__all__ = ["endpoints", "panel_endpoints"]

_MOST_ADDRESSES = 20


def endpoints(zone: Zone) -> list[Endpoint]:
    """Return the endpoints of this noun in Onezone's API."""

    def every(call: Call) -> Answer:
        return json_answer(wire.UserIds(users=tuple(zone.accounts.list(call.caller))))

    def show(call: Call) -> Answer:
        return json_answer(account_document(zone.accounts.view(call.caller, UserId(call.path("id")))))

    def block(call: Call) -> Answer:
        blocked = call.read(wire.AccessBlock).blocked
        zone.accounts.block(call.caller, UserId(call.path("id")), blocked=blocked)
        return done()

    return [
        Endpoint("GET", "/users", "oz_users_list", every),
        Endpoint("GET", "/users/{id}", "get_user", show),
        Endpoint("PATCH", "/users/{id}/access_block", "toggle_user_access_block", block),
    ]


def panel_endpoints(zone: Zone) -> list[Endpoint]:
    """Return the endpoints of this noun in the API of the zone's panel."""
    base = f"{zone.settings.zone_url}/api/v3/onepanel/zone/users"

    def every(call: Call) -> Answer:
        return json_answer(wire.Ids(ids=tuple(zone.accounts.list(call.caller))))

    def add(call: Call) -> Answer:
        zone.rights.require_zone(call.caller, "oz_users_create")
        request = call.read(wire.NewUser)
        username = require_name(request.username, key="username")
        addresses = () if zone.settings.plain else _addresses(request.emails)
        user = zone.accounts.add(
            call.caller,
            request.full_name or username,
            username=username,
            addresses=addresses,
            groups=request.groups,
        )
        return json_answer(wire.NewId(id=user), status=201, headers={"Location": f"{base}/{user}"})

    def show(call: Call) -> Answer:
        user = zone.accounts.view(call.caller, UserId(call.path("id"))).user
        return json_answer(wire.PanelUser(user_id=user.id, full_name=user.full_name, username=user.username))

    return [
        Endpoint("GET", "/zone/users", "get_onezone_users", every),
        Endpoint("POST", "/zone/users", "add_onezone_user", add),
        Endpoint("GET", "/zone/users/{id}", "get_onezone_user", show),
    ]


def _addresses(given: tuple[str, ...]) -> tuple[str, ...]:
    if len(given) > _MOST_ADDRESSES:
        raise errors.bad_data("emails")
    try:
        return tuple(parse_mailbox(text).address for text in given)
    except ConfigurationError as error:
        raise errors.bad_data("emails") from error
