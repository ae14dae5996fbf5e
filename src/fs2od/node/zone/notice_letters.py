"""Letters of what people should hear of: a notice becomes a letter in the zone's outbox."""

from __future__ import annotations

import hashlib
import logging
import re
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import assert_never

from fs2od.errors import Fs2odError
from fs2od.mail import (
    CopiesEvent,
    CopiesNews,
    Letter,
    LetterError,
    Mailbox,
    Outbox,
    Outcome,
    Rendered,
    SharingEvent,
    SharingNews,
    SupportEvent,
    SupportNews,
    Transport,
    parse_mailbox,
    render_copies,
    render_sharing,
    render_support,
)
from fs2od.node.clock import Clock
from fs2od.node.settings import AUTHORITY_FILE, NodeSettings
from fs2od.node.zone.accounts import LinkLetters
from fs2od.node.zone.invite_previews import InvitePreviews
from fs2od.node.zone.notices import (
    Accepted,
    AccessEnded,
    CopiesReady,
    CopiesStuck,
    Invited,
    LinkEnding,
    Notice,
    SupportAnswered,
    SupportAsked,
    TokenEnding,
)
from fs2od.node.zone.providers import Provider
from fs2od.node.zone.token_endings import letter_key
from fs2od.node.zone.tokens import Tokens
from fs2od.node.zone.users import Users
from fs2od.onedata import errors
from fs2od.onedata.ids import ProviderId, TokenId, UserId
from fs2od.onedata.tokens import valid_until_s
from fs2od.sqlite import Database

__all__ = ["NoticeLetters", "TokenTransport"]

_MOST_UNWRITTEN = 1000
_SEAL = re.compile(rb"~token-([0-9a-h]{32,38})~")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NoticeLetters:
    """Writes a letter for each notice whose reader has a mail address. A letter that cannot be written stops nothing.

    One that the database does not take now, because the disk is full, is kept in memory with its key until it does: what it
    tells of has happened already. Those are lost only with the process, and none is written twice.
    """

    database: Database
    outbox: Outbox
    users: Users
    tokens: Tokens
    previews: InvitePreviews
    clock: Clock
    letters: LinkLetters
    settings: NodeSettings
    provider: Callable[[ProviderId], Provider]
    unwritten: deque[tuple[str, Letter]] = field(default_factory=deque)

    def tell(self, notice: Notice) -> None:
        """Write the letter."""
        try:
            if isinstance(notice, SupportAsked | SupportAnswered):
                self._tell_of_support(notice)
                return
            if isinstance(notice, CopiesReady | CopiesStuck):
                self._tell_of_copies(notice)
                return
            found = self._news(notice)
            if found is not None:
                self._enqueue(*found, key=letter_key(notice.token) if isinstance(notice, TokenEnding) else "")
        except Fs2odError as error:
            _log.warning("a letter could not be written: %s", error)

    def _tell_of_support(self, notice: SupportAsked | SupportAnswered) -> None:
        request = notice.request
        news = SupportNews(
            facility_name=self.letters.facility_name,
            dataset=request.space_name,
            site=request.provider_name,
            person=request.user_name,
            size_bytes=request.size_bytes,
            note=request.answer,
        )
        if isinstance(notice, SupportAnswered):
            event: SupportEvent = "support-approved" if request.state == "approved" else "support-declined"
            granted = request.supported_bytes if request.state == "approved" else request.size_bytes
            self._write_of_support(request.user, event, replace(news, size_bytes=granted))
            return
        command = (
            f"fs2od support approve {request.id} --storage STORAGE --provider {self.provider(request.provider).url}"
        )
        asked = replace(
            news, note=request.note, command=command, link=f"{self.settings.zone_url}/sites/{request.provider}"
        )
        for user in self.users.may_answer_for(request.provider):
            self._write_of_support(user, "support-asked", asked)

    def _write_of_support(self, user: UserId, event: SupportEvent, news: SupportNews) -> None:
        for address in self.users.get(user).emails[:1]:
            mailbox, language = self._reader(address)
            folder = self.letters.templates_folder
            words = render_support(news, event=event, language=language, templates_folder=folder)
            self._send(mailbox, words)

    def _tell_of_copies(self, notice: CopiesReady | CopiesStuck) -> None:
        site, space = self.provider(notice.provider), notice.space
        news = CopiesNews(
            facility_name=self.letters.facility_name,
            dataset=self.previews.name_of(space, "space"),
            site=site.name,
            link=f"{self.settings.zone_url}/space/{space}/compute?site={site.id}",
        )
        if isinstance(notice, CopiesReady):
            command = f"fs2od mirror {space} FOLDER --zone {self.settings.zone_url} --token-file fs2od.token"
            trust = f" --ca {AUTHORITY_FILE}" if self.settings.own_authority else ""
            event: CopiesEvent = "copies-ready"
            key = f"{event}/{notice.wish}"
            news = replace(
                news,
                files=notice.files,
                size_bytes=notice.size_bytes,
                command=f"ONECLIENT_PROVIDER_HOST={site.domain} {command}{trust}",
            )
        else:
            event, key = "copies-stuck", f"copies-stuck/{notice.trouble}"
            news = replace(news, problem=notice.problem)
        for address in self.users.get(notice.user).emails[:1]:
            mailbox, language = self._reader(address)
            folder = self.letters.templates_folder
            self._send(mailbox, render_copies(news, event=event, language=language, templates_folder=folder), key=key)

    def _news(
        self, notice: Invited | Accepted | AccessEnded | LinkEnding | TokenEnding
    ) -> tuple[str, SharingEvent, SharingNews] | None:
        facility = self.letters.facility_name
        match notice:
            case Invited(address, inviter, token):
                # The token itself is put in as the letter leaves: the outbox holds none.
                seal = f"~token-{token}~"
                until_s = valid_until_s(self.tokens.named(token).caveats)
                until = None if until_s is None else datetime.fromtimestamp(until_s, UTC)
                name = self.users.get(inviter).full_name
                link = f"{self.settings.zone_url}/join#{seal}"
                news = SharingNews(facility, self._dataset(notice.target, notice.target_type), name, link, seal, until)
                return address, "invited", news
            case Accepted(inviter, who):
                news = SharingNews(
                    facility, self._dataset(notice.target, notice.target_type), self.users.get(who).full_name
                )
                return self._to(inviter, "accepted", news)
            case AccessEnded(user):
                news = SharingNews(facility, self._dataset(notice.target, notice.target_type))
                return self._to(user, "access-ended", news)
            case LinkEnding(user, share, name, until_s):
                until = datetime.fromtimestamp(until_s, UTC)
                return self._to(
                    user,
                    "link-ending",
                    SharingNews(facility, name, link=f"{self.settings.zone_url}/share/{share}", until=until),
                )
            case TokenEnding(user, _, name, until_s, page):
                until = datetime.fromtimestamp(until_s, UTC)
                link = f"{self.settings.zone_url}{page}"
                return self._to(user, "token-ending", SharingNews(facility, name, link=link, until=until))
            case _:
                assert_never(notice)

    def _dataset(self, target: str, target_type: str) -> str:
        return self.previews.name_of(target, target_type)

    def _to(self, user: UserId, event: SharingEvent, news: SharingNews) -> tuple[str, SharingEvent, SharingNews] | None:
        emails = self.users.get(user).emails
        return (emails[0], event, news) if emails else None

    def _enqueue(self, address: str, event: SharingEvent, news: SharingNews, *, key: str) -> None:
        mailbox, language = self._reader(address)
        folder = self.letters.templates_folder
        self._send(mailbox, render_sharing(news, event=event, language=language, templates_folder=folder), key=key)

    def _reader(self, address: str) -> tuple[Mailbox, str]:
        mailbox = Mailbox(parse_mailbox(address).address)
        return mailbox, self.letters.language_for(mailbox.address) or self.letters.language

    def _send(self, mailbox: Mailbox, words: Rendered, *, key: str = "") -> None:
        """Write a letter down; the second one of the same key is none."""
        letter = Letter(self.letters.sender, (mailbox,), words.subject, words.text, words.html)
        unique = key or f"sharing/{hashlib.sha256(secrets.token_bytes(16)).hexdigest()}"
        try:
            self._write(unique, letter)
        except LetterError:
            raise
        except Fs2odError as error:
            if len(self.unwritten) >= _MOST_UNWRITTEN:
                raise
            self.unwritten.append((unique, letter))
            _log.warning("a letter cannot be written down now, and is kept until it can: %s", error)

    def write_unwritten(self) -> None:
        """Write down the letters that could not be when their time came. To be called often, by one thread.

        Raises:
            StateError, StorageError: They still cannot be; they are kept.
        """
        while self.unwritten:
            self._write(*self.unwritten[0])
            self.unwritten.popleft()

    def _write(self, key: str, letter: Letter) -> None:
        with self.database.writing() as db:
            self.outbox.enqueue(db, letter, key=key, now=self.clock.now())


class TokenTransport:
    """Another transport, whose letters get the invites that they name on the way out."""

    def __init__(self, transport: Transport, tokens: Tokens) -> None:
        self._transport = transport
        self._tokens = tokens

    def send(self, message: bytes, sender: str, recipients: Sequence[str], *, name: str) -> Outcome:
        """Put the tokens in and hand the message over."""
        return self._transport.send(_SEAL.sub(self._opened, message), sender, recipients, name=name)

    def stop(self) -> None:
        """Let the other transport stop."""
        self._transport.stop()

    def _opened(self, found: re.Match[bytes]) -> bytes:
        try:
            return self._tokens.named(TokenId(found[1].decode())).token.reveal().encode()
        except errors.NotFound:
            return b"-"  # it was ended before its letter left
