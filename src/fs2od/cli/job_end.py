"""A job's access token between `stage in` and `stage out`, when no command of ours runs that could say that it ends."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from fs2od.cli.access import ends_at_s, say
from fs2od.transfer import AccessToken, readable_duration

__all__ = ["await_another", "job_ends_at_s", "said_of_end", "tell_end"]

_ASSUMED_S = 24 * 3600.0
"""How long a job of an unknown end may take, before anybody should be told."""


def tell_end(token: AccessToken | None) -> None:
    """Say how long the token will last, and what to do if that is not to the job's end."""
    until_s = None if token is None else ends_at_s(token.text())
    if until_s is not None and token is not None:
        job_s = job_ends_at_s(os.environ)
        for sentence in said_of_end(until_s, job_s, time.time(), can_be_replaced=token.can_be_replaced):
            say(sentence)


def await_another(token: AccessToken | None) -> None:
    """Wait for another token if this has ended by its own word and can be replaced: else results would be stranded.

    Raises:
        TokenRefused: None came in time.
    """
    until_s = None if token is None else ends_at_s(token.text())
    while token is not None and token.can_be_replaced and until_s is not None and until_s <= time.time():
        token.worked()  # in its time; what was never one is refused by the service, at once
        token.renew(token.text(), time.sleep)
        until_s = ends_at_s(token.text())


def job_ends_at_s(environment: Mapping[str, str]) -> int | None:
    """Return when Slurm ends the job that this is, in seconds since 1970; None where it does not say so."""
    text = environment.get("SLURM_JOB_END_TIME", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else None


def said_of_end(until_s: float, job_s: int | None, now_s: float, *, can_be_replaced: bool) -> list[str]:
    """Return what a job is told of its token's end: how long it lasts, and a warning if the job could last longer."""
    left_s = max(0.0, until_s - now_s)
    said = [f"the access token lasts for {readable_duration(left_s)} more, until {_moment(until_s)}"]
    if until_s >= (now_s + _ASSUMED_S if job_s is None else job_s):
        return said
    when = "the job may take longer" if job_s is None else f"the job may run until {_moment(job_s)}"
    what = (
        "put a new one into its file meanwhile, or stage out waits for it"
        if can_be_replaced
        else "it was in no file, so that stage out needs a new one"
    )
    return [*said, f"WARNING: {when}: {what}"]


def _moment(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M} UTC"
