"""Commands of which no word is empty: that is what "$DIR" is where DIR is not set, and never what was meant."""

from __future__ import annotations

from itertools import pairwise
from typing import IO

import click

__all__ = ["FilledCommand"]


class _Empty(click.ClickException):
    """A word is empty. How the command is used does not help whoever wrote a variable there."""

    exit_code = 2

    def show(self, file: IO[str] | None = None) -> None:  # noqa: ARG002 - as click has it
        """Say it in one line."""
        click.echo(f"fs2od: {self.message}", err=True)


class FilledCommand(click.Command):
    """A command that takes an empty argument, or an option's empty value, for wrong usage before it does anything."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, see click.

        Raises:
            ClickException: A word is empty.
        """
        empty = next((_named(before, word) for before, word in pairwise(["", *args]) if _is_empty(word)), None)
        if empty is not None:
            raise _Empty(f"{empty} is empty, as a variable that is not set")
        return super().parse_args(ctx, args)


def _is_empty(word: str) -> bool:
    return not word or (word.startswith("--") and word.endswith("="))


def _named(before: str, word: str) -> str:
    if word:
        return word[:-1]
    return before if before.startswith("-") and before != "--" else "an argument"
