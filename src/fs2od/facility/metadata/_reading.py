"""Reading a metadata file that anybody may have written: bounded in size, depth and expansion, and never changed."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    NodeEvent,
)

__all__ = ["MetadataProblem", "parse_metadata", "read_file", "read_metadata"]

_MOST_BYTES = 1 << 20
_MOST_DEPTH = 64
_MOST_NODES = 200_000
_MOST_BITS = 8192
_LONG = re.compile(r"[0-9A-Fa-fox_:]{1000}")
"""What a number that no text can be made of looks like: Python says so only for one that is written in tens."""
_DEEP = re.compile(rf"(?:[\[{{]\s*+){{{_MOST_DEPTH}}}")


class MetadataProblem(Exception):
    """A metadata file cannot be used. `str` names the file, the line where there is one, and the reason."""

    def __init__(self, name: str, reason: str, *, line: int | None = None) -> None:
        super().__init__(f"{name}{f' line {line}' if line else ''}: {reason}")
        self.line = line
        self.reason = reason


def read_metadata(path: Path) -> Mapping[str, Any]:
    """Return the mapping that a metadata file holds.

    Raises:
        MetadataProblem: It is malformed, empty, over 1 MiB, no mapping, or cannot be read; it is left as it is.
    """
    return parse_metadata(read_file(path), path.name)


def read_file(path: Path) -> bytes:
    """Return the file's bytes; links and special files are not followed.

    Raises:
        MetadataProblem: It cannot be read or is over 1 MiB.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor that does not follow links
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise MetadataProblem(path.name, "is no regular file")
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise MetadataProblem(path.name, f"cannot be read ({error.strerror})") from error
    if len(content) > _MOST_BYTES:
        raise MetadataProblem(path.name, "is larger than 1 MiB")
    return content


def parse_metadata(content: bytes, name: str) -> Mapping[str, Any]:
    """Return the mapping that `content` holds.

    Raises:
        MetadataProblem: It is no such YAML.
    """
    text = _text(content, name)
    if _DEEP.search(text):
        # Such a text would cost the parser seconds before it gives up.
        raise MetadataProblem(name, f"is nested deeper than {_MOST_DEPTH} levels")
    try:
        if "&" in text and "*" in text:
            _refuse_expansion(text, name)
        document = YAML(typ="safe", pure=True).load(text)
    except MetadataProblem:
        raise
    except MarkedYAMLError as error:
        raise MetadataProblem(name, _reason(error), line=_line(error)) from error
    except RecursionError as error:
        raise MetadataProblem(name, f"is nested deeper than {_MOST_DEPTH} levels") from error
    except (YAMLError, ValueError, OverflowError) as error:
        raise MetadataProblem(name, f"is no valid YAML ({_first_line(str(error))})") from error
    except Exception as error:  # the parser's own mistakes, such as at `!!int ""`: anybody may have written the file
        raise MetadataProblem(name, "is no valid YAML (a value does not fit its type)") from error
    if document is None:
        raise MetadataProblem(name, "is empty")
    if (long := _LONG.search(text)) and _holds_long_number(document):
        line = text.count("\n", 0, long.start()) + 1
        raise MetadataProblem(name, "holds a number of more digits than anything can show", line=line)
    if not isinstance(document, Mapping):
        raise MetadataProblem(name, f"expected a mapping, found {_kind(document)}", line=1)
    return document


def _holds_long_number(value: object) -> bool:
    match value:
        case int():
            return value.bit_length() > _MOST_BITS
        case Mapping():
            return any(map(_holds_long_number, (*value.keys(), *value.values())))
        case list() | tuple() | set():
            return any(map(_holds_long_number, value))
        case _:
            return False


def _text(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise MetadataProblem(name, "is not UTF-8", line=line) from error


def _refuse_expansion(text: str, name: str) -> None:
    """Refuse what would grow beyond all bounds when its aliases are followed, before anything follows them."""
    sizes: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []
    total = 0
    for event in YAML(typ="safe", pure=True).parse(text):
        if isinstance(event, CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor is not None:
                sizes[anchor] = total - before
            continue
        if isinstance(event, AliasEvent):
            if event.anchor not in sizes and any(anchor == event.anchor for anchor, _ in open_nodes):
                raise MetadataProblem(name, "refers to itself", line=event.start_mark.line + 1)
            total += sizes.get(event.anchor, 1)
        elif isinstance(event, NodeEvent):
            if isinstance(event, CollectionStartEvent):
                open_nodes.append((event.anchor, total))
            elif event.anchor is not None:
                sizes[event.anchor] = 1
            total += 1
        if total > _MOST_NODES or len(open_nodes) > _MOST_DEPTH:
            raise MetadataProblem(name, "its aliases stand for too much", line=event.start_mark.line + 1)


def _line(error: MarkedYAMLError) -> int | None:
    mark = error.problem_mark or error.context_mark
    return None if mark is None else int(mark.line) + 1


def _reason(error: MarkedYAMLError) -> str:
    # Only the parser's own words: a snippet of the file could hold what must not be shown.
    if isinstance(error, DuplicateKeyError):
        return "a key stands there twice"
    return _first_line(str(error.problem or error.context or "is malformed"))


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:200] if text.strip() else "no reason given"


def _kind(value: object) -> str:
    if isinstance(value, list):
        return "a list"
    return "plain text" if isinstance(value, str) else f"a {type(value).__name__}"
