"""From news to subject, text and HTML, by templates: a folder per language, and a facility's own folder before ours."""

from __future__ import annotations

import re
import textwrap
import traceback
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path
from typing import get_args

from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
)

from fs2od.errors import ConfigurationError
from fs2od.mail._lines import one_line
from fs2od.mail._news import DatasetEvent, DatasetNews, checked
from fs2od.quantities import human_bytes, human_count

__all__ = ["Rendered", "fill", "notice", "rehearse", "render", "spoken"]

_OURS = Path(__file__).parent / "templates"
_NOTICES = Path(__file__).parent / "notices"
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Za-z]{2,4})?")
_WIDTH = 72
_LEAST = DatasetNews(
    instrument="Krios",
    title="grid 2",
    link="https://data.example.org/share/0",
    download_command="fs2od download https://data.example.org/share/0",
    files=0,
    size_bytes=0,
    state="acquiring",
    facility_name="Cryo-EM facility",
    contact="desk@example.org",
)
_MOST = replace(
    _LEAST,
    files=2,
    size_bytes=10**12,
    state="complete",
    experimenter_name="Alex Example",
    script_command="curl https://data.example.org/get.py | python3 - https://data.example.org/share/0",
    ca_check="sha256sum -c",
    ca_address="https://data.example.org/ca.pem",
    token_page="https://data.example.org/tokens",  # noqa: S106 - a page's address
    members_only_until=datetime(2030, 1, 1, tzinfo=UTC),
    members_token="example",  # noqa: S106 - nothing takes it
    members_token_uses=2,
    members_token_until=datetime(2030, 1, 1, tzinfo=UTC),
    personal_join_link="https://data.example.org/join#example",
    personal_join_token="example",  # noqa: S106 - nothing takes it
    personal_join_until=datetime(2030, 1, 1, tzinfo=UTC),
    onedata_page="https://data.example.org",
    undeliverable=1,
    undeliverable_names=("a",),
    available_until=date(2030, 1, 1),
)


@dataclass(frozen=True)
class Rendered:
    """The words of a letter. Text and HTML hold tokens and stay out of the repr."""

    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)


def render(
    news: DatasetNews, *, event: DatasetEvent, language: str = "en", templates_folder: Path | None = None
) -> Rendered:
    """Write the mail about an event, in plain text and as HTML.

    Templates are `LANGUAGE/EVENT.subject.txt`, `EVENT.txt` and `EVENT.html`, looked for in `templates_folder` first. They
    may extend and import ours (`dataset.txt`, `dataset.html`, `words.txt`, and `frame.html`, which all languages share) and
    are given `news`, a `DatasetNews`.

    Raises:
        ConfigurationError: The language or a template is missing, or a template of the facility's own is wrong.
        LetterError: A link, token or command in the news cannot stand in a mail.
    """
    return fill(event, checked(news), language=language, templates_folder=templates_folder)


def rehearse(language: str, *, templates_folder: Path | None = None) -> None:
    """Write every mail about a dataset once, of one with little and of one with everything to say, and throw it away.

    Raises:
        ConfigurationError: There are no mails in the language, or a template is wrong; the message says which, and where.
    """
    for event in get_args(DatasetEvent):
        for news in (_LEAST, _MOST):
            render(news, event=event, language=language, templates_folder=templates_folder)


def fill(event: str, news: object, *, language: str, templates_folder: Path | None, ours: Path = _OURS) -> Rendered:
    """Write the three parts of the mail about an event, from templates that are given `news`.

    Raises:
        ConfigurationError: As for `render`.
    """
    subject, text, html = (
        _filled(_environment(language, templates_folder, ours, escaped=ending == "html"), f"{event}.{ending}", news)
        for ending in ("subject.txt", "txt", "html")
    )
    return Rendered(one_line(subject), re.sub(r"\n{3,}", "\n\n", text).strip() + "\n", html.strip() + "\n")


def spoken(language: str, event: str, *, templates_folder: Path | None, ours: Path = _OURS) -> str:
    """Return somebody's language if there is this mail in it, and else English: better that than no letter."""
    has_own = templates_folder is not None and (templates_folder / language / f"{event}.txt").is_file()
    return language if has_own or (_LANGUAGE.fullmatch(language) and (ours / language).is_dir()) else "en"


def notice(event: str, news: object, *, language: str, templates_folder: Path | None) -> Rendered:
    """Write one of the zone's letters, in English where there is none in the reader's language.

    Raises:
        ConfigurationError: As for `render`.
    """
    known = spoken(language, event, templates_folder=templates_folder, ours=_NOTICES)
    return fill(event, news, language=known, templates_folder=templates_folder, ours=_NOTICES)


def _filled(environment: Environment, name: str, news: object) -> str:
    try:
        return environment.get_template(name).render(news=news)
    except TemplateNotFound as error:
        raise ConfigurationError(f"the mail template {error.name} is missing") from error
    except TemplateSyntaxError as error:
        raise ConfigurationError(f"the mail template {error.filename}, line {error.lineno}: {error.message}") from error
    except TemplateError as error:
        raise ConfigurationError(f"the mail template {name}: {error.message}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"the mail template {name} is not UTF-8: save it as UTF-8") from error
    except (
        Exception
    ) as error:  # a template is a facility's own program and may raise anything; none is lost: it is the cause
        raise ConfigurationError(f"the mail template {name}, line {_line_of(error)}: {error}") from error


def _line_of(error: Exception) -> int:
    """Return the line of a template at which it failed: Jinja gives each of its frames the template's own lines."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.endswith(".py")]
    return (lines or [None])[-1] or 0


@lru_cache(maxsize=16)
def _environment(language: str, templates_folder: Path | None, ours: Path, *, escaped: bool) -> Environment:
    bases = [folder for folder in (templates_folder, ours) if folder is not None]
    folders = [folder / language for folder in bases]
    if not _LANGUAGE.fullmatch(language) or not any(folder.is_dir() for folder in folders):
        there = ", ".join(sorted(folder.name for folder in ours.iterdir() if folder.is_dir()))
        raise ConfigurationError(
            f"there are no mail templates in the language '{one_line(language)}': there is {there}"
        )
    # All or nothing, not by the template's name: HTML that imports macros from a .txt would get their values unescaped.
    environment = Environment(
        # What is the same in every language lies above them.
        loader=FileSystemLoader([*folders, *bases]),
        autoescape=escaped,  # noqa: S701 - plain text must not be escaped
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["language"] = language
    environment.filters.update(wrap=_wrap, human_bytes=human_bytes, human_count=human_count)
    return environment


def _wrap(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)
