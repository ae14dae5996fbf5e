"""Whom a dataset has to be announced to once more, because the metadata file named somebody else before."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from fs2od.configuration import Mail
from fs2od.facility.journal import Announcement, Facts, Record, Step

__all__ = ["Correction", "correction", "heard_by_configuration", "told_so_far"]


@dataclass(frozen=True)
class Correction:
    """Who has not heard of a dataset, as the facts of their letter, and which announcements went to nobody who is still named.

    There may be nobody to tell: an address was taken out, and no other one put in.
    """

    facts: Facts
    superseded: tuple[Announcement, ...]


def correction(record: Record, mail: Mail) -> Correction | None:
    """Return who is named by the metadata file and was never told, and what was told to nobody it names; None: neither; pure.

    Those whom the configuration names are told of every new dataset, and of none again.
    """
    facts = record.facts
    if Step.ANNOUNCED not in record.done or facts is None or not record.announcements:
        return None
    always = _folded((*mail.to, *mail.cc, *mail.bcc))
    told = always.union(*(_folded(each.addresses) for each in record.announcements))
    to, cc, bcc = (_without(addresses, told) for addresses in (facts.to, facts.cc, facts.bcc))
    named = _folded(facts.addresses) - always
    superseded = tuple(
        each
        for each in record.announcements
        if each.invite and (people := _folded(each.addresses) - always) and people.isdisjoint(named)
    )
    if not (to or cc or bcc or superseded):
        return None
    if not to:
        to, cc, bcc = (cc, (), bcc) if cc else (bcc, (), ())
    return Correction(replace(facts, to=to, cc=cc, bcc=bcc), superseded)


def heard_by_configuration(record: Record, before: Facts | None, mail: Mail) -> tuple[Announcement, ...]:
    """Return the announcements of a dataset, where others are named by now because others are configured; pure.

    Nobody is told for that of what was announced, and no invite ends. What the facts `before` asked for is still to be done.
    """
    corrected, waiting = correction(record, mail), correction(replace(record, facts=before), mail)
    if corrected is None:
        return record.announcements
    ending, untold = (waiting.superseded, waiting.facts.addresses) if waiting else ((), ())
    kept = tuple(
        replace(each, invite="") if each in corrected.superseded and each not in ending else each
        for each in record.announcements
    )
    heard = _without(corrected.facts.addresses, _folded(untold))
    return (*kept, Announcement(heard, "")) if heard else kept


def told_so_far(record: Record) -> tuple[Announcement, ...]:
    """Return whom a dataset was announced to, also where the journal did not yet say so; pure."""
    if record.announcements or Step.ANNOUNCED not in record.done or record.facts is None:
        return record.announcements
    return (Announcement(record.facts.addresses, record.done[Step.OWNERS_TOKEN]),)


def _without(addresses: tuple[str, ...], told: frozenset[str]) -> tuple[str, ...]:
    return tuple(address for address in addresses if address.casefold() not in told)


def _folded(addresses: tuple[str, ...]) -> frozenset[str]:
    return frozenset(address.casefold() for address in addresses)
