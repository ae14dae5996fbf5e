"""Answers of a database that stand while nothing is committed to it: what is asked again costs no query."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from fs2od.sqlite._database import Database

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


class _Known(NamedTuple, Generic[Key, Answer]):
    commits: int
    answers: dict[Key, Answer]


class Standing(Generic[Key, Answer]):
    """Remembers what was asked until the next transaction is committed. Any thread may ask; errors are not remembered.

    Whoever changes something is told that it is done only after the count of commits has moved, so that from then on nobody is
    answered by what was before. That holds because one process alone writes to a database (`hold_folder`).
    """

    def __init__(self, database: Database, ask: Callable[[Key], Answer], *, limit: int = 1024) -> None:
        """Remember at most `limit` answers of `ask`, which reads nothing but the database, and what never changes."""
        self._database = database
        self._ask = ask
        self._limit = limit
        self._known: _Known[Key, Answer] = _Known(0, {})

    def get(self, key: Key) -> Answer:
        """Return the answer to a question, which may be None.

        Raises:
            Exception: What asking raises.
        """
        # The number before the question: an answer from before a commit then never counts for what comes after it.
        commits, known = self._database.commits, self._known
        if known.commits != commits:
            known = self._known = _Known(commits, {})
        try:
            return known.answers[key]
        except KeyError:
            pass
        answer = self._ask(key)
        if len(known.answers) >= self._limit:
            known.answers.clear()
        known.answers[key] = answer
        return answer
