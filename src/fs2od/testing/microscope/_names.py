"""Namespaces and small forms that EPU's documents share."""

from __future__ import annotations

from datetime import datetime
from typing import Final

__all__ = [
    "ARRAYS",
    "COMMON_TYPES",
    "DRAWING",
    "EPU",
    "FRACTIONS",
    "GENERIC",
    "MEDIA",
    "SERVICES",
    "SHARED",
    "SOFTWARE",
    "SOFTWARE_VERSION",
    "SYSTEM",
    "TYPES",
    "UNITS",
    "XSD",
    "local_time",
    "utc_time",
]

_CONTRACT = "http://schemas.datacontract.org/2004/07/"
ARRAYS: Final = "http://schemas.microsoft.com/2003/10/Serialization/Arrays"
XSD: Final = "http://www.w3.org/2001/XMLSchema"
COMMON_TYPES: Final = _CONTRACT + "Fei.Applications.Common.Types"
DRAWING: Final = _CONTRACT + "System.Drawing"
EPU: Final = _CONTRACT + "Applications.Epu.Persistence"
FRACTIONS: Final = _CONTRACT + "Fei.Applications.Common.Omp.Interface"
GENERIC: Final = _CONTRACT + "System.Collections.Generic"
MEDIA: Final = _CONTRACT + "System.Windows.Media"
SERVICES: Final = _CONTRACT + "Fei.Applications.Common.Services"
SHARED: Final = _CONTRACT + "Fei.SharedObjects"
SYSTEM: Final = _CONTRACT + "System"
TYPES: Final = _CONTRACT + "Fei.Types"
UNITS: Final = _CONTRACT + "Fei.Common.Types"

SOFTWARE: Final = "EPU"
SOFTWARE_VERSION: Final = "3.4.0.0"


def local_time(moment: datetime) -> str:
    """Write a moment with its offset and, as EPU does, seven digits of a second."""
    whole, offset = moment.isoformat(timespec="microseconds")[:-6], moment.isoformat()[-6:]
    return f"{whole}0{offset}"


def utc_time(moment: datetime) -> str:
    """Write a moment that is in UTC with seven digits of a second and a Z."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}0Z"
