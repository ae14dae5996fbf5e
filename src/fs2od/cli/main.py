"""The command `fs2od`: its subcommands are imported only when they are used, so that it starts at once."""

from __future__ import annotations

import gc
import importlib
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import cast

import click

from fs2od.cli.utf8 import start_in_utf8
from fs2od.errors import Fs2odError
from fs2od.output import ReaderLeft, checked_output, talk

__all__ = ["COMMANDS", "fs2od", "main"]

COMMANDS = {
    "config": "Check the facility's configuration, or print an example.",
    "datasets": "List the datasets, or show one with its history.",
    "distribution": "Say which site has how much of a file or a folder.",
    "download": "Download a dataset by its link.",
    "facility": "Run the facility's side: watch folders, onboard datasets, send mail.",
    "invite": "Make, list and end invites into a space.",
    "login": "Sign in at a zone, and keep the token.",
    "logout": "Forget the token that login kept.",
    "mirror": "Keep a folder as a dataset is.",
    "mount": "Show a dataset as a folder, without copying it.",
    "node": "Run the node: a single-machine Onedata.",
    "plan": "Print what the facility would do now, and do nothing.",
    "put": "Bring results back: files and folders into a space.",
    "qos": "Require copies of data on storages, and see whether they are there.",
    "share": "Make, list and end the links of a space's data.",
    "simulate": "Write a simulated EPU session into a folder.",
    "site": "Add and list the sites of a node, and say what one offers.",
    "stage": "Bring data to a job, and its results back.",
    "storage": "Add, list, check and remove the storages of a site.",
    "support": "Ask sites for storage; grant it, change its size, end it.",
    "token": "Make, narrow, look at and end tokens.",
    "transfer": "Copy data to a site once, or take it away from one.",
    "unmount": "Take a mounted dataset away.",
    "up": "Run node and facility together on this machine.",
    "use": "Have a dataset copied to a computing centre, and see how far it is.",
    "user": "Add, list and block the people of a zone.",
}


class _Commands(click.Group):
    """Finds a subcommand in the module of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        if cmd_name not in COMMANDS:
            return None
        # httpx would load what draws its own command line: a tenth of the time that many commands take to start.
        sys.modules.setdefault("httpx._main", cast("ModuleType", None))
        with _no_search_for_garbage():
            module = importlib.import_module(f"fs2od.cli.{cmd_name}")
        return cast("click.Command", getattr(module, cmd_name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's signature
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@contextmanager
def _no_search_for_garbage() -> Iterator[None]:
    """Let Python not look for garbage within the block: modules that load leave none, and a service's take a tenth less so."""
    searched = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searched:
            gc.enable()


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 2 wrong usage, 3 configuration, 4 network or service, 5 not permitted, 6 not found, "
    "7 disk, 8 integrity, 9 state in use or too new, 130 interrupted.",
)
@click.version_option(package_name="fs2od")
def fs2od() -> None:
    """Bring cryo-EM datasets from a microscope's file system to the people who need them, on Onedata."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line (by default the process's own arguments)."""
    with talk():
        code = _exit_code(arguments)
    if arguments is None:
        gc.freeze()  # the process ends: to search all that it has loaded for garbage takes a tenth of a short command's time
    if code:
        sys.exit(code)


def _exit_code(arguments: Sequence[str] | None) -> int:
    """Run the command line, and return its exit code. This is the one place that turns an error into one line and a code."""
    try:
        if arguments is None:
            start_in_utf8()
        with checked_output():
            # Outside its standalone mode click returns the code of an early exit instead of raising it.
            code = fs2od(arguments, prog_name="fs2od", standalone_mode=False)
    except click.exceptions.Exit as left:
        return left.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("fs2od: interrupted", err=True)
        return 128 + signal.SIGINT
    except ReaderLeft:
        return 0
    except Fs2odError as error:
        click.echo(f"fs2od: {error}", err=True)
        return error.exit_code
    return code if isinstance(code, int) else 0
