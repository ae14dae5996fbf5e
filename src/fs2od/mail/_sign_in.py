"""The letter with a link to sign in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from fs2od.mail._errors import LetterError
from fs2od.mail._lines import is_one_word, one_line
from fs2od.mail._rendering import Rendered, fill, spoken

__all__ = ["SignInNews", "render_sign_in"]


@dataclass(frozen=True)
class SignInNews:
    """What the letter says. The link signs its opener in and is not in the repr.

    Attributes:
        minutes: For how long the link works.
        adds_address: The link adds the address to an account, instead of signing in.
    """

    facility_name: str
    address: str
    link: str = field(repr=False)
    minutes: int
    adds_address: bool = False


def render_sign_in(news: SignInNews, *, language: str = "en", templates_folder: Path | None = None) -> Rendered:
    """Write the letter, by the templates `sign-in.subject.txt`, `sign-in.txt` and `sign-in.html`.

    Raises:
        ConfigurationError: The language or a template is missing, or a template of the facility's own is wrong.
        LetterError: The link cannot stand in a mail.
    """
    if not is_one_word(news.link) or not news.link.startswith("https://"):
        raise LetterError("the link in a mail must begin with https:// and be printable ASCII without blanks")
    shown = replace(news, facility_name=one_line(news.facility_name), address=one_line(news.address))
    known = spoken(language, "sign-in", templates_folder=templates_folder)
    return fill("sign-in", shown, language=known, templates_folder=templates_folder)
