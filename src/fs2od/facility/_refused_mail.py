"""Who is to hear of a dataset and cannot, because the mail server refuses their letters for good."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from fs2od.configuration import Mail
from fs2od.facility.journal import Record
from fs2od.mail import LetterRecipient, LetterRow, Outbox, parse_recipients

__all__ = [
    "ALWAYS_TOLD",
    "RefusedAlways",
    "Unreached",
    "all_unreached",
    "always_told",
    "refused_always",
    "unreached",
    "unreached_words",
]

ALWAYS_TOLD = "always told"
"""Under this key the journal knows whom the configuration names in mail.to."""


@dataclass(frozen=True)
class Unreached:
    """An address that a letter about a dataset was refused for: what the server said, since when, and the letter's id."""

    address: str
    said: str
    since: datetime
    letter: int


@dataclass(frozen=True)
class RefusedAlways:
    """An address of mail.to that the mail server refuses: what it said last, since when, and of how many datasets the letters are."""

    address: str
    said: str
    since: datetime
    datasets: int


def always_told(mail: Mail) -> str:
    """Return what the journal is to know under the key; pure."""
    return " ".join(sorted({each.address.casefold() for each in parse_recipients(list(mail.to)).mailboxes}))


def refused_always(found: Iterable[tuple[Unreached, ...]], always: str) -> tuple[RefusedAlways, ...]:
    """Return who of those that the configuration names is refused, once for all datasets; pure.

    Args:
        found: Who is refused, by dataset.
        always: What the journal knows under the key.
    """
    refused: dict[str, list[Unreached]] = {address: [] for address in always.split()}
    for some in found:
        for each in some:
            refused.get(each.address.casefold(), []).append(each)
    return tuple(
        RefusedAlways(address, max(some, key=lambda each: each.since).said, min(each.since for each in some), len(some))
        for address, some in refused.items()
        if some
    )


def unreached(record: Record, letters: Iterable[LetterRow]) -> tuple[Unreached, ...]:
    """Return who of those that a dataset is announced to was refused; pure.

    The newest letter of a kind decides for an address, and who is not named any longer is nobody's trouble. Copies count
    in the outbox alone.

    Args:
        record: The dataset.
        letters: All about it, oldest first.
    """
    to = parse_recipients(list(record.facts.to)).mailboxes if record.facts else ()
    named = {mailbox.address.casefold() for mailbox in to}
    newest: dict[tuple[str, str], tuple[LetterRow, LetterRecipient]] = {}
    for letter in letters:
        kind = letter.key.split("/")[1:2]
        for each in letter.recipients:
            newest["".join(kind), each.address.casefold()] = (letter, each)
    return tuple(
        Unreached(each.address, each.reason, letter.finished_at or letter.queued_at, letter.id)
        for letter, each in newest.values()
        if each.state == "refused" and each.address.casefold() in named
    )


def all_unreached(outbox: Outbox, records: Iterable[Record]) -> dict[int, tuple[Unreached, ...]]:
    """Return by dataset who was refused, where there is anybody."""
    about = {letter.key.partition("/")[0] for letter in outbox.refused_letters()}
    found = {
        record.id: unreached(record, outbox.letters_under(record.unique_name))
        for record in records
        if record.unique_name in about
    }
    return {dataset: refused for dataset, refused in found.items() if refused}


def unreached_words(refused: Iterable[Unreached]) -> str:
    """Say whom the mail server refuses and what to do, for the operator; pure."""
    who = ", ".join(dict.fromkeys(f"{each.address} ({each.said})" for each in refused))
    return (
        f"the mail server refused a letter to {who}: correct the address in the metadata file, and the new one is"
        " written to by itself; or try again, once the server takes it"
    )
