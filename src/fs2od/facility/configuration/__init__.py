"""The facility's one configuration file: its sections, how it is read, and the documents made from it."""

from fs2od.facility.configuration._documents import example, settings_reference
from fs2od.facility.configuration._file import load_configuration
from fs2od.facility.configuration._sections import (
    Access,
    Checksums,
    Configuration,
    FacilitySection,
    Mail,
    Members,
    Onedata,
    Publish,
    Smtp,
    Watch,
)

__all__ = [
    "Access",
    "Checksums",
    "Configuration",
    "FacilitySection",
    "Mail",
    "Members",
    "Onedata",
    "Publish",
    "Smtp",
    "Watch",
    "example",
    "load_configuration",
    "settings_reference",
]
