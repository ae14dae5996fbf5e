"""What somebody chose of a dataset: its sums, the commands that bring it, and lists of addresses for other tools."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, quote

from fs2od.node.provider.archives.selections import chosen
from fs2od.node.provider.data.finding import given_below
from fs2od.node.provider.provider import Oneprovider
from fs2od.onedata import errors
from fs2od.portal._commands import CA_FILE, LINUX, MACOS, TOKEN_FILE, WINDOWS, Command
from fs2od.portal._datasets import Dataset, Datasets
from fs2od.portal._items import Item
from fs2od.portal._sentences import sentence
from fs2od.portal._words import folder_name

__all__ = [
    "ARIA2",
    "LISTS",
    "MOST_CHOSEN",
    "MOST_FIELDS",
    "URLS",
    "Selection",
    "address_list",
    "chosen_in",
    "selection_commands",
]

MOST_CHOSEN = 2_000
"""How many files and folders a page of a selection takes. An archive takes ten times as many."""
URLS, ARIA2 = "addresses.txt", "aria2.txt"
LISTS = (URLS, ARIA2)
"""What the lists are called: one address a line, and the same with each file's place, as aria2 reads it."""
_MOST_PATTERNS = 50
MOST_FIELDS = 30_000
_GLOB = re.compile(r"[*?\[]")
# Nothing that a shell of Windows takes otherwise than one of Unix.
_PLAIN = re.compile(r"[\w./+=: -]+", re.ASCII)


@dataclass(frozen=True)
class Selection:
    """Files and folders, none below another."""

    items: tuple[Item, ...]

    @property
    def files(self) -> int:
        """How many files it holds."""
        return sum(item.files for item in self.items)

    @property
    def size_bytes(self) -> int:
        """How many bytes they add up to."""
        return sum(item.size_bytes for item in self.items)


def chosen_in(datasets: Datasets, dataset: Dataset, body: bytes) -> Selection | None:
    """Return what a form chose; None if it is too much.

    Raises:
        Rejected: It is no form, or a path leads out of the dataset.
        PosixError: enoent, something is gone; eacces, it is not for everybody.
    """
    try:
        form = parse_qs(body.decode("ascii"), errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise errors.error_of("badData", "This is no form.") from error
    given = form.get("path", [])
    if len(given) > MOST_CHOSEN:
        return None
    paths = chosen(given)
    return Selection(tuple(datasets.find(dataset.id, path, dataset.root.caller) for path in paths))


def selection_commands(
    dataset: Dataset, selection: Selection, link: str, *, authority: bool, lists: bool
) -> tuple[Command, ...]:
    """Return the commands that bring a selection: by patterns where these fit into a line, and by the lists of addresses."""
    folder = folder_name(dataset.title)
    trust = f" --token-file {TOKEN_FILE}" if dataset.is_closed else ""
    trust += f" --ca {CA_FILE}" if authority else ""
    found: list[Command] = []
    if len(selection.items) <= _MOST_PATTERNS:
        patterns = [_pattern(item.path) for item in selection.items]
        plain = all(map(_PLAIN.fullmatch, patterns))
        chosen_by = " ".join(f"--include {_quoted(pattern)}" for pattern in patterns)
        systems = (LINUX, MACOS, WINDOWS) if plain else (LINUX, MACOS)
        line = f"fs2od download {link} {folder}{trust} {chosen_by}"
        found.append(
            Command("fs2od", line, sentence("Resumes and checks. Run again, it fetches only what is missing."), systems)
        )
    if lists:
        aria2 = f"aria2c -d {folder} -c -j8 -x4 --auto-file-renaming=false{_trust('--ca-certificate', authority=authority)} -i {ARIA2}"
        wget = f"wget -x -nH --cut-dirs=3 -c --no-iri -P {folder}{_trust('--ca-certificate', authority=authority)} -i {URLS}"
        found.append(
            Command(
                "aria2", aria2, sentence("Reads %(list)s: several files at once.", list=ARIA2), (LINUX, MACOS, WINDOWS)
            )
        )
        found.append(Command("wget", wget, sentence("Reads %(list)s: one file after the other.", list=URLS)))
    return tuple(found)


def _trust(option: str, *, authority: bool) -> str:
    return f" {option}={CA_FILE}" if authority else ""


def _pattern(path: str) -> str:
    """Return the pattern that matches just this path, from the dataset's top."""
    return "/" + _GLOB.sub(lambda found: f"[{found[0]}]", path)


def _quoted(pattern: str) -> str:
    return f'"{pattern}"' if " " in pattern and _PLAIN.fullmatch(pattern) else shlex.quote(pattern)


def address_list(provider: Oneprovider, selection: Selection, data: str, name: str) -> Iterator[bytes]:
    """Yield a list of all files of a selection that are for everybody, folders walked through, some hundred lines at a time."""
    line: Callable[[str, str], str] = _with_place if name == ARIA2 else _alone
    for item in selection.items:
        above: Sequence[str] = item.names if item.is_folder else item.names[:-1]
        below = "".join(f"{name}/" for name in above)
        for page in given_below(provider, item.located):
            yield "".join(line(data, below + path) for path, _ in page).encode()


def _alone(data: str, path: str) -> str:
    return f"{data}/files/{quote(path)}\n"


def _with_place(data: str, path: str) -> str:
    # A line break would end the option; aria2 then names the file by its address.
    place = "" if "\n" in path or "\r" in path else f"  out={path}\n"
    return f"{data}/files/{quote(path)}\n{place}"
