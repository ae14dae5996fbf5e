"""The letters about copies: all of a dataset is at a computing centre, or something has been in the way for hours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from fs2od.mail._errors import LetterError
from fs2od.mail._lines import is_one_word, one_line
from fs2od.mail._rendering import Rendered, notice

__all__ = ["CopiesEvent", "CopiesNews", "render_copies"]


CopiesEvent = Literal["copies-ready", "copies-stuck"]


@dataclass(frozen=True)
class CopiesNews:
    """What such a letter says.

    Attributes:
        facility_name: Who writes.
        dataset: The space's name.
        site: The site's name.
        link: The page that shows how it stands, and where a job's token is made.
        files: How many files are there, when all are.
        size_bytes: How many bytes they have.
        command: What brings the data to a cluster, for a shell.
        problem: What is in the way, when something is: in English, said in other languages by their templates.
    """

    facility_name: str
    dataset: str
    site: str
    link: str
    files: int = 0
    size_bytes: int = 0
    command: str = ""
    problem: str = ""


def render_copies(
    news: CopiesNews, *, event: CopiesEvent, language: str = "en", templates_folder: Path | None = None
) -> Rendered:
    """Write the letter about an event, by the templates `EVENT.subject.txt`, `EVENT.txt` and `EVENT.html`.

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
        problem=one_line(news.problem, most=500),
    )
    return notice(event, shown, language=language, templates_folder=templates_folder)
