"""Reading answers of releases that say things otherwise: null for what is absent, numbers as text, words that are new.

A real Onezone answers null for what a provider has not told it yet. Whatever is not needed must not make the rest unreadable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, TypeAlias, TypeGuard, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Struct, UnsetType, ValidationError

__all__ = ["convert_liberally"]

Hook = Callable[[type[Any], object], object]
Annotation: TypeAlias = Any
"""What stands after a colon; typing has no name for it."""
Found: TypeAlias = Any
"""What an annotation describes."""


def convert_liberally(value: object, kind: Annotation, hook: Hook) -> Found:
    """Return JSON values as what an annotation describes.

    What is null where nothing says that it may be counts as absent; a number or truth value may come as text; a word may be
    one that we do not know, and is kept.

    Args:
        value: What was sent.
        kind: The annotation: a document, a collection, a word of a closed set or a plain value.
        hook: Makes what JSON has not, such as a token, out of a text.

    Raises:
        msgspec.ValidationError: It cannot be understood, or something that has no default is absent.
    """
    origin: Annotation = get_origin(kind)
    match value:
        case _ if origin is Annotated:
            found = convert_liberally(value, get_args(kind)[0], hook)
        case _ if origin in {Union, UnionType}:
            found = _one_of(value, get_args(kind), hook)
        case str() if origin is Literal:
            found = value
        case list() if origin is tuple:
            found = _items(value, get_args(kind), hook)
        case dict() if origin is dict:
            found = {key: convert_liberally(each, get_args(kind)[1], hook) for key, each in value.items()}
        case dict() if _is_document(kind):
            found = _document(value, kind, hook)
        case _:
            found = msgspec.convert(value, kind, strict=False, dec_hook=hook)
    return found


def _document(values: Mapping[str, object], kind: type[Struct], hook: Hook) -> Struct:
    found = {}
    for field in msgspec.structs.fields(kind):
        value = values.get(field.encode_name)
        if field.encode_name in values and (value is not None or _may_be_null(field.type)):
            found[field.name] = convert_liberally(value, field.type, hook)
        elif field.default is NODEFAULT and field.default_factory is NODEFAULT:
            raise ValidationError(f"Object missing required field `{field.encode_name}`")
    return kind(**found)


def _items(values: list[object], kinds: tuple[Any, ...], hook: Hook) -> tuple[Any, ...]:
    same_all_along = len(kinds) == 2 and kinds[1] is Ellipsis
    if not same_all_along and len(kinds) != len(values):
        raise ValidationError(f"Expected `array` of length {len(kinds)}")
    each_kind = [kinds[0]] * len(values) if same_all_along else kinds
    return tuple(convert_liberally(value, kind, hook) for value, kind in zip(values, each_kind, strict=True))


def _one_of(value: object, kinds: tuple[Any, ...], hook: Hook) -> Found:
    if value is None and type(None) in kinds:
        return None
    refused: ValidationError | None = None
    for kind in kinds:
        if kind in {type(None), UnsetType}:
            continue
        try:
            return convert_liberally(value, kind, hook)
        except ValidationError as error:
            refused = error
    raise refused or ValidationError("Expected nothing")


def _may_be_null(kind: Annotation) -> bool:
    return kind in {None, type(None), Any} or any(map(_may_be_null, get_args(kind) if _is_union(kind) else ()))


def _is_union(kind: Annotation) -> bool:
    return get_origin(kind) in {Union, UnionType, Annotated}


def _is_document(kind: Annotation) -> TypeGuard[type[Struct]]:
    return isinstance(kind, type) and issubclass(kind, Struct)
