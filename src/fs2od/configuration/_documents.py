"""Documents made from the configuration's models: an example file, and the reference of all settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from fs2od.configuration._sections import Configuration
from fs2od.configuration._values import duration_text, size_text

__all__ = ["example", "settings_reference"]

_PLACEHOLDERS: dict[str, object] = {
    "onedata.zone": "https://onezone.example.org",
    "onedata.provider": "https://oneprovider.example.org",
    "onedata.token_file": "token",
    "onedata.managing_group": "0123456789abcdef0123456789abcdef",
    "onedata.parent_group": "fedcba9876543210fedcba9876543210",
    "facility.contact": "Data desk <data@facility.example.org>",
    "mail.sender": "Data desk <data@facility.example.org>",
    "mail.smtp.host": "mail.example.org",
    "watch.path": "/data/krios1",
}


def example() -> str:
    """Return a commented configuration file: what must be said is there, everything else stands with its default."""
    lines = ["# fs2od facility configuration. Lines that begin with '#' and a key show the default."]
    for name, section, many in _sections(Configuration):
        lines += ["", f"# {_sentence(section)}", f"{_off(name)}[[{name}]]" if many else f"{_off(name)}[{name}]"]
        for key, info in section.model_fields.items():
            if _model_of(info) is None:
                lines += _example_lines(f"{name}.{key}", key, info, optional=bool(_off(name)))
    return "\n".join(lines) + "\n"


def settings_reference() -> str:
    """Return the reference of all settings as Markdown."""
    lines = ["# Settings of the facility side", "", "The file is TOML; an unknown key is an error."]
    for name, section, many in _sections(Configuration):
        lines += ["", f"## `{'[[' if many else '['}{name}{']]' if many else ']'}`", "", _sentence(section), ""]
        lines += ["| key | default | meaning |", "|---|---|---|"]
        for key, info in section.model_fields.items():
            if _model_of(info) is None:
                lines.append(f"| `{key}` | {_default_cell(info)} | {info.description} |")
    return "\n".join(lines) + "\n"


def _sections(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, type[BaseModel], bool]]:
    for key, info in model.model_fields.items():
        inner = _model_of(info)
        if inner is not None:
            yield prefix + key, inner, get_origin(info.annotation) is tuple
            yield from _sections(inner, f"{prefix}{key}.")


def _model_of(info: FieldInfo) -> type[BaseModel] | None:
    annotation = info.annotation
    choices = get_args(annotation) if get_origin(annotation) in {tuple, Union, UnionType} else (annotation,)
    models = [choice for choice in choices if isinstance(choice, type) and issubclass(choice, BaseModel)]
    return models[0] if models else None


def _sentence(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip()


def _off(name: str) -> str:
    # Only sections that need not be there are shown switched off.
    return "# " if name in ("mail.smtp", "site", "site.storage") or name.startswith("signin.") else ""


def _example_lines(path: str, key: str, info: FieldInfo, *, optional: bool) -> list[str]:
    shown = path in _PLACEHOLDERS and not optional
    value = _PLACEHOLDERS.get(path, _default(info))
    setting = f"{key} =" if value is None else f"{key} = {_toml(value)}"
    return [f"# {info.description}", setting if shown else f"# {setting}"]


def _default(info: FieldInfo) -> object:
    return None if info.is_required() else info.get_default(call_default_factory=True, validated_data={})


def _default_cell(info: FieldInfo) -> str:
    if info.is_required():
        return "must be given"
    value = _default(info)
    return "none" if value in (None, "", (), {}) else f"`{_toml(value)}`"


def _toml(value: Any) -> str:  # noqa: ANN401 - any default
    match value:
        case timedelta():
            return json.dumps(duration_text(value))
        case bool():
            return "true" if value else "false"
        case int() if value >= 1_000_000:
            return json.dumps(size_text(value))
        case tuple():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case dict():
            return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + " }"
        case _:
            return json.dumps(value)
