"""Write the reference pages that are made from the code: commands, settings, endpoints, error ids.

Run `python docs/generate.py` after changing one of these; a test fails when a page is not fresh.
"""

from __future__ import annotations

import inspect
import sys
import tempfile
from pathlib import Path

import click

from fs2od.cli.main import fs2od
from fs2od.configuration import settings_reference
from fs2od.node.apps import endpoints_of
from fs2od.node.running import open_node
from fs2od.node.settings import NodeSettings
from fs2od.onedata.errors import STATUS_OF

REFERENCE = Path(__file__).parent / "reference"


def pages() -> dict[str, str]:
    """Return every generated page by its file name."""
    return {
        "commands.md": _commands(),
        "configuration.md": settings_reference(),
        "endpoints.md": _endpoints(),
        "error-ids.md": _error_ids(),
    }


def _commands() -> str:
    lines = ["# Commands", "", "Made from the commands' own help.", ""]
    context = click.Context(fs2od, info_name="fs2od")
    for name in fs2od.list_commands(context):
        command = fs2od.get_command(context, name)
        assert command is not None
        lines += _command(command, f"fs2od {name}")
    return "\n".join(lines)


def _command(command: click.Command, name: str) -> list[str]:
    context = click.Context(command, info_name=name)
    lines = [f"## `{name}`", "", inspect.cleandoc(command.help or ""), ""]
    lines += ["```text", *command.collect_usage_pieces(context), "```", ""]
    options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
    if options:
        lines += ["| option | meaning |", "|---|---|"]
        lines += [f"| `{', '.join(option.opts)}` | {_meaning(option)} |" for option in options]
        lines += [""]
    if isinstance(command, click.Group):
        for verb in command.list_commands(context):
            inner = command.get_command(context, verb)
            assert inner is not None
            lines += _command(inner, f"{name} {verb}")
    return lines


def _meaning(option: click.Option) -> str:
    shown = isinstance(option.default, str | int) and not isinstance(option.default, bool)
    default = f" Default: `{option.default}`." if option.show_default and shown else ""
    return f"{option.help or ''}{default}".replace("|", "\\|")


def _endpoints() -> str:
    lines = ["# Endpoints of the node", "", "Operations are named as in Onedata's OpenAPI files; `fs2od_` marks ours."]
    lines += [
        "Another method at one of these addresses is answered as Onedata does: 405, with `Allow` and without a document."
    ]
    with tempfile.TemporaryDirectory() as folder:
        settings = NodeSettings(Path(folder), "localhost:8443", "localhost:8444")
        with open_node(settings) as node:
            served = endpoints_of(node.provider)
    for service in ("onezone", "oneprovider", "onepanel"):
        lines += ["", f"## `/api/v3/{service}`", "", "| method | path | operation |", "|---|---|---|"]
        mine = [each for name, each in served if name == service]
        lines += [f"| {each.method} | `{each.path}` | `{each.operation}` |" for each in mine]
    return "\n".join(lines) + "\n"


def _error_ids() -> str:
    lines = [
        "# Error ids",
        "",
        "What the node answers with, in the form of Onedata 21.02.",
        "",
        "| id | status |",
        "|---|---|",
    ]
    return "\n".join([*lines, *(f"| `{name}` | {status} |" for name, status in sorted(STATUS_OF.items()))]) + "\n"


def main() -> None:
    """Write all pages."""
    for name, text in pages().items():
        (REFERENCE / name).write_text(text)
        sys.stderr.write(f"wrote {name}\n")


if __name__ == "__main__":
    main()
