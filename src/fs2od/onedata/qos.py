r"""QoS expressions: which storages may hold the replicas that someone asks for.

Grammar, from the REST contract's semantics: a condition is `anyStorage`, `key = value` or `key cmp number` with `<`, `<=`, `>`, `>=`;
conditions are joined by `&`, `|` and `\`, all of equal precedence and left-associative, and grouped by parentheses.
Keys and texts hold letters, digits, `_`, `.` and the characters U+00A0 to U+1FFF, inside also blanks and `-`. Double quotes mean nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt
from typing import Literal, TypeAlias

from fs2od.onedata.errors import ServiceError, error_of

__all__ = [
    "AnyStorage",
    "Combination",
    "Condition",
    "Expression",
    "matches",
    "parse",
    "print_expression",
]

MAX_EXPRESSION_CHARACTERS = 4096
# Bounds the height of the tree, and so the recursion of everything that walks it.
_MOST_PARTS = 128

Comparator = Literal["=", "<", "<=", ">", ">="]
Operator = Literal["&", "|", "\\"]


@dataclass(frozen=True, slots=True)
class AnyStorage:
    """Every storage matches."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A storage matches whose parameter `key` compares so. Only "=" compares texts."""

    key: str
    comparator: Comparator
    value: str | int | float


@dataclass(frozen=True, slots=True)
class Combination:
    r"""Storages that match both sides (`&`), either side (`|`), or the left but not the right (`\\`)."""

    left: Expression
    operator: Operator
    right: Expression


Expression: TypeAlias = AnyStorage | Condition | Combination

_SIGN = re.compile(r"(?P<sign><=|>=|[=<>&|\\()])|(?P<words>[^=<>&|\\()]+)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?P<fraction>\.[0-9]+)?(?P<exponent>[eE][+-]?[0-9]+)?")
_EDGE = "A-Za-z0-9_.\u00a0-\u1fff"
_WORDS = re.compile(rf"[{_EDGE}](?:[{_EDGE} -]*[{_EDGE}])?")


def parse(text: str) -> Expression:
    """Read an expression.

    Raises:
        ServiceError: invalidQosExpression, with the reason.
    """
    if len(text) > MAX_EXPRESSION_CHARACTERS:
        raise _invalid("the expression is too long")
    lexemes = list(_lexemes(text.replace('"', "")))
    if sum(lexeme in _OPERATORS or lexeme == "(" for lexeme in lexemes) > _MOST_PARTS:
        raise _invalid("the expression has too many parts")
    reader = _Reader(lexemes)
    expression = reader.expression()
    if reader.peek() is not None:
        raise _invalid(f"unexpected {reader.peek()!r}")
    return expression


def print_expression(expression: Expression) -> str:
    """Return an expression as Onedata's answers print it: without blanks, every nested combination in parentheses."""
    match expression:
        case AnyStorage():
            return "anyStorage"
        case Condition(key, comparator, value):
            return f"{key}{comparator}{_print_value(value)}"
        case Combination(left, operator, right):
            return f"{_print_part(left)}{operator}{_print_part(right)}"


def matches(expression: Expression, parameters: Mapping[str, str | int | float]) -> bool:
    """Tell whether a storage matches.

    Args:
        expression: What is asked for.
        parameters: The storage's QoS parameters, `storageId` and `providerId` among them. A text that spells
            a number is compared as that number; any other is never less or greater than one.
    """
    match expression:
        case AnyStorage():
            return True
        case Condition():
            return expression.key in parameters and _compares(expression, parameters[expression.key])
        case Combination(left, "&", right):
            return matches(left, parameters) and matches(right, parameters)
        case Combination(left, "|", right):
            return matches(left, parameters) or matches(right, parameters)
        case Combination(left, _, right):
            return matches(left, parameters) and not matches(right, parameters)


class _Reader:
    def __init__(self, lexemes: list[str]) -> None:
        self._lexemes = lexemes
        self._position = 0

    def peek(self) -> str | None:
        return self._lexemes[self._position] if self._position < len(self._lexemes) else None

    def take(self) -> str:
        lexeme = self.peek()
        if lexeme is None:
            raise _invalid("the expression ends too early")
        self._position += 1
        return lexeme

    def expression(self) -> Expression:
        expression = self.operand()
        while self.peek() in _OPERATORS:
            operator = _OPERATORS[self.take()]
            expression = Combination(expression, operator, self.operand())
        return expression

    def operand(self) -> Expression:
        lexeme = self.take()
        if lexeme == "(":
            inner = self.expression()
            if self.peek() != ")":
                raise _invalid("a parenthesis is not closed")
            self.take()
            return inner
        if self.peek() in _COMPARATORS:
            return self.condition(lexeme)
        if lexeme == "anyStorage":
            return AnyStorage()
        raise _invalid(f"{lexeme!r} is compared to nothing")

    def condition(self, key: str) -> Condition:
        if not _WORDS.fullmatch(key):
            raise _invalid(f"{key!r} cannot be a key")
        comparator = _COMPARATORS[self.take()]
        text = self.take()
        value = _number(text)
        if value is not None:
            return Condition(key, comparator, value)
        if comparator != "=":
            raise _invalid(f"{comparator!r} needs a number on its right")
        if not _WORDS.fullmatch(text):
            raise _invalid(f"{text!r} cannot be a value")
        return Condition(key, comparator, text)


_OPERATORS: Mapping[str | None, Operator] = {"&": "&", "|": "|", "\\": "\\"}
_COMPARATORS: Mapping[str | None, Comparator] = {"=": "=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def _lexemes(text: str) -> Iterator[str]:
    for found in _SIGN.finditer(text):
        lexeme = found["sign"] or found["words"].strip(" \t\r\n")
        if lexeme:
            yield lexeme


def _number(text: str) -> int | float | None:
    found = _NUMBER.fullmatch(text)
    if not found:
        return None
    if not found["fraction"] and not found["exponent"]:
        return int(text)
    value = float(text)
    return value if math.isfinite(value) else None


_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "=": eq,
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
}


def _compares(condition: Condition, actual: str | float) -> bool:
    expected = condition.value
    if condition.comparator == "=" and actual == expected:
        return True
    # A panel takes and keeps parameters as texts, while the expressions 'tier = 1' and 'speed > 5' hold numbers.
    number = _number(actual) if isinstance(actual, str) else actual
    if number is None or isinstance(expected, str):
        return False
    return _COMPARISONS[condition.comparator](number, expected)


def _print_value(value: str | float) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _print_part(expression: Expression) -> str:
    text = print_expression(expression)
    return f"({text})" if isinstance(expression, Combination) else text


def _invalid(reason: str) -> ServiceError:
    return error_of("invalidQosExpression", f"Invalid QoS expression: {reason}.", {"reason": reason})
