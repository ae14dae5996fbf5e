"""What can go wrong on the way to a service, by what the reader can do about it.

```text
Fs2odError
|-- ConnectionLost          no answer, or not the whole of it: it may pass               (transient)
|   |-- NeverReached      it was never there yet: its name may be wrong, so it is tried again for seconds only
|   `-- UntrustedCertificate  name the authority's certificate; trying again is no use
|-- IntegrityFailure        in fs2od.errors
|   `-- FileChanged         it was replaced or written to since it was looked at: look again
|-- LinkLeftOut             a symbolic link leads out of what is brought: it is not made, and no data are missing
|-- MalformedAnswer         the answer does not fit the protocol
`-- ServiceError            the service answered that it will not
    |-- Busy                try again after `retry_after_s`                              (transient)
    |-- AttributeRefused    the service does not tell everything that was asked for: ask for less
    |-- Forbidden           the link or the token gives no access
    |   |-- Withheld        the link shows it and does not give it: it is for members
    |   `-- TokenRefused    the access token has ended, was revoked, or is not for this place: get another one
    |-- Lost                it is listed, and its bytes are nowhere any more: whoever made them may have them
    |-- NotFound            there is no such thing, or no longer
    `-- RangeRefused        there are fewer bytes than were asked for
```
"""

from __future__ import annotations

from fs2od.errors import Fs2odError, IntegrityFailure

__all__ = [
    "AttributeRefused",
    "Busy",
    "ConnectionLost",
    "FileChanged",
    "Forbidden",
    "LinkLeftOut",
    "Lost",
    "MalformedAnswer",
    "NeverReached",
    "NotFound",
    "RangeRefused",
    "ServiceError",
    "TokenRefused",
    "UntrustedCertificate",
    "Withheld",
]


class ConnectionLost(Fs2odError):
    """No answer arrived, or not the whole of it. The same request may succeed a little later."""

    exit_code = 4


class NeverReached(ConnectionLost):
    """No connection to the service could be made so far: perhaps it is away, perhaps its name or its port is wrong."""


class UntrustedCertificate(ConnectionLost):
    """The service could not prove who it is: give the file of the authority that signed its certificate."""


class FileChanged(IntegrityFailure):
    """The file was replaced or written to since it was looked at: its parts do not belong together. Look at it again."""


class LinkLeftOut(Fs2odError):
    """A symbolic link leads out of what is brought, or nobody tells where: it is not made. No data are missing without it."""

    exit_code = 0


class MalformedAnswer(Fs2odError):
    """The answer does not fit the protocol: something between, or the service itself, is broken."""

    exit_code = 4


class ServiceError(Fs2odError):
    """The service answered that it will not or cannot."""

    exit_code = 4


class AttributeRefused(ServiceError):
    """The service does not know, or does not tell, some of what was asked for about files: ask for less."""


class Busy(ServiceError):
    """The service has no time just now. `retry_after_s` is how long it asks to be left alone, if it says so."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Forbidden(ServiceError):
    """The link, or the access token, gives no access to it."""

    exit_code = 5


class Withheld(Forbidden):
    """The link shows it, and does not give it: it is for the dataset's members. Trying again would not help."""


class TokenRefused(Forbidden):
    """The access token has ended, was revoked, or is not for this place: get another one, then run the same command."""


class Lost(ServiceError):
    """It is listed, and its bytes are nowhere any more: trying again would not help. Whoever made them may have them."""

    exit_code = 6


class NotFound(ServiceError):
    """There is no such thing, or no longer."""

    exit_code = 6


class RangeRefused(ServiceError):
    """There are fewer bytes than were asked for."""
