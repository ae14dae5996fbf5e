"""Signing in on a machine without a browser (RFC 8628), below /fs2od/; none of it with `plain`. See docs/reference/device-sign-in.md."""

from __future__ import annotations

from fs2od.node.http import Answer, Call, Endpoint, json_answer
from fs2od.node.http.neighbours import neighbourhood
from fs2od.node.zone.devices import DeviceRefused
from fs2od.node.zone.zone import Zone
from fs2od.onedata.wire import devices as ours

__all__ = ["endpoints"]

_SECRET = {"Cache-Control": "no-store"}


def endpoints(zone: Zone) -> list[Endpoint]:
    """Return the endpoints of this noun; none with `plain`."""
    if zone.settings.plain:
        return []
    page = f"{zone.settings.zone_url}/device"

    def authorization(call: Call) -> Answer:
        request = call.read(ours.DeviceAuthorizationRequest)
        caveats = request.parsed_caveats()
        zone.credentials.require_judgeable(caveats)
        peer = call.peer_ip
        name = request.name or f"{request.client_id or 'machine'} {zone.clock.now():%Y-%m-%d}"
        begun = zone.devices.begin(name, caveats, address=str(peer or ""), peer=neighbourhood(peer))
        document = ours.DeviceAuthorization(
            device_code=begun.device_code,
            user_code=begun.user_code,
            verification_uri=page,
            verification_uri_complete=f"{page}?code={begun.user_code}",
            expires_in=begun.expires_in_s,
            interval=begun.interval_s,
        )
        return json_answer(document, headers=_SECRET)

    def token(call: Call) -> Answer:
        try:
            made = zone.devices.token(call.read(ours.DeviceTokenRequest).device_code)
        except DeviceRefused as refused:
            # RFC 8628 §3.5: no error document of Onedata's, so that any client of the grant understands it.
            return json_answer({"error": refused.reason}, status=400, headers=_SECRET)
        document = ours.DeviceTokenResponse(access_token=made.token, name=made.name)
        return json_answer(document, headers=_SECRET)

    return [
        Endpoint("POST", "/fs2od/device_authorization", "fs2od_device_authorization", authorization),
        Endpoint("POST", "/fs2od/device_token", "fs2od_device_token", token),
    ]
