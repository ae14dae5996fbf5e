"""What somebody chose of a dataset: its sums, and the commands that bring it by the lists at its own address."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import parse_qs

from fs2od.node.provider.archives.selections import MOST_PATHS, chosen
from fs2od.node.provider.data.selected import ADDRESSES, CHOSEN, FILES, METALINK, SUMS
from fs2od.onedata import errors
from fs2od.portal._commands import LINUX, MACOS, WINDOWS, Command
from fs2od.portal._datasets import Dataset, Datasets
from fs2od.portal._items import Item
from fs2od.portal._sentences import sentence
from fs2od.portal._tools import CA_FILE, CURL, CURL_OF_WINDOWS, TOKEN_FILE, Tools

__all__ = [
    "MOST_CHOSEN",
    "MOST_FIELDS",
    "Selection",
    "Ways",
    "chosen_in",
    "selection_commands",
]

MOST_CHOSEN = MOST_PATHS
"""How many files and folders a selection takes."""
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


@dataclass(frozen=True)
class Ways:
    """Where a selection can be had: the addresses that its commands and its page are made of.

    Attributes:
        link: The dataset's link.
        data: The address of the dataset's plain files, without a slash at its end.
        at: The address of the selection, for commands; empty where the node has nothing beyond Onedata's own addresses.
    """

    link: str
    data: str = ""
    at: str = ""


def selection_commands(dataset: Dataset, selection: Selection, ways: Ways, *, authority: bool) -> tuple[Command, ...]:
    """Return the commands that bring a selection, each by the list that its tool understands, from the selection's address."""
    if not selection.items:
        return ()
    if not ways.at:
        return _by_patterns(dataset, selection, ways.link, authority=authority)
    lines = _Lines(Tools(dataset.folder, authority, dataset.is_closed), ways, _list_name(selection))
    ours = (*lines.ours(), *lines.archives())
    return ours if dataset.is_closed else (*ours, lines.wget(), lines.rclone(), lines.aria2(), *lines.sums())


def _by_patterns(dataset: Dataset, selection: Selection, link: str, *, authority: bool) -> tuple[Command, ...]:
    if len(selection.items) > _MOST_PATTERNS:
        return ()
    patterns = [_pattern(item.path) for item in selection.items]
    systems = (LINUX, MACOS, WINDOWS) if all(map(_PLAIN.fullmatch, patterns)) else (LINUX, MACOS)
    trust = f" --token-file {TOKEN_FILE}" if dataset.is_closed else ""
    trust += f" --ca {CA_FILE}" if authority else ""
    chosen_by = " ".join(f"--include {_quoted(pattern)}" for pattern in patterns)
    line = f"fs2od download {link} {dataset.folder}{trust} {chosen_by}"
    return (
        Command("fs2od", line, sentence("Resumes and checks. Run again, it fetches only what is missing."), systems),
    )


def _pattern(path: str) -> str:
    """Return the pattern that matches just this path, from the dataset's top."""
    return "/" + _GLOB.sub(lambda found: f"[{found[0]}]", path)


def _quoted(pattern: str) -> str:
    return f'"{pattern}"' if " " in pattern and _PLAIN.fullmatch(pattern) else shlex.quote(pattern)


def _list_name(selection: Selection) -> str:
    """Return what a selection's list is called on the disk: its own name, so that no other's is taken for it."""
    return f"selection-{sha256(chr(0).join(item.path for item in selection.items).encode()).hexdigest()[:8]}.txt"


@dataclass(frozen=True)
class _Lines:
    """The lines of one selection. Addresses and names of lists hold nothing that a shell takes amiss."""

    tools: Tools
    ways: Ways
    list_name: str

    def ours(self) -> tuple[Command, ...]:
        """Return the lines of our own engine. The list stays on the disk, so the line goes on when its address has ended."""
        said = sentence("Resumes and checks. Run again, it fetches only what is missing.")
        fetch = self._fetched(CHOSEN, self.list_name)
        return (
            Command("Python", f"{fetch}; {self.tools.script(self._zone, self._given)}", said),
            Command("Python for Windows", self._on_windows(), sentence("The same in PowerShell."), (WINDOWS,)),
            Command("fs2od", f"{fetch}; fs2od download {self._given}", sentence("The same, where fs2od is installed.")),
        )

    def archives(self) -> tuple[Command, ...]:
        said = sentence(
            "These as one TAR file, as they are at the first try. Run again, it goes on where it was cut off."
        )
        address = f"{self.ways.at}/{self.tools.folder}"
        return (
            Command("curl", self.tools.archive(f"{address}.tar"), said),
            Command(
                "curl for Windows",
                self.tools.archive(f"{address}.zip", curl=CURL_OF_WINDOWS),
                sentence("The same in PowerShell, as one ZIP file."),
                (WINDOWS,),
            ),
        )

    def wget(self) -> Command:
        # The list is not fetched by -i itself, which with -N would leave it among the data.
        fetch = f"wget -qO-{self.tools.ca('--ca-certificate=')} {self.ways.at}/{ADDRESSES}"
        said = sentence("Every file, one after the other. Run again, it fetches what is missing or new.")
        return Command("wget", f"{fetch} | {self.tools.wget('-x', '-i -')}", said)

    def rclone(self) -> Command:
        name = f"files-{self.list_name}"
        line = f"{self._fetched(FILES, name)}; {self.tools.rclone(self.ways.data, names=name)}"
        return Command("rclone", line, sentence("Several files at once. Run again, it fetches what is missing or new."))

    def aria2(self) -> Command:
        return Command(
            "aria2",
            self.tools.aria2(f"{self.ways.at}/{METALINK}"),
            sentence("Several files and parts of files at once, each checked. Run again, it mends what is not right."),
            (LINUX, MACOS, WINDOWS),
        )

    def sums(self) -> tuple[Command, ...]:
        sums = f"{self.ways.at}/{SUMS}"
        said = sentence("Afterwards: checks every file whose checksum is known by now.")
        return (
            Command("sha256sum", self.tools.sha256sum(sums), said, (LINUX,)),
            Command("shasum", self.tools.shasum(sums), said, (MACOS,)),
            Command("Python for Windows, to check", f"{self._on_windows()} --verify", said, (WINDOWS,)),
        )

    def _on_windows(self) -> str:
        fetch = self._fetched(CHOSEN, self.list_name, curl=CURL_OF_WINDOWS)
        return f"{fetch}; {self.tools.script_for_windows(self._zone, self._given)}"

    def _fetched(self, name: str, to: str, *, curl: str = CURL) -> str:
        return self.tools.fetched(f"{self.ways.at}/{name}", to=to, curl=curl)

    @property
    def _zone(self) -> str:
        return self.ways.link.partition("/share/")[0]

    @property
    def _given(self) -> str:
        token = f" --token-file {TOKEN_FILE}" if self.tools.is_closed else ""
        return f"{self.ways.link} {self.tools.folder} --files-from {self.list_name}{token}{self.tools.ca('--ca ')}"
