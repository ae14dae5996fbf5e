"""What a failed assertion does not show by itself: what the downloads and commands in its frames have said."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from fs2od.testing.downloading import Ended
from fs2od.transfer import Report

__all__ = ["explained"]

_HERE = str(Path(__file__).parent)
_MOST_NAMED = 20
_MOST_CHARACTERS = 4_000


def explained(error: BaseException) -> list[tuple[str, str]]:
    """Return a title and a text for each thing in the tests' frames that an exception went through, where it can say how it ended.

    Among them are those without a name: pytest keeps what an assertion was made of.
    """
    found: dict[int, tuple[str, str]] = {}
    for value in _values(error.__traceback__):
        text = _told(value)
        if text is not None:
            found[id(value)] = (f"what {type(value).__name__} says", text[-_MOST_CHARACTERS:])
    return [*found.values()]


def _values(traceback: TracebackType | None) -> Iterator[object]:
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_code.co_filename.startswith(_HERE):
            for value in frame.f_locals.values():
                yield from value if isinstance(value, list | tuple) else (value,)
        traceback = traceback.tb_next


def _told(value: object) -> str | None:
    if isinstance(value, Report):
        failures = map(str, value.failures[:_MOST_NAMED])
        return "\n".join([f"exit code {value.exit_code}: {value.summary(names=0)}", *failures])
    if isinstance(value, Ended):
        return f"exit code {value.code}: {value.said}"
    if isinstance(value, subprocess.CompletedProcess) and value.stderr:
        return f"exit code {value.returncode}: {value.stderr}"
    return None
