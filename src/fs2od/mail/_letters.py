"""A letter, and its bytes as RFC 5322 and MIME want them.

The text part is 7bit or 8bit and nothing else: links and tokens in it stand unbroken, for people who copy them and for
scripts which look for them. Only on the way to a mail server that takes no 8-bit text it is base64, whose lines break nothing.
"""

from __future__ import annotations

import email
import email.policy
import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime
from email.header import Header
from email.message import EmailMessage
from email.utils import format_datetime

from fs2od.mail._addresses import Mailbox
from fs2od.mail._errors import LetterError
from fs2od.mail._lines import one_line

__all__ = ["LINE_LIMIT_BYTES", "Attachment", "Letter", "compose", "in_seven_bits"]

# RFC 5321 §4.5.3.1.6: 1000 octets with CRLF. Servers cut or refuse what is longer.
LINE_LIMIT_BYTES = 998

_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/^_`{|}~ -]+")
_POLICY = email.policy.SMTP.clone(cte_type="8bit")
# Headers stay as they were written.
_SEVEN_BITS = email.policy.SMTP.clone(cte_type="7bit", refold_source="none")


@dataclass(frozen=True)
class Attachment:
    """A file that comes with a letter: its plain name, and its bytes."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Letter:
    """What is to be said and to whom. `html` may be empty; text and HTML are not in the repr, for they hold tokens."""

    sender: Mailbox
    to: tuple[Mailbox, ...]
    subject: str
    text: str = field(repr=False)
    html: str = field(default="", repr=False)
    cc: tuple[Mailbox, ...] = ()
    bcc: tuple[Mailbox, ...] = ()
    reply_to: Mailbox | None = None
    attachments: tuple[Attachment, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "subject", one_line(self.subject))

    @property
    def envelope(self) -> tuple[str, ...]:
        """Every address that gets the letter, each once, whether the headers name it or not."""
        addresses = (mailbox.address for mailbox in (*self.to, *self.cc, *self.bcc))
        return tuple({address.casefold(): address for address in addresses}.values())


def compose(letter: Letter, *, message_id: str, now: datetime) -> bytes:
    """Return the letter as it goes over the wire, with CRLF. Equal arguments give equal bytes.

    Raises:
        LetterError: It has no recipient, or a line of its text is longer than mail allows; make the value shorter,
            for breaking the line would break the link or the token in it.
    """
    if not letter.envelope:
        raise LetterError("the letter has no recipient")
    text = _lines(letter.text)
    _refuse_long_lines(text)
    body = EmailMessage(_POLICY)
    body.set_content(text, cte="7bit" if text.isascii() else "8bit")
    if letter.html:
        _add_html(body, _lines(letter.html))
        _set_boundary(body, message_id)
    for attachment in letter.attachments:
        body.add_attachment(
            attachment.content, maintype="application", subtype="octet-stream", filename=attachment.name
        )
        _set_boundary(body, f"{message_id} with files")
    headers = _headers(letter, message_id=message_id, now=now)
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("ascii") + body.as_bytes()


def in_seven_bits(message: bytes) -> bytes:
    """Return the same letter for a server that takes ASCII alone (RFC 6152 §3): what is 8bit in it becomes base64.

    Quoted-printable would break a long link, and change every "=" in it, for whoever looks for it without decoding.
    """
    return message if message.isascii() else email.message_from_bytes(message, policy=_SEVEN_BITS).as_bytes()


# Written here and not by EmailMessage: Python 3.11 folds long names that are not ASCII so that addresses after them are lost.
def _headers(letter: Letter, *, message_id: str, now: datetime) -> dict[str, str]:
    reply_to = (letter.reply_to,) if letter.reply_to else ()
    named = {"From": (letter.sender,), "To": letter.to, "Cc": letter.cc, "Reply-To": reply_to}
    return {
        "Date": format_datetime(now),
        "Message-ID": message_id,
        "Subject": _encoded(letter.subject),
        # One mailbox a line, so that no line grows with their number.
        **{header: ",\r\n ".join(map(_mailbox, mailboxes)) for header, mailboxes in named.items() if mailboxes},
        # RFC 3834: absence notes are not to answer this.
        "Auto-Submitted": "auto-generated",
    }


def _mailbox(mailbox: Mailbox) -> str:
    written = _name(mailbox.name)
    return f"{written} <{mailbox.address}>" if written else mailbox.address


def _name(name: str) -> str:
    if not name.isascii():
        # On a line of its own, or a long one would take the address beyond the width.
        return f"{_encoded(name)}\r\n"
    # Mailbox dropped everything that would end a quoted string.
    return name if _PHRASE.fullmatch(name) or not name else f'"{name}"'


def _encoded(text: str) -> str:
    # What looks like an encoded word (RFC 2047) and is none must be encoded too, or readers would decode it.
    charset = "us-ascii" if text.isascii() and "=?" not in text else "utf-8"
    return Header(text, charset, maxlinelen=72).encode(linesep="\r\n")


def _add_html(message: EmailMessage, html: str) -> None:
    fits = max(map(len, html.encode().split(b"\n"))) <= LINE_LIMIT_BYTES
    message.add_alternative(html, subtype="html", cte="8bit" if fits else "quoted-printable")


def _set_boundary(message: EmailMessage, seed: str) -> None:
    # A boundary by chance would make two renderings of one letter differ.
    message.set_boundary(f"=_{hashlib.sha256(seed.encode()).hexdigest()[:32]}")


def _lines(text: str) -> str:
    """Return `text` with single line feeds and without what cannot be sent: NUL, other controls, halves of characters."""
    kept = (line.translate(_CONTROLS) for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    return "\n".join(kept).encode("utf-8", "replace").decode().rstrip("\n") + "\n"


_CONTROLS = dict.fromkeys((*range(9), *range(10, 32), 127))


def _refuse_long_lines(text: str) -> None:
    for number, line in enumerate(text.split("\n"), start=1):
        if (size_bytes := len(line.encode())) > LINE_LIMIT_BYTES:
            raise LetterError(
                f"line {number} of the mail's text has {size_bytes} bytes, mail allows {LINE_LIMIT_BYTES}: "
                f"the link or the token in it is too long to be sent"
            )
