"""Who is to hear of a dataset and cannot, because the mail server refuses their letters for good."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from fs2od.facility.journal import Record
from fs2od.mail import LetterRecipient, LetterRow, Outbox, parse_recipients

__all__ = ["Unreached", "all_unreached", "unreached", "unreached_words"]


@dataclass(frozen=True)
class Unreached:
    """An address that a letter about a dataset was refused for: what the server said, since when, and the letter's id."""

    address: str
    said: str
    since: datetime
    letter: int


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
