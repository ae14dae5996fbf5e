"""Routes that match whole addresses: names of files may hold anything, also line breaks, and end in one."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import cache
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette import routing
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

__all__ = ["PlainRoute", "Route", "is_text"]

_FOR_PEOPLE = {"Cache-Control": "no-cache", "Content-Security-Policy": "default-src 'none'; sandbox"}


_Starlettes = routing.Route  # noqa: TID251 - this is what ours is made of


class Route(_Starlettes):
    r"""Starlette's route, but that none of an address is passed over.

    As Starlette compiles them, "$" matches before a "\n" at the end, so that "victim\n" is taken for "victim", and the
    converter of paths matches no "\n" within.
    """

    def __init__(
        self,
        path: str,
        endpoint: Callable[..., Any],
        *,
        methods: Collection[str] | None = None,
        include_in_schema: bool = True,
    ) -> None:
        vars(self).update(vars(_starlettes(path, frozenset(methods or ["GET"]), include_in_schema)))
        self.endpoint = endpoint
        self.name = routing.get_name(endpoint)
        self.app = routing.request_response(endpoint)
        self.path_regex = _whole(self.path_regex)


@cache
def _starlettes(path: str, methods: frozenset[str], include_in_schema: bool) -> _Starlettes:
    """Return Starlette's route, to nowhere; kept, for every site of a node has the same hundred, and to compile one takes long."""
    return _Starlettes(path, _nowhere, methods=methods, include_in_schema=include_in_schema)


def _nowhere() -> None:
    """Stand for what a route leads to."""


@cache
def _whole(plain: re.Pattern[str]) -> re.Pattern[str]:
    """Return the same for whole addresses."""
    return re.compile(plain.pattern.removesuffix("$") + r"\Z", plain.flags | re.DOTALL)


class PlainRoute(Route):
    """A route whose refusals people read: another method than its own is answered by a line of text (RFC 9110 §15.5.6)."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for this address."""
        if self.methods is None or scope["method"] in self.methods:
            await super().handle(scope, receive, send)
            return
        allowed = sorted(self.methods)
        said = f"This address takes {' and '.join(allowed)} only.\n"
        refusal = PlainTextResponse(said, 405, headers={"Allow": ", ".join(allowed), **_FOR_PEOPLE})
        await refusal(scope, receive, send)


def is_text(escaped: bytes) -> bool:
    """Say whether a part of an address means text; servers put U+FFFD in the place of what is not UTF-8."""
    try:
        unquote_to_bytes(escaped).decode()
    except UnicodeDecodeError:
        return False
    return True
