"""The letters about support: asked for, approved, declined."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from fs2od.mail._lines import one_line
from fs2od.mail._rendering import Rendered, notice

__all__ = ["SupportEvent", "SupportNews", "render_support"]


SupportEvent = Literal["support-asked", "support-approved", "support-declined"]


@dataclass(frozen=True)
class SupportNews:
    """What such a letter says.

    Attributes:
        facility_name: Who writes.
        dataset: The space's name.
        site: The site's name.
        person: Who asks.
        size_bytes: How much.
        note: What the other side wrote; may be empty.
        command: What answers the request, for a shell; empty in answers.
        link: The page where it is answered; empty in answers.
    """

    facility_name: str
    dataset: str
    site: str
    person: str
    size_bytes: int
    note: str = ""
    command: str = ""
    link: str = ""


def render_support(
    news: SupportNews, *, event: SupportEvent, language: str = "en", templates_folder: Path | None = None
) -> Rendered:
    """Write the letter about an event, by the templates `EVENT.subject.txt`, `EVENT.txt` and `EVENT.html`.

    Raises:
        ConfigurationError: The language or a template is missing, or a template of the facility's own is wrong.
    """
    shown = replace(
        news,
        facility_name=one_line(news.facility_name),
        dataset=one_line(news.dataset),
        site=one_line(news.site),
        person=one_line(news.person),
        note=one_line(news.note, most=500),
        command=one_line(news.command, most=500),
        link=one_line(news.link, most=500),
    )
    return notice(event, shown, language=language, templates_folder=templates_folder)
