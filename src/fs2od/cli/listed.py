"""Commands on one noun, listed with all that their first sentences say."""

from __future__ import annotations

import click

__all__ = ["ListedGroup"]

_LONGEST = 1000


class ListedGroup(click.Group):
    """A group whose help lists each command's first sentence whole, on several lines where it takes them: click's breaks it off."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list, see click."""
        commands = [(name, self.commands[name]) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.get_short_help_str(_LONGEST)) for name, command in commands])
