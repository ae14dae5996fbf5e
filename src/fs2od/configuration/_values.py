"""Values as people write them in a file: durations, sizes, mail addresses, key paths."""

from __future__ import annotations

import re
from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, StringConstraints

from fs2od.errors import ConfigurationError
from fs2od.mail import parse_mailbox

__all__ = [
    "Address",
    "Duration",
    "HostName",
    "KeyPath",
    "NetworkRange",
    "Size",
    "StoreHost",
    "duration_text",
    "lasting",
    "shaped",
    "size_text",
]

_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d+)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
}  # fmt: skip

_LONGEST_S = 36_500 * 86_400.0
"""A hundred years: moments that far ahead can still be reckoned with."""
_LARGEST_BYTES = 8 * 10**18


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    amount, unit = _parts(value)
    if unit not in _SECONDS:
        raise ValueError("expected a duration such as '2 s', '5 min', '12 h' or '180 d'")
    if amount * _SECONDS[unit] > _LONGEST_S:
        raise ValueError("expected a duration of at most 36500 d")
    return timedelta(seconds=amount * _SECONDS[unit])


def _size(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    amount, unit = _parts(value)
    if unit not in _BYTES:
        raise ValueError("expected a size such as '500 GB' or '10 TiB'")
    if amount * _BYTES[unit] > _LARGEST_BYTES:
        raise ValueError("expected a size of at most 8000000 TB")
    return round(amount * _BYTES[unit])


def _parts(value: object) -> tuple[float, str]:
    matched = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    return (float(matched[1]), matched[2]) if matched else (0.0, "")


def _address(value: str) -> str:
    try:
        parse_mailbox(value)
    except ConfigurationError as error:
        raise ValueError(str(error)) from error
    return value


def _network(value: str) -> str:
    try:
        ip_network(value, strict=False)
    except ValueError as error:
        raise ValueError("expected an address, or a range such as 10.0.0.0/8") from error
    return value


def _store_host(value: str) -> str:
    text = f"[{value}]" if value.count(":") > 1 and "[" not in value else value
    try:
        is_one = _HOST.fullmatch(text) is not None and urlsplit(f"//{text}").port != 0
    except ValueError:
        is_one = False
    if not is_one:
        raise ValueError("expected a host such as s3.example.org, or one with its port such as 10.0.0.5:9000")
    return text.lower()


def duration_text(value: timedelta) -> str:
    """Write a duration as the file does, in the largest unit that leaves a whole number."""
    seconds = value.total_seconds()
    for unit in ("d", "h", "min", "s"):
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:.0f} {unit}"
    return f"{seconds * 1000:.0f} ms"


def size_text(value: int) -> str:
    """Write a size as the file does, in the largest unit that leaves a whole number."""
    whole = [(value // unit_bytes, unit) for unit, unit_bytes in _BYTES.items() if value and value % unit_bytes == 0]
    amount, unit = min(whole, default=(0, "B"))
    return f"{amount} {unit}"


def _length(value: Any) -> str:  # noqa: ANN401 - what pydantic hands to a serializer
    return duration_text(value)


def _amount(value: Any) -> str:  # noqa: ANN401 - what pydantic hands to a serializer
    return size_text(value)


def _host_name(value: str) -> str:
    try:
        is_one = bool(value.encode("idna")) and not set(value) & set(" \t/@")
    except UnicodeError:
        is_one = False
    if not is_one:
        raise ValueError("expected a host such as mail.example.org")
    return value


def lasting(*, at_least: timedelta = timedelta(), at_most: timedelta = timedelta.max) -> AfterValidator:
    """Return a validator that takes durations within bounds only, and says the bound to people."""

    def validated(value: timedelta) -> timedelta:
        if value < at_least:
            raise ValueError(f"expected at least {duration_text(at_least)}")
        if value > at_most:
            raise ValueError(f"expected at most {duration_text(at_most)}")
        return value

    return AfterValidator(validated)


def shaped(pattern: str, expected: str) -> AfterValidator:
    """Return a validator that takes texts of a pattern only, and says to people what was expected."""

    def validated(value: str) -> str:
        if re.fullmatch(pattern, value) is None:
            raise ValueError(expected)
        return value

    return AfterValidator(validated)


HostName = Annotated[str, AfterValidator(_host_name)]
"""A host's name or address, without a port."""

Duration = Annotated[timedelta, BeforeValidator(_duration), PlainSerializer(_length)]
"""A duration with its unit: ms, s, min, h or d."""

Size = Annotated[int, BeforeValidator(_size), PlainSerializer(_amount)]
"""A number of bytes, with or without a unit."""

Address = Annotated[str, AfterValidator(_address)]
"""One mail address, with or without a name."""

NetworkRange = Annotated[str, AfterValidator(_network)]
"""An address, or a range of them such as 10.0.0.0/8."""

StoreHost = Annotated[str, AfterValidator(_store_host)]
"""A host, or a host with a port; numbers of IPv6 stand in brackets."""

KeyPath = Annotated[
    str,
    StringConstraints(max_length=200),
    shaped(r"[^.\s][^.]*(\.[^.]+)*", "expected keys joined by dots, such as Sample.Name"),
]
"""The way to a value in a metadata file: keys joined by dots, such as `Sample.Name`."""
