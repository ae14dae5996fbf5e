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
from fs2od.portal._commands import CA_FILE, HEADER_FILE, LINUX, MACOS, TOKEN_FILE, WINDOWS, Command
from fs2od.portal._datasets import Dataset, Datasets
from fs2od.portal._items import Item
from fs2od.portal._sentences import sentence
from fs2od.portal._words import folder_name

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
    lines = _Lines(dataset, ways, authority, dataset.is_closed, _list_name(selection))
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
    line = f"fs2od download {link} {folder_name(dataset.title)}{trust} {chosen_by}"
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

    dataset: Dataset
    ways: Ways
    authority: bool
    is_closed: bool
    list_name: str

    def ours(self) -> tuple[Command, ...]:
        """Return the lines of our own engine. The list stays on the disk, so the line goes on when its address has ended."""
        said = sentence("Resumes and checks. Run again, it fetches only what is missing.")
        fetch = self._fetched("curl", CHOSEN)
        python = f"{fetch}; curl -fsS{self._trust('curl')} {self._zone}/get.py | python3 - {self._given}"
        return (
            Command("Python", python, said),
            Command("Python for Windows", self._on_windows(), sentence("The same in PowerShell."), (WINDOWS,)),
            Command("fs2od", f"{fetch}; fs2od download {self._given}", sentence("The same, where fs2od is installed.")),
        )

    def archives(self) -> tuple[Command, ...]:
        said = sentence(
            "These as one TAR file, as they are at the first try. Run again, it goes on where it was cut off."
        )
        return (
            Command("curl", self._archive("curl", "tar"), said),
            Command(
                "curl for Windows",
                self._archive("curl.exe", "zip"),
                sentence("The same in PowerShell, as one ZIP file."),
                (WINDOWS,),
            ),
        )

    def wget(self) -> Command:
        # The list is not fetched by -i itself, which with -N would leave it among the data. As for a whole dataset no -c, which
        # may join two states of a file.
        ca = self._ca("--ca-certificate=")
        options = f"-x -N --no-if-modified-since -nH --cut-dirs=3 -nv --no-iri --restrict-file-names=nocontrol -P {self._folder}"
        line = f"wget -qO-{ca} {self.ways.at}/{ADDRESSES} | wget {options}{ca} -i -"
        return Command(
            "wget", line, sentence("Every file, one after the other. Run again, it fetches what is missing or new.")
        )

    def rclone(self) -> Command:
        options = f"--http-url {self.ways.data}/files/ --no-unicode-normalization --transfers 8"
        name = f"files-{self.list_name}"
        line = (
            f"{self._fetched('curl', FILES, name)}; rclone copy :http: {self._folder} {options}"
            f" --files-from-raw {name}{self._ca('--ca-cert ')} --progress"
        )
        return Command("rclone", line, sentence("Several files at once. Run again, it fetches what is missing or new."))

    def aria2(self) -> Command:
        options = (
            f"-d {self._folder} -c -V -j8 -x4 --auto-file-renaming=false --follow-metalink=mem "
            "--console-log-level=warn --download-result=hide"
        )
        line = f"aria2c {options}{self._ca('--ca-certificate=')} {self.ways.at}/{METALINK}"
        return Command(
            "aria2",
            line,
            sentence("Several files and parts of files at once, each checked. Run again, it mends what is not right."),
            (LINUX, MACOS, WINDOWS),
        )

    def sums(self) -> tuple[Command, ...]:
        fetch = f"curl -fsS{self._trust('curl')} {self.ways.at}/{SUMS}"
        said = sentence("Afterwards: checks every file whose checksum is known by now.")
        return (
            Command("sha256sum", f"{fetch} | (cd {self._folder} && sha256sum -c --quiet -)", said, (LINUX,)),
            Command("shasum", f"{fetch} | (cd {self._folder} && shasum -a 256 -c -)", said, (MACOS,)),
            Command("Python for Windows, to check", f"{self._on_windows()} --verify", said, (WINDOWS,)),
        )

    def _on_windows(self) -> str:
        script = f"curl.exe -fsS{self._trust('curl.exe')} -o get.py {self._zone}/get.py"
        return f"{self._fetched('curl.exe', CHOSEN)}; {script}; py get.py {self._given}"

    @property
    def _zone(self) -> str:
        return self.ways.link.partition("/share/")[0]

    @property
    def _given(self) -> str:
        token = f" --token-file {TOKEN_FILE}" if self.is_closed else ""
        return f"{self.ways.link} {self._folder} --files-from {self.list_name}{token}{self._ca('--ca ')}"

    @property
    def _folder(self) -> str:
        return folder_name(self.dataset.title)

    def _fetched(self, curl: str, name: str, to: str = "") -> str:
        return f"{curl} -fsS{self._header}{self._trust(curl)} -o {to or self.list_name} {self.ways.at}/{name}"

    def _archive(self, curl: str, kind: str) -> str:
        return f"{curl} -fL -C - -O{self._header}{self._trust(curl)} {self.ways.at}/{self._folder}.{kind}"

    @property
    def _header(self) -> str:
        # In quotes: PowerShell has another use for an at sign.
        return f" -H '@{HEADER_FILE}'" if self.is_closed else ""

    def _trust(self, curl: str) -> str:
        # Windows asks where a certificate may have been revoked; an authority of one's own has no such place.
        return self._ca("--cacert ") + (" --ssl-revoke-best-effort" if self.authority and curl == "curl.exe" else "")

    def _ca(self, option: str) -> str:
        return f" {option}{CA_FILE}" if self.authority else ""
