"""What went wrong on the way to a service, in our own words: nothing from the HTTP library leaves this package."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from fs2od.onedata.errors import ConnectionLost, MalformedAnswer, OnedataError

__all__ = ["HTTP_ERRORS", "UntrustedCertificate", "explained", "translated"]

HTTP_ERRORS = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict)
"""The roots of every exception that the HTTP library has."""


class UntrustedCertificate(ConnectionLost):
    """The service could not prove who it is: give the file of the authority that signed its certificate. Nothing was sent."""


@contextmanager
def translated(host: str) -> Iterator[None]:
    """Turn what the HTTP library and the system raise within the block into errors of ours.

    Raises:
        UntrustedCertificate: The service could not prove who it is.
        ConnectionLost: No answer arrived, or not the whole of it.
        MalformedAnswer: The answer does not fit HTTP.
    """
    try:
        yield
    except (*HTTP_ERRORS, OSError) as error:
        # TimeoutError is an OSError, and so is what TLS raises in the middle of a body.
        raise explained(error, host) from error


def explained(error: Exception, host: str) -> OnedataError:
    """Return our error for one of the HTTP library's or the system's."""
    untrusted = _certificate_error(error)
    if untrusted is not None:
        return UntrustedCertificate(f"the certificate of {host} is not trusted: {untrusted.verify_message}")
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
        return ConnectionLost(f"{host} cannot be reached ({_reason(error)})")
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return ConnectionLost(f"{host} did not answer in time")
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return MalformedAnswer(f"the exchange with {host} does not fit HTTP ({_reason(error)})")
    if isinstance(error, httpx.TransportError | OSError):
        return ConnectionLost(f"the connection to {host} broke off ({_reason(error)})")
    return MalformedAnswer(f"the answer of {host} cannot be read ({type(error).__name__})")


def _certificate_error(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
