"""What a person's own pages share: their JSON twins, and what whoever is not signed in gets."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from fs2od.portal._problems import SIGN_IN_FIRST, problem_page
from fs2od.portal._rendering import wants_twin
from fs2od.portal.signin import HEADERS, to

__all__ = ["signed_out"]


def signed_out(request: Request) -> Response:
    """Return what a guest gets of a page for people: the way to the sign-in, which leads back here."""
    if wants_twin(request):
        return problem_page(request, SIGN_IN_FIRST, {}, headers=HEADERS)
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return to(f"/sign-in?{urlencode({'next': here})}")
