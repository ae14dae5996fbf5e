"""The languages of the pages: catalogues read from folders of texts, a facility's own before ours, and who gets which.

A language is a folder `LANGUAGE/` with files `AREA.po` (gettext's catalogues as text), merged over all areas.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel import Locale, UnknownLocaleError, negotiate_locale
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from starlette.requests import Request

from fs2od.errors import ConfigurationError
from fs2od.portal._language import ENGLISH, Language

__all__ = ["CHOICE", "OURS", "Texts", "language_of", "languages_for", "read_catalogue", "speaks"]

CHOICE = "__Host-fs2od-language"
"""The cookie that holds a guest's choice; it is set only when somebody chooses."""
OURS = Path(__file__).parent / "texts"
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z][A-Za-z]{1,3})?")
_KEY = "fs2od.language"
_MOST_WANTED = 20
_NO_BREAK = "\u00a0"
_PLACEHOLDER = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True)
class Texts:
    """All languages of the pages, and the one for those who ask for none of them."""

    languages: Mapping[str, Language]
    default: Language

    @classmethod
    def of(cls, default: str = "en", folder: Path | None = None) -> Texts:
        """Return our texts, and before them those of a facility's own folder, which may also bring further languages.

        Raises:
            ConfigurationError: The folder or a catalogue in it cannot be read, or nobody has texts in the default language.
        """
        languages = _ours() if folder is None else _with_own(folder)
        if default not in languages:
            raise ConfigurationError(
                f"there are no texts of pages in the language '{default}': there is {', '.join(languages)}"
            )
        return cls(languages, languages[default])

    def chosen(self, *choices: str, accepted: str = "") -> Language:
        """Return the first of the choices that there is, or else the best of an Accept-Language header, or the default."""
        for choice in choices:
            if choice in self.languages:
                return self.languages[choice]
        by_tag = {code.replace("_", "-").lower(): code for code in self.languages}
        found = negotiate_locale(_wanted(accepted), [*by_tag], sep="-")
        return self.default if found is None else self.languages[by_tag[found]]

    def for_request(self, request: Request, *choices: str) -> Language:
        """Return the language of a request: of the choices, then its cookie, then what its browser asks for."""
        return self.chosen(
            *choices, request.cookies.get(CHOICE, ""), accepted=request.headers.get("Accept-Language", "")
        )

    @cached_property
    def in_order(self) -> tuple[Language, ...]:
        """The languages in the order of their codes."""
        return tuple(self.languages[code] for code in sorted(self.languages))


@dataclass(frozen=True)
class _Spoken:
    """What goes with a request: its language, and which others could be chosen."""

    language: Language
    texts: Texts


def speaks(request: Request, language: Language, texts: Texts) -> None:
    """Let the page that answers a request be made in a language."""
    request.scope[_KEY] = _Spoken(language, texts)


def language_of(request: Request) -> Language:
    """Return the language that a request's page is made in."""
    found = request.scope.get(_KEY)
    return found.language if isinstance(found, _Spoken) else ENGLISH


def languages_for(request: Request) -> tuple[Language, ...]:
    """Return the languages that there are for the page of a request, in the order of their codes."""
    found = request.scope.get(_KEY)
    return found.texts.in_order if isinstance(found, _Spoken) else (ENGLISH,)


def read_catalogue(path: Path) -> Catalog:
    """Return the catalogue of one file.

    Raises:
        ConfigurationError: It cannot be read, or is no catalogue.
    """
    try:
        with path.open("rb") as file:
            return read_po(file, locale=path.parent.name, abort_invalid=True)
    except PoFileError as error:
        raise ConfigurationError(f"{path}, line {error.lineno + 1}: {error.args[0]}") from error
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the catalogue {path} cannot be read: {error}") from error


@cache
def _ours() -> Mapping[str, Language]:
    found = {folder.name: Language(folder.name, _translations(folder)) for folder in _language_folders(OURS)}
    return dict(sorted({"en": ENGLISH, **found}.items()))


def _with_own(folder: Path) -> Mapping[str, Language]:
    if not folder.is_dir():
        raise ConfigurationError(f"the folder of texts {folder} is not there")
    found = dict(_ours())
    for own in _language_folders(folder):
        translations = _translations(own)
        if own.name in found:
            translations.add_fallback(found[own.name].translations)
        found[own.name] = Language(own.name, translations)
    return dict(sorted(found.items()))


def _language_folders(folder: Path) -> Iterator[Path]:
    for each in sorted(folder.iterdir()):
        if not each.is_dir() or not _LANGUAGE.fullmatch(each.name):
            continue
        try:
            Locale.parse(each.name)
        except (UnknownLocaleError, ValueError) as error:
            raise ConfigurationError(f"{each} is named after no language that is known") from error
        yield each


def _translations(folder: Path) -> NullTranslations:
    """Return the catalogues of a language's folder as one; of two files that have the same text, the first counts."""
    merged = Catalog(locale=folder.name)
    for path in sorted(folder.glob("*.po")):
        for message in read_catalogue(path):
            if not message.id or message.fuzzy or not all(_strings(message.string)):
                continue
            _check(path, message)
            if merged.get(message.id, message.context) is None:
                bound = tuple(_bound(text, folder.name) for text in _strings(message.string))
                merged.add(message.id, bound if message.pluralizable else bound[0], context=message.context)
    compiled = BytesIO()
    write_mo(compiled, merged)
    compiled.seek(0)
    return GNUTranslations(compiled)


def _check(path: Path, message: Message) -> None:
    """Refuse a text that could not be filled in when its page is made."""
    values = dict.fromkeys(_PLACEHOLDER.findall("".join(_strings(message.id))), "")
    for text in _strings(message.string):
        try:
            text % values
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigurationError(
                f"{path}, line {message.lineno}: of the values in the text only %(name)s of the English one can be used, "
                f"as they stand there, and a percent sign is written twice: {text}"
            ) from error


def _bound(text: str, language: str) -> str:
    """Keep a number with what it counts on one line, and in Czech a preposition of one letter with its word."""
    bound = re.sub(r"(%\(count\)s) ", rf"\1{_NO_BREAK}", text)
    return re.sub(r"(?<![\w<&;)])([ksvzouaiKSVZOUAI]) ", rf"\1{_NO_BREAK}", bound) if language == "cs" else bound


def _strings(found: object) -> tuple[str, ...]:
    return (
        (str(found),)
        if isinstance(found, str)
        else tuple(map(str, found))
        if isinstance(found, list | tuple)
        else ("",)
    )


def _wanted(header: str) -> list[str]:
    """Return the languages of an Accept-Language header, the most wanted first."""
    found: list[tuple[float, str]] = []
    for part in header.split(",")[:_MOST_WANTED]:
        code, _, parameter = part.strip().partition(";")
        quality = parameter.strip().removeprefix("q=")
        try:
            weight = float(quality) if parameter else 1.0
        except ValueError:
            continue
        if weight > 0 and re.fullmatch(r"[A-Za-z0-9-]{2,20}", code):
            found.append((-weight, code.lower()))
    return [code for _, code in sorted(found, key=lambda each: each[0])]
