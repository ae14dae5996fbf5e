"""Which files of a share are wanted: glob patterns over their paths."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Iterable, Pattern

from fs2od.manifests import SIDECAR
from fs2od.transfer._entries import Names

__all__ = ["Selection"]

_SIGNS: Final = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_PIECES: Final = re.compile(r"\*\*/|\*\*|\*|\?|\[!?[^]/]+\]|[^*?[]+|\[", re.DOTALL)


class Selection:
    """Files by patterns: "*.mrc" is matched against every name in a path, "Grids/*/Data" against the path from its start.

    "*" and "?" stay within a name, "**" crosses folders, "[abc]" is one of these characters. A folder that matches stands
    for everything below it. The sidecar comes along unless it is excluded: it is how the files are checked later.
    """

    def __init__(self, include: Iterable[str] = (), exclude: Iterable[str] = ()) -> None:
        self._include = tuple(include)
        self._exclude = tuple(exclude)

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return not self._include and not self._exclude

    def wants(self, path: Names) -> bool:
        """Say whether a file is wanted."""
        if self._matches(self._exclude, path):
            return False
        return not self._include or path[0] == SIDECAR or self._matches(self._include, path)

    def enters(self, folder: Names) -> bool:
        """Say whether anything below a folder may be wanted."""
        return not self._matches(self._exclude, folder)

    def makes(self, folder: Names) -> bool:
        """Say whether a folder is wanted even if no wanted file lies in it."""
        return not self._include or self._matches(self._include, folder)

    def _matches(self, patterns: tuple[str, ...], path: Names) -> bool:
        return any(_match(pattern, path) for pattern in patterns)


def _match(pattern: str, path: Names) -> bool:
    plain = pattern.strip("/")
    if "/" not in plain and "**" not in plain and not pattern.startswith("/"):
        return any(_compiled(plain).fullmatch(name) for name in path)
    compiled = _compiled(plain)
    return any(compiled.fullmatch("/".join(path[:end])) for end in range(1, len(path) + 1))


@lru_cache(maxsize=1000)
def _compiled(pattern: str) -> Pattern[str]:
    return re.compile("".join(map(_piece, _PIECES.findall(pattern))), re.DOTALL)


def _piece(piece: str) -> str:
    if piece in _SIGNS:
        return _SIGNS[piece]
    if len(piece) > 2 and piece[0] == "[" and piece[-1] == "]":
        inner = piece[1:-1]
        negated = inner.startswith("!")
        escaped = re.sub(r"([\\^\[\]&~|])", r"\\\1", inner[1:] if negated else inner)
        return f"[^/{escaped}]" if negated else f"[{escaped}]"
    return re.escape(piece)
