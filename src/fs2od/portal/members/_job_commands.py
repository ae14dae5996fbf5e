"""The commands of a job's token: they read it from a file, and ask the provider where the job runs before all others."""

from __future__ import annotations

from dataclasses import dataclass

from fs2od.onedata.ids import SpaceId
from fs2od.portal._commands import Command
from fs2od.portal._sentences import sentence
from fs2od.portal._tools import CA_FILE, TOKEN_FILE

__all__ = ["JobPlaces", "job_commands"]


@dataclass(frozen=True)
class JobPlaces:
    """What the commands name.

    Attributes:
        zone: The zone's address.
        dataset: What is read.
        folder: What it is called on the cluster.
        results: The space for the results, if there is one.
        site: The domain of the provider where the job runs; empty: the nearest.
        authority: Whether a certificate is needed that no machine knows by itself.
    """

    zone: str
    dataset: SpaceId
    folder: str
    results: SpaceId | None
    site: str
    authority: bool


def job_commands(places: JobPlaces) -> tuple[Command, ...]:
    """Return them: the token's file first, then each way to the data, then the way back."""
    options = f" --zone {places.zone} --token-file {TOKEN_FILE}" + (f" --ca {CA_FILE}" if places.authority else "")
    before = f"ONECLIENT_PROVIDER_HOST={places.site} " if places.site else ""
    dataset, folder = places.dataset, places.folder

    def ours(words: str) -> str:
        return f"{before}fs2od {words}{options}"

    found = [
        Command("save", f"umask 077; cat > {TOKEN_FILE}", sentence("Run it, paste the token, press Enter and Ctrl-D.")),
        Command(
            "fs2od mirror",
            ours(f"mirror {dataset} {folder}"),
            sentence("Copies it into a folder, checks every file, and later brings only what is new."),
        ),
        Command(
            "fs2od mount",
            ours(f"mount {dataset} {folder}-mounted --daemon"),
            sentence("Shows it as a folder within seconds, without copying it."),
        ),
        Command(
            "fs2od stage",
            ours(f'stage in {dataset} "$TMPDIR/{folder}"'),
            sentence("In a job's script, before the work: it ends well only when every file is whole."),
        ),
    ]
    if places.results is not None:
        put = ours(f"put results {places.results}") + f" --from-dataset {dataset}"
        found.append(
            Command("fs2od put", put, sentence("Brings the folder “results” back, checked; run it again to go on."))
        )
    return tuple(found)
