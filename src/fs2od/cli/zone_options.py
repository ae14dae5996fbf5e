"""The options of commands that speak to a zone: where it is, what to trust, and how to print what it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

__all__ = ["CA_OPTION", "JSON_OPTION", "zone_options"]

CA_OPTION = click.option(
    "--ca",
    "ca_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    envvar="FS2OD_CA",
    show_envvar=True,
    help="Certificates (PEM) to trust besides the system's.",
)
JSON_OPTION = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
_ZONE_OPTION = click.option(
    "--zone",
    "zone_url",
    required=True,
    envvar="FS2OD_ZONE",
    show_envvar=True,
    help="The zone's address, such as https://zone.example.org.",
)


def zone_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --zone and --ca."""
    return _ZONE_OPTION(CA_OPTION(command))
