"""The commands that a page offers, ready to be pasted into a shell. Nothing in them comes from names of files or people."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from cryptography import x509

from fs2od.manifests import folder_name
from fs2od.portal._sentences import sentence
from fs2od.portal._tools import CURL_OF_WINDOWS, HEADER_FILE, TOKEN_FILE, WHOLE_TREE, Tools

__all__ = [
    "LINUX",
    "MACOS",
    "WINDOWS",
    "Authority",
    "Command",
    "closed_commands",
    "closed_file_commands",
    "dataset_commands",
    "file_commands",
]

LINUX, MACOS, WINDOWS = "Linux", "macOS", "Windows"
_ALL = (LINUX, MACOS, WINDOWS)


@dataclass(frozen=True)
class Authority:
    """The node's own certificate authority, which no machine knows by itself."""

    pem: bytes
    sha256: str
    """Of the file as it is served, in hexadecimal digits: what `sha256sum` says. Certificates' own fingerprints are others."""

    @classmethod
    def of_pem(cls, pem: bytes) -> Authority:
        """Return the authority of a certificate in PEM.

        Raises:
            ValueError: It is no certificate.
        """
        x509.load_pem_x509_certificate(pem)
        return cls(pem, sha256(pem).hexdigest())


@dataclass(frozen=True)
class Command:
    """One line for a shell, what it is for (a `Sentence`), and where it runs. No two of a page have the same `tool`."""

    tool: str
    line: str
    says: str = ""
    platforms: tuple[str, ...] = (LINUX, MACOS)


def dataset_commands(
    link: str, name: str, *, authority: bool, data: str = "", archive: str = ""
) -> tuple[Command, ...]:
    """Return the commands that download everything: first ours, which resume and verify, what needs no program first; then widespread tools.

    Args:
        link: The dataset's public link.
        name: What the folder is called that the files go to.
        authority: Whether a certificate is needed that no machine knows by itself; none ever does without.
        data: The address of the dataset's plain files, without a slash at its end; empty where there are none.
        archive: The address of an archive of the dataset as it is now, without its suffix; it can then be resumed.
    """
    tools = Tools(folder_name(name), authority)
    ours = f"fs2od download {link} {tools.folder}{tools.ca('--ca ')}"
    if not data:
        says = sentence("Where fs2od is installed: several files at once. Run again, it fetches only what is missing.")
        return (Command("fs2od", ours, says, _ALL), *_of_onedata(tools, f"{link}/tar"))
    own = Command("fs2od", ours, sentence("The same, where fs2od is installed."), _ALL)
    python = _python(tools, link, f"{link} {tools.folder}{tools.ca('--ca ')}")
    return (*python, own, *_of_others(tools, data), *_archive(tools, data, archive), *_sums(tools, link, data))


def closed_commands(link: str, name: str, *, authority: bool, data: str, archive: str = "") -> tuple[Command, ...]:
    """Return the commands for a dataset whose link is not open to everybody: they take an access token from a file.

    A token never stands in an argument, where other users of a machine would see it. See `dataset_commands` for the arguments.
    """
    tools = Tools(folder_name(name), authority, is_closed=True)
    ours = f"{link} {tools.folder} --token-file {TOKEN_FILE}{tools.ca('--ca ')}"
    own = Command(
        "fs2od",
        f"fs2od download {ours}",
        sentence(
            "Reads your access token from the file %(file)s, or from the variable FS2OD_TOKEN without --token-file.",
            file=TOKEN_FILE,
        ),
        _ALL,
    )
    if not data:
        return (own,)
    goes_on = sentence(
        "Everything up to now as one TAR file. Run again, it goes on where it was cut off. "
        "The file %(file)s holds one line: X-Auth-Token: and the token.",
        file=HEADER_FILE,
    )
    in_one_go = sentence(
        "Everything as one TAR file. The file %(file)s holds one line: X-Auth-Token: and the token.", file=HEADER_FILE
    )
    return (*_python(tools, link, ours), own, *_archive(tools, data, archive, goes_on=goes_on, in_one_go=in_one_go))


def closed_file_commands(address: str, *, authority: bool) -> tuple[Command, ...]:
    """Return the command that downloads one file of such a dataset, by its plain address."""
    tools = Tools("", authority, is_closed=True)
    says = sentence("The file %(file)s holds one line: X-Auth-Token: and your access token.", file=HEADER_FILE)
    on_windows = tools.named_by_server(address, curl=CURL_OF_WINDOWS)
    return (
        Command("curl", tools.named_by_server(address), says),
        Command("curl for Windows", on_windows, sentence("The same in PowerShell."), (WINDOWS,)),
    )


def file_commands(link: str, *, authority: bool) -> tuple[Command, ...]:
    """Return the commands that download what lies at one address."""
    tools = Tools("", authority)
    return (Command("curl", tools.named_by_server(link)), Command("wget", _wget_named_by_server(tools, link)))


def _of_onedata(tools: Tools, tar: str) -> tuple[Command, ...]:
    """Return the commands for a node that has nothing beyond Onedata's own addresses."""
    return (
        Command("curl", tools.named_by_server(tar), sentence("Everything as one TAR file, in one go.")),
        Command("wget", _wget_named_by_server(tools, tar), sentence("The same.")),
    )


def _wget_named_by_server(tools: Tools, link: str) -> str:
    return f"wget --content-disposition{tools.ca('--ca-certificate=')} '{link}'"


def _python(tools: Tools, link: str, given: str) -> tuple[Command, ...]:
    zone = link.partition("/share/")[0]
    return (
        Command(
            "Python",
            tools.script(zone, given),
            sentence("Nothing to install: needs Python 3.8 or later. Run again, it fetches only what is missing."),
        ),
        Command(
            "Python for Windows",
            tools.script_for_windows(zone, given),
            sentence("In PowerShell: needs Python 3.8 or later. Run again, it fetches only what is missing."),
            (WINDOWS,),
        ),
    )


def _of_others(tools: Tools, data: str) -> tuple[Command, ...]:
    one_by_one = sentence("Every file, one after the other. Run again, it fetches what is missing or new.")
    at_once = sentence("Several files at once. Run again, it fetches what is missing or new.")
    checked = sentence("Several files and parts of files at once, each checked. Run again, it mends what is not right.")
    return (
        Command("wget", tools.wget(WHOLE_TREE, f"{data}/files/"), one_by_one),
        Command("rclone", tools.rclone(data), at_once, _ALL),
        Command("aria2", tools.aria2(f"{data}/files.meta4"), checked, _ALL),
    )


def _archive(tools: Tools, data: str, address: str, *, goes_on: str = "", in_one_go: str = "") -> tuple[Command, ...]:
    """Return the lines that bring everything in one file: at the address of its state, where that is known, it can be gone on with.

    Args:
        tools: How programs are called.
        data: The address of the plain files.
        address: That of the state's archive without its suffix; "" where it is not known.
        goes_on: What to say of a line that goes on.
        in_one_go: What to say of a line that does not.
    """
    if address:
        tar, zip_ = tools.archive(f"{address}.tar"), tools.archive(f"{address}.zip", curl=CURL_OF_WINDOWS)
        says = goes_on or sentence("Everything up to now as one TAR file. Run again, it goes on where it was cut off.")
    else:
        tar = tools.named_by_server(f"{data}/archive.tar")
        zip_ = tools.named_by_server(f"{data}/archive.zip", curl=CURL_OF_WINDOWS)
        says = in_one_go or sentence("Everything as one TAR file, in one go.")
    return (
        Command("curl", tar, says),
        Command("curl for Windows", zip_, sentence("The same in PowerShell, as one ZIP file."), (WINDOWS,)),
    )


def _sums(tools: Tools, link: str, data: str) -> tuple[Command, ...]:
    says = sentence("Afterwards: checks every file whose checksum is known by now.")
    zone, sums = link.partition("/share/")[0], f"{data}/SHA256SUMS"
    check = f"{link} {tools.folder}{tools.ca('--ca ')} --verify"
    return (
        Command("Python, to check", tools.script(zone, check), says),
        Command("sha256sum", tools.sha256sum(sums), says, (LINUX,)),
        Command("shasum", tools.shasum(sums), says, (MACOS,)),
        Command("Python for Windows, to check", tools.script_for_windows(zone, check), says, (WINDOWS,)),
    )
