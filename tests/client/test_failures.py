"""Nothing of the HTTP library leaves the client: every exception class that it has becomes one of ours."""

import socket
import ssl
from collections.abc import Iterator

import httpx
import pytest

from fs2od.client import UnknownName, UntrustedCertificate
from fs2od.client._failures import HTTP_ERRORS, explained, translated
from fs2od.onedata.errors import ConnectionLost, MalformedAnswer, OnedataError

REQUEST = httpx.Request("GET", "https://zone.test/")


def exceptions_of_the_library() -> Iterator[type[Exception]]:
    for name in httpx.__all__:
        thing = getattr(httpx, name)
        if isinstance(thing, type) and issubclass(thing, Exception):
            yield thing


def example(kind: type[Exception]) -> Exception:
    if issubclass(kind, httpx.HTTPStatusError):
        return kind("said", request=REQUEST, response=httpx.Response(500))
    if issubclass(kind, httpx.HTTPError | httpx.InvalidURL | httpx.CookieConflict) or kind is httpx.StreamError:
        return kind("said")
    return kind()


def test_there_are_exceptions_to_look_at() -> None:
    assert len(list(exceptions_of_the_library())) > 20


@pytest.mark.parametrize("kind", list(exceptions_of_the_library()))
def test_an_exception_of_the_library_becomes_ours(kind: type[Exception]) -> None:
    assert issubclass(kind, HTTP_ERRORS)
    with pytest.raises(OnedataError) as caught, translated("zone.test"):
        raise example(kind)
    lost = issubclass(kind, httpx.TransportError) and kind not in {httpx.UnsupportedProtocol, httpx.LocalProtocolError}
    assert type(caught.value) is (ConnectionLost if lost else MalformedAnswer)
    assert "zone.test" in str(caught.value)


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionResetError("reset"), ssl.SSLError("bad record mac")])
def test_what_the_system_raises_is_a_lost_connection(error: OSError) -> None:
    with pytest.raises(ConnectionLost), translated("zone.test"):
        raise error


def test_a_certificate_error_is_found_below_others() -> None:
    below = ssl.SSLCertVerificationError(1, "certificate verify failed")
    below.verify_message = "self-signed certificate"
    above = httpx.ConnectError("failed")
    above.__cause__ = below
    found = explained(above, "zone.test")
    assert isinstance(found, UntrustedCertificate)
    assert "self-signed" in str(found)


@pytest.mark.parametrize(
    ("number", "kind"), [(socket.EAI_NONAME, UnknownName), (socket.EAI_AGAIN, ConnectionLost)], ids=["none", "later"]
)
def test_a_name_that_is_not_there_is_told_from_a_resolver_that_is_away(number: int, kind: type[Exception]) -> None:
    above = httpx.ConnectError("failed")
    above.__cause__ = socket.gaierror(number, "said")
    assert type(explained(above, "zone.test")) is kind


def test_our_own_errors_and_bugs_pass_unchanged() -> None:
    with pytest.raises(ZeroDivisionError), translated("zone.test"):
        _ = 1 / 0
