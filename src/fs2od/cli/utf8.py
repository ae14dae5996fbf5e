"""Names are UTF-8, whatever the locale says: Python goes by the locale, and is started again where that is another."""

from __future__ import annotations

import os
import sys

from fs2od.errors import ConfigurationError

__all__ = ["start_in_utf8"]


def start_in_utf8() -> None:
    """Start this very process again in Python's UTF-8 mode, unless names are UTF-8 already.

    In a locale such as en_US.ISO-8859-1 names would become other bytes than those that they are, or none at all.

    Raises:
        ConfigurationError: It cannot be started again.
    """
    if sys.getfilesystemencoding() == "utf-8" or sys.flags.utf8_mode:
        return
    try:
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 - no shell, and ourselves
    except (OSError, ValueError) as error:
        raise ConfigurationError("names cannot be written as they are in this locale: set PYTHONUTF8=1") from error
