"""The letter about copies: all of a dataset is at a computing centre."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from fs2od.mail._errors import LetterError
from fs2od.mail._lines import is_one_word, one_line
from fs2od.mail._rendering import Rendered, fill, spoken

__all__ = ["CopiesNews", "render_copies_ready"]

_OURS = Path(__file__).parent / "notices"
_EVENT = "copies-ready"


@dataclass(frozen=True)
class CopiesNews:
    """What such a letter says.

    Attributes:
        facility_name: Who writes.
        dataset: The space's name.
        site: The site's name.
        files: How many files are there.
        size_bytes: How many bytes they have.
        link: The page where a job's token is made.
        command: What brings the data to a cluster, for a shell.
    """

    facility_name: str
    dataset: str
    site: str
    files: int
    size_bytes: int
    link: str
    command: str


def render_copies_ready(news: CopiesNews, *, language: str = "en", templates_folder: Path | None = None) -> Rendered:
    """Write the letter, by the templates `copies-ready.subject.txt`, `copies-ready.txt` and `copies-ready.html`.

    Raises:
        ConfigurationError: The language or a template is missing, or a template of the facility's own is wrong.
        LetterError: The link cannot stand in a mail.
    """
    if not (is_one_word(news.link) and news.link.startswith("https://")):
        raise LetterError("the link in a mail must begin with https:// and be printable ASCII without blanks")
    shown = replace(
        news,
        facility_name=one_line(news.facility_name),
        dataset=one_line(news.dataset),
        site=one_line(news.site),
        command=one_line(news.command, most=500),
    )
    known = spoken(language, _EVENT, templates_folder=templates_folder, ours=_OURS)
    return fill(_EVENT, shown, language=known, templates_folder=templates_folder, ours=_OURS)
