"""The programs that people have, as every line of a page calls them. Each program's options stand here, and why."""

from __future__ import annotations

from dataclasses import dataclass

from fs2od.node.settings import AUTHORITY_FILE

__all__ = ["CA_FILE", "CURL", "CURL_OF_WINDOWS", "HEADER_FILE", "TOKEN_FILE", "WHOLE_TREE", "Tools"]

CA_FILE = AUTHORITY_FILE
"""What the certificate is called in commands, and when it is downloaded."""

TOKEN_FILE, HEADER_FILE = "fs2od.token", "fs2od.header"
"""The files that hold an access token: alone, and as a header for curl."""

CURL, CURL_OF_WINDOWS = "curl", "curl.exe"

_INDEX = ".fs2od-index"
# -l inf: by itself it leaves out what lies more than five folders deep. --default-page: the folders' own pages are not taken for a file called index.html.
WHOLE_TREE = f"-r -l inf -np --default-page={_INDEX} -R '{_INDEX}*'"
"""How wget goes through all folders."""


@dataclass(frozen=True)
class Tools:
    """The lines that bring a dataset, or some of it, into one folder. What they are given holds nothing that a shell takes amiss.

    Attributes:
        folder: Where the files go to.
        authority: Whether a certificate is needed that no machine knows by itself; none ever does without.
        is_closed: Whether the node wants to see an access token, which curl takes as a header from `HEADER_FILE`.
    """

    folder: str
    authority: bool
    is_closed: bool = False

    def ca(self, option: str) -> str:
        """Return the option that names the certificate, as a program calls it; nothing where none is needed."""
        return f" {option}{CA_FILE}" if self.authority else ""

    def fetched(self, address: str, *, to: str = "", curl: str = CURL) -> str:
        """Return the line that fetches a short answer, into a file or to the standard output."""
        return f"{curl} -fsS{self._header}{self._trust(curl)}{to and f' -o {to}'} {address}"

    def named_by_server(self, address: str, *, curl: str = CURL) -> str:
        """Return the line that fetches one file in one go, under the server's name for it."""
        return f"{curl} -fLOJ{self._header}{self._trust(curl)} '{address}'"

    def archive(self, address: str, *, curl: str = CURL) -> str:
        """Return the line that fetches the archive of a state, and goes on with it."""
        return f"{curl} -fL -C - -O{self._header}{self._trust(curl)} '{address}'"

    def script(self, zone: str, given: str) -> str:
        """Return the line that runs get.py of a zone."""
        return f"curl -fsS{self._trust(CURL)} {zone}/get.py | python3 - {given}"

    def script_for_windows(self, zone: str, given: str) -> str:
        """Return the same for PowerShell."""
        return f"curl.exe -fsS{self._trust(CURL_OF_WINDOWS)} -o get.py {zone}/get.py; py get.py {given}"

    def wget(self, how: str, what: str) -> str:
        """Return the line for wget.

        Args:
            how: Whether it goes through folders (`WHOLE_TREE`) or takes a list (-x).
            what: Where it begins, or the option that names the list.
        """
        # --no-if-modified-since: with it, a file that was cut off would look newer than the server's, and complete. No -c, which
        # may join two states of a file.
        options = f"{how} -N --no-if-modified-since -nH --cut-dirs=3 -nv --no-iri --restrict-file-names=nocontrol"
        return f"wget {options} -P {self.folder}{self.ca('--ca-certificate=')} {what}"

    def rclone(self, data: str, *, names: str = "") -> str:
        """Return the line for rclone, which takes all below an address of data, or what a list names."""
        # Two names that differ in the form of their accents are two.
        options = f"--http-url {data}/files/ --no-unicode-normalization --transfers 8"
        some = names and f" --files-from-raw {names}"
        return f"rclone copy :http: {self.folder} {options}{some}{self.ca('--ca-cert ')} --progress"

    def aria2(self, metalink: str) -> str:
        """Return the line for aria2."""
        options = (
            f"-d {self.folder} -c -V -j8 -x4 --auto-file-renaming=false --follow-metalink=mem "
            "--console-log-level=warn --download-result=hide"
        )
        return f"aria2c {options}{self.ca('--ca-certificate=')} {metalink}"

    def sha256sum(self, sums: str) -> str:
        """Return the line that checks what has come, on Linux."""
        return f"{self.fetched(sums)} | (cd {self.folder} && sha256sum -c --quiet -)"

    def shasum(self, sums: str) -> str:
        """Return the same for macOS."""
        return f"{self.fetched(sums)} | (cd {self.folder} && shasum -a 256 -c -)"

    @property
    def _header(self) -> str:
        # In quotes: PowerShell has another use for an at sign.
        return f" -H '@{HEADER_FILE}'" if self.is_closed else ""

    def _trust(self, curl: str) -> str:
        # Windows asks where a certificate may have been revoked; an authority of one's own has no such place.
        is_asked = self.authority and curl == CURL_OF_WINDOWS
        return self.ca("--cacert ") + (" --ssl-revoke-best-effort" if is_asked else "")
