"""Where `fs2od login` keeps tokens: in the desktop's keyring where there is one, else in files that only their owner reads.

Whoever reads the environment, a command or `fs2od.filesystem`, says where that is.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from fs2od.errors import ConfigurationError, StorageError
from fs2od.home import home

__all__ = ["KeptTokens"]

_SERVICE = "fs2od"
_ZONE = "zone"
_IN_KEYRING = "in the keyring\n"
_LONGEST_BYTES = 2 << 20


class KeptTokens:
    """The tokens that a person's sign-ins have left, one for each zone."""

    def __init__(self, folder: Path) -> None:
        """Keep them in a folder, which is made with the first one."""
        self._folder = folder

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> KeptTokens:
        """Return those of the person that an environment is of: below XDG_CONFIG_HOME, else below ~/.config."""
        return cls(Path(environment.get("XDG_CONFIG_HOME") or home() / ".config") / "fs2od")

    def keep(self, zone_url: str, token: str, *, in_keyring: bool) -> str:
        """Keep a token, make its zone the one that is meant from now on, and return where the token lies, for a person.

        Raises:
            StorageError: It cannot be written, or the keyring is locked.
        """
        keyring = _keyring() if in_keyring else None
        folder, file = self._folder, self._file(zone_url)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if keyring is not None:
                with _told_of_keyring():
                    keyring.set_password(_SERVICE, zone_url, token)
            _write(file, token if keyring is None else _IN_KEYRING)
            _write(folder / _ZONE, f"{zone_url}\n")
        except OSError as error:
            raise StorageError(f"the token cannot be kept in {folder} ({error.strerror})") from error
        return str(file) if keyring is None else "the keyring"

    def token(self, zone_url: str) -> str | None:
        """Return the token that is kept for a zone, as it is now.

        Raises:
            ConfigurationError: Others can read the file that holds it.
            StorageError: It lies in the keyring, and that is locked.
        """
        file = self._file(zone_url)
        try:
            mode = file.stat().st_mode
            if mode & 0o077:
                raise ConfigurationError(f"{file} can be read by others: chmod 600 it, or run fs2od login again")
            with file.open(errors="replace") as opened:
                text = opened.read(_LONGEST_BYTES)
        except OSError:
            return None
        if text != _IN_KEYRING:
            return text
        keyring = _keyring()
        if keyring is None:
            return None
        with _told_of_keyring():
            found = keyring.get_password(_SERVICE, zone_url)
        return str(found) if found is not None else None

    def zone(self) -> str | None:
        """Return the zone at which somebody signed in last."""
        with suppress(OSError):
            return (self._folder / _ZONE).read_text(errors="replace").strip() or None
        return None

    def forget(self, zone_url: str) -> bool:
        """Remove the token of a zone, and say whether there was one."""
        file = self._file(zone_url)
        was_there = file.exists()
        keyring = _keyring()
        if keyring is not None:
            with suppress(Exception):  # it is not there, or locked: what lies in files goes in any case
                keyring.delete_password(_SERVICE, zone_url)
        with suppress(OSError):
            file.unlink()
        if self.zone() == zone_url:
            with suppress(OSError):
                (self._folder / _ZONE).unlink()
        return was_there

    def _file(self, zone_url: str) -> Path:
        return self._folder / f"{re.sub(r'[^a-z0-9.-]', '_', urlsplit(zone_url).netloc.lower())}.token"


def _write(path: Path, text: str) -> None:
    """Write a file that only its owner reads, at one stroke."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        partial.replace(path)
    except OSError:
        partial.unlink()
        raise


@contextmanager
def _told_of_keyring() -> Iterator[None]:
    """Say what can be done where a keyring refuses."""
    try:
        yield
    except (
        Exception
    ) as error:  # each desktop's keyring raises its own, of no common kind; none is lost: it is the cause
        said = f"the keyring refuses ({type(error).__name__}): unlock it, or keep the token in a file by fs2od login --no-keyring"
        raise StorageError(said) from error


def _keyring() -> Any | None:  # noqa: ANN401 - a module that not everybody has
    """Return the keyring, where one is installed and works."""
    try:
        module: ModuleType = importlib.import_module("keyring")
        return module if module.get_keyring().priority > 0 else None
    except Exception:  # noqa: BLE001 - whatever is wrong with a desktop's keyring, tokens can be kept in files
        return None
