"""Routes that match whole addresses: names of files may hold anything, also line breaks, and end in one."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

from starlette import routing

__all__ = ["Route"]


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
