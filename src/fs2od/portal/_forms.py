"""Forms of ours: read within bounds, and taken only from our own pages."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from fs2od.portal._problems import Problem
from fs2od.portal._sentences import sentence
from fs2od.portal._visitors import Visitor

__all__ = ["FOREIGN", "FORM_KEY", "is_ours", "read_form"]

FORM_KEY = "form_key"
_MOST_BYTES = 16_384
_MOST_FIELDS = 30

FOREIGN = Problem(
    403,
    sentence("That did not come from this page"),
    sentence(
        "The form was sent by another site, by a program, or from a page that was open for too long. Nothing was done."
    ),
    sentence("Open the page again by its own address and press the button there."),
    "/account",
    sentence("To your account"),
)


async def read_form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form; of equal names the last counts. A form that is too long has none."""
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST_BYTES:
                return {}
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except (ClientDisconnect, ValueError):
        return {}


def is_ours(request: Request, form: Mapping[str, str], origin: str, *, visitor: Visitor, guest_key: str = "") -> bool:
    """Say whether a form comes from a page of ours: by what the browser says of it, and by the key that only we put in.

    Args:
        request: The request that brought the form.
        form: Its fields.
        origin: Our own origin.
        visitor: Who sends it.
        guest_key: The key that forms for guests carry; empty where guests have none.
    """
    key = visitor.form_key or guest_key
    given = form.get(FORM_KEY, "")
    if not key or not hmac.compare_digest(key.encode(), given.encode("utf-8", "surrogatepass")):
        return False
    site, sent_from = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site != "same-origin":
        return False
    if sent_from is not None and sent_from != "null":
        return sent_from == origin
    return site == "same-origin"
