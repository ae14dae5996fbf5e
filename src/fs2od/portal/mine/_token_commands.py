"""The commands that use a token: it is read from a file, so that it never stands among a command's arguments."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime

from fs2od.onedata.tokens import (
    Asn,
    Caveat,
    Consumer,
    DataObjectId,
    DataPath,
    DataReadonly,
    GeoCountry,
    Interface,
    Ip,
    Time,
)
from fs2od.portal._commands import Command
from fs2od.portal._sentences import sentence
from fs2od.portal._tools import CA_FILE, HEADER_FILE, TOKEN_FILE

__all__ = ["confine_command", "token_commands"]


def token_commands(
    *, zone: str, provider: str, place: str, folder: str, root: str, with_data: bool, authority: bool
) -> tuple[Command, ...]:
    """Return the commands that use a token that was just made.

    Args:
        zone: The zone's address.
        provider: The provider's address.
        place: What the download command brings: a link, or a space's id with a folder; empty where the token names none.
        folder: What the folder on the disk is called.
        root: The file id of a dataset's top, for curl; empty where the token names none.
        with_data: Whether the token opens data.
        authority: Whether a certificate is needed that no machine knows by itself.
    """
    ca, cacert = (f" --ca {CA_FILE}", f" --cacert {CA_FILE}") if authority else ("", "")
    keep = f"umask 077; cat > {TOKEN_FILE}"
    header = f"(umask 077; printf 'X-Auth-Token: %s\\n' \"$(cat {TOKEN_FILE})\" > {HEADER_FILE})"
    found = [Command("save", keep, sentence("Run it, paste the token, press Enter and Ctrl-D."))]
    if with_data:
        ours = f"fs2od download {place or 'SPACE'} {folder} --token-file {TOKEN_FILE}{ca}"
        at_zone = "" if place.startswith("https://") else f" --zone {zone}"
        found.append(
            Command("fs2od download", ours + at_zone, sentence("Brings everything that the token shows there."))
        )
        mirror = f"fs2od mirror {place or 'SPACE'} {folder} --follow --token-file {TOKEN_FILE}{ca}{at_zone}"
        found.append(
            Command("fs2od mirror", mirror, sentence("Keeps the folder as the dataset is, until it is complete."))
        )
        mount = f"fs2od mount {place or 'SPACE'} /mnt/{folder} --daemon --token-file {TOKEN_FILE}{ca}{at_zone}"
        found.append(Command("fs2od mount", mount, sentence("Shows it as a folder on Linux, without copying it.")))
        job = f"sbatch --wrap {shlex.quote(ours + at_zone)}"
        found.append(
            Command("Slurm", job, sentence("The same as a job; the file has to lie where the job can read it."))
        )
    found.append(
        Command("environment", f'export FS2OD_TOKEN="$(cat {TOKEN_FILE})"', sentence("Instead of --token-file."))
    )
    if root:
        address = f"{provider}/api/v3/oneprovider/data/{root}/children"
        line = f"{header}; curl -fsS -H @{HEADER_FILE}{cacert} {address}"
        found.append(
            Command("curl", line, sentence("Lists what lies at the top; other calls of Onedata's REST go likewise."))
        )
    return tuple(found)


def confine_command(caveats: Sequence[Caveat]) -> str:
    """Return the command that narrows a token in a file in the same way, without a network."""
    options = [option for caveat in caveats for option in _options(caveat)]
    return f"{shlex.join(['fs2od', 'token', 'confine', *options])} < {TOKEN_FILE} > narrowed.token"


def _options(caveat: Caveat) -> list[str]:
    option, values = _option(caveat)
    return [word for value in values for word in ((option, value) if value else (option,))]


def _option(caveat: Caveat) -> tuple[str, Sequence[str]]:
    """Return the option of `fs2od token confine` that stands for a caveat, and its values; an empty one for none."""
    found: tuple[str, Sequence[str]] = ("", ())
    match caveat:
        case Time(until_s):
            found = ("--until", [datetime.fromtimestamp(until_s, UTC).isoformat()])
        case DataReadonly():
            found = ("--readonly", [""])
        case DataPath(paths):
            found = ("--path", [path.removeprefix("/") for path in paths])
        case DataObjectId(ids):
            found = ("--object-id", ids)
        case Ip(networks):
            found = ("--ip", networks)
        case Asn(numbers):
            found = ("--asn", list(map(str, numbers)))
        case GeoCountry(kind, countries):
            found = ("--country" if kind == "whitelist" else "--not-country", countries)
        case Consumer(people):
            found = ("--consumer", people)
        case Interface(interface):
            found = ("--interface", [interface])
        case _:
            pass  # no form asks for the others
    return found
