"""The two letters about a dataset."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from fs2od.errors import ConfigurationError, Fs2odError
from fs2od.facility.configuration import Configuration
from fs2od.facility.journal import Facts, Phase, Record
from fs2od.facility.metadata import available_until
from fs2od.mail import DatasetEvent, DatasetNews, Letter, Mailbox, parse_mailbox, parse_recipients, render
from fs2od.onedata.tokens import Token, examine, valid_until_s

__all__ = ["NobodyToTell", "announced_letter", "complete_letter"]

_CA_NOTES = {
    "en": "The server's certificate is signed by an authority of the facility's own, which the command names by --ca. "
    "Elsewhere, save that file from the dataset's page and name it instead; its SHA-256 fingerprint must be {fingerprint}",
    "cs": "Certifikát serveru podepsala vlastní autorita pracoviště, kterou příkaz uvádí za --ca. Jinde si tento soubor "
    "uložte ze stránky dat a uveďte jej místo něj; jeho otisk SHA-256 musí být {fingerprint}",
}


class NobodyToTell(Fs2odError):
    """Neither the metadata file nor the configuration names a mail address."""


def announced_letter(
    record: Record,
    configuration: Configuration,
    *,
    members_token: Token,
    owners_token: Token,
    quiet: bool,
    has_join_page: bool = True,
) -> Letter:
    """Write the letter that brings the link, the members' token and the personal join link.

    A federation has no page of ours for invites: there it brings the personal token itself, and says where tokens are used.

    Raises:
        NobodyToTell: There is no recipient.
        ConfigurationError: A mail template is wrong.
        LetterError: A value cannot stand in a mail.
    """
    zone = configuration.onedata.zone.rstrip("/")
    news = replace(
        _news(record, configuration, complete=quiet, members_token=members_token.reveal()),
        personal_join_link=f"{zone}/join#{owners_token.reveal()}" if has_join_page else "",
        personal_join_token="" if has_join_page else owners_token.reveal(),
        personal_join_until=_end_of(owners_token),
        onedata_page="" if has_join_page else zone,
    )
    return _letter(record, configuration, news, "announced")


def complete_letter(record: Record, configuration: Configuration) -> Letter:
    """Write the letter that says that everything is there. It brings no token: the first letter did.

    Raises:
        NobodyToTell: There is no recipient.
        ConfigurationError: A mail template is wrong.
    """
    news = _news(record, configuration, complete=record.phase is Phase.COMPLETE)
    return _letter(record, configuration, news, "complete")


def _news(
    record: Record,
    configuration: Configuration,
    *,
    complete: bool,
    members_token: str = "",
) -> DatasetNews:
    facts, facility, tally = _facts(record), configuration.facility, record.tally
    contact = parse_mailbox(facility.contact)
    return DatasetNews(
        instrument=facts.instrument,
        title=facts.title,
        link=record.share_url,
        download_command=_command(record, configuration),
        files=tally.files if tally else 0,
        size_bytes=tally.size_bytes if tally else 0,
        state="complete" if complete else "acquiring",
        facility_name=facility.name,
        contact=contact.address,
        experimenter_name=facts.experimenter,
        ca_note=_ca_note(configuration.onedata.ca_file, configuration.mail.language),
        members_token=members_token,
        members_token_uses=configuration.members.uses,
        members_token_until=record.members_token_until,
        undeliverable=tally.undeliverable if tally else 0,
        undeliverable_names=tally.undeliverable_names if tally else (),
        available_until=available_until(record, facility),
    )


def _end_of(token: Token) -> datetime | None:
    until_s = valid_until_s(examine(token).caveats)
    return None if until_s is None else datetime.fromtimestamp(until_s, UTC)


def _ca_note(ca_file: Path | None, language: str) -> str:
    if ca_file is None:
        return ""
    try:
        authority = x509.load_pem_x509_certificate(ca_file.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"onedata.ca_file {ca_file} cannot be read as a certificate") from error
    note = _CA_NOTES.get(language, _CA_NOTES["en"])
    return note.format(fingerprint=authority.fingerprint(hashes.SHA256()).hex(":").upper())


def _command(record: Record, configuration: Configuration) -> str:
    words = ["fs2od", "download", record.share_url, record.unique_name.rpartition("-")[0] or record.unique_name]
    if configuration.onedata.ca_file is not None:
        words += ["--ca", str(configuration.onedata.ca_file)]
    return shlex.join(words)


def _letter(record: Record, configuration: Configuration, news: DatasetNews, event: DatasetEvent) -> Letter:
    facts, mail = _facts(record), configuration.mail
    to = _mailboxes(facts.to)
    if not to:
        keys = ", ".join(configuration.mail.to_keys)
        raise NobodyToTell(f"nobody to tell: no mail address at {keys}, and mail.to is empty")
    written = render(news, event=event, language=mail.language, templates_folder=mail.templates)
    return Letter(
        sender=parse_mailbox(mail.sender),
        to=to,
        cc=_mailboxes(facts.cc),
        bcc=_mailboxes(facts.bcc),
        subject=written.subject,
        text=written.text,
        html=written.html,
        reply_to=parse_mailbox(configuration.facility.contact),
    )


def _facts(record: Record) -> Facts:
    if record.facts is None:
        raise AssertionError("a dataset without facts is not told about")
    return record.facts


def _mailboxes(addresses: tuple[str, ...]) -> tuple[Mailbox, ...]:
    return parse_recipients(list(addresses)).mailboxes
