"""What may be a name in Onezone.

Source: the REST contract §0.4: 2 to 128 characters; letters, digits, brackets and underscores anywhere; blank, dot and hyphen inside.
"""

from __future__ import annotations

import re

from fs2od.onedata import errors

__all__ = ["require_name"]

_NAME = re.compile(r"[\w()](?:[\w() .\-]{0,126}[\w()])")


def require_name(name: str, *, key: str = "name") -> str:
    """Return `name` if it may be one.

    Raises:
        Rejected: badValueName with `key`.
    """
    if not _NAME.fullmatch(name):
        said = "must be 2-128 characters of letters, digits, brackets and underscores, with blanks, dots and hyphens only inside"
        raise errors.bad_value("Name", key, said)
    return name
