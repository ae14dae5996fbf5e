"""What is taken from a metadata file: values at the allowed key paths, and nothing else."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from msgspec.structs import replace

from fs2od.configuration import Configuration, FacilitySection, Watch
from fs2od.facility.journal import FactRules, Facts, Record
from fs2od.mail import parse_recipients
from fs2od.onedata.wire import JsonValue

__all__ = ["fact_rules", "facts_of", "facts_still_allowed"]

_MOST_CHARACTERS = 500
_MOST_ITEMS = 50
_INSTRUMENT: str = FacilitySection.model_fields["instrument"].default


def facts_of(metadata: Mapping[str, Any], *, folder: str, configuration: Configuration, watch: Watch | None) -> Facts:
    """Choose what may be published and whom to tell; pure."""
    publish, mail = configuration.publish, configuration.mail
    to, complaints = _first_recipients(metadata, mail.to_keys)
    cc, about_cc = _all_recipients(metadata, mail.cc_keys)
    bcc, about_bcc = _all_recipients(metadata, mail.bcc_keys)
    instrument = (watch.instrument if watch else "") or _first_text(metadata, publish.instrument)
    return Facts(
        title=_first_text(metadata, publish.title) or folder,
        instrument=instrument or configuration.facility.instrument,
        experimenter=_first_text(metadata, mail.name_keys),
        published=_published(metadata, publish.fields),
        to=_distinct((*to, *mail.to)),
        cc=_distinct((*cc, *mail.cc)),
        bcc=_distinct((*bcc, *mail.bcc)),
        complaints=(*complaints, *about_cc, *about_bcc),
    )


def fact_rules(configuration: Configuration, watch: Watch | None) -> FactRules:
    """Return what tells whether facts that were taken earlier are those which the configuration asks for now; pure.

    Args:
        configuration: What holds for all datasets.
        watch: What holds for those of a watched folder.
    """
    publish, mail = configuration.publish, configuration.mail
    people = (mail.to, mail.cc, mail.bcc, mail.to_keys, mail.cc_keys, mail.bcc_keys, mail.name_keys)
    named = (watch.instrument if watch else "", configuration.facility.instrument)
    rules = FactRules(*map(_fingerprint, (publish.fields, publish.title, publish.instrument, people)))
    return rules if named == ("", _INSTRUMENT) else replace(rules, instrument_named=_fingerprint(named))


def facts_still_allowed(record: Record, configuration: Configuration, watch: Watch | None) -> Facts | None:
    """Return what is known of a metadata file that cannot be read now, without what is published no longer; pure.

    Whom to tell stays: nobody can say who else would be named.
    """
    facts, before, now = record.facts, record.taken_by, fact_rules(configuration, watch)
    if facts is None:
        return None
    title, instrument, publish = facts.title, facts.instrument, configuration.publish
    # Of what an earlier version took, nobody knows by which rule.
    if before is not None and before.title != now.title:
        title = _first_known(facts, publish.title) or record.name
    if before is not None and _calls_it_otherwise(before, now, is_watched=watch is not None):
        named = (watch.instrument if watch else "") or _first_known(facts, publish.instrument)
        instrument = named or configuration.facility.instrument
    published = {path: value for path, value in facts.published.items() if path in publish.fields}
    return replace(facts, title=title, instrument=instrument, published=published)


def _calls_it_otherwise(before: FactRules, now: FactRules, *, is_watched: bool) -> bool:
    # What is watched no longer is called as it was.
    is_renamed = is_watched and before.instrument_named != now.instrument_named
    return is_renamed or before.instrument != now.instrument


def _fingerprint(rule: object) -> str:
    return hashlib.blake2s(json.dumps(rule).encode(), digest_size=8).hexdigest()


def _first_known(facts: Facts, paths: Iterable[str]) -> str:
    return next(
        (str(value) for path in paths if (value := facts.published.get(path)) and not isinstance(value, list)), ""
    )


def _published(metadata: Mapping[str, Any], paths: Iterable[str]) -> dict[str, JsonValue]:
    found = {path: _plain(_value(metadata, path)) for path in paths}
    return {path: value for path, value in found.items() if value not in (None, "", [])}


def _value(metadata: Mapping[str, Any], path: str) -> object:
    value: object = metadata
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _plain(value: object) -> JsonValue:
    """Return a plain value or a list of such; a mapping is never one, whatever it holds."""
    if isinstance(value, list | tuple):
        items = [_scalar(item) for item in value[:_MOST_ITEMS]]
        return [item for item in items if item is not None]
    return _scalar(value)


def _scalar(value: object) -> JsonValue:
    match value:
        case bool() | int():
            return value if abs(value) < 1 << 53 else str(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case datetime() | date():
            return value.isoformat()
        case str():
            return " ".join("".join(c if c.isprintable() else " " for c in value).split())[:_MOST_CHARACTERS]
        case _:
            return None


def _first_text(metadata: Mapping[str, Any], paths: Iterable[str]) -> str:
    texts = (_scalar(_value(metadata, path)) for path in paths)
    return next((str(text) for text in texts if text not in (None, "")), "")


def _first_recipients(metadata: Mapping[str, Any], paths: Iterable[str]) -> tuple[tuple[str, ...], list[str]]:
    complaints: list[str] = []
    for path in paths:
        found, about = _all_recipients(metadata, (path,))
        complaints += about
        if found:
            return found, complaints
    return (), complaints


def _all_recipients(metadata: Mapping[str, Any], paths: Iterable[str]) -> tuple[tuple[str, ...], list[str]]:
    found: list[str] = []
    complaints: list[str] = []
    for path in paths:
        value = _value(metadata, path)
        if value in (None, ""):
            continue
        recipients = parse_recipients(value)
        found += [mailbox.address for mailbox in recipients.mailboxes]
        complaints += [f"{path}: {complaint}" for complaint in recipients.complaints]
    return tuple(found), complaints


def _distinct(addresses: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(addresses))
