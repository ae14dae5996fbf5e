"""What services answer to a reader, made sense of: documents, entries, ranges. Answers are checked, not believed."""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass
from typing import Any, Callable, Final, Mapping
from urllib.parse import urlsplit

from fs2od.errors import IntegrityFailure
from fs2od.transfer._entries import Entry, EntryKind
from fs2od.transfer._errors import MalformedAnswer
from fs2od.transfer._http import Answer
from fs2od.transfer._refusals import raise_refusal

__all__ = [
    "Content",
    "DataAddress",
    "checked_range",
    "data_address",
    "document_of",
    "entry_of",
    "number_of",
    "text_of",
    "unpacked",
]

_EARLIEST_S: Final = -62_135_596_800
_LATEST_S: Final = 253_402_300_799
_LARGEST_ANSWER_BYTES: Final = 64 << 20
_MOST_BULK_PATHS: Final = 20_000
_GZIP: Final = 31
_OCTAL: Final = re.compile(r"[0-7]{1,5}", re.ASCII)
_RANGE: Final = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_KINDS: Final[Mapping[str, EntryKind]] = {
    "REG": EntryKind.FILE,
    "LNK": EntryKind.FILE,
    "DIR": EntryKind.FOLDER,
    "SYMLNK": EntryKind.SYMLINK,
}


@dataclass(frozen=True)
class DataAddress:
    """Where an fs2od node gives a dataset's files in ways that Onedata has not: `url`/bulk brings many files at once."""

    url: str
    bulk_paths: int


class Content:
    """The answer that brings bytes of a file, from `start` on; `etag` identifies the file's state, if the service does.

    `is_straight` says whether a store sends them past the provider.
    """

    def __init__(
        self, read_into: Callable[[memoryview], int], start: int, etag: str | None, *, is_straight: bool = False
    ) -> None:
        self.start = start
        self.etag = etag
        self.read_into = read_into
        self.is_straight = is_straight


def document_of(answer: Answer) -> dict[str, Any]:
    """Return the JSON object of an answer.

    Raises:
        ServiceError: The answer is a refusal.
        MalformedAnswer: It is no JSON object.
    """
    if answer.status != 200:
        raise_refusal(answer)
    try:
        document = json.loads(answer.read_all(_LARGEST_ANSWER_BYTES))
    except (ValueError, RecursionError) as error:
        raise MalformedAnswer("an answer is not JSON") from error
    if not isinstance(document, dict):
        raise MalformedAnswer("an answer is no JSON object")
    return document


def unpacked(data: bytes, most_bytes: int) -> bytes:
    """Return what was compressed by gzip, or at most so much of its beginning.

    Raises:
        MalformedAnswer: It is something else.
    """
    try:
        return zlib.decompressobj(_GZIP).decompress(data, most_bytes)
    except zlib.error as error:
        raise MalformedAnswer("an answer is not compressed as it says") from error


def text_of(document: Mapping[str, Any], key: str) -> str:
    """Return a text of a document.

    Raises:
        MalformedAnswer: There is none, or it could not be sent back.
    """
    value = _given(document, key)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise MalformedAnswer(f"'{key}' in an answer is not valid Unicode") from error
    return value


def _given(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str):
        raise MalformedAnswer(f"an answer lacks '{key}'")
    return value


def number_of(value: object) -> int | None:
    """Return a whole number of bearable size; None for everything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63 else None


def entry_of(facts: Mapping[str, Any]) -> Entry:
    """Return what a service says of a file or folder.

    Raises:
        MalformedAnswer: It has no name, no id or no type.
    """
    kind = _KINDS.get(text_of(facts, "type").upper(), EntryKind.OTHER)
    size, target = number_of(facts.get("size")), facts.get("symlinkValue")
    return Entry(
        name=_given(facts, "name"),  # what no disk can hold is refused by itself, and the rest comes
        kind=kind,
        file_id=text_of(facts, "fileId"),
        size_bytes=0 if kind is EntryKind.FOLDER else -1 if size is None else size,
        mtime_s=max(_EARLIEST_S, min(number_of(facts.get("mtime")) or 0, _LATEST_S)),
        target=target if isinstance(target, str) else None,
        mode=_mode_of(facts.get("posixPermissions", facts.get("mode"))),
    )


def _mode_of(value: object) -> int | None:
    """Return permission bits, which services write as octal digits."""
    return int(value, 8) if isinstance(value, str) and _OCTAL.fullmatch(value) else None


def checked_range(answer: Answer, size: int, start: int, count: int) -> int:
    """Return which byte comes first, after making sure that it is about this file, and about the bytes asked for.

    Raises:
        IntegrityFailure: It is about a file of another size.
        MalformedAnswer: It is about other bytes.
    """
    if answer.status == 200:
        if answer.left not in {None, size}:
            raise IntegrityFailure(f"{size:,} bytes were announced, and {answer.left:,} are offered")
        return 0
    told = _RANGE.fullmatch((answer.header("content-range") or "").strip())
    if told is None:
        raise MalformedAnswer("the service does not say which part of the file it sends")
    if told[3] not in {"*", str(size)}:
        raise IntegrityFailure(f"{size:,} bytes were announced, and the file has {int(told[3]):,}")
    if (int(told[1]), int(told[2])) != (start, start + count - 1) or answer.left not in {None, count}:
        raise MalformedAnswer("the service sends another part of the file than was asked for")
    return start


def data_address(body: bytes, key: str, asked_url: str, values: Mapping[str, str]) -> DataAddress | None:
    """Return the address that a node's discovery document names; None where it names none that can be used.

    Args:
        body: The document.
        key: Which address: "data" for shares, "members" for what members see.
        asked_url: Where the document was had: the address must be as safe.
        values: What to put in place of {id} and {provider}.
    """
    try:
        document = json.loads(body)
        url, most = document[key], document["bulk_paths"]
        if document["version"] != 1 or urlsplit(url).scheme != urlsplit(asked_url).scheme:
            return None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    known = number_of(most)
    if not isinstance(url, str) or known is None or known < 1:
        return None
    for name, value in values.items():
        url = url.replace(f"{{{name}}}", value)
    return DataAddress(url.rstrip("/"), min(known, _MOST_BULK_PATHS))
