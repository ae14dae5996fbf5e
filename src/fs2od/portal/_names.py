"""Paths in addresses whose names may hold anything, also line breaks."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor

__all__ = ["NAMES"]

NAMES = "names"
"""What stands after the colon in a route: `{path:names}`."""


class _NamesConvertor(Convertor[str]):
    """Matches everything; the ready-made one for paths stops at a line break."""

    regex = r"[\s\S]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor(NAMES, _NamesConvertor())
