"""What the folder with a dataset is called on people's disks: by every command, on every page, in the mail and in archives."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

__all__ = ["folder_name"]

_LONGEST: Final = 80
_DEVICES: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)


def folder_name(name: str, *, unnamed: str = "dataset") -> str:
    """Return what a folder is called, so that whoever fetches a dataset twice, by whatever way, fetches it into one folder.

    It comes from the name of the link, or of the space, which is there in any Onedata, does not change when titles are corrected, and is unlike others
    where fs2od made it. No shell and no file system takes anything in it amiss.

    Args:
        name: What the link or the space is called.
        unnamed: What to call it where nothing of that is left, as of a name in another script: an id.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    short = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._")[:_LONGEST].rstrip("-._")
    return unnamed[:_LONGEST] if not short or _DEVICES.fullmatch(short) else short
