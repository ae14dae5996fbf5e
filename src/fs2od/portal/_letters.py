"""A letter of the outbox, taken apart for looking at it."""

from __future__ import annotations

import email
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default

__all__ = ["LetterParts", "parts_of"]


@dataclass(frozen=True)
class LetterParts:
    """The readable parts of a letter; they hold tokens and stay out of the repr. What is missing is empty."""

    text: str = field(default="", repr=False)
    html: str = field(default="", repr=False)


def parts_of(message: bytes) -> LetterParts:
    """Return the plain text and the HTML of a message of ours."""
    parsed = email.message_from_bytes(message, policy=default)
    assert isinstance(parsed, EmailMessage)
    return LetterParts(_content(parsed, "plain"), _content(parsed, "html"))


def _content(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    content = part.get_content() if part is not None else ""
    return content if isinstance(content, str) else ""
