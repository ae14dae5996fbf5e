"""From bytes to documents and back: the base of all wire documents, and the words for what does not fit.

Reading accepts keys that are unknown here, and answers that say the same otherwise. Writing is compact, because one client searches error bodies for text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, TypeAlias, TypeGuard, TypeVar, get_args, get_origin

import msgspec

from fs2od.onedata.errors import (
    MalformedAnswer,
    ServiceError,
    bad_token,
    bad_value,
    error_of,
    malformed_data,
    missing,
    not_allowed,
)
from fs2od.onedata.pasted import pasted
from fs2od.onedata.tokens import Token
from fs2od.onedata.wire.liberal import convert_liberally

__all__ = [
    "Document",
    "JsonObject",
    "JsonValue",
    "Secret",
    "as_json",
    "from_json",
    "read_answer",
    "read_request",
    "write",
]

JsonObject: TypeAlias = dict[str, Any]
"""An object whose keys are not fixed, or that another module reads."""
JsonValue: TypeAlias = Any
"""A value that another module reads and judges."""


class Document(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of every request and answer: frozen, with Onedata's camelCase keys; a field that is UNSET is not written."""


class Secret:
    """A password or key that belongs to a storage. Only `reveal` gives it away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret itself."""
        return self._text

    def __repr__(self) -> str:
        return "<Secret>"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(("Secret", self._text))


T = TypeVar("T")


def write(document: object) -> bytes:
    """Return a document, or plain JSON values, as compact JSON. Secrets in it are written in full."""
    return msgspec.json.encode(document, enc_hook=_plain)


def as_json(document: Document) -> JsonObject:
    """Return a document as plain JSON values, keys as on the wire. Secrets in it stand there in full."""
    # Not to_builtins, which leaves tuples where JSON has lists.
    values: JsonObject = msgspec.json.decode(write(document))
    return values


def read_answer(body: bytes, kind: type[T]) -> T:
    """Read a service's answer: exactly, or else as liberally as it takes.

    Raises:
        MalformedAnswer: It does not have the form that the protocol promises: report it to us.
    """
    try:
        return _read(body, kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
        # The cause is left out: it may quote the body, which may hold a secret.
        raise MalformedAnswer(f"an answer does not fit {_name(kind)}: {_where(error)}") from None


def _read(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind, dec_hook=_wrap)
    except msgspec.ValidationError as exact:
        try:
            found: T = convert_liberally(msgspec.json.decode(body), kind, _wrap)
        except msgspec.ValidationError:
            # It knows the place.
            raise exact from None
        return found


def read_request(body: bytes, kind: type[T]) -> T:
    """Read the body of a request; an empty one counts as `{}`.

    Raises:
        ServiceError: malformedData: it is no JSON object; missingRequiredValue or badValue…: what `from_json` says.
    """
    try:
        values = msgspec.json.decode(body or b"{}")
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise malformed_data() from None
    if not isinstance(values, dict):
        raise malformed_data()
    return from_json(values, kind)


def from_json(values: Mapping[str, Any], kind: type[T], *, strict: bool = True) -> T:
    """Read a request out of JSON values.

    Args:
        values: Keys as on the wire.
        kind: The document's class.
        strict: False for values of a query string, where numbers and truth values come as text.

    Raises:
        ServiceError: missingRequiredValue or badValue…, with the key: the first thing that does not fit.
    """
    try:
        return msgspec.convert(dict(values), type=kind, strict=strict, dec_hook=_wrap_pasted)
    except msgspec.ValidationError as error:
        raise _explain(str(error), values, kind) from None


def _plain(value: object) -> object:
    if isinstance(value, Token | Secret):
        return value.reveal()
    raise NotImplementedError(f"{type(value).__name__} has no JSON form")


def _wrap(kind: type[Any], value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("Expected `str`")
    return Secret(value) if kind is Secret else _token(value, Token)


def _wrap_pasted(kind: type[Any], value: object) -> object:
    # People paste tokens into requests, with what stuck to them; services do not.
    return _token(value, pasted) if kind is Token and isinstance(value, str) else _wrap(kind, value)


def _token(value: str, read: Callable[[str], Token]) -> Token:
    try:
        return read(value)
    except ServiceError:
        raise ValueError(_REFUSED) from None


_REFUSED = "Expected a token"
_PLACE = re.compile(r"^(?P<said>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
_INDEX = re.compile(r"\[[^\]]*\]")
_MISSING = re.compile(r"Object missing required field `(?P<key>[^`]+)`")
_LIMIT = re.compile(r"Expected `(?:int|float)` (?P<sign>[<>])=? (?P<limit>-?[0-9]+)")
_EXPECTED = re.compile(r"Expected `(?P<type>[a-z]+)")
_KIND_OF = {
    "bool": ("Boolean", "must be a boolean"),
    "int": ("Integer", "must be an integer"),
    "float": ("Float", "must be a number"),
    "object": ("JSON", "must be a JSON object"),
    "array": ("ListOfStrings", "must be a list of strings"),
}


def _explain(words: str, values: Mapping[str, Any], kind: type[object]) -> ServiceError:
    """Turn msgspec's words into Onedata's error. Only the words are used, never the value that they may quote."""
    place = _PLACE.match(words)
    path = (place["path"] if place else None) or ""
    said = place["said"] if place else words
    key = _INDEX.sub("", path).lstrip(".")
    if found := _MISSING.match(said):
        return missing(f"{key}.{found['key']}" if key else found["key"])
    if said == _REFUSED:
        return _no_token(key, values)
    if said.startswith(("Invalid enum value", "Invalid value")):
        return not_allowed(key, _words(kind, key))
    if found := _LIMIT.match(said):
        too_low = found["sign"] == ">"
        return _out_of_range(key, int(found["limit"]), too_low=too_low, bounds=_bounds(kind, key))
    return _of_wrong_type("array" if path.endswith("]") and "`str`" in said else said, key)


def _of_wrong_type(said: str, key: str) -> ServiceError:
    found = _EXPECTED.match(said)
    word, claim = _KIND_OF.get(found["type"] if found else said, ("String", "must be a string"))
    return bad_value(word, key, claim)


def _out_of_range(key: str, limit: int, *, too_low: bool, bounds: tuple[int, int] | None) -> ServiceError:
    if bounds is not None:
        low, high = bounds
        return bad_value("NotInRange", key, f"must be between {low} and {high}", low=low, high=high)
    if too_low:
        return bad_value("TooLow", key, f"must be at least {limit}", limit=limit)
    return bad_value("TooHigh", key, f"must be at most {limit}", limit=limit)


def _no_token(key: str, values: Mapping[str, Any]) -> ServiceError:
    if values.get(key) == "":
        return bad_value("Empty", key, "must not be empty")
    if key == "token":
        return bad_token()
    inner = error_of("badToken", "Provided token could not be understood by the server.").inner()
    return bad_value("Token", key, "is not a valid token", tokenError=inner)


def _words(kind: type[object], key: str) -> list[str]:
    """Return the closed set of words behind a dotted key."""
    options = _options_at(kind, key)
    words = [word for option in options if get_origin(option) is Literal for word in get_args(option)]
    enums = [option for option in options if isinstance(option, type) and issubclass(option, StrEnum)]
    return words + [member.value for enum in enums for member in enum] + _tags(kind, key)


def _tags(kind: type[object], key: str) -> list[str]:
    """Return the words that choose between documents, where those lie at the top or in a map there."""
    configs = [option.__struct_config__ for option in _options(kind) if _is_document(option)]
    return [str(config.tag) for config in configs if config.tag_field == key]


def _bounds(kind: type[object], key: str) -> tuple[int, int] | None:
    for option in _options_at(kind, key):
        if isinstance(option, msgspec.Meta) and option.ge is not None and option.le is not None:
            return int(option.ge), int(option.le)
    return None


def _options_at(kind: type[object], key: str) -> list[object]:
    """Return all that the annotation behind a dotted key consists of."""
    options = _options(kind)
    for part in key.split("."):
        fields = [field for option in options if _is_document(option) for field in msgspec.structs.fields(option)]
        options = [option for field in fields if field.encode_name == part for option in _options(field.type)]
    return options


def _is_document(option: object) -> TypeGuard[type[Document]]:
    return isinstance(option, type) and issubclass(option, Document)


def _options(annotation: object) -> list[object]:
    if get_origin(annotation) is Literal:
        return [annotation]
    if get_origin(annotation) is Annotated:
        inner, *facts = get_args(annotation)
        return [*_options(inner), *facts]
    arguments = get_args(annotation)
    return [option for argument in arguments for option in _options(argument)] if arguments else [annotation]


def _where(error: Exception) -> str:
    place = _PLACE.match(str(error))
    return f"at ${place['path']}" if place and place["path"] else "it cannot be read as JSON of that form"


def _name(kind: object) -> str:
    return getattr(kind, "__name__", str(kind))
