"""Access information into the metadata file itself, for facilities that want it there: comments, order and mode stay."""

from __future__ import annotations

import io
import itertools
import os
import re
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from fs2od.errors import StorageError
from fs2od.facility.metadata._access_file import AccessInformation
from fs2od.facility.metadata._reading import MetadataProblem, parse_metadata, read_file
from fs2od.facility.metadata._whole_files import NotWritable, replace_whole, storage_error

__all__ = ["write_into_metadata"]

_MOST_TRIES = 5
_END = re.compile(rb"^\.\.\.\s*$", re.MULTILINE)


def write_into_metadata(path: Path, information: AccessInformation, *, tag: str) -> bool:
    """Write the information under `tag`; `False`: it stands there already.

    The file's size, times and inode are compared just before the rename; if it was changed meanwhile, it is read again.

    Raises:
        MetadataProblem: It is no usable YAML.
        NotWritable: The folder may not be written to, the file's owner could not be kept, or what would be written is not what was meant.
        StorageError: It changes faster than we can write; try again later.
    """
    for _ in range(_MOST_TRIES):
        try:
            before = path.lstat()
        except OSError as error:
            raise storage_error(path, error) from error
        content = read_file(path)
        if _stands(content, path.name, tag, information):
            return False
        changed = _with_tag(content, path.name, tag, information)
        if changed is None:
            raise NotWritable(f"{path.name} cannot be written back without changing other values")

        def same(before: os.stat_result = before) -> bool:
            return _is_same(before, path)

        def keep(descriptor: int, before: os.stat_result = before) -> None:
            _keep_owner(descriptor, before, path)

        if replace_whole(path, changed, prepare=keep, still_right=same):
            return True
    raise StorageError(f"{path} was changed by others {_MOST_TRIES} times while we wrote")


def _stands(content: bytes, name: str, tag: str, information: AccessInformation) -> bool:
    there = parse_metadata(content, name).get(tag)
    wanted = information.document()
    return isinstance(there, Mapping) and {key: there.get(key) for key in wanted} == wanted


def _with_tag(content: bytes, name: str, tag: str, information: AccessInformation) -> bytes | None:
    """Return the content with the information under the tag, and everything else as it was; None: it cannot be had."""
    before = parse_metadata(content, name)
    newline = b"\r\n" if b"\r\n" in content else b"\n"
    if tag not in before:
        # Added at the end, every other byte stays as it is.
        text, rest = _until_end(content)
        gap = b"" if text.endswith(b"\n") else newline
        changed = text + gap + _dumped({tag: information.document()}, YAML()).replace(b"\n", newline) + rest
        if _says(changed, name, before, tag, information):
            return changed
    rewritten = _rewritten(content, tag, information)
    changed = b"" if rewritten is None else rewritten.replace(b"\n", newline)
    return changed if _says(changed, name, before, tag, information) else None


def _until_end(content: bytes) -> tuple[bytes, bytes]:
    """Return what stands before the line that ends the document, where there is one, and the rest."""
    end = _END.search(content)
    return (content, b"") if end is None else (content[: end.start()], content[end.start() :])


def _says(content: bytes, name: str, before: Mapping[str, Any], tag: str, information: AccessInformation) -> bool:
    """Say whether the new content holds the information, and everything else as it was."""
    try:
        after = dict(parse_metadata(content, name))
    except MetadataProblem:
        return False
    there = after.pop(tag, None)
    others = {key: value for key, value in before.items() if key != tag}
    return isinstance(there, Mapping) and information.document().items() <= there.items() and after == others


def _rewritten(content: bytes, tag: str, information: AccessInformation) -> bytes | None:
    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.indent(*_indentation(content))
    try:
        document = yaml.load(content.decode("utf-8-sig").replace("\r\n", "\n"))
        _put(document, tag, information)
        return _dumped(document, yaml)
    except YAMLError:
        return None


def _dumped(document: object, yaml: YAML) -> bytes:
    text = io.StringIO()
    yaml.width = 1 << 20
    yaml.dump(document, text)
    return text.getvalue().encode()


def _put(document: MutableMapping[str, object], tag: str, information: AccessInformation) -> None:
    there = document.get(tag)
    if isinstance(there, MutableMapping):
        there.update(information.document())
    else:
        document[tag] = information.document()


def _indentation(content: bytes) -> tuple[int, int, int]:
    """Return how the file indents mappings and sequences, so that lines we do not mean stay as they are."""
    lines = content.decode("utf-8-sig").splitlines()
    for above, line in itertools.pairwise(lines):
        if above.rstrip().endswith(":") and line.lstrip().startswith("- "):
            offset = len(line) - len(line.lstrip()) - (len(above) - len(above.lstrip()))
            return (2, offset + 2, offset)
    return (2, 2, 0)


def _is_same(before: os.stat_result, path: Path) -> bool:
    try:
        now = path.lstat()
    except OSError:
        return False
    return _fingerprint(now) == _fingerprint(before)


def _fingerprint(status: os.stat_result) -> tuple[int, ...]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev


def _keep_owner(descriptor: int, before: os.stat_result, path: Path) -> None:
    ours = os.fstat(descriptor)
    if (ours.st_uid, ours.st_gid) != (before.st_uid, before.st_gid):
        try:
            os.fchown(descriptor, before.st_uid, before.st_gid)
        except OSError as error:
            raise NotWritable(f"the owner of {path} could not be kept ({error.strerror})") from error
    os.fchmod(descriptor, before.st_mode & 0o7777)
