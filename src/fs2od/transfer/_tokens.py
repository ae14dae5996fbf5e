"""Access tokens at the user's end: shown to no one but the services they are for, and renewed while a long run goes on."""

from __future__ import annotations

import base64
import binascii
import re
import threading
import time
from pathlib import Path
from typing import Callable, Final, Mapping
from urllib.parse import urlsplit

from fs2od.errors import ConfigurationError
from fs2od.transfer._errors import Forbidden, TokenRefused

__all__ = ["AccessToken", "given_token"]

_VARIABLES: Final = ("FS2OD_TOKEN", "ONECLIENT_ACCESS_TOKEN")
_PLAIN: Final = re.compile(r"[A-Za-z0-9]{8,65536}", re.ASCII)
# Onedata writes base64url with these two signs each in place of what is no letter or digit.
_ESCAPED: Final = re.compile(r"0[0-5]")
_UNESCAPED: Final = {"00": "0", "01": "_", "02": "-", "03": "_", "04": "-", "05": "="}
_LOCATION: Final = re.compile(rb"[0-9a-f]{4}location ([A-Za-z0-9.:\[\]-]{1,260})\n")
_ENDED: Final = "the access token is not accepted any more: it has ended or was revoked"


class AccessToken:
    """A token that may be replaced where it comes from. Any number of threads may use it; its text is in no `repr`.

    ```python
    token = AccessToken(lambda: Path("job.token").read_text(), wait_s=3600)
    ```
    """

    def __init__(
        self,
        read: Callable[[], str],
        *,
        wait_s: float = 0.0,
        every_s: float = 5.0,
        say: Callable[[str], None] | None = None,
    ) -> None:
        """Read the token for the first time.

        Args:
            read: Returns its text as it is now, with blanks around it or not.
            wait_s: How long to wait for another one, once it is accepted no more; 0 where it cannot be replaced.
            every_s: Seconds between two looks for another one.
            say: Told in one sentence that somebody waits for a new token, and that it came.

        Raises:
            ConfigurationError: What `read` returns is no token.
        """
        self._read = read
        self._wait_s = wait_s
        self._every_s = every_s
        self._say = say or (lambda _: None)
        self._lock = threading.Lock()
        self._worked = False
        self._given_up = ""
        self._text = _cleaned(read())
        self.zone = _zone_of(self._text)

    def __repr__(self) -> str:
        return f"AccessToken(of {self.zone or 'an unknown zone'})"

    def text(self) -> str:
        """Return the token itself. Put it into a header or a body of a request to its zone or a provider, nowhere else."""
        return self._text

    def is_of(self, zone_url: str) -> bool:
        """Say whether a zone is the one that the token is of, so that it may be shown there."""
        return self.zone is not None and self.zone == urlsplit(zone_url).hostname

    def require_of(self, zone_url: str) -> None:
        """Make sure of the same, before the token goes there.

        Raises:
            Forbidden: It is of another zone, or does not say of which.
        """
        if not self.is_of(zone_url):
            raise Forbidden(f"the access token is of {self.zone or 'another zone'}, not of {zone_url}")

    @property
    def can_be_replaced(self) -> bool:
        """Say whether another one is waited for, once this is accepted no more."""
        return self._wait_s > 0

    def wait_at_most(self, seconds: float) -> None:
        """Wait no longer for another one from now on than so long; who waits already does not, either."""
        self._wait_s = min(self._wait_s, seconds)

    def worked(self) -> None:
        """Take note that a service accepted it."""
        self._worked = True

    def renew(self, used: str, sleep: Callable[[float], None], *, said: str = "") -> None:
        """Return as soon as another token than `used` is there; to be called when a service accepts it no more.

        Args:
            used: The text that was refused.
            sleep: Waits between two looks.
            said: What the service said of it.

        Raises:
            TokenRefused: It never worked, nobody waits, or no other one came in time.
        """
        if not self._worked:
            raise TokenRefused(f"the access token is not accepted{f' ({said})' if said else ''}")
        with self._lock:
            if self._text != used or self._looked(used):
                return
            if not self._wait_s or self._given_up == used:
                raise TokenRefused(f"{_ENDED}; get a new one and run the same command again")
            self._say(f"{_ENDED}; waiting for a new one in its file")
            self._await(used, sleep)
            self._say("there is a new access token; going on")

    def _await(self, used: str, sleep: Callable[[float], None]) -> None:
        began_s = time.monotonic()
        while not self._looked(used):
            if time.monotonic() >= began_s + self._wait_s:
                self._given_up = used  # nobody else waits as long again for the same
                raise TokenRefused(f"{_ENDED}, and no new one came; get one and run the same command again")
            sleep(self._every_s)

    def _looked(self, used: str) -> bool:
        """Read it again, and say whether it is another one."""
        try:
            found = _cleaned(self._read())
        except (ConfigurationError, OSError):
            # It is just being replaced: whoever writes it need not do so at one stroke.
            return False
        if found == used or _zone_of(found) != self.zone:
            return False
        self._text = found
        return True


def given_token(
    file: str | None,
    environment: Mapping[str, str],
    *,
    wait_s: float = 0.0,
    say: Callable[[str], None] | None = None,
) -> AccessToken | None:
    """Return the token of a file, which is read again where it ends, or else of the environment; None where there is none.

    Args:
        file: Holds the token.
        environment: May have it in FS2OD_TOKEN or ONECLIENT_ACCESS_TOKEN.
        wait_s: How long to wait for another one in the file, once it is accepted no more.
        say: Told that somebody waits for it.

    Raises:
        ConfigurationError: The file cannot be read, or what was given is no token.
    """
    if file is None:
        text = next(filter(None, map(environment.get, _VARIABLES)), None)
        return AccessToken(lambda: str(text)) if text else None

    def read() -> str:
        try:
            return Path(str(file)).read_text(errors="replace")
        except OSError as error:
            raise ConfigurationError(f"{file} cannot be read ({error.strerror})") from error

    return AccessToken(read, wait_s=wait_s, say=say)


def _cleaned(text: str) -> str:
    cleaned = re.sub(r"\s+", "", text).strip("\"'`")
    if not _PLAIN.fullmatch(cleaned):
        # The text is not repeated: it may be a secret of another kind.
        raise ConfigurationError("what was given is no access token: a part of it may be missing")
    return cleaned


def _zone_of(text: str) -> str | None:
    """Return the domain of the zone that a token says it is of: where it may be shown."""
    encoded = _ESCAPED.sub(lambda found: _UNESCAPED[found[0]], text).rstrip("=")
    try:
        data = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    except (binascii.Error, ValueError):
        return None
    found = _LOCATION.match(data)
    # Tokens name the zone's domain; a port would be none of theirs.
    return urlsplit(f"//{found[1].decode('ascii')}").hostname if found else None
