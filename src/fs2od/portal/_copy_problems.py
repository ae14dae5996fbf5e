"""What is in the way of copies, in the reader's language."""

from __future__ import annotations

from fs2od.node.copy_problems import PROBLEMS
from fs2od.portal._language import Language

__all__ = ["said_problem"]


def said_problem(language: Language, problem: str) -> str:
    """Say a problem of copies: our own sentences in a language, others, which may be of a file, as they are."""
    return language.text(problem) if problem in PROBLEMS else problem
