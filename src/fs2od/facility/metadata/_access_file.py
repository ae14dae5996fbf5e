"""Our own file with access information, readable for the facility's account only, and never imported."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml import YAML

from fs2od.configuration import ACCESS_FILE_NAME
from fs2od.facility.metadata._whole_files import NEVER_IMPORTED_FILE, replace_whole

__all__ = ["NEVER_IMPORTED", "AccessInformation", "write_access_file"]

NEVER_IMPORTED = frozenset({ACCESS_FILE_NAME, NEVER_IMPORTED_FILE})
"""Names that are imported nowhere in a dataset."""

_HEADING = "# Written by fs2od. Who has the invite token can join the dataset: keep this file to yourselves.\n"


@dataclass(frozen=True)
class AccessInformation:
    """How to reach a dataset. The token is not in the repr."""

    zone: str
    space: str
    public_url: str
    invite_token: str = field(repr=False)

    def document(self) -> dict[str, str]:
        """Return it with the keys that the facility's software knows."""
        return {
            "Onezone": self.zone,
            "Space": self.space,
            "PublicURL": self.public_url,
            "InviteToken": self.invite_token,
        }


def write_access_file(folder: Path, information: AccessInformation) -> None:
    """Write the file, mode 0600, whole or not at all.

    Raises:
        NotWritable: The folder may not be written to.
        StorageFull: No space left.
    """
    text = io.StringIO(_HEADING)
    text.seek(0, io.SEEK_END)
    yaml = YAML()
    yaml.width = 1 << 20
    yaml.dump(information.document(), text)
    replace_whole(folder / ACCESS_FILE_NAME, text.getvalue().encode(), prepare=_nothing)


def _nothing(_: int) -> None:
    """Leave mode and owner as they are: 0600, and ours."""
