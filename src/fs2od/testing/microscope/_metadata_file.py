"""The facility's own file about a dataset, in the shape of the experiment record that its software keeps."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any, Final

from ruamel.yaml import YAML

from fs2od.testing.microscope._session import Session
from fs2od.testing.microscope._targets import unique_id

__all__ = ["UNPUBLISHABLE", "metadata_file"]

UNPUBLISHABLE: Final = ("simulated-password-hash", "simulated-security-stamp", "simulated-storage-token")
"""Texts that stand in every simulated metadata file, as in real ones, and may never leave the facility."""

_PASSWORD_HASH, _SECURITY_STAMP, _STORAGE_TOKEN = UNPUBLISHABLE


def metadata_file(session: Session, started_at: datetime) -> bytes:
    """Write the metadata file as YAML, with what a careless dump of the record holds as well."""
    text = io.StringIO()
    yaml = YAML()
    yaml.width = 120
    yaml.dump(_record(session, started_at), text)
    return text.getvalue().encode()


def _record(session: Session, started_at: datetime) -> dict[str, Any]:
    created = started_at.isoformat(timespec="seconds")
    return {
        "Id": str(unique_id(session, "experiment")),
        "SecondaryId": f"SIM-{session.seed:05d}",
        "Organization": "Simulated facility",
        "Operator": _person(session, session.operator_name, session.operator_email),
        "User": _person(session, session.experimenter_name, session.experimenter_email),
        "UserType": "External",
        "ProjectId": str(unique_id(session, "project")),
        "ProjectAcronym": "SIM",
        "ProjectName": session.project,
        "Sample": {
            "Id": str(unique_id(session, "sample")),
            "Name": session.sample,
            "Keywords": ["simulated", "single particle"],
            "Identifier": f"SIM-SAMPLE-{session.seed:05d}",
            "File": None,
        },
        "Technique": "SPA",
        "InstrumentName": session.instrument,
        "DtCreated": created,
        "DtStateChanged": created,
        "State": "Active",
        "Storage": _storage(session),
        "DataSource": {
            "SourceDirectory": "X:\\simulated",
            "SourcePatterns": ["*.xml", "*.mrc", "*.jpg", "*.dm"],
            "KeepSourceFiles": True,
            "CleanAfter": "P14D",
        },
        "Notes": f"Written by fs2od simulate: {session.name}",
        "NotifyUser": True,
    }


def _person(session: Session, full_name: str, address: str) -> dict[str, Any]:
    first, _, last = full_name.partition(" ")
    return {
        "Id": str(unique_id(session, f"person/{address}")),
        "Email": address,
        "NormalizedEmail": address.upper(),
        "Fullname": full_name,
        "Firstname": first,
        "Lastname": last,
        "Orcid": None,
        "PasswordHash": _PASSWORD_HASH,
        "SecurityStamp": _SECURITY_STAMP,
    }


def _storage(session: Session) -> dict[str, Any]:
    return {
        "StorageEngine": "Simulated",
        "Target": "archive",
        "Path": "/simulated",
        "SubPath": f"SIM-{session.seed:05d}",
        "Token": _STORAGE_TOKEN,
        "Archive": False,
        "DtExpiration": None,
        "ExpirationPeriod": "P180D",
        "State": "Initialized",
    }
