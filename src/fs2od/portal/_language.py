"""One language of the pages: its words for our English ones, its numbers, sizes, days and spans of time. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from gettext import NullTranslations

from babel import Locale
from babel.dates import format_date

from fs2od.portal._sentences import Sentence
from fs2od.quantities import human_bytes, human_count

__all__ = ["ENGLISH", "Language"]

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400
# British English writes a day as everybody understands it: 5 November 2026.
_LOCALES = {"en": "en_GB"}
_NO_BREAK = "\u00a0"


@dataclass(frozen=True)
class Language:
    """A language that pages are made in. It goes with the request: `language_of(request)`.

    English texts are the ids of the others, so a text without a translation is said in English. In each of them `%(name)s`
    is replaced by the value of that name; a percent sign is `%%`.

    Attributes:
        code: Its code, as `<html lang>` has it: "en", "cs".
        translations: Its catalogue.
    """

    code: str
    translations: NullTranslations = field(default_factory=NullTranslations, repr=False)

    def text(self, english: str, /, **values: object) -> str:
        """Return a text in this language; a `Sentence` brings its own values."""
        if isinstance(english, Sentence):
            return self.text(english.id, **english.values)
        return self.translations.gettext(english) % self.shown(values)

    def plural(self, one: str, many: str, number: int, /, **values: object) -> str:
        """Return the text that fits a number, which stands in it as `%(count)s`: `plural("%(count)s file", "%(count)s files", 3)`."""
        return self.translations.ngettext(one, many, number) % self.shown({"count": number, **values})

    def translated(self, value: object) -> object:
        """Return a `Sentence` in this language, and whatever else unchanged: people's own words are never translated."""
        return self.text(value) if isinstance(value, Sentence) else value

    def shown(self, values: dict[str, object]) -> dict[str, object]:
        """Return the values as they stand in a text: numbers in the language's form, sentences said in it."""
        return {name: self._shown(value) for name, value in values.items()}

    def count(self, number: int) -> str:
        """Write a count with its thousands set apart: `9,120`."""
        return human_count(number).replace(",", self._signs[0])

    def bytes(self, size_bytes: int) -> str:
        """Write a size with three significant digits in decimal units: `1.84 TB`."""
        written = human_bytes(size_bytes)
        return written if self.code == "en" else written.replace(".", self._signs[1]).replace(" ", _NO_BREAK)

    def files(self, number: int) -> str:
        """Write how many files there are: `9,120 files`."""
        return self.plural("%(count)s file", "%(count)s files", number)

    def exact_bytes(self, size_bytes: int) -> str:
        """Write a size to the byte: `1,840,000 bytes`."""
        return self.plural("%(count)s byte", "%(count)s bytes", size_bytes)

    def day(self, when: date) -> str:
        """Write a day: `5 November 2026`."""
        return str(format_date(when, "long", locale=self.locale))

    def moment(self, when: datetime) -> str:
        """Write a moment with its zone: `5 November 2026, 14:02 UTC`."""
        utc = when.astimezone(UTC)
        return self.text("%(day)s, %(clock)s UTC", day=self.day(utc.date()), clock=utc.strftime("%H:%M"))

    def ago(self, then: datetime, now: datetime) -> str:
        """Say how long ago a moment was: `12 s ago`, `3 h ago`, and the day itself after two weeks."""
        seconds = (now - then).total_seconds()
        if seconds < 1.5:
            return self.text("just now")
        if seconds < 1.5 * _MINUTE_S:
            return self.text("%(count)s s ago", count=round(seconds))
        if seconds < 1.5 * _HOUR_S:
            return self.text("%(count)s min ago", count=round(seconds / _MINUTE_S))
        if seconds < 1.5 * _DAY_S:
            return self.text("%(count)s h ago", count=round(seconds / _HOUR_S))
        if seconds < 14 * _DAY_S:
            return self.plural("%(count)s day ago", "%(count)s days ago", round(seconds / _DAY_S))
        return self.text("on %(day)s", day=self.day(then.astimezone(UTC).date()))

    @property
    def name(self) -> str:
        """What the language is called by those who speak it: `Čeština`."""
        name = self.locale.get_language_name() or self.code
        return name[:1].upper() + name[1:]

    @cached_property
    def locale(self) -> Locale:
        """The locale whose forms it takes."""
        return Locale.parse(_LOCALES.get(self.code, self.code))

    @cached_property
    def _signs(self) -> tuple[str, str]:
        symbols = self.locale.number_symbols["latn"]
        return str(symbols["group"]), str(symbols["decimal"])

    def _shown(self, value: object) -> object:
        if isinstance(value, int) and not isinstance(value, bool):
            return self.count(value)
        return self.translated(value)


ENGLISH = Language("en")
"""Where nobody has said anything."""
