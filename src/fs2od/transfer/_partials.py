"""Names of partial files, so that whoever comes next finds what is there of which state of which file.

A partial file is `NAME.STATE.partial` or `NAME.STATE-TAG.partial`. STATE stands for the file's id, size and time; TAG for
the entity tag under which its first bytes came. So two partial files of one name never hold bytes of different states.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final, Iterable, NamedTuple

__all__ = ["PartialName", "partial_name", "partials_of", "tag_of"]

_FORM: Final = re.compile(
    r"(?P<stem>.*)\.(?P<state>[0-9a-f]{12})(?:-(?P<tag>[0-9a-f]{8}))?\.(?:partial|pieces)", re.DOTALL
)
_LONGEST_NAME: Final = 255
_LONGEST_SUFFIX: Final = len(".0123456789ab-01234567.partial")


class PartialName(NamedTuple):
    """The parts of a partial file's name; `tag` is "" where the service named no entity tag."""

    stem: str
    state: str
    tag: str

    def __str__(self) -> str:
        return f"{self.stem}.{self.state}{'-' if self.tag else ''}{self.tag}.partial"

    @property
    def notes(self) -> str:
        """What the file beside it is called that remembers which pieces were written."""
        return f"{self.stem}.{self.state}{'-' if self.tag else ''}{self.tag}.pieces"


def tag_of(etag: str | None) -> str:
    """Return what stands for an entity tag in a partial file's name."""
    return sha256(etag.encode("utf-8", "surrogatepass")).hexdigest()[:8] if etag else ""


def partial_name(name: str, state: str, *, etag: str | None = None) -> PartialName:
    """Return what the partial file of `name` is called; it is never longer than file systems allow."""
    return PartialName(_stem(name), state, tag_of(etag))


def partials_of(names: Iterable[str]) -> dict[str, tuple[PartialName, ...]]:
    """Return the partial files that are, or of which only the notes are, among `names`, by their stem."""
    found: dict[str, tuple[PartialName, ...]] = {}
    for name in names:
        parts = _FORM.fullmatch(name) if name.endswith((".partial", ".pieces")) else None
        if parts is not None:
            partial = PartialName(parts["stem"], parts["state"], parts["tag"] or "")
            others = found.get(partial.stem, ())
            found[partial.stem] = others if partial in others else (*others, partial)
    return found


def _stem(name: str) -> str:
    room = _LONGEST_NAME - _LONGEST_SUFFIX
    return name.encode()[:room].decode(errors="ignore")
