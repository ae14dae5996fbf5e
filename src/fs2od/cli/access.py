"""How a command reaches data: the token, where it comes from and when it ends; the zone, the provider and the proxy."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from fs2od.errors import ConfigurationError
from fs2od.kept_tokens import KeptTokens
from fs2od.transfer import (
    AccessToken,
    Place,
    Proxies,
    is_link,
    parse_link,
    parse_place,
    parse_zone,
    proxies_of,
    readable_duration,
)

__all__ = ["LONGEST_WAIT_S", "Access", "EndNotice", "access_of", "ends_at_s", "read_token", "say"]

Shown = TypeVar("Shown")

_VARIABLES = ("FS2OD_TOKEN", "ONECLIENT_ACCESS_TOKEN")
_LONGEST_BYTES = 2 << 20
LONGEST_WAIT_S = 24 * 3600.0
"""How long everything waits for a new token, unless it is told otherwise."""
_NOTICE_S = 15 * 60.0
_LOOK_S = 20.0
_TO_DO = {
    True: "put a new one into its file in time, or the work waits for it",
    False: "it was in no file, so that it cannot be replaced; to go on after that, run the same command with a new one",
}
_TO_DO_THEN = {
    True: "put a new one into its file; the work waits for it",
    False: "run the same command with a new one",
}


@dataclass(frozen=True)
class Access:
    """What the environment and the command line say.

    Attributes:
        token: The access token, if there is one.
        zone_url: The zone's origin, if it is known.
        prefer: The domain of the provider to ask first.
        proxies: The proxy on the way.
        ca_file: Certificates to trust besides the system's.
    """

    token: AccessToken | None
    zone_url: str | None
    prefer: str | None
    proxies: Proxies
    ca_file: str | None

    def place(self, text: str) -> Place:
        """Return the dataset that was named.

        Raises:
            InvalidLink: It is none.
            ConfigurationError: It is a space, and there is no token that says of which zone.
        """
        if text.strip() and not is_link(text) and self.zone_url is None:
            self.required()
        return parse_place(text, self.zone_url)

    def required(self) -> AccessToken:
        """Return the token of a command that needs one.

        Raises:
            ConfigurationError: None was given.
        """
        if self.token is None:
            said = "no access token: give --token-file FILE, set FS2OD_TOKEN, or sign in with fs2od login"
            raise ConfigurationError(said)
        return self.token

    def for_zone(self, zone_url: str) -> AccessToken:
        """Return the token of a command that speaks to this zone as somebody.

        Raises:
            ConfigurationError: None was given.
            Forbidden: It is of another zone: whoever has it there could use it at its own.
        """
        token = self.required()
        token.require_of(zone_url)
        return token

    def announcing(self, show: Callable[[Shown], None] | None) -> Callable[[Shown], None]:
        """Return a function that shows progress as `show` does, and says in time that the token is about to end."""
        notice = EndNotice(self.token)
        notice.look(time.time())

        def shown(progress: Shown) -> None:
            notice.look(time.time())
            if show is not None:
                show(progress)

        return shown


class EndNotice:
    """Says once for every token that it ends within a quarter of an hour, and what to do."""

    def __init__(self, token: AccessToken | None, tell: Callable[[str], None] | None = None) -> None:
        """Prepare.

        Args:
            token: The token, if there is one.
            tell: Told the sentence; by default the person at the terminal is.
        """
        self._token = token
        self._tell = tell or say
        self._next_s = 0.0
        self._said = ""

    def look(self, now_s: float) -> None:
        """Look whether it is time to say something; to be called often."""
        if self._token is None or now_s < self._next_s:
            return
        self._next_s = now_s + _LOOK_S
        text = self._token.text()
        until_s = ends_at_s(text)
        if until_s is None or self._said == text:
            return
        if until_s - now_s > _NOTICE_S:
            self._next_s = min(self._next_s, until_s - _NOTICE_S)
        else:
            self._said = text
            self._tell(f"the access token {_said_of_end(until_s - now_s, can_be_replaced=self._token.can_be_replaced)}")


def _said_of_end(left_s: float, *, can_be_replaced: bool) -> str:
    if left_s > 0:
        return f"ends in {readable_duration(left_s)}: {_TO_DO[can_be_replaced]}"
    # Clocks differ, so that the service may still take it.
    return f"ended {readable_duration(-left_s)} ago: {_TO_DO_THEN[can_be_replaced]}"


def access_of(
    zone_url: str | None,
    token_file: Path | None,
    ca_file: Path | None,
    *,
    text: str = "",
    wait_s: float = LONGEST_WAIT_S,
    tell: Callable[[str], None] | None = None,
) -> Access:
    """Return the access that a command was given.

    Args:
        zone_url: What --zone says.
        token_file: What --token-file says.
        ca_file: What --ca says.
        text: What the person named: a link is of a zone, too.
        wait_s: How long to wait for a new token when one has ended that can be replaced.
        tell: Told that something waits for a new token; by default the person at the terminal is.

    Raises:
        ConfigurationError: The token or the proxy is none.
        InvalidLink: The zone's address is none.
    """
    renewing = _Renewing(wait_s, tell or say)
    given = _given(token_file, renewing)
    zone = parse_zone(zone_url) if zone_url else parse_link(text).zone_url if is_link(text) else None
    kept = KeptTokens.of(os.environ)
    token = given or _kept(kept, zone or kept.zone(), renewing)
    if zone is None and token is not None:
        zone = kept.zone() if given is None else f"https://{token.zone}" if token.zone else None
    prefer = os.environ.get("ONECLIENT_PROVIDER_HOST") or None
    return Access(token, zone, prefer, proxies_of(os.environ), str(ca_file) if ca_file else None)


def say(sentence: str) -> None:
    """Tell the person something while a command goes on."""
    click.echo(f"fs2od: {sentence}", err=True)


@dataclass(frozen=True)
class _Renewing:
    wait_s: float
    tell: Callable[[str], None]

    def token(self, read: Callable[[], str]) -> AccessToken:
        return AccessToken(read, wait_s=self.wait_s, say=self.tell)


def _given(file: Path | None, renewing: _Renewing) -> AccessToken | None:
    if file is not None:
        return renewing.token(lambda: read_token(file))
    given = next(filter(None, map(os.environ.get, _VARIABLES)), None)
    return AccessToken(lambda: _text(given)) if given else None


def _kept(kept: KeptTokens, zone_url: str | None, renewing: _Renewing) -> AccessToken | None:
    """Return the token that `fs2od login` keeps for a zone; signing in again renews it."""
    if zone_url is None or kept.token(zone_url) is None:
        return None
    return renewing.token(lambda: _text(kept.token(zone_url) or ""))


def read_token(file: Path) -> str:
    """Return the token of a file, or of standard input for "-".

    Raises:
        ConfigurationError: It cannot be read, or is no token.
    """
    try:
        if str(file) == "-":
            return _text(sys.stdin.read(_LONGEST_BYTES))
        with file.open(errors="replace") as opened:
            return _text(opened.read(_LONGEST_BYTES))
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read ({error.strerror})") from error


def _text(given: str) -> str:
    """Return a token as it was pasted, with whatever stands around it."""
    from fs2od.onedata import tokens
    from fs2od.onedata.errors import ServiceError
    from fs2od.onedata.pasted import pasted

    try:
        found = pasted(given)
        tokens.examine(found)
        return found.reveal()
    except ServiceError as error:
        raise ConfigurationError("what was given is no token: a part of it may be missing") from error


def ends_at_s(text: str) -> int | None:
    """Return when a token ends by its own word, in seconds since 1970; None where it says nothing."""
    from fs2od.onedata import tokens
    from fs2od.onedata.errors import ServiceError

    try:
        return tokens.valid_until_s(tokens.examine(tokens.Token(text)).caveats)
    except ServiceError:
        return None
