"""What a request asks of a file: which of its bytes, and whether the client has them already.

Pure. Sources: RFC 9110 §13 (conditions) and §14 (ranges); the REST contract §2.6 where it is stricter: what cannot be
understood is 416.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

__all__ = ["Part", "State", "Unsatisfiable", "Verdict", "judge", "parse_ranges"]

_ONE = re.compile(r"(?:(?P<first>\d+)-(?P<last>\d*)|-(?P<suffix>\d+))", re.ASCII)
_MOST_DIGITS = 19
"""No file has more bytes than numbers of so many digits can say."""
_UNIT = re.compile(r"\s*(?P<unit>[!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=(?P<ranges>.*)", re.ASCII | re.DOTALL)
_ETAG = re.compile(r'(?P<weak>W/)?(?P<tag>"[\x21\x23-\x7e\x80-\xff]*")')
_MOST_RANGES = 100

Part = tuple[int, int]
"""The first byte, and the number of bytes."""


class Unsatisfiable(ValueError):  # HTTP's word for it
    """No range lies in the file, or what was asked for is no range."""


@dataclass(frozen=True)
class State:
    """What identifies the bytes that a file has now: its size in bytes, a strong entity tag, when it was modified."""

    size: int
    etag: str
    mtime_s: int


@dataclass(frozen=True)
class Verdict:
    """The status of an answer, and which parts of the file it has: none for 304, 412 and 416, one without a range for 200."""

    status: int
    parts: tuple[Part, ...] = ()


def judge(method: str, headers: Mapping[str, str], state: State) -> Verdict:
    """Return what to answer to a GET or HEAD request, in the order of RFC 9110 §13.2.2.

    Args:
        method: The method; ranges count for GET alone.
        headers: The request's headers, by their names in lower case.
        state: What the file has now.
    """
    if _has_failed(headers, state):
        return Verdict(412)
    if _is_known(headers, state):
        return Verdict(304)
    wanted = headers.get("range")
    whole = Verdict(200, ((0, state.size),))
    if wanted is None or method != "GET" or not _may_continue(headers.get("if-range"), state):
        return whole
    try:
        parts = parse_ranges(wanted, state.size)
    except Unsatisfiable:
        return Verdict(416)
    return whole if parts is None else Verdict(206, parts)


def parse_ranges(header: str, size: int) -> tuple[Part, ...] | None:
    """Return the parts that a Range header asks for, in its order; None for another unit than bytes, which is passed over.

    Ranges that overlap are joined, so that no request makes an answer larger than the file. Those outside are left out.

    Raises:
        Unsatisfiable: Nothing of them lies in a file of `size` bytes, or they cannot be understood.
    """
    found = _UNIT.fullmatch(header)
    if not found:
        raise Unsatisfiable
    if found["unit"].lower() != "bytes":
        return None
    texts = [text.strip() for text in found["ranges"].split(",")]
    texts = [text for text in texts if text]  # RFC 9110 §5.6.1: a list may have empty elements
    if not texts or len(texts) > _MOST_RANGES:
        raise Unsatisfiable
    parts = [part for text in texts if (part := _part(text, size)) is not None]
    if not parts:
        raise Unsatisfiable
    return _joined(parts)


def _part(text: str, size: int) -> Part | None:
    found = _ONE.fullmatch(text)
    if not found:
        raise Unsatisfiable
    if found["suffix"] is not None:
        first, last = max(0, size - _number(found["suffix"])), size - 1
    else:
        first, last = _number(found["first"]), _number(found["last"]) if found["last"] else size - 1
        if found["last"] and first > last:
            raise Unsatisfiable
        last = min(last, size - 1)
    return (first, last - first + 1) if first <= last else None


def _number(digits: str) -> int:
    """Return a position: RFC 9110 §14.1.2 sets no limit to how far beyond the end one may lie."""
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= _MOST_DIGITS else int(10**_MOST_DIGITS)


def _joined(parts: list[Part]) -> tuple[Part, ...]:
    joined: list[Part] = []
    for start, count in parts:
        first, end = start, start + count
        for other in [other for other in joined if other[0] < end and first < sum(other)]:
            joined.remove(other)
            first, end = min(first, other[0]), max(end, sum(other))
        joined.append((first, end - first))
    return tuple(joined)


def _has_failed(headers: Mapping[str, str], state: State) -> bool:
    wanted = headers.get("if-match")
    if wanted is not None:
        return wanted.strip() != "*" and state.etag not in _tags(wanted, weak=False)
    since = _moment(headers.get("if-unmodified-since"))
    return since is not None and state.mtime_s > since


def _is_known(headers: Mapping[str, str], state: State) -> bool:
    known = headers.get("if-none-match")
    if known is not None:
        return known.strip() == "*" or state.etag in _tags(known, weak=True)
    since = _moment(headers.get("if-modified-since"))
    return since is not None and state.mtime_s <= since


def _may_continue(condition: str | None, state: State) -> bool:
    """Judge If-Range: whether what the client has is of the same state as the file has now."""
    if condition is None:
        return True
    if '"' in condition:
        return condition.strip() == state.etag
    return _moment(condition) == state.mtime_s


def _tags(text: str, *, weak: bool) -> set[str]:
    return {found["tag"] for found in _ETAG.finditer(text) if weak or not found["weak"]}


def _moment(text: str | None) -> int | None:
    """Return an HTTP date in seconds since 1970; None for what is no date, which counts as not said."""
    if text is None:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
