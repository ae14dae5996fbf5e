"""Every error that fs2od raises on purpose, by what the reader can do about it.

```text
Fs2odError
|-- OnedataError          in fs2od.onedata.errors: what a service, or the way to it, answered
|-- ConfigurationError    a setting is missing or wrong: the message names the file, the key and what would be right
|-- StateError            our own state on disk cannot be used
|   |-- StateTooNew       written by a newer fs2od: use that one
|   |-- StateTooOld       written by an older fs2od, and only to be looked at: start the service of this one first
|   `-- StateInUse        another process of ours holds it: stop that one first
|-- StorageError          the file system or the bucket refused
|   |-- StorageFull       no space left: make room, then run the same command again
|   |   `-- StateFull     none for our own state, wherever files go
|   |-- StorageMissing    a folder that should be there is not, or may not be read
|   |   `-- StorageReplaced   another folder stands in its place: put back the one that is meant, or say that this one is
|   |-- NameTooLong       no file can have so long a name there: choose a shorter one
|   |-- DirectoryNotEmpty only an empty directory can be removed: remove what lies in it first
|   |-- StorageRefused    the store does not accept our credentials, or forbids this: a person must act
|   `-- StorageBusy       the storage is slow or away for a moment: the same works later          (transient)
|-- IntegrityFailure      the bytes are not those that were promised
`-- Interrupted           the person or the system asked us to stop
```

`exit_code` is what the command line returns; docs/reference/exit-codes.md lists them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

__all__ = [
    "ConfigurationError",
    "DirectoryNotEmpty",
    "Fs2odError",
    "IntegrityFailure",
    "Interrupted",
    "NameTooLong",
    "StateError",
    "StateFull",
    "StateInUse",
    "StateTooNew",
    "StateTooOld",
    "StorageBusy",
    "StorageError",
    "StorageFull",
    "StorageMissing",
    "StorageRefused",
    "StorageReplaced",
    "masked",
]

_HIDDEN: Final = "(hidden)"
_SHORT: Final = 4


class Fs2odError(Exception):
    """Something that a person can act on. `str(error)` is one sentence for them, never with a secret in it."""

    exit_code: int = 1


class ConfigurationError(Fs2odError):
    """A setting is missing or wrong."""

    exit_code = 3


class StateError(Fs2odError):
    """Our own state on disk cannot be used."""

    exit_code = 9


class StateTooNew(StateError):
    """The state was written by a newer fs2od; this one leaves it untouched."""


class StateTooOld(StateError):
    """The state was written by an older fs2od; only the service itself brings it up to date."""


class StateInUse(StateError):
    """Another process of ours holds the state."""


class StorageError(Fs2odError):
    """The file system or the bucket refused."""

    exit_code = 7


class StorageFull(StorageError):
    """No space is left; make room and run the same command again."""


class StateFull(StorageFull):
    """No space is left for our own state."""


class StorageMissing(StorageError):
    """A folder that should be there is not, or may not be read."""


class StorageReplaced(StorageMissing):
    """Another folder stands in the place of the one that is meant, or a link to another one; nothing of it is used."""


class NameTooLong(StorageError):
    """No file can have so long a name there; choose a shorter one."""


class DirectoryNotEmpty(StorageError):
    """Only an empty directory can be removed; remove what lies in it first."""


class StorageRefused(StorageError):
    """The store does not accept our credentials, or forbids this; a person must act."""


class StorageBusy(StorageError):
    """The storage is slow or away for a moment; the same works later."""


class IntegrityFailure(Fs2odError):
    """The bytes are not those that were promised."""

    exit_code = 8


class Interrupted(Fs2odError):
    """The person or the system asked us to stop."""

    exit_code = 130


def masked(text: str, secrets: Iterable[str]) -> str:
    """Return a text without any of the secrets that somebody repeated in it.

    One of less than four characters is hidden where it stands by itself: within words it would be found everywhere, and
    what is left there tells nobody that it is one. Where two of them overlap, nothing of either stays.
    """
    spans = sorted(span for secret in secrets if secret for span in _spans_of(secret, text))
    kept, end = [], 0
    for first, last in spans:
        if first >= end:
            kept += [text[end:first], _HIDDEN]
        end = max(end, last)
    return "".join(kept) + text[end:]


def _spans_of(secret: str, text: str) -> Iterable[tuple[int, int]]:
    plain = re.escape(secret)
    # Looking ahead only, so that those that overlap are all found.
    pattern = rf"(?<!\w)(?={plain}(?!\w))" if len(secret) < _SHORT else f"(?={plain})"
    return ((found.start(), found.start() + len(secret)) for found in re.finditer(pattern, text))
