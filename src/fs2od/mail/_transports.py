"""The one thing that a transport does, and what can come of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["NotDelivered", "Outcome", "Transport"]


@dataclass(frozen=True)
class NotDelivered:
    """One address that did not get the letter, and why, in words for the operator."""

    address: str
    reason: str


@dataclass(frozen=True)
class Outcome:
    """What became of one letter, recipient by recipient. Who is in none of the three is tried again."""

    delivered: tuple[str, ...] = ()
    retry: tuple[NotDelivered, ...] = ()
    refused: tuple[NotDelivered, ...] = ()
    unreachable: bool = False
    """The way itself is closed, so that other letters need not try it now."""

    @classmethod
    def all_delivered(cls, recipients: Sequence[str]) -> Outcome:
        """Say that everybody has it."""
        return cls(delivered=tuple(recipients))

    @classmethod
    def all_retry(cls, recipients: Sequence[str], reason: str, *, unreachable: bool = False) -> Outcome:
        """Say that nobody has it yet, and that trying later may help."""
        return cls(retry=tuple(NotDelivered(each, reason) for each in recipients), unreachable=unreachable)

    @classmethod
    def all_refused(cls, recipients: Sequence[str], reason: str) -> Outcome:
        """Say that nobody will get it as it is."""
        return cls(refused=tuple(NotDelivered(each, reason) for each in recipients))


class Transport(Protocol):
    """A way out for letters."""

    def send(self, message: bytes, sender: str, recipients: Sequence[str], *, name: str) -> Outcome:
        """Hand the message over, blocking, and say what became of it.

        For implementers: what the world does wrong (a full disk, a silent server, a refusal) is an `Outcome`, not an
        exception. The wait is limited. The same call may come again after a crash, with equal arguments. `name` is
        the letter's own and the same each time: letters, digits, `.`, `_` and `-`.
        """
        ...

    def stop(self) -> None:
        """Let what is under way end soon, and nothing begin any more: the program ends. From any thread."""
        ...
