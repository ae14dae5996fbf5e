"""The two letters about a dataset."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography import x509

from fs2od.configuration import Configuration
from fs2od.errors import ConfigurationError, Fs2odError
from fs2od.facility.deciding import Rules
from fs2od.facility.journal import Facts, Phase, Record, Step
from fs2od.facility.metadata import available_until
from fs2od.mail import (
    CA_FILE,
    TOKEN_FILE,
    Attachment,
    DatasetEvent,
    DatasetNews,
    Letter,
    Mailbox,
    parse_mailbox,
    parse_recipients,
    render,
)
from fs2od.manifests import folder_name
from fs2od.onedata.tokens import Token, examine, valid_until_s

__all__ = ["NobodyToTell", "announced_letter", "complete_letter"]

_DAY = timedelta(days=1)


class NobodyToTell(Fs2odError):
    """Neither the metadata file nor the configuration names a mail address."""


def announced_letter(
    record: Record,
    configuration: Configuration,
    *,
    members_token: Token | None,
    owners_token: Token,
    quiet: bool,
    is_ours: bool,
    now: datetime,
) -> Letter:
    """Write the letter that brings the link, the members' token (if there is one that works) and the personal join link.

    A federation (`is_ours` is false) has no page of ours for invites and no get.py: there it brings the personal token itself,
    says where tokens are used, and names fs2od alone.

    Raises:
        NobodyToTell: There is no recipient.
        ConfigurationError: A mail template is wrong.
        LetterError: A value cannot stand in a mail.
    """
    zone = configuration.onedata.zone.rstrip("/")
    news = replace(
        _news(record, configuration, complete=quiet, members_token=members_token.reveal() if members_token else ""),
        personal_join_link=f"{zone}/join#{owners_token.reveal()}" if is_ours else "",
        personal_join_token="" if is_ours else owners_token.reveal(),
        personal_join_until=_end_of(owners_token),
        onedata_page="" if is_ours else zone,
    )
    news = _with_commands(news, record, configuration, is_ours=is_ours, now=now)
    return _letter(record, configuration, news, "announced")


def complete_letter(record: Record, configuration: Configuration, *, is_ours: bool, now: datetime) -> Letter:
    """Write the letter that says that everything is there. It brings no token: the first letter did.

    Raises:
        NobodyToTell: There is no recipient.
        ConfigurationError: A mail template is wrong.
    """
    news = _news(record, configuration, complete=record.phase is Phase.COMPLETE)
    news = _with_commands(news, record, configuration, is_ours=is_ours, now=now)
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
        download_command="",
        files=tally.files if tally else 0,
        size_bytes=tally.size_bytes if tally else 0,
        state="complete" if complete else "acquiring",
        facility_name=facility.name,
        contact=contact.address,
        experimenter_name=facts.experimenter,
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


def _with_commands(
    news: DatasetNews, record: Record, configuration: Configuration, *, is_ours: bool, now: datetime
) -> DatasetNews:
    """Add the lines for a shell, which work in any folder that the named files were saved in, and what leads to these files."""
    onedata, folder = configuration.onedata, folder_name(record.unique_name)
    zone, ca_pem = onedata.zone.rstrip("/"), _ca_pem(onedata.ca_file)
    members_only, until = _members_only(record, configuration, now)
    words = [record.share_url, folder]
    words += ["--token-file", TOKEN_FILE] if members_only else []
    words += ["--ca", CA_FILE] if ca_pem else []
    fetch = ["curl", "-fsS", *(["--cacert", CA_FILE] if ca_pem else []), f"{zone}/get.py"]
    return replace(
        news,
        download_command=shlex.join(["fs2od", "download", *words]),
        script_command=f"{shlex.join(fetch)} | {shlex.join(['python3', '-', *words])}" if is_ours else "",
        ca_check=f"echo '{sha256(ca_pem).hexdigest()}  {CA_FILE}' | sha256sum -c" if ca_pem else "",
        ca_address=f"{zone}/ca.pem" if ca_pem and is_ours else "",
        token_page=f"{zone}/tokens/new?dataset={record.done[Step.SPACE]}" if members_only else "",
        members_only_until=until,
    )


def _members_only(record: Record, configuration: Configuration, now: datetime) -> tuple[bool, datetime | None]:
    """Say whether the link is for members now, as it was made, and until when; pure."""
    watch = Rules(configuration).watch(record.root)
    if watch is None:
        return False, None
    if watch.link == "members":
        return True, None
    opens = record.detected_at + watch.embargo_days * _DAY
    return (True, opens) if now < opens else (False, None)


def _ca_pem(ca_file: Path | None) -> bytes:
    """Return the authority's certificate as it is served and attached; nothing where none is needed."""
    if ca_file is None:
        return b""
    try:
        pem = ca_file.read_bytes()
        x509.load_pem_x509_certificate(pem)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"onedata.ca_file {ca_file} cannot be read as a certificate") from error
    return pem


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
        attachments=(Attachment(CA_FILE, ca_pem),) if (ca_pem := _ca_pem(configuration.onedata.ca_file)) else (),
    )


def _facts(record: Record) -> Facts:
    if record.facts is None:
        raise AssertionError("a dataset without facts is not told about")
    return record.facts


def _mailboxes(addresses: tuple[str, ...]) -> tuple[Mailbox, ...]:
    return parse_recipients(list(addresses)).mailboxes
