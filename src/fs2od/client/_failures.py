"""What went wrong on the way to a service, in our own words: nothing from the HTTP library leaves this package."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from fs2od.onedata.errors import ConnectionLost, MalformedAnswer, OnedataError

__all__ = ["HTTP_ERRORS", "UnknownName", "UntrustedCertificate", "explained", "translated"]

HTTP_ERRORS = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict)
"""The roots of every exception that the HTTP library has."""
# A resolver that is away itself answers otherwise (EAI_AGAIN).
_NO_SUCH_NAME = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


class UntrustedCertificate(ConnectionLost):
    """The service could not prove who it is: give the file of the authority that signed its certificate. Nothing was sent."""


class UnknownName(ConnectionLost):
    """No such host is known. Nothing was sent; it may be mistyped, or known only in another network."""


@contextmanager
def translated(host: str) -> Iterator[None]:
    """Turn what the HTTP library and the system raise within the block into errors of ours.

    Raises:
        UntrustedCertificate: The service could not prove who it is.
        UnknownName: There is no such host.
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
        # At a proxy, it would be the proxy's name.
        is_unknown = not isinstance(error, httpx.ProxyError) and _is_unknown_name(error)
        said = "there is no such name, or not in this network" if is_unknown else _reason(error)
        return (UnknownName if is_unknown else ConnectionLost)(f"{host} cannot be reached ({said})")
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return ConnectionLost(f"{host} did not answer in time")
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return MalformedAnswer(f"the exchange with {host} does not fit HTTP ({_reason(error)})")
    if isinstance(error, httpx.TransportError | OSError):
        return ConnectionLost(f"the connection to {host} broke off ({_reason(error)})")
    return MalformedAnswer(f"the answer of {host} cannot be read ({type(error).__name__})")


def _certificate_error(error: BaseException) -> ssl.SSLCertVerificationError | None:
    return next((each for each in _causes(error) if isinstance(each, ssl.SSLCertVerificationError)), None)


def _is_unknown_name(error: BaseException) -> bool:
    return any(isinstance(each, socket.gaierror) and each.errno in _NO_SUCH_NAME for each in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
