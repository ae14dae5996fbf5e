"""The letters about sharing: invited, accepted, access ended, a link or an access token about to end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from fs2od.mail._errors import LetterError
from fs2od.mail._lines import is_one_word, one_line
from fs2od.mail._rendering import Rendered, notice

__all__ = ["SharingEvent", "SharingNews", "render_sharing"]


SharingEvent = Literal["invited", "accepted", "access-ended", "link-ending", "token-ending"]


@dataclass(frozen=True)
class SharingNews:
    """What such a letter says. Token and link are not in the repr.

    Attributes:
        dataset: What it is about, by its name for people; the token's name.
        person: Who invites, or who accepted; empty where nobody is named.
        link: The page to open: to join, the dataset's, or where another token is made.
        token: The invite, where there is one.
        until: When the invite, the link or the token ends.
    """

    facility_name: str
    dataset: str
    person: str = ""
    link: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    until: datetime | None = None


def render_sharing(
    news: SharingNews, *, event: SharingEvent, language: str = "en", templates_folder: Path | None = None
) -> Rendered:
    """Write the letter about an event, by the templates `EVENT.subject.txt`, `EVENT.txt` and `EVENT.html`.

    Raises:
        ConfigurationError: The language or a template is missing, or a template of the facility's own is wrong.
        LetterError: The link or the token cannot stand in a mail.
    """
    if news.link and not (is_one_word(news.link) and news.link.startswith("https://")):
        raise LetterError("the link in a mail must begin with https:// and be printable ASCII without blanks")
    if news.token and not is_one_word(news.token):
        raise LetterError("the token in a mail must be printable ASCII without blanks")
    shown = replace(
        news,
        facility_name=one_line(news.facility_name),
        dataset=one_line(news.dataset),
        person=one_line(news.person),
    )
    return notice(event, shown, language=language, templates_folder=templates_folder)
