"""One-time links by mail: the way to sign in where nothing else is set up.

Whoever asks is told the same, whether there is such an account or not, and a letter goes out in any case: only who reads
the mailbox learns more. Opening a link changes nothing, for mail scanners open links; a button on its page does.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from fs2od.errors import Fs2odError
from fs2od.mail import Letter, Mailbox, Outbox, SignInNews, parse_mailbox, render_sign_in
from fs2od.node.clock import Clock
from fs2od.node.zone.accounts.pace import Pace
from fs2od.node.zone.accounts.sealing import letter_key, open_link, sealed_link
from fs2od.node.zone.secrets import KeyFile
from fs2od.onedata import errors
from fs2od.onedata.ids import UserId
from fs2od.sqlite import Database

__all__ = ["LINK_LASTS", "AskedTooOften", "LinkLetters", "SignInLink", "SignInLinks"]

LINK_LASTS = timedelta(minutes=15)
_EVERYBODY = "everybody"


class AskedTooOften(Fs2odError):
    """There were too many from this address of the network: try again after `retry_after_s`."""

    exit_code = 4

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"too many attempts: try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


@dataclass(frozen=True)
class SignInLink:
    """What a link does.

    Attributes:
        address: Whom it was sent to.
        user: The user who adds this address to their account; None: it signs in.
        target: Where to go afterwards, a local path.
        invited: Whether a new account may be made even where only invited people get one.
    """

    address: str
    user: UserId | None
    target: str
    invited: bool


@dataclass(frozen=True)
class LinkLetters:
    """How letters with links are written: by whom, and where the link's page is."""

    sender: Mailbox
    facility_name: str
    page_url: str
    language_for: Callable[[str], str] = field(repr=False)
    language: str = "en"
    templates_folder: Path | None = None


class SignInLinks:
    """Writes the letters, and judges the links that come back."""

    def __init__(self, database: Database, outbox: Outbox, keys: KeyFile, clock: Clock, letters: LinkLetters) -> None:
        self._database = database
        self._outbox = outbox
        self._keys = keys
        self._clock = clock
        self._letters = letters
        self._to_one_address = Pace(clock, most=3, within=LINK_LASTS)
        self._from_one_peer = Pace(clock, most=10, within=timedelta(minutes=10))
        self._from_everybody = Pace(clock, most=300, within=timedelta(hours=1))
        self._wrong = Pace(clock, most=20, within=timedelta(minutes=1))

    def ask(self, address: str, *, peer: str, target: str, user: UserId | None = None, invited: bool = False) -> None:
        """Send a link to an address. Beyond three within a quarter of an hour nothing more is sent, and nobody is told.

        Args:
            address: As somebody typed it.
            peer: Where the request comes from.
            target: Where the link leads after all, a local path.
            user: Who adds the address to their account; None for signing in.
            invited: Whether a new account may be made even where only invited people get one.

        Raises:
            AskedTooOften: This peer asked too often.
            ConfigurationError: It is no mail address.
        """
        wait_s = max(self._from_one_peer.wait_s(peer), self._from_everybody.wait_s(_EVERYBODY))
        if wait_s:
            raise AskedTooOften(wait_s)
        self._from_one_peer.note(peer)
        mailbox = Mailbox(parse_mailbox(address).address)
        known = mailbox.address.casefold()
        if self._to_one_address.wait_s(known):
            return
        self._to_one_address.note(known)
        self._from_everybody.note(_EVERYBODY)
        self._send(mailbox, SignInLink(mailbox.address, user, target, invited))

    def look(self, secret: str, *, peer: str) -> SignInLink:
        """Return what a link does, without doing it.

        Raises:
            AskedTooOften: This peer showed too many wrong links.
            NotFound: It was used, has ended, or never was.
        """
        link = self._opened(secret, peer)
        query = "SELECT address, user, target, invited FROM sign_in_link WHERE id = ? AND until > ?"
        with self._database.reading() as db:
            row = db.execute(query, (link, self._clock.now_s())).fetchone()
        if row is None:
            raise errors.not_found()
        user = None if row["user"] is None else UserId(row["user"])
        return SignInLink(row["address"], user, row["target"], bool(row["invited"]))

    def take(self, secret: str, *, peer: str) -> SignInLink:
        """Return what a link does, which works this once.

        Raises:
            AskedTooOften, NotFound: As for `look`.
        """
        found = self.look(secret, peer=peer)
        with self._database.writing() as db:
            link = open_link(self._keys, secret)
            if not db.execute("DELETE FROM sign_in_link WHERE id = ?", (link,)).rowcount:
                raise errors.not_found()
        return found

    def _opened(self, secret: str, peer: str) -> str:
        wait_s = self._wrong.wait_s(peer)
        if wait_s:
            raise AskedTooOften(wait_s)
        link = open_link(self._keys, secret)
        if link is None:
            self._wrong.note(peer)
            raise errors.not_found()
        return link

    def _send(self, mailbox: Mailbox, asked: SignInLink) -> None:
        link, now = secrets.token_hex(16), self._clock.now()
        news = SignInNews(
            facility_name=self._letters.facility_name,
            address=mailbox.address,
            link=f"{self._letters.page_url}/{sealed_link(link)}",
            minutes=int(LINK_LASTS.total_seconds() // 60),
            adds_address=asked.user is not None,
        )
        language = self._letters.language_for(mailbox.address) or self._letters.language
        words = render_sign_in(news, language=language, templates_folder=self._letters.templates_folder)
        letter = Letter(self._letters.sender, (mailbox,), words.subject, words.text, words.html)
        until_s = int((now + LINK_LASTS).timestamp())
        with self._database.writing() as db:
            db.execute("DELETE FROM sign_in_link WHERE until <= ?", (int(now.timestamp()),))
            row = (link, asked.address, asked.user, asked.target, asked.invited, until_s)
            db.execute("INSERT INTO sign_in_link VALUES (?, ?, ?, ?, ?, ?)", row)
            self._outbox.enqueue(db, letter, key=letter_key(link), now=now)
