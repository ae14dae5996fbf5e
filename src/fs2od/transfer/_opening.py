"""From where a dataset is to what reads it."""

from __future__ import annotations

import time
from typing import Callable

from fs2od.errors import ConfigurationError
from fs2od.transfer._dataset import Dataset
from fs2od.transfer._http import Proxies, Timeouts
from fs2od.transfer._links import Link, Place
from fs2od.transfer._patience import Patience
from fs2od.transfer._sharing import SharedDataset
from fs2od.transfer._space import SpaceDataset
from fs2od.transfer._tokens import AccessToken

__all__ = ["open_dataset"]


def open_dataset(
    place: Place,
    *,
    token: AccessToken | None = None,
    prefer: str | None = None,
    ca_file: str | None = None,
    timeouts: Timeouts | None = None,
    patience: Patience | None = None,
    sleep: Callable[[float], None] = time.sleep,
    proxies: Proxies | None = None,
    straight: bool = True,
    say: Callable[[str], None] | None = None,
) -> Dataset:
    """Return the dataset at a place; nothing is asked yet. Whoever opens it closes it.

    Args:
        place: A link, or a space at its zone.
        token: Needed for spaces and for links for members.
        prefer: The domain of the provider to ask first.
        ca_file: Certificates (PEM) to trust besides the system's.
        timeouts: How long to wait for an answer.
        patience: How often to ask again.
        sleep: Pauses between tries.
        proxies: What stands between this machine and the services.
        straight: Whether bytes of a space that are checked may come from a store, where the provider leads there.
        say: Told in one sentence why a store is left alone.

    Raises:
        ConfigurationError: There is no token, and a space needs one.
        Forbidden: The token is of another zone than the space.
    """
    if isinstance(place, Link):
        return SharedDataset(
            place, token=token, ca_file=ca_file, timeouts=timeouts, patience=patience, sleep=sleep, proxies=proxies
        )
    if token is None:
        raise ConfigurationError("a space is read with an access token, and there is none")
    return SpaceDataset(
        place,
        token=token,
        prefer=prefer,
        ca_file=ca_file,
        timeouts=timeouts,
        patience=patience,
        sleep=sleep,
        proxies=proxies,
        straight=straight,
        say=say,
    )
