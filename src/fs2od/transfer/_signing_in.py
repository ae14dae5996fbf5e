"""Signing in on a machine without a browser: a code that is entered on another one (RFC 8628, the device grant)."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Final
from urllib.parse import urlsplit

from fs2od.errors import Fs2odError
from fs2od.transfer._answers import number_of, text_of
from fs2od.transfer._errors import MalformedAnswer, NotFound
from fs2od.transfer._http import Http, Proxies
from fs2od.transfer._patience import Patience, patiently
from fs2od.transfer._refusals import refusal_of

__all__ = ["DeviceGrant", "DeviceSignIn", "SignInRefused"]

_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_CLIENT: Final = "fs2od"
_LARGEST_BYTES: Final = 64 << 10
_LONGEST_S: Final = 3600
_SLOWER_S: Final = 5
_NO_SUCH_METHOD: Final = 405
_REFUSED: Final = {
    "access_denied": "the sign-in was refused on the page",
    "expired_token": "the code was not entered in time; run the same command again",
}


class SignInRefused(Fs2odError):
    """Nobody entered the code in time, or whoever did said no."""

    exit_code = 5


@dataclass(frozen=True)
class DeviceGrant:
    """A sign-in that waits for somebody.

    Attributes:
        user_code: What to enter.
        address: Where.
        address_with_code: The same with the code in it, if the zone offers that.
        expires_s: How many seconds the code works.
        interval_s: How many seconds to wait between two questions.
    """

    user_code: str
    address: str
    address_with_code: str
    expires_s: int
    interval_s: int
    device_code: str = field(repr=False)


class DeviceSignIn:
    """Signs somebody in at a zone. Close it, or use it as a context manager."""

    def __init__(
        self,
        zone_url: str,
        *,
        ca_file: str | None = None,
        proxies: Proxies | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is asked yet."""
        self._zone_url = zone_url
        self._http = Http(ca_file=ca_file, proxies=proxies)
        self._sleep = sleep
        self._clock = clock

    def __enter__(self) -> DeviceSignIn:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def begin(self, name: str = "") -> DeviceGrant:
        """Return a code to enter.

        Args:
            name: What the token is to be called, so that its owner knows it again.

        Raises:
            NotFound: The zone knows no such sign-in: make a token in its pages.
            ConnectionLost, Busy, ServiceError, MalformedAnswer: It does not answer as it should.
        """
        wanted = {"client_id": _CLIENT, **({"name": name} if name else {})}
        try:
            status, told = patiently(lambda: self._asked("device_authorization", wanted), Patience(), self._sleep)
        except NotFound:
            raise NotFound(
                f"{self._zone_url} knows no sign-in by a code: make an access token in its pages, and keep it with "
                "fs2od login --token-file FILE"
            ) from None
        if status != 200:
            raise MalformedAnswer(f"the sign-in could not begin ({_error(told)})")
        address = _safe(text_of(told, "verification_uri"), self._zone_url)
        with_code = told.get("verification_uri_complete")
        return DeviceGrant(
            user_code=_shown(text_of(told, "user_code")),
            address=address,
            address_with_code=_safe(with_code, self._zone_url) if isinstance(with_code, str) else address,
            expires_s=max(1, min(number_of(told.get("expires_in")) or 600, _LONGEST_S)),
            interval_s=max(1, min(number_of(told.get("interval")) or 5, 60)),
            device_code=text_of(told, "device_code"),
        )

    def wait(self, grant: DeviceGrant) -> str:
        """Return the access token, as soon as somebody has entered the code.

        Raises:
            SignInRefused: Nobody did in time, or it was refused.
            ConnectionLost, ServiceError, MalformedAnswer: The zone does not answer as it should.
        """
        until_s, interval_s = self._clock() + grant.expires_s, grant.interval_s
        wanted = {"grant_type": _GRANT, "device_code": grant.device_code, "client_id": _CLIENT}
        while self._clock() < until_s:
            self._sleep(interval_s)
            status, told = patiently(lambda: self._asked("device_token", wanted), Patience(), self._sleep)
            if status == 200:
                return text_of(told, "access_token")
            error = _error(told)
            if error in _REFUSED:
                raise SignInRefused(_REFUSED[error])
            if error == "slow_down":
                interval_s += _SLOWER_S
            elif error != "authorization_pending":
                raise MalformedAnswer(f"the sign-in ended with {error}")
        raise SignInRefused(_REFUSED["expired_token"])

    def _asked(self, name: str, wanted: dict[str, str]) -> tuple[int, dict[str, Any]]:
        body = json.dumps(wanted).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        with self._http.opened("POST", f"{self._zone_url}/fs2od/{name}", headers=headers, body=body) as answer:
            data = answer.read_all(_LARGEST_BYTES)
            try:
                told = json.loads(data)
            except (ValueError, RecursionError):
                told = None
            # A refusal of the grant has its own form; everything else is a service's refusal.
            if isinstance(told, dict) and (answer.status == 200 or isinstance(told.get("error"), str)):
                return answer.status, told
            if answer.status == 200:
                raise MalformedAnswer("an answer is no JSON object")
            if answer.status == _NO_SUCH_METHOD:
                # What a Onezone does not know is a file of its web interface, which can only be read.
                raise NotFound("the zone has no such call")
            raise refusal_of(answer.status, data, retry_after=answer.header("retry-after"))


def _error(told: dict[str, Any]) -> str:
    return _shown(str(told.get("error", "no reason")))


def _shown(text: str) -> str:
    """Return a word of a service as it may stand on a terminal."""
    return "".join(c for c in text[:80] if c.isascii() and c.isprintable())


def _safe(url: str, zone_url: str) -> str:
    """Return an address of the zone that is to be opened by a person.

    Raises:
        MalformedAnswer: It leads elsewhere: nobody is sent there to sign in.
    """
    try:
        given, own = urlsplit(url), urlsplit(zone_url)
        same = (given.scheme, given.netloc.lower()) == (own.scheme, own.netloc.lower())
    except ValueError:
        same = False
    if not same:
        raise MalformedAnswer("the zone sends people elsewhere to sign in")
    return _shown(url)
