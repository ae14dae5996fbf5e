"""The command line of the single-file downloader: the same engine as `fs2od download`, with the standard library alone."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Sequence

from fs2od.errors import Fs2odError, Interrupted
from fs2od.output import ReaderLeft, checked_output, last_word, talk
from fs2od.stopping import stopping
from fs2od.transfer._claim import claim
from fs2od.transfer._download import Download, folder_name
from fs2od.transfer._errors import UntrustedCertificate
from fs2od.transfer._links import Place, parse_place, parse_zone
from fs2od.transfer._options import Options
from fs2od.transfer._proxies import proxies_of
from fs2od.transfer._report import Estimate, Progress, Report, readable_size
from fs2od.transfer._selection import listed_paths
from fs2od.transfer._tokens import AccessToken, given_token
from fs2od.transfer._words import (
    estimate_line,
    parse_duration,
    parse_rate,
    readable_duration,
    report_lines,
    try_report,
    write_report,
)

if TYPE_CHECKING:
    import threading

__all__ = ["main"]

_JOBS = 8
_WRONG_USAGE = 2
_LONGEST_WAIT_S = 3600.0

_EPILOG = (
    "Exit codes: 0 everything is there, 2 wrong usage, 3 no Python or token that does, 4 network or service, 5 not permitted or the link has ended, "
    "6 not found, 7 disk, 8 integrity, 130 interrupted. After any of them, the same command goes on where it was. "
    "ONECLIENT_PROVIDER_HOST names the provider to ask first, where several have the space."
)


def main(arguments: Sequence[str], *, origin: str | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: What was given.
        origin: The zone that this program came from, if it came from one.
    """
    with talk():
        return _exit_code(arguments, origin)


def _exit_code(arguments: Sequence[str], origin: str | None) -> int:
    parser = _parser()
    empty = _named_empty(arguments)
    if empty is not None:
        _say(f"get.py: {empty} is empty, as a variable that is not set")
        return _WRONG_USAGE
    # The folder may stand behind options, too; where "--" says what is none, the library understands only the usual order.
    given = parser.parse_args(arguments) if "--" in arguments else parser.parse_intermixed_args(arguments)
    if given.until_quiet is not None and not given.follow:
        parser.error("--until-quiet ends what --follow begins: give both")
    try:
        # Before anything is asked or waited for: whoever starts this may stop it at once.
        with checked_output(), stopping() as stop:
            return _download(given, origin, stop)
    except UntrustedCertificate as error:
        _say(f"get.py: {error}; give its authority's certificate with --ca FILE")
        return error.exit_code
    except ReaderLeft:
        return 0
    except Fs2odError as error:
        _say(f"get.py: {error}")
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    said = "Bring everything that LINK shows into the folder DEST. Run it again to go on."
    parser = argparse.ArgumentParser(prog="get.py", description=said, epilog=_EPILOG)
    add = parser.add_argument
    add("link", metavar="LINK", help="the link to the dataset; or a space, with a token")
    add(
        "dest",
        metavar="DEST",
        nargs="?",
        help="the folder to fill; by default one named after the dataset",
    )
    add("--ca", metavar="FILE", help="certificates (PEM) to trust besides the system's")
    add(
        "--token-file",
        metavar="FILE",
        help="holds an access token, for what is not for everybody; else FS2OD_TOKEN is taken",
    )
    add("--zone", metavar="URL", help="the zone of a space; else FS2OD_ZONE, else the zone that the token is of")
    add("-j", "--jobs", type=int, default=_JOBS, choices=range(1, 65), metavar="N", help="the most connections at once")
    add("--include", action="append", default=[], metavar="GLOB", help="bring only what matches; may be repeated")
    add("--exclude", action="append", default=[], metavar="GLOB", help="leave what matches; may be repeated")
    add("--files-from", metavar="FILE", help="bring only the files and folders that FILE names, one path a line")
    add("--limit-rate", type=_text_of(parse_rate), metavar="RATE", help="at most so many bytes per second: 500k, 20M")
    add("--through-provider", action="store_true", help="take every byte from the provider, never from its store")
    add("--follow", action="store_true", help="go on while the dataset grows, until it is complete")
    add(
        "--until-quiet",
        type=_text_of(parse_duration),
        metavar="TIME",
        help="with --follow, end also when nothing new has come for so long: 45min, 2h (the default for what never says that it is complete)",
    )
    add("--report", metavar="FILE", help="write what has become of every file as JSON")
    add("--json", action="store_true", help="print the report as one line of JSON")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--dry-run", action="store_true", help="say how much would come, and how long it would take")
    what.add_argument("--verify", action="store_true", help="check the files that are here, and fetch nothing")
    return parser


def _named_empty(arguments: Sequence[str]) -> str | None:
    """Return what is given as an empty word, which is what "$DIR" is where DIR is not set; None where nothing is."""
    for before, word in zip(["", *arguments], arguments):
        if not word:
            return before if before.startswith("-") and before != "--" else "an argument"
        if word.startswith("--") and word.endswith("="):
            return word[:-1]
    return None


def _text_of(parse: Callable[[str], float]) -> Callable[[str], str]:
    """Return what an option's text is taken by: one that means something, kept as it was given for the line that goes on."""

    def take(text: str) -> str:
        try:
            parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        return text

    return take


def _download(given: argparse.Namespace, origin: str | None, stop: threading.Event) -> int:
    token = given_token(given.token_file, os.environ, wait_s=_LONGEST_WAIT_S, say=_say)
    place = parse_place(given.link, None if token is None else _zone(given.zone, token, origin))
    options = Options(
        token=token,
        proxies=proxies_of(os.environ),
        jobs=given.jobs,
        include=tuple(given.include),
        exclude=tuple(given.exclude),
        only=None if given.files_from is None else listed_paths(given.files_from),
        follow=given.follow,
        follow_quiet_s=None if given.until_quiet is None else parse_duration(given.until_quiet),
        limit_rate=None if given.limit_rate is None else parse_rate(given.limit_rate),
        straight=not given.through_provider,
        prefer=os.environ.get("ONECLIENT_PROVIDER_HOST") or None,
        say=_say,
        ca_file=given.ca,
        with_files=given.report is not None,
    )
    try:
        folder = given.dest or folder_name(place, options, stop)
        download, show = Download(place, folder, options), _shown if sys.stderr.isatty() else None
        if given.dry_run:
            return _tell_estimate(download.estimate(stop), as_json=given.json)
        if given.report is not None:
            try_report(given.report, folder)
        if not (given.dest or given.verify):
            claim(Path(folder), place)
        report = download.verify(show, stop) if given.verify else download.run(show, stop)
    except Interrupted:
        again = _again(given, place, given.dest, origin, was_interrupted=True)
        raise Interrupted(f"stopped; what has arrived is kept. To go on: {again}") from None
    again = _again(given, place, folder, origin, was_interrupted=report.was_interrupted)
    return _tell(report, folder, again=again, given=given)


def _zone(given: str | None, token: AccessToken, origin: str | None) -> str | None:
    """Return the zone of a space: as it was named, else as the token says it, which knows of no port; where this came from, does."""
    named = given or os.environ.get("FS2OD_ZONE")
    if named:
        return parse_zone(named)
    return origin if origin is not None and token.is_of(origin) else token.zone and f"https://{token.zone}"


def _shown(progress: Progress) -> None:
    """Show on one line how far it is."""
    more = "" if progress.listed else "+"
    files = f"{progress.files_done:,} of {progress.files_total:,}{more} files"
    size = f"{readable_size(progress.bytes_done)} of {readable_size(progress.bytes_total)}{more}"
    left = "" if progress.left_s is None else f", {readable_duration(progress.left_s)} left"
    print(f"\r{files}, {size}, {readable_size(int(progress.rate))}/s{left}\x1b[K", end="", file=sys.stderr, flush=True)  # noqa: T201 - a command line


def _tell(report: Report, folder: str, *, again: str, given: argparse.Namespace) -> int:
    """Write the report, say what has become of a run, and return the exit code, each also where another of these fails."""
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)  # noqa: T201 - a command line
    where = str(Path(folder).absolute())
    code, trouble = report.exit_code, None
    try:
        if given.report is not None:
            write_report(given.report, report, where)
    except Fs2odError as error:
        code, trouble = code or error.exit_code, error
    if given.json:
        code = last_word(json.dumps(replace(report, files=()).document(where)), code)
    else:
        for line in report_lines(report, folder, again=again):
            _say(line)
    if trouble is not None:
        _say(f"get.py: {trouble}")
    return code


def _again(
    given: argparse.Namespace, place: Place, folder: str | None, origin: str | None, *, was_interrupted: bool
) -> str:
    """Return the line that goes on, for a shell: with what was given, and the way it was given. No option holds a secret."""
    options: list[tuple[str, object]] = [
        ("--ca", given.ca),
        ("--token-file", given.token_file),
        ("--zone", given.zone),
        ("--jobs", given.jobs if given.jobs != _JOBS else None),
        *(("--include", pattern) for pattern in given.include),
        *(("--exclude", pattern) for pattern in given.exclude),
        ("--files-from", given.files_from),
        ("--limit-rate", given.limit_rate),
        ("--through-provider", given.through_provider),
        ("--follow", given.follow),
        ("--until-quiet", given.until_quiet),
        ("--report", given.report),
        ("--dry-run", given.dry_run),
        # What a check that came to its end found wrong is fetched without it.
        ("--verify", given.verify and was_interrupted),
    ]
    more = [str(word) for name, value in options if value for word in ([name] if value is True else [name, value])]
    names = [str(place)] if folder is None else [str(place), folder]
    words = [*more, "--", *names] if any(name.startswith("-") for name in names) else [*names, *more]
    return f"{_begun(given.ca, origin or place.zone_url)} {_for_shell(words)}"


def _begun(ca: str | None, origin: str) -> str:
    """Return how a line begins that runs this program as it was run: from a pipe, as the page offers it, or from a file."""
    if sys.argv[0] != "-":
        return _for_shell([_python(), sys.argv[0]])
    trust = ["--cacert", ca] if ca else []
    return f"{_for_shell(['curl', '-fsS', *trust, f'{origin}/get.py'])} | {_for_shell([_python(), '-'])}"


def _python() -> str:
    """Return how this interpreter is called: another one may be too old."""
    if os.name == "nt":
        return "py"
    name = Path(sys.executable).name
    return name if shutil.which(name) == sys.executable else sys.executable


def _for_shell(words: Sequence[str]) -> str:
    return " ".join(map(shlex.quote, words))


def _tell_estimate(estimate: Estimate, *, as_json: bool) -> int:
    if as_json:
        return last_word(json.dumps(estimate.document()), estimate.exit_code)
    _say(estimate_line(estimate))
    return estimate.exit_code


def _say(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201 - a command line
