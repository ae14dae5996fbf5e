"""English sentences as data: the values that stand in them are kept apart, so that they can be said in other languages."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["Sentence", "sentence"]


class Sentence(str):
    """A text in English, whole, which also knows how it was made. It is what it says wherever English will do.

    Attributes:
        id: What catalogues know it by: the sentence with `%(name)s` where values stand.
        values: The values by their names. Numbers are written in the reader's language, sentences said in it.
    """

    __slots__ = ("id", "values")

    id: str
    values: Mapping[str, object]


def sentence(english: str, /, **values: object) -> Sentence:
    """Return a sentence that is said in the reader's language later: `sentence("Wait %(seconds)s s.", seconds=3)`.

    Call it with the text itself: what stands between the brackets is what translators are given. A percent sign is `%%`.
    """
    made = Sentence(english % values)
    made.id, made.values = english, values
    return made
