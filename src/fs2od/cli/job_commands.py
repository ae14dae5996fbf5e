"""The commands that a job uses its token with: ours, and Onedata's own client where the zone is no fs2od node."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from fs2od.onedata import wire
from fs2od.onedata.ids import SpaceId

__all__ = ["TOKEN_FILE", "JobCommand", "job_commands", "provider_host"]

TOKEN_FILE = "job.token"  # noqa: S105 - no secret: the name of the file that holds one
_HTTPS_PORT = 443


class JobCommand(NamedTuple):
    """A command, and what it does, in a few words."""

    name: str
    line: str


def job_commands(
    dataset: SpaceId,
    results: SpaceId | None,
    *,
    zone: str,
    ca_file: Path | None,
    interface: Literal["rest", "oneclient"] | None,
    oneclient_host: str | None,
) -> tuple[JobCommand, ...]:
    """Return the commands that use a job's token, which they read from the file `TOKEN_FILE`.

    Args:
        dataset: The space that it reads.
        results: The space that it writes, if any.
        zone: The zone's address.
        ca_file: The authority that the command was given, which the job needs as well.
        interface: The interface that the token is bound to, if any.
        oneclient_host: The host[:port] of a provider that serves Onedata's own client; None where nobody does.
    """
    where = ["--token-file", TOKEN_FILE, "--zone", zone, *(("--ca", str(ca_file)) if ca_file else ())]
    found: list[JobCommand] = []
    if interface != "oneclient":
        found.append(JobCommand("mirror", shlex.join(["fs2od", "mirror", dataset, "data", "--follow", *where])))
        found.append(JobCommand("mount", shlex.join(["fs2od", "mount", dataset, "data", "--daemon", *where])))
        if results is not None:
            found.append(JobCommand("put", shlex.join(["fs2od", "put", "results", results, *where])))
    if interface != "rest" and oneclient_host is not None:
        found.append(JobCommand("oneclient", _oneclient(oneclient_host, [dataset, *([results] if results else ())])))
    return tuple(found)


def provider_host(scope: wire.DataAccessScope, space: SpaceId) -> str | None:
    """Return the host[:port] of a provider of a space that can be reached now; None if there is none."""
    supporting = (scope.providers[provider] for provider in scope.spaces[space].supports)
    return min((provider.domain for provider in supporting if provider.online), default=None)


def _oneclient(host: str, spaces: Sequence[SpaceId]) -> str:
    """Return the line that mounts spaces by Onedata's client: its options are those of its version 25.

    The token goes by the environment, for other users of a machine see arguments.
    """
    name, _, port = host.partition(":")
    options = ["-H", name, *(("-P", port) if port and int(port) != _HTTPS_PORT else ())]
    chosen = [word for space in spaces for word in ("--space-id", space)]
    return f'ONECLIENT_ACCESS_TOKEN="$(cat {TOKEN_FILE})" {shlex.join(["oneclient", *options, *chosen, "data"])}'
