"""The command line that goes on with what was begun: as it was given, option by option, for a shell.

No option holds a secret: tokens are in files, or in the environment.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence

import click

__all__ = ["for_shell", "going_on", "words_going_on"]


def going_on(**instead: object) -> str:
    """Return `words_going_on` for a shell."""
    return for_shell(words_going_on(**instead))


def words_going_on(**instead: object) -> list[str]:
    """Return the command that the person gave, within which this is called, with the options that are not as by default.

    Args:
        instead: Other values for some of its parameters, by their names.
    """
    context = _given_by_person(click.get_current_context())
    names: list[str] = []
    above: click.Context | None = context
    while above is not None and above.parent is not None:
        names.insert(0, above.info_name or "")
        above = above.parent
    values = {**context.params, **instead}
    words: list[str] = []
    options: list[str] = []
    for parameter in context.command.params:
        value = values.get(parameter.name or "")
        if isinstance(parameter, click.Option):
            options += _option(parameter, value, by_default=parameter.get_default(context))
        else:
            words += _texts(value)
    given = [*options, "--", *words] if any(word.startswith("-") for word in words) else [*words, *options]
    return ["fs2od", *names, *given]


def for_shell(words: Sequence[str]) -> str:
    """Return words for a shell, also those that are not UTF-8, or that hold what a terminal would obey."""
    return " ".join(map(_quoted, words))


def _given_by_person(context: click.Context) -> click.Context:
    """Return the context of the outermost command: one may call another, which then speaks for it."""
    while context.parent is not None and not isinstance(context.parent.command, click.Group):
        context = context.parent
    return context


def _option(option: click.Option, value: object, *, by_default: object) -> Iterator[str]:
    name = max(option.opts, key=len)
    if option.hidden or value == by_default:
        return
    if option.is_flag:
        yield name
        return
    for text in _texts(value):
        yield from (name, text)


def _texts(value: object) -> list[str]:
    if value is None:
        return []
    return [str(each) for each in value] if isinstance(value, (tuple, list)) else [str(value)]


def _quoted(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    plain = "".join(c if c.isascii() and c.isalnum() else f"\\x{byte:02x}" for c in word for byte in os.fsencode(c))
    return f"$'{plain}'"
