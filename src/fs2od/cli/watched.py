"""Folders that a command is told to watch."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from fs2od.answering import in_time
from fs2od.errors import ConfigurationError

__all__ = ["require_apart"]


def require_apart(watched: Path, data: Path) -> None:
    """Make sure that what is watched is not what fs2od writes itself.

    The other way round is allowed: a data folder beside the datasets is none, and the node refuses one within a dataset.

    Args:
        watched: A folder that datasets are looked for in, absolute.
        data: The folder of the service's own state, absolute.

    Raises:
        ConfigurationError: `watched` is `data`, or lies in it, by whatever name.
    """
    try:
        # Unlike a Path's own way this has no complaint of links that lead round: whoever reads the folder says so.
        real = in_time(partial(os.path.realpath, watched))
    except TimeoutError:
        real = str(watched)  # a file server that is away does not hold our state
    if Path(real).is_relative_to(os.path.realpath(data)):
        raise ConfigurationError(
            f"the watched folder {watched} is fs2od's own, {data}: watch one that datasets are written to"
        )
