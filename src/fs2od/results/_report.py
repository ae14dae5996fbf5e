"""What has become of every file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from fs2od.errors import Fs2odError
from fs2od.results._sources import LeftOut

__all__ = ["Outcome", "PutFile", "PutReport"]

Outcome = Literal["put", "kept", "replaced", "refused", "failed"]
"""kept: it was there already, the same; refused: something else has its name."""
_LEFT_OUT_CODE = 7


@dataclass(frozen=True, slots=True)
class PutFile:
    """What has become of one file. `sha256` is that of its bytes in the space, as they were checked."""

    path: str
    outcome: Outcome
    size_bytes: int
    sha256: str | None = None
    problem: Fs2odError | None = None


@dataclass(frozen=True)
class PutReport:
    """What has become of all files."""

    target: str
    files: tuple[PutFile, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 when everything is in the space that is put by the rules; else that of the first problem."""
        problems = [file.problem.exit_code for file in self.files if file.problem is not None]
        problems += [_LEFT_OUT_CODE for each in self.left_out if not each.by_rule]
        return problems[0] if problems else 0

    def count(self, outcome: Outcome) -> int:
        """Return how many files came out so."""
        return sum(file.outcome == outcome for file in self.files)

    def document(self) -> dict[str, Any]:
        """Return the report as JSON has it."""
        words: tuple[Outcome, ...] = ("put", "kept", "replaced", "refused", "failed")
        return {
            "target": self.target,
            **{word: self.count(word) for word in words},
            "bytes": sum(file.size_bytes for file in self.files if file.outcome in ("put", "replaced")),
            "files": [
                {
                    "path": file.path,
                    "outcome": file.outcome,
                    "size": file.size_bytes,
                    **({"sha256": file.sha256} if file.sha256 else {}),
                    **({"problem": str(file.problem)} if file.problem else {}),
                }
                for file in self.files
            ],
            "leftOut": [{"file": each.file, "reason": each.reason} for each in self.left_out],
        }
