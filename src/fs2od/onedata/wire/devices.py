"""Signing in on a machine without a browser, in RFC 8628's words (and its snake_case); `plain` switches it off."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from fs2od.onedata import tokens
from fs2od.onedata.tokens import Caveat, Token
from fs2od.onedata.wire.codec import Document, JsonValue

__all__ = ["DeviceAuthorization", "DeviceAuthorizationRequest", "DeviceTokenRequest", "DeviceTokenResponse"]


class DeviceAuthorizationRequest(Document, frozen=True, kw_only=True, rename=None):
    """POST Z/fs2od/device_authorization: what the machine asks for.

    `name` is what the token is called then; by default after the program, which `client_id` names, and the day.
    """

    name: Annotated[str, Meta(max_length=128)] = ""
    client_id: Annotated[str, Meta(max_length=64)] = ""
    caveats: tuple[JsonValue, ...] = ()

    def parsed_caveats(self) -> tuple[Caveat, ...]:
        """Return the caveats.

        Raises:
            Rejected: badValueCaveat.
        """
        return tokens.caveats_from_json(list(self.caveats))


class DeviceAuthorization(Document, frozen=True, kw_only=True, rename=None):
    """The answer to it. Times are seconds."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


class DeviceTokenRequest(Document, frozen=True, kw_only=True, rename=None):
    """POST Z/fs2od/device_token."""

    device_code: Annotated[str, Meta(min_length=1, max_length=200)]


class DeviceTokenResponse(Document, frozen=True, kw_only=True, rename=None):
    """The answer to it, once: a named access token."""

    access_token: Token
    token_type: str = "bearer"  # noqa: S105 - a word of the protocol
    name: str
