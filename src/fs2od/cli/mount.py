"""`fs2od mount PLACE MOUNTPOINT`: a dataset as a folder, without copying it. And `fs2od unmount`."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fs2od.cli.access_options import THROUGH_PROVIDER_OPTION, access_options
from fs2od.cli.filled import FilledCommand
from fs2od.cli.mount_log import MountLog
from fs2od.cli.unsent import kept_folder, tell_unsent
from fs2od.errors import Fs2odError, StorageError
from fs2od.stopping import stopping

if TYPE_CHECKING:
    from fs2od.cli.access import EndNotice

__all__ = ["mount"]

_READY = b"ready\n"
_LOOK_S = 2.0
_ERRORS = 2
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command(
    cls=FilledCommand,
    epilog="Exit codes: 0 unmounted, 2 wrong usage, 3 this machine cannot mount, 4 network or service, or something was not sent, 5 not permitted, "
    "6 not found, 7 the mountpoint or the cache cannot be used.\n\n"
    "Examples:\n\n  fs2od mount https://zone.example.org/share/1a2b3c /mnt/grid2 --daemon\n\n"
    "  fs2od mount 'my space' $TMPDIR/data --token-file job.token --cache /scratch/blocks --cache-size 200G --daemon\n\n"
    "  fs2od mount 'grid 7 results' ~/results --token-file job.token --spool /scratch/unsent --daemon\n\n"
    "  fs2od unmount /mnt/grid2",
)
@click.argument("place", required=False)
@click.argument("mountpoint", required=False, type=click.Path(path_type=Path))
@access_options
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the blocks that were read; all your mounts on this machine may share it. Default: fs2od/blocks in "
    "XDG_CACHE_HOME or ~/.cache.",
)
@click.option("--cache-size", default="20G", show_default=True, metavar="SIZE", help="How much the cache may hold.")
@click.option("--no-cache", is_flag=True, help="Keep no blocks on the disk.")
@click.option(
    "--fresh", default=30.0, show_default=True, type=click.FloatRange(1), help="How many seconds old listings may be."
)
@click.option(
    "--wait",
    "wait_s",
    default=300.0,
    show_default=True,
    type=click.FloatRange(0),
    help="How many seconds a read waits for a service that is away, before it fails.",
)
@click.option(
    "--wait-token",
    "wait_token_s",
    default=86400.0,
    show_default=True,
    type=click.FloatRange(0),
    help="How many seconds a read waits for a new token, once the one in its file has ended.",
)
@THROUGH_PROVIDER_OPTION
@click.option("--read-only", is_flag=True, help="Write nothing, also where the token would allow it.")
@click.option(
    "--spool",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of what is written and not sent yet. Default: fs2od/unsent in XDG_CACHE_HOME or ~/.cache.",
)
@click.option("--spool-size", default="20G", show_default=True, metavar="SIZE", help="How much that may be.")
@click.option("--allow-other", is_flag=True, help="Let other users of this machine look into it.")
@click.option("--daemon", is_flag=True, help="Come back as soon as it is mounted, and serve it in the background.")
@click.option(
    "--log-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for what the mount has to say later, such as that its token ends. Default with --daemon: fs2od/mount.log in "
    "XDG_CACHE_HOME or ~/.cache.",
)
@click.option("--check", is_flag=True, help="Say what this machine lacks, and mount nothing.")
@click.option("--ready-fd", type=int, hidden=True)
def mount(
    *,
    place: str | None,
    mountpoint: Path | None,
    zone_url: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    cache: Path | None,
    cache_size: str,
    no_cache: bool,
    fresh: float,
    wait_s: float,
    wait_token_s: float,
    through_provider: bool,
    read_only: bool,
    spool: Path | None,
    spool_size: str,
    allow_other: bool,
    daemon: bool,
    log_file: Path | None,
    check: bool,
    ready_fd: int | None,
) -> None:
    """Show the dataset PLACE (a link, or a space or a folder in it) as the folder MOUNTPOINT.

    A link is for reading. A space can be written to where the token and its owner may: a file is sent when it is closed.

    The whole tree is there at once; bytes come when they are read, are checked where the dataset has checksums, and are kept
    in the cache for every later reader on this machine. End it with Ctrl-C, fs2od unmount or fusermount3 -u.
    """
    folder = None if no_cache else cache or kept_folder("blocks")
    known = kept_folder("unsent")
    top = spool or known
    if check:
        _check(folder, top, known)
        return
    if place is None or mountpoint is None:
        raise click.UsageError("give what to mount, and where; or --check")
    if daemon:
        _in_background()
        return
    from fs2od.cli.access import EndNotice, access_of, say
    from fs2od.cli.connecting import connection_of
    from fs2od.mount import Mount, MountOptions

    log = _log(log_file, mountpoint, in_background=ready_fd is not None)

    def tell(sentence: str) -> None:
        say(sentence)
        if log is not None:
            log.tell(sentence)

    tell_unsent(top, known)
    access = access_of(zone_url, token_file, ca_file, text=place, wait_s=wait_token_s, tell=tell)
    options = MountOptions(
        cache=folder,
        cache_bytes=_size(cache_size, "--cache-size"),
        fresh_s=fresh,
        wait_s=wait_s,
        read_only=read_only,
        spool=top,
        spool_bytes=_size(spool_size, "--spool-size"),
        unsent=known,
        connect=lambda: connection_of(access),
        allow_other=allow_other,
        token=access.token,
        prefer=access.prefer,
        ca_file=access.ca_file,
        proxies=access.proxies,
        straight=not through_provider,
        say=tell,
    )
    # Whoever asks again does not end it at once: a folder that answers nothing any more would stay behind.
    with stopping(_ENDING, insist=False) as stop:
        notice = EndNotice(access.token, tell)
        notice.look(time.time())
        threading.Thread(target=_announce, args=(notice, stop), daemon=True).start()
        mount_ = Mount(access.place(place), mountpoint, options)
        try:
            mount_.run(stop, lambda: _ready(mountpoint, ready_fd, log))
        except Fs2odError as error:
            if log is not None:
                log.tell(str(error))
            raise


def _size(text: str, option: str) -> int:
    from fs2od.transfer import parse_rate

    try:
        return int(parse_rate(text))
    except ValueError as error:
        raise click.BadParameter("a size is written as 500M, 20G or 1.5T", param_hint=option) from error


def _check(folder: Path | None, top: Path, known: Path) -> None:
    from fs2od.mount import check_machine

    found = check_machine(folder, top, known)
    for each in found:
        mark = "ok" if each.is_there else "MISSING" if each.needed else "note"
        click.echo(f"{mark:<8} {each.name:<14} {each.said}")
    if any(each.needed and not each.is_there for each in found):
        raise SystemExit(3)


def _log(file: Path | None, mountpoint: Path, *, in_background: bool) -> MountLog | None:
    """Return the log of a mount that was given one, or that nobody will see the words of."""
    if file is None and not in_background:
        return None
    log = MountLog(file or kept_folder("mount.log"), mountpoint)
    try:
        log.require_file()
    except StorageError as error:
        if file is not None:
            raise
        click.echo(f"fs2od: {error}; name another file with --log-file", err=True)
    return log


def _announce(notice: EndNotice, stop: threading.Event) -> None:
    while not stop.wait(_LOOK_S):
        notice.look(time.time())


def _ready(mountpoint: Path, ready_fd: int | None, log: MountLog | None) -> None:
    more = f"; what it has to say is written to {log.file}" if log is not None else ""
    if ready_fd is None:
        click.echo(f"{mountpoint} is mounted{more}; end it with Ctrl-C or: fs2od unmount {mountpoint}", err=True)
        return
    click.echo(f"{mountpoint} is mounted{more}; end it with: fs2od unmount {mountpoint}", err=True)
    with suppress(OSError):
        os.write(ready_fd, _READY)
        os.close(ready_fd)
    # Whoever waits for our last word has it; from now on nobody reads what we would say. Only a file, such as that of a
    # job's output, is read later, and keeps nobody waiting for us.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        if standard != _ERRORS or not stat.S_ISREG(os.fstat(_ERRORS).st_mode):
            os.dup2(nowhere, standard)


def _in_background() -> None:
    """Run this very command again behind a pipe, and come back when it is ready or has failed."""
    reading, writing = os.pipe()
    words = [word for word in sys.argv[1:] if word != "--daemon"]
    command = [sys.executable, "-m", "fs2od", *words, "--ready-fd", str(writing)]
    process = subprocess.Popen(  # noqa: S603 - ourselves
        command, pass_fds=[writing], start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    os.close(writing)
    with open(reading, "rb") as pipe:  # noqa: PTH123 - a handle, not a path
        said = pipe.read(len(_READY))
    if said != _READY:
        raise SystemExit(process.wait() or 1)
