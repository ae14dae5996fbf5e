"""`fs2od put FILES… TARGET`: bring results back into a space, whole and checked."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

import click

from fs2od.cli.access_options import access_options, wait_option
from fs2od.cli.filled import FilledCommand
from fs2od.cli.going_on import going_on
from fs2od.cli.progress import progress_bar
from fs2od.errors import Interrupted
from fs2od.output import last_word
from fs2od.stopping import Requests, stay_deaf

if TYPE_CHECKING:
    from fs2od.cli.access import Access
    from fs2od.results import Choice, Options, Progress, PutReport, Source, Sources
    from fs2od.transfer import SpacePlace

__all__ = ["Stopped", "put", "put_gathered", "stopped_politely"]

_MOST_LINES = 20
T = TypeVar("T")


@click.command(
    cls=FilledCommand,
    epilog="Exit codes: 0 everything is there, 2 wrong usage, 3 configuration, 4 network or service, 5 not permitted, "
    "6 not found, 7 a name that is taken or cannot be had there, a file that cannot be read, or no room, 8 integrity, 130 interrupted. "
    "After any of them, the same command goes on where it was.\n\n"
    "Examples:\n\n  fs2od put results/ 'grid 7 results/run 3' --token-file job.token\n\n"
    "  fs2od put *.star SPACE_ID --from-dataset https://zone.example.org/share/1a2b3c",
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.argument("target")
@access_options
@click.option("-j", "--jobs", type=click.IntRange(1, 32), default=4, show_default=True, help="Files sent at once.")
@click.option("--replace", is_flag=True, help="Replace files of the same name and other content; else they are left.")
@click.option(
    "--from-dataset",
    metavar="LINK|SPACE",
    help="The dataset that these were made from; it is named in the metadata of the results' space.",
)
@wait_option(600.0)
@click.option("--dry-run", is_flag=True, help="Say what would be put; write nothing.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print what has become of every file as one line of JSON on stdout."
)
def put(
    *,
    files: tuple[Path, ...],
    target: str,
    zone_url: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    jobs: int,
    replace: bool,
    from_dataset: str | None,
    wait_s: float,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Put FILES and folders into TARGET: a space by its name or id, and a folder in it, such as "results/run 3".

    A file appears under its name once it is whole and its checksum agrees. One that is there already is kept when it is
    the same, and left alone when it is another one, which is said; --replace replaces it.

    Links to folders and links that lead nowhere are left out, and so is what a mirrored dataset brought into a folder:
    fs2od-sidecar and .fs2od-mirror. That is said, and no failure.

    A service that is away is waited for, which is said, and so is a token that has ended in its file.
    """
    # The engine is wanted only when the command really runs: `fs2od --help` stays quick.
    from fs2od.cli.access import access_of
    from fs2od.results import Options, gather

    access = access_of(zone_url, token_file, ca_file)
    access.required()
    options = Options(jobs=jobs, replace=replace)
    put_gathered(
        access,
        gather(files),
        target,
        options,
        from_dataset=from_dataset,
        wait_s=wait_s,
        dry_run=dry_run,
        as_json=as_json,
    )


def put_gathered(
    access: Access,
    sources: Sources,
    target: str,
    options: Options,
    *,
    from_dataset: str | None,
    wait_s: float,
    dry_run: bool = False,
    as_json: bool = False,
) -> None:
    """Put what was gathered into a target, and say what has become of it; end with an exit code unless all is there."""
    from fs2od.transfer import SpacePlace

    place = access.place(target)
    if not isinstance(place, SpacePlace):
        raise click.UsageError("the target is a space, or a folder in one: SPACE/a/folder")
    run = _Run(access, place, sources, options, from_dataset, wait_s)
    with stopped_politely() as stopped:
        if dry_run:
            _rehearse(asyncio.run(stopped.until_told(run.plan())), as_json=as_json)
            return
        with progress_bar("looking") as show:
            report = asyncio.run(stopped.until_told(run.put(access.announcing(show))))
    _tell(report, sources, as_json=as_json)


class Stopped:
    """What Ctrl-C and a polite kill stop: an exception out of nowhere, or, within `until_told`, in order."""

    def __init__(self) -> None:
        """Begin with nothing that would have to be stopped in order."""
        self._requests = Requests()
        self._cancel: Callable[[], object] | None = None

    @property
    def is_told(self) -> bool:
        """Whether it was asked to stop."""
        return self._requests.have_come

    def take(self, number: int, _: FrameType | None) -> None:
        """Take a signal.

        Raises:
            KeyboardInterrupt: It is the first, and nothing is to be stopped in order.
        """
        if not self._requests.take(number):
            return
        if self._cancel is None:
            raise KeyboardInterrupt
        self._cancel()

    async def until_told(self, work: Coroutine[None, None, T]) -> T:
        """Do something, and end it in order when a signal comes: an exception would leave what runs beside it.

        Raises:
            Interrupted: It came.
        """
        doing = asyncio.get_running_loop().create_task(work)
        self._cancel = partial(asyncio.get_running_loop().call_soon_threadsafe, doing.cancel)
        try:
            return await doing
        except asyncio.CancelledError:
            if self.is_told:
                raise _stopped() from None
            raise
        finally:
            self._cancel = None


@contextmanager
def stopped_politely() -> Iterator[Stopped]:
    """Say how to go on when Ctrl-C, or a polite kill such as a job's end, stops what is done within.

    Once asked to stop, the process takes no repetition for more also behind the block.

    Raises:
        Interrupted: It was stopped.
    """
    stopped = Stopped()
    # Shells ignore Ctrl-C for what they start with "&".
    numbers = [each for each in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(each) is not signal.SIG_IGN]
    before = [(number, signal.signal(number, stopped.take)) for number in numbers]
    try:
        yield stopped
    except KeyboardInterrupt:
        raise _stopped() from None
    finally:
        if stopped.is_told:
            stay_deaf(numbers)
        else:
            for number, handler in before:
                signal.signal(number, handler)


def _stopped() -> Interrupted:
    return Interrupted(f"stopped; what is whole stays. To go on: {going_on()}")


class _Run:
    """What the command does, in one connection."""

    def __init__(
        self,
        access: Access,
        place: SpacePlace,
        sources: Sources,
        options: Options,
        dataset: str | None,
        wait_s: float,
    ) -> None:
        self._access = access
        self._place = place
        self._sources = sources
        self._options = options
        self._dataset = dataset
        self._wait_s = wait_s

    async def plan(self) -> dict[Choice, list[Source]]:
        """Return what would be done."""
        from fs2od.cli.member import member_at
        from fs2od.results import Put

        async with member_at(self._access, wait_s=self._wait_s) as member:
            target = await member.target(self._place.space, self._place.path)
            return await Put(self._sources, target, self._options).plan()

    async def put(self, show: Callable[[Progress], None]) -> PutReport:
        """Put everything, and say where it came from."""
        from fs2od.cli.access import say
        from fs2od.cli.member import member_at
        from fs2od.results import Put, find_origin, record_origin

        async with member_at(self._access, wait_s=self._wait_s) as member:
            target = await member.target(self._place.space, self._place.path)
            # Before any byte goes: a dataset that is not there is a typing error.
            named = self._dataset
            origin = await find_origin(member.connection, member.zone.url, member.token, named) if named else None
            report = await Put(self._sources, target, self._options, show, say).run()
            if origin is not None:
                await record_origin(target, origin)
            return report


def _rehearse(planned: dict[Choice, list[Source]], *, as_json: bool) -> None:
    from fs2od.results import Choice
    from fs2od.transfer import readable_size

    if as_json:
        click.echo(json.dumps({choice.value: [source.path for source in files] for choice, files in planned.items()}))
        return
    said = {"put": "would be put", "compare": "are there, and would be compared", "replace": "would be replaced",
            "refuse": "are there, are others, and would be left",
            "unfit": "have names that the service does not take"}  # fmt: skip
    for choice, files in planned.items():
        if files:
            size = readable_size(sum(source.size_bytes for source in files))
            click.echo(f"{len(files):,} files ({size}) {said[choice.value]}", err=True)
    for source in planned[Choice.UNFIT][:_MOST_LINES]:
        click.echo(f"fs2od: {source.path if source.path.isprintable() else ascii(source.path)}", err=True)


def _tell(report: PutReport, sources: Sources, *, as_json: bool) -> None:
    from fs2od.transfer import readable_size

    code = report.exit_code
    if as_json:
        code = last_word(json.dumps(report.document()), code)
    else:
        problems = [str(file.problem) for file in report.files if file.problem is not None]
        problems += [f"{each.file} is left out: {each.reason}" for each in report.left_out]
        for line in problems[:_MOST_LINES]:
            click.echo(f"fs2od: {line}", err=True)
        if len(problems) > _MOST_LINES:
            click.echo(f"fs2od: and {len(problems) - _MOST_LINES:,} more; --json tells all", err=True)
        put = report.count("put") + report.count("replaced")
        size = readable_size(sum(file.size_bytes for file in report.files if file.outcome in ("put", "replaced")))
        kept = f", {report.count('kept'):,} there already" if report.count("kept") else ""
        click.echo(
            f"{put:,} of {len(sources.files):,} files ({size}) put into {report.target} and checked{kept}", err=True
        )
    if code:
        raise SystemExit(code)
