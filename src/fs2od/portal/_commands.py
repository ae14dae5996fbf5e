"""The commands that a page offers, ready to be pasted into a shell. Nothing in them comes from names of files or people."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from fs2od.portal._words import folder_name

__all__ = ["CA_FILE", "Authority", "Command", "dataset_commands", "file_commands"]

CA_FILE = "fs2od-ca.pem"
"""What the certificate is called in commands, and when it is downloaded."""


@dataclass(frozen=True)
class Authority:
    """The node's own certificate authority, which no machine knows by itself."""

    pem: bytes
    fingerprint: str

    @classmethod
    def of_pem(cls, pem: bytes) -> Authority:
        """Return the authority of a certificate in PEM, with its SHA-256 in colon-separated pairs.

        Raises:
            ValueError: It is no certificate.
        """
        certificate = x509.load_pem_x509_certificate(pem)
        return cls(pem, certificate.fingerprint(hashes.SHA256()).hex(":").upper())


@dataclass(frozen=True)
class Command:
    """One line for a shell, and what it is for."""

    tool: str
    line: str
    says: str = ""


def dataset_commands(link: str, title: str, *, authority: bool) -> tuple[Command, ...]:
    """Return the commands that download everything: first our own, which resumes, then widespread tools."""
    ours = f"fs2od download {link} {folder_name(title)}" + (f" --ca {CA_FILE}" if authority else "")
    return (
        Command("fs2od", ours, "Fetches several files at once. Run again, it fetches only what is missing."),
        Command("curl", _curl(f"{link}/tar", authority=authority), "Everything as one TAR file, in one go."),
        Command("wget", _wget(f"{link}/tar", authority=authority), "The same."),
    )


def file_commands(link: str, *, authority: bool) -> tuple[Command, ...]:
    """Return the commands that download what lies at one address."""
    return (Command("curl", _curl(link, authority=authority)), Command("wget", _wget(link, authority=authority)))


def _curl(link: str, *, authority: bool) -> str:
    # -J: the server's name for the file. Links are percent-encoded, so single quotes hold whatever is in them.
    return f"curl -fLOJ{f' --cacert {CA_FILE}' if authority else ''} '{link}'"


def _wget(link: str, *, authority: bool) -> str:
    return f"wget --content-disposition{f' --ca-certificate={CA_FILE}' if authority else ''} '{link}'"
