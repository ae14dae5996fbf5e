"""Which files of a share are wanted: a list of paths, and glob patterns over them."""

from __future__ import annotations

import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from functools import lru_cache
from pathlib import Path
from typing import Final, Iterable, Pattern

from fs2od.errors import ConfigurationError, Fs2odError
from fs2od.manifests import SIDECAR
from fs2od.transfer._entries import Names, shown_path

__all__ = ["InvalidPattern", "Selection", "listed_paths"]

_BOM: Final = "\ufeff"
_SIGNS: Final = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
_PIECES: Final = re.compile(r"\*\*/|\*\*|\*|\?|\[!?[^]/]+\]|[^*?[]+|\[", re.DOTALL)
_CHARACTERS: Final = re.compile("(.)-(.)|(.)", re.DOTALL)


class InvalidPattern(Fs2odError):
    """A pattern of what to bring or to leave that has no meaning: write another one."""

    exit_code = 2


class Selection:
    """Files by patterns: "*.mrc" is matched against every name in a path, "Grids/*/Data" against the path from its start.

    "./" before a pattern, as shells write it, is the same as "/": from the dataset's top. "*" and "?" stay within a name, "**" crosses folders, "[abc]" is one of these characters. A folder that matches stands
    for everything below it. The sidecar comes along unless it is excluded: it is how the files are checked later.

    A list of paths (`only`) holds them as they are, from the dataset's top; nothing else is wanted or even looked for, and
    patterns choose among what it holds. What programs add to such paths is forgiven: "./" before one, "/" after it, the
    carriage return of a Windows line, a byte order mark. "." stands for everything, unless other paths are listed, too.
    """

    def __init__(
        self, include: Iterable[str] = (), exclude: Iterable[str] = (), only: Iterable[str] | None = None
    ) -> None:
        """Prepare; nothing means everything.

        Raises:
            InvalidPattern: One of the patterns has no meaning.
        """
        self._include = tuple(map(_from_top, include))
        self._exclude = tuple(map(_from_top, exclude))
        self._has_met_one = False
        for pattern in (*self._include, *self._exclude):
            _compiled(pattern.strip("/"))
        self._only = None if only is None else _meant(only)
        self._above = {path[:end] for path in self._only or () for end in range(1, len(path))}
        self._met: set[Names] = set()

    @property
    def is_everything(self) -> bool:
        """Whether nothing is left out."""
        return not self._include and not self._exclude and self._only is None

    @property
    def unmet(self) -> list[Names]:
        """The paths of the list at and below which nothing was asked about so far."""
        return sorted(set((self._only or {}).values()) - self._met - {()})

    @property
    def unmatched(self) -> tuple[str, ...]:
        """The patterns of what to bring, if nothing that was asked about so far matches any of them."""
        return () if self._has_met_one else self._include

    def wants(self, path: Names) -> bool:
        """Say whether a file is wanted."""
        if not self._is_listed(path) or self._matches(self._exclude, path):
            return False
        return not self._include or path[0] == SIDECAR or self._is_included(path)

    def enters(self, folder: Names) -> bool:
        """Say whether anything below a folder may be wanted."""
        is_on_the_way = self._is_listed(folder) or folder in self._above
        return is_on_the_way and not self._matches(self._exclude, folder)

    def makes(self, folder: Names) -> bool:
        """Say whether a folder is wanted even if no wanted file lies in it."""
        return self._is_listed(folder) and (not self._include or self._is_included(folder))

    def _is_included(self, path: Names) -> bool:
        is_included = self._matches(self._include, path)
        self._has_met_one = self._has_met_one or is_included
        return is_included

    def _is_listed(self, path: Names) -> bool:
        if self._only is None:
            return True
        above = (path[:end] for end in range(len(path) + 1))
        listed = [self._only[place] for place in above if place in self._only]
        self._met.update(listed)
        return bool(listed) or path[:1] == (SIDECAR,)

    def _matches(self, patterns: tuple[str, ...], path: Names) -> bool:
        return any(_match(pattern, path) for pattern in patterns)


def listed_paths(file: str) -> tuple[str, ...]:
    """Return the paths that a file lists, one a line, each as it is: the name of a file, or of a folder with all below it.

    Raises:
        ConfigurationError: It cannot be read, or it lists none.
    """
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read ({error.strerror})") from error
    # Windows PowerShell writes UTF-16, as which no list in UTF-8 can begin.
    is_wide = data[:2] in {BOM_UTF16_LE, BOM_UTF16_BE}
    text = data.decode("utf-16", errors="replace") if is_wide else data.decode(errors="surrogateescape")
    # Not splitlines: names may hold what else it takes for the end of a line.
    paths = tuple(path for path in text.split("\n") if path.strip("/\r" + _BOM))
    if not paths:
        raise ConfigurationError(f"{file} lists no path: there must be one a line, from the dataset's top")
    return paths


def _meant(paths: Iterable[str]) -> dict[Names, Names]:
    """Return what each path of a list means, by how it is written and by what it means: a name may really end so."""
    found: dict[Names, Names] = {}
    for path in paths:
        meant = _names(path.lstrip(_BOM).rstrip("\r"))
        found[meant] = found[_names(path)] = meant
    if len(set(found.values())) > 1:
        # `find .` lists itself, too.
        found.pop((), None)
    return found


def _names(path: str) -> Names:
    return tuple(name for name in path.split("/") if name not in {"", "."})


def _from_top(pattern: str) -> str:
    """Return a pattern that begins with "./" as it is meant."""
    if pattern != "." and not pattern.startswith("./"):
        return pattern
    return "/" + ("/".join(_names(pattern)) or "**")


def _match(pattern: str, path: Names) -> bool:
    plain = pattern.strip("/")
    if "/" not in plain and "**" not in plain and not pattern.startswith("/"):
        return any(_compiled(plain).fullmatch(name) for name in path)
    compiled = _compiled(plain)
    return any(compiled.fullmatch("/".join(path[:end])) for end in range(1, len(path) + 1))


@lru_cache(maxsize=1000)
def _compiled(pattern: str) -> Pattern[str]:
    """Return what matches as a pattern says.

    Raises:
        InvalidPattern: It has no meaning.
    """
    try:
        return re.compile("".join(map(_piece, _PIECES.findall(pattern))), re.DOTALL)
    except re.error as error:
        shown = shown_path(tuple(pattern.split("/")))
        raise InvalidPattern(f"the pattern {shown} cannot be used: {error.msg}") from error


def _piece(piece: str) -> str:
    if piece in _SIGNS:
        return _SIGNS[piece]
    if len(piece) > 2 and piece[0] == "[" and piece[-1] == "]":
        negated = piece[1] == "!" and len(piece) > 3
        found = _CHARACTERS.findall(piece[2 if negated else 1 : -1])
        one_of = "".join(f"{re.escape(a)}-{re.escape(b)}" if b else re.escape(c) for a, b, c in found)
        return f"(?!/)[{'^' if negated else ''}{one_of}]"
    return re.escape(piece)
