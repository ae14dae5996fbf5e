"""The commands that a page offers, ready to be pasted into a shell. Nothing in them comes from names of files or people."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from cryptography import x509

from fs2od.node.settings import AUTHORITY_FILE
from fs2od.portal._sentences import sentence
from fs2od.portal._words import folder_name

__all__ = [
    "CA_FILE",
    "HEADER_FILE",
    "LINUX",
    "MACOS",
    "TOKEN_FILE",
    "WINDOWS",
    "Authority",
    "Command",
    "closed_commands",
    "closed_file_commands",
    "dataset_commands",
    "file_commands",
]

CA_FILE = AUTHORITY_FILE
"""What the certificate is called in commands, and when it is downloaded."""

TOKEN_FILE, HEADER_FILE = "fs2od.token", "fs2od.header"
"""The files that hold an access token: alone, and as a header for curl."""

LINUX, MACOS, WINDOWS = "Linux", "macOS", "Windows"
_ALL = (LINUX, MACOS, WINDOWS)
_INDEX = ".fs2od-index"
# In quotes: PowerShell has another use for an at sign.
_HEADER = f" -H '@{HEADER_FILE}'"


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
    link: str, title: str, *, authority: bool, data: str = "", archive: str = ""
) -> tuple[Command, ...]:
    """Return the commands that download everything: first ours, which resume and verify, what needs no program first; then widespread tools.

    Args:
        link: The dataset's public link.
        title: What the folder is called that the files go to, in a form that suits any shell.
        authority: Whether a certificate is needed that no machine knows by itself; none ever does without.
        data: The address of the dataset's plain files, without a slash at its end; empty where there are none.
        archive: The address of an archive of the dataset as it is now, without its suffix; it can then be resumed.
    """
    folder = folder_name(title)
    ours = f"fs2od download {link} {folder}" + (f" --ca {CA_FILE}" if authority else "")
    if not data:
        says = sentence("Where fs2od is installed: several files at once. Run again, it fetches only what is missing.")
        return (Command("fs2od", ours, says, _ALL), *_of_onedata(f"{link}/tar", authority=authority))
    own = Command("fs2od", ours, sentence("The same, where fs2od is installed."), _ALL)
    tools = _Tools(link.partition("/share/")[0], link, data, folder, authority)
    return (*tools.python(), own, tools.wget(), tools.rclone(), tools.aria2(), *tools.archive(archive), *tools.sums())


def closed_commands(link: str, title: str, *, authority: bool, data: str) -> tuple[Command, ...]:
    """Return the commands for a dataset whose link is not open to everybody: they take an access token from a file.

    A token never stands in an argument, where other users of a machine would see it.
    """
    folder, ca = folder_name(title), f" --ca {CA_FILE}" if authority else ""
    ours = f"{link} {folder} --token-file {TOKEN_FILE}{ca}"
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
    trust = f" --cacert {CA_FILE}" if authority else ""
    trust_of_windows = trust + _revoked(authority=authority)
    script, whole = f"{link.partition('/share/')[0]}/get.py", f"-fL -OJ{_HEADER}"
    says = sentence(
        "Everything as one TAR file. The file %(file)s holds one line: X-Auth-Token: and the token.", file=HEADER_FILE
    )
    return (
        Command("Python", f"curl -fsS{trust} {script} | python3 - {ours}", _with_nothing_to_install()),
        Command(
            "Python for Windows",
            f"curl.exe -fsS{trust_of_windows} -o get.py {script}; py get.py {ours}",
            _in_powershell(),
            (WINDOWS,),
        ),
        own,
        Command("curl", f"curl {whole}{trust} '{data}/archive.tar'", says),
        Command(
            "curl for Windows",
            f"curl.exe {whole}{trust_of_windows} '{data}/archive.zip'",
            sentence("The same in PowerShell, as one ZIP file."),
            (WINDOWS,),
        ),
    )


def closed_file_commands(address: str, *, authority: bool) -> tuple[Command, ...]:
    """Return the command that downloads one file of such a dataset, by its plain address."""
    trust = f" --cacert {CA_FILE}" if authority else ""
    says = sentence("The file %(file)s holds one line: X-Auth-Token: and your access token.", file=HEADER_FILE)
    ours = f"-fLOJ{_HEADER}{trust}"
    return (
        Command("curl", f"curl {ours} '{address}'", says),
        Command(
            "curl for Windows",
            f"curl.exe {ours}{_revoked(authority=authority)} '{address}'",
            sentence("The same in PowerShell."),
            (WINDOWS,),
        ),
    )


def _of_onedata(tar: str, *, authority: bool) -> tuple[Command, ...]:
    """Return the commands for a node that has nothing beyond Onedata's own addresses."""
    return (
        Command("curl", _curl(tar, authority=authority), sentence("Everything as one TAR file, in one go.")),
        Command("wget", _wget(tar, authority=authority), sentence("The same.")),
    )


@dataclass(frozen=True)
class _Tools:
    """One dataset, and the lines by which each tool gets it into `folder`. Addresses hold nothing that a shell takes amiss."""

    zone: str
    link: str
    data: str
    folder: str
    authority: bool

    def python(self) -> tuple[Command, ...]:
        ours = f"{self.link} {self.folder}" + self._trust("--ca ")
        script = f"{self.zone}/get.py"
        return (
            Command(
                "Python",
                f"curl -fsS{self._trust('--cacert ')} {script} | python3 - {ours}",
                _with_nothing_to_install(),
            ),
            Command(
                "Python for Windows",
                f"{self._script_for_windows()}; py get.py {ours}",
                _in_powershell(),
                (WINDOWS,),
            ),
        )

    def wget(self) -> Command:
        # --default-page: the folders' own pages are not taken for a file called index.html. --no-if-modified-since: with it,
        # a file that was cut off would look newer than the server's, and complete.
        options = (
            "-r -N --no-if-modified-since -np -nH --cut-dirs=3 -nv --no-iri --restrict-file-names=nocontrol "
            f"--default-page={_INDEX} -R '{_INDEX}*' -P {self.folder}"
        )
        line = f"wget {options}{self._trust('--ca-certificate=')} {self.data}/files/"
        return Command(
            "wget", line, sentence("Every file, one after the other. Run again, it fetches what is missing or new.")
        )

    def rclone(self) -> Command:
        options = f"--http-url {self.data}/files/ --no-unicode-normalization --transfers 8"
        line = f"rclone copy :http: {self.folder} {options}{self._trust('--ca-cert ')} --progress"
        return Command(
            "rclone", line, sentence("Several files at once. Run again, it fetches what is missing or new."), _ALL
        )

    def aria2(self) -> Command:
        options = (
            f"-d {self.folder} -c -V -j8 -x4 --auto-file-renaming=false --follow-metalink=mem "
            "--console-log-level=warn --download-result=hide"
        )
        line = f"aria2c {options}{self._trust('--ca-certificate=')} {self.data}/files.meta4"
        return Command(
            "aria2",
            line,
            sentence("Several files and parts of files at once, each checked. Run again, it mends what is not right."),
            _ALL,
        )

    def archive(self, address: str) -> tuple[Command, ...]:
        if not address:
            tar = Command(
                "curl",
                _curl(f"{self.data}/archive.tar", authority=self.authority),
                sentence("Everything as one TAR file, in one go."),
            )
            return (tar,)
        return (
            Command(
                "curl",
                f"curl -fL -C - -O{self._trust('--cacert ')} '{address}.tar'",
                sentence("Everything up to now as one TAR file. Run again, it goes on where it was cut off."),
            ),
            Command(
                "curl for Windows",
                f"curl.exe -fL -C - -O{self._trust_of_windows()} '{address}.zip'",
                sentence("The same in PowerShell, as one ZIP file."),
                (WINDOWS,),
            ),
        )

    def sums(self) -> tuple[Command, ...]:
        fetch = f"curl -fsS{self._trust('--cacert ')} {self.data}/SHA256SUMS"
        says = sentence("Afterwards: checks every file whose checksum is known by now.")
        check = f"{self.link} {self.folder}{self._trust('--ca ')} --verify"
        return (
            Command(
                "Python, to check",
                f"curl -fsS{self._trust('--cacert ')} {self.zone}/get.py | python3 - {check}",
                says,
            ),
            Command("sha256sum", f"{fetch} | (cd {self.folder} && sha256sum -c --quiet -)", says, (LINUX,)),
            Command("shasum", f"{fetch} | (cd {self.folder} && shasum -a 256 -c -)", says, (MACOS,)),
            Command(
                "Python for Windows, to check",
                f"{self._script_for_windows()}; py get.py {check}",
                says,
                (WINDOWS,),
            ),
        )

    def _script_for_windows(self) -> str:
        return f"curl.exe -fsS{self._trust_of_windows()} -o get.py {self.zone}/get.py"

    def _trust(self, option: str) -> str:
        return f" {option}{CA_FILE}" if self.authority else ""

    def _trust_of_windows(self) -> str:
        return self._trust("--cacert ") + _revoked(authority=self.authority)


def _with_nothing_to_install() -> str:
    return sentence("Nothing to install: needs Python 3.8 or later. Run again, it fetches only what is missing.")


def _in_powershell() -> str:
    return sentence("In PowerShell: needs Python 3.8 or later. Run again, it fetches only what is missing.")


def _revoked(*, authority: bool) -> str:
    # Windows asks where a certificate may have been revoked; an authority of one's own has no such place.
    return " --ssl-revoke-best-effort" if authority else ""


def file_commands(link: str, *, authority: bool) -> tuple[Command, ...]:
    """Return the commands that download what lies at one address."""
    return (Command("curl", _curl(link, authority=authority)), Command("wget", _wget(link, authority=authority)))


def _curl(link: str, *, authority: bool) -> str:
    # -J: the server's name for the file. Links are percent-encoded, so single quotes hold whatever is in them.
    return f"curl -fLOJ{f' --cacert {CA_FILE}' if authority else ''} '{link}'"


def _wget(link: str, *, authority: bool) -> str:
    return f"wget --content-disposition{f' --ca-certificate={CA_FILE}' if authority else ''} '{link}'"
