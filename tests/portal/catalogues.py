"""Every text of the pages that can be said in another language, found by Babel's extractors where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from babel.messages.extract import extract_from_file

import fs2od.portal
from fs2od.node.copy_problems import PROBLEMS
from fs2od.node.zone.refusals import SENTENCES

PORTAL = Path(fs2od.portal.__file__).parent
_CALLS = {"sentence": None, "text": None, "plural": (1, 2)}
_TEMPLATES = {"_": None, "gettext": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2), "npgettext": ((1, "c"), 2, 3)}
_OPTIONS = {
    "trimmed": "true",
    "newstyle_gettext": "true",
    "trim_blocks": "true",
    "lstrip_blocks": "true",
    "silent": "false",
}

Id = str | tuple[str, ...]


@dataclass(frozen=True)
class Text:
    """One text, by what catalogues know it by: two forms where it counts something, and what it means where that is not clear."""

    id: Id
    context: str | None = None

    @property
    def forms(self) -> tuple[str, ...]:
        return (self.id,) if isinstance(self.id, str) else self.id


@cache
def texts_in_use() -> dict[Text, str]:
    """Return all texts of templates and code, and where each stands."""
    found = {Text(each): "node/zone/refusals.py" for each in SENTENCES.values()}
    found.update((Text(each), "node/copy_problems.py") for each in PROBLEMS)
    for path in sorted(PORTAL.rglob("*")):
        if path.suffix in (".py", ".html"):
            found.update((text, f"{path.relative_to(PORTAL)}:{line}") for text, line in _texts_of(path))
    return found


def _texts_of(path: Path) -> Iterator[tuple[Text, int]]:
    is_template = path.suffix == ".html"
    method, keywords = ("jinja2.ext:babel_extract", _TEMPLATES) if is_template else ("python", _CALLS)
    for line, message, _, context in extract_from_file(
        method, path, keywords=keywords, options=_OPTIONS if is_template else None
    ):
        yield Text(message if isinstance(message, str) else tuple(message), context), line
