"""Routes that match whole addresses: names of files may hold anything, also line breaks, and end in one."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette import routing

__all__ = ["Route", "is_text"]


class Route(routing.Route):  # noqa: TID251 - this is it
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
        super().__init__(path, endpoint, methods=methods, include_in_schema=include_in_schema)
        plain = self.path_regex
        self.path_regex = re.compile(plain.pattern.removesuffix("$") + r"\Z", plain.flags | re.DOTALL)


def is_text(escaped: bytes) -> bool:
    """Say whether a part of an address means text; servers put U+FFFD in the place of what is not UTF-8."""
    try:
        unquote_to_bytes(escaped).decode()
    except UnicodeDecodeError:
        return False
    return True
