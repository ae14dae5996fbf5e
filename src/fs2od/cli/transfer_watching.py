"""A transfer looked at until it has ended, with its progress shown meanwhile."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import click

from fs2od.cli.progress import drawn
from fs2od.client import Oneprovider, is_transient
from fs2od.errors import Fs2odError
from fs2od.onedata import wire
from fs2od.onedata.errors import OnedataError
from fs2od.onedata.ids import TransferId
from fs2od.quantities import human_bytes

__all__ = ["ENDED", "TransferFailed", "how_far", "required_completed", "shown_progress", "until_ended"]

ENDED = ("completed", "failed", "cancelled", "skipped")
"""The states that a transfer does not leave any more."""

_PAUSE_S = 1.0
_LONGEST_SILENCE_S = 600.0
_SAY_AGAIN_S = 60.0

Show = Callable[[wire.TransferDetails], None]


class TransferFailed(Fs2odError):
    """A transfer ended and did not do all that it was to do: look why, then run it again."""

    exit_code = 4


async def until_ended(
    provider: Oneprovider,
    transfer: TransferId,
    show: Show,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> wire.TransferDetails:
    """Look at a transfer every second until it has ended, and return it. A provider may be away for ten minutes meanwhile.

    Raises:
        ConnectionLost: It is away for longer. The transfer goes on all the same.
        NotFound: There is no such transfer any more.
    """
    heard_s = monotonic()
    while True:
        try:
            found = await provider.transfers.get(transfer)
        except OnedataError as error:
            if not is_transient(error) or monotonic() - heard_s > _LONGEST_SILENCE_S:
                raise
        else:
            heard_s = monotonic()
            show(found)
            if found.transfer_status in ENDED:
                return found
        await sleep(_PAUSE_S)


def required_completed(transfer: TransferId, found: wire.TransferDetails) -> None:
    """Accept a transfer that did all that it was to do.

    Raises:
        TransferFailed: It did not.
    """
    if found.transfer_status not in ("completed", "skipped"):
        raise TransferFailed(f"the transfer {transfer} {_ended_as(found)}: {how_far(found)}")


def how_far(found: wire.TransferDetails) -> str:
    """Say how far a transfer is."""
    said = [f"{found.files_processed:,} of {found.files_to_process:,} files"]
    if found.files_replicated:
        said.append(f"{found.files_replicated:,} copied, {human_bytes(found.bytes_replicated)}")
    if found.files_evicted:
        said.append(f"{found.files_evicted:,} evicted")
    if found.files_failed:
        said.append(f"{found.files_failed:,} failed")
    return ", ".join(said)


@contextmanager
def shown_progress() -> Iterator[Show]:
    """Yield what shows progress on standard error: a bar on a terminal, elsewhere a line for each state and minute."""
    from rich import progress as bars  # slow to import, and most commands show none

    if not sys.stderr.isatty():
        yield _telling()
        return
    columns = (bars.TextColumn("{task.description}"), bars.BarColumn(), bars.TextColumn("{task.fields[far]}"))
    with drawn(*columns) as bar:
        task = bar.add_task("transfer", total=None, far="")

        def draw(found: wire.TransferDetails) -> None:
            total = found.files_to_process or None
            done, state = found.files_processed, found.transfer_status
            bar.update(task, description=state, completed=done, total=total, far=how_far(found))

        yield draw


def _telling() -> Show:
    said, said_s = "", 0.0

    def tell(found: wire.TransferDetails) -> None:
        nonlocal said, said_s
        now_s = time.monotonic()
        if found.transfer_status != said or now_s - said_s > _SAY_AGAIN_S:
            said, said_s = found.transfer_status, now_s
            click.echo(f"{found.transfer_status}: {how_far(found)}", err=True)

    return tell


def _ended_as(found: wire.TransferDetails) -> str:
    return "was cancelled" if found.transfer_status == "cancelled" else "failed"
